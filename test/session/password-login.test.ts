// When the password command runs, and with which variables.
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { after, test } from "node:test";
import { createLog } from "../../src/base/log.ts";
import type { DatabaseUser } from "../../src/proxy/backend-authentication.ts";
import { commandPasswords } from "../../src/session/login.ts";

const directory = mkdtempSync(join(tmpdir(), "rdsiam-password-access-"));
after(() => rmSync(directory, { recursive: true, force: true }));

let written = "";
const log = createLog({ write: (text) => (written += text), verbose: false, notices: false });

function source(command: string, env: Readonly<Record<string, string>> = {}) {
  const settings = { passwordCommand: command, label: "prod" };
  const context = { log, env: { PATH: process.env["PATH"], ...env } };
  const { get } = commandPasswords(context, settings, { host: "db.example.com", port: 5433 });
  return async (who: DatabaseUser) => (await get(who, { fresh: false })).password;
}

test("commandPasswords() + logins of one user at the same moment share one run; later ones do not", async () => {
  const runs = join(directory, "runs");
  const password = source(`echo "$RDSIAM_USER/$RDSIAM_DBNAME" >> '${runs}'; wc -l < '${runs}'`);
  const one = { user: "one", database: "a" };
  const first = await Promise.all([password(one), password({ ...one }), password(one)]);
  assert.deepEqual(first, ["1", "1", "1"]);
  assert.equal(await password(one), "2");
  await Promise.all([
    password({ user: "two", database: "a" }),
    password({ user: "one", database: "b" }),
  ]);
  const told = readFileSync(runs, "utf8").trim().split("\n");
  assert.deepEqual(told.toSorted(), ["one/a", "one/a", "one/b", "two/a"]);
});

test("commandPasswords() + a run that failed is not shared with later logins", async () => {
  const file = join(directory, "now");
  const password = source(`cat '${file}' 2>/dev/null || { echo hunter2 > '${file}'; exit 1; }`);
  const who = { user: "one", database: "a" };
  const failed = await Promise.allSettled([password(who), password(who)]);
  assert.deepEqual(
    failed.map(({ status }) => status),
    ["rejected", "rejected"],
  );
  assert.equal(await password(who), "hunter2");
});

test("commandPasswords() + the command gets the user and the database, and none of rdsiam's own secrets", async () => {
  const env = {
    RDSIAM_PASSWORD_COMMAND: "this very command",
    RDSIAM_MFA_CODE: "123456",
    RDSIAM_VIA: "socks5://user:password@proxy:1080",
    RDSIAM_TARGET: "another",
    RDSIAM_HOST: "another.example.com",
    VAULT_ADDR: "https://vault.example.com",
  };
  const told = await source(
    "env | grep -E '^(RDSIAM|VAULT)_' | sort | tr '\\n' ' '",
    env,
  )({
    user: "it's me",
    database: "orders",
  });
  const expected =
    "RDSIAM_DBNAME=orders RDSIAM_HOST=db.example.com RDSIAM_PORT=5433 RDSIAM_TARGET=prod RDSIAM_USER=it's me VAULT_ADDR=https://vault.example.com";
  assert.equal(told, expected);
});

test("commandPasswords() + the log strikes the latest hundred passwords out", async () => {
  const password = source('echo "password-of-$RDSIAM_USER"');
  for (let index = 0; index <= 100; index += 1)
    await password({ user: `u${index}x`, database: "a" });
  written = "";
  log.always("password-of-u0x password-of-u1x password-of-u100x");
  assert.equal(written, "password-of-u0x [secret] [secret]\n");
});
