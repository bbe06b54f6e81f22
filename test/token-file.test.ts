// The password file of --direct: its line as libpq reads it, its mode, and that its token is always a young one.
import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { keepTokenFile, passwordLine, type TokenWithEnd } from "../src/token-file.ts";
import { until } from "./e2e/traces.ts";

const directories: string[] = [];
after(() => Promise.all(directories.map((each) => rm(each, { recursive: true, force: true }))));

async function makeDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "rdsiam-token-"));
  directories.push(directory);
  return directory;
}

const PLACE = { host: "db.example.com", port: 5432, user: "app" };
const later = (): Date => new Date(Date.now() + 900_000);

test("passwordLine() escapes what libpq would take for a separator", () => {
  assert.equal(
    passwordLine({ ...PLACE, user: "a:b\\c" }, "host:5432/?x=1\\2"),
    "db.example.com:5432:*:a\\:b\\\\c:host\\:5432/?x=1\\\\2\n",
  );
});

test("keepTokenFile() replaces the token again and again, whole and for the owner alone", async () => {
  const directory = await makeDirectory();
  let signed = 0;
  const renew = async (): Promise<TokenWithEnd> => ({ token: `t${++signed}`, expiresAt: later() });
  const first = { token: "t0", expiresAt: later() };
  const failed = (error: unknown): void => assert.fail(String(error));
  using file = keepTokenFile({ ...PLACE, directory, first, renew, onFailure: failed, renewal: 5 });
  const read = (): Promise<string> => readFile(file.path, "utf8");
  assert.match(await read(), /^db\.example\.com:5432:\*:app:t\d\n$/);
  await until(async () => {
    assert.match(await read(), /^db\.example\.com:5432:\*:app:t\d+\n$/);
    return signed >= 5;
  }, "five renewals");
  assert.equal((await stat(file.path)).mode & 0o777, 0o600);
});

test("keepTokenFile() renews before the end of short credentials, and keeps the token when it cannot", async () => {
  const directory = await makeDirectory();
  let failures = 0;
  const first = { token: "only", expiresAt: new Date(Date.now() + 1_000) };
  const renew = (): Promise<TokenWithEnd> => Promise.reject(new Error("STS is away"));
  const onFailure = (): void => void (failures += 1);
  {
    using file = keepTokenFile({ ...PLACE, directory, first, renew, onFailure, renewal: 5 });
    await until(async () => failures >= 3, "three attempts");
    assert.match(await readFile(file.path, "utf8"), /:only\n$/);
  }
  assert.deepEqual(await readdir(directory), ["pgpass"]);
});
