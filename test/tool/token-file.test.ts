// The password file of --direct: its line as libpq reads it, its mode, and that its token is always a young one.
import assert from "node:assert/strict";
import { closeSync, openSync, readFileSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { after, test, type TestContext } from "node:test";
import { keepTokenFile, passwordLine, type TokenWithEnd } from "../../src/tool/token-file.ts";
import { until } from "../support/traces.ts";

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

/** A file whose clock the test turns; `lives` are the seconds that each token is good for. */
async function turned(context: TestContext, ...lives: readonly number[]) {
  const directory = await makeDirectory();
  context.mock.timers.enable({ apis: ["setTimeout", "Date"], now: 1_000_000 });
  const seen = { renewals: 0, failures: 0 };
  const token = (index: number): TokenWithEnd => ({
    token: `t${index}`,
    expiresAt: new Date(Date.now() + (lives[index] ?? 0) * 1_000),
  });
  const file = keepTokenFile({
    ...PLACE,
    directory,
    first: token(0),
    // A life of nothing stands for credentials that cannot be had.
    renew: async () => {
      seen.renewals += 1;
      if (lives[seen.renewals] === undefined) throw new Error("STS is away");
      return token(seen.renewals);
    },
    onFailure: () => void (seen.failures += 1),
  });
  const pass = async (milliseconds: number): Promise<number> => {
    context.mock.timers.tick(milliseconds);
    await new Promise((resolve) => setImmediate(resolve));
    return seen.renewals;
  };
  return { file, pass, seen, read: () => readFileSync(file.path, "utf8") };
}

// Seconds that the first token is good for, and after which it is replaced.
const RENEWALS = [
  [900, 300],
  [361, 300],
  [200, 140],
  [70, 15],
  [-5, 15],
] as const;

for (const [life, due] of RENEWALS) {
  test(`keepTokenFile() replaces a token that is good for ${life} s after ${due} s`, async (context) => {
    const { file, pass, read } = await turned(context, life, 900);
    using _file = file;
    assert.equal(await pass(due * 1_000 - 1), 0);
    assert.match(read(), /:t0\n$/);
    assert.equal(await pass(1), 1);
    assert.match(read(), /:t1\n$/);
  });
}

test("keepTokenFile() tries again 15 s after a failure", async (context) => {
  const { file, pass, seen } = await turned(context, 900);
  using _file = file;
  assert.equal(await pass(300_000), 1);
  assert.equal(await pass(14_999), 1);
  assert.equal(await pass(1), 2);
  assert.equal(seen.failures, 2);
});

test("keepTokenFile() leaves a file that a reader has open as it was", async (context) => {
  const { file, pass, read } = await turned(context, 900, 900);
  using _file = file;
  const reader = openSync(file.path, "r");
  await pass(300_000);
  assert.match(read(), /:t1\n$/);
  assert.match(readFileSync(reader, "utf8"), /:t0\n$/);
  closeSync(reader);
});

test("keepTokenFile() writes and signs nothing once it is disposed, whatever is under way", async (context) => {
  const idle = await turned(context, 900, 900);
  idle.file[Symbol.dispose]();
  assert.equal(await idle.pass(900_000), 0);
  context.mock.timers.reset();
  for (const lives of [[900, 900], [900]]) {
    const busy = await turned(context, ...lives);
    context.mock.timers.tick(300_000);
    busy.file[Symbol.dispose]();
    assert.equal(await busy.pass(0), 1);
    assert.match(busy.read(), /:t0\n$/);
    assert.equal(await busy.pass(900_000), 1);
    context.mock.timers.reset();
  }
});

test("keepTokenFile() keeps no process alive", async () => {
  const timers = (): number =>
    process.getActiveResourcesInfo().filter((name) => name === "Timeout").length;
  const directory = await makeDirectory();
  const first = { token: "t", expiresAt: later() };
  const before = timers();
  using _file = keepTokenFile({
    ...PLACE,
    directory,
    first,
    renew: () => assert.fail(),
    onFailure: () => {},
  });
  assert.equal(timers(), before);
});
