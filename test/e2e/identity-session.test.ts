// Identity while a tool runs: no question on the tool's terminal, a HINT in the tool itself, and files that are read again.
import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { cliCacheKey } from "../../src/aws/cli-cache.ts";
import { openShell } from "../support/pty.ts";
import { cleanEnvironment, COMMAND, rdsiam, without } from "../support/program.ts";
import { startStage } from "../support/stage.ts";
import { keep } from "../support/keep.ts";

const ROLE = "arn:aws:iam::123456789012:role/guarded";
const SERIAL = "arn:aws:iam::123456789012:mfa/jane";
const skip = without("psql");

const codes = new Set<string>();
const standIn = await keep(startStage());
standIn.sts.roles.set(ROLE, { mfa: { serialNumber: SERIAL, codes } });
const mfa = {
  ...standIn.targetSettings,
  rds_user: "app_ro",
  rds_role_arn: ROLE,
  rds_mfa_serial: SERIAL,
};
await standIn.addProfile("guarded", mfa, standIn.key);

const words = (...args: readonly string[]): string =>
  [...COMMAND, ...args].map((word) => `'${word}'`).join(" ");

test(
  "session: the code is asked for before psql has the terminal, and SQL comes from stdin",
  { skip },
  async () => {
    codes.add("012345");
    await using terminal = await openShell(cleanEnvironment(standIn.env));
    terminal.type(`echo 'select 40 + 2;' | ${words("psql", "guarded", "-At")}; echo sta""tus=$?\r`);
    await terminal.shows(/MFA code for .*mfa\/jane: $/);
    terminal.type("012345\r");
    await terminal.shows(/\n42\r\nstatus=0/);
    terminal.type(`${words("psql", "guarded", "-Atc", "select 43")}\r`);
    await terminal.shows(/\n43\r/);
  },
);

test(
  "session: a later login that would need a code gets a HINT, and the terminal stays the tool's",
  { skip },
  async () => {
    const parameters = { RoleArn: ROLE, RoleSessionName: undefined, SerialNumber: SERIAL };
    const directory = join(standIn.directory, ".aws", "cli", "cache");
    const expiration = new Date(Date.now() + 600_000);
    const identity = {
      arn: "arn:aws:sts::123456789012:assumed-role/guarded/me",
      userId: "AROA:me",
    };
    const key = standIn.keys.createSessionKey({ ...identity, expiration });
    // Good for the first login, and at its last two minutes when the second one comes.
    const Expiration = new Date(Date.now() + 124_000).toISOString();
    const {
      accessKeyId: AccessKeyId,
      secretAccessKey: SecretAccessKey,
      sessionToken: SessionToken,
    } = key;
    await mkdir(directory, { recursive: true });
    await writeFile(
      join(directory, `${cliCacheKey(parameters)}.json`),
      JSON.stringify({ Credentials: { AccessKeyId, SecretAccessKey, SessionToken, Expiration } }),
    );
    await using terminal = await openShell(cleanEnvironment(standIn.env));
    const sql = ["-c", "select 44", "-c", "select pg_sleep(5)", "-c", "\\c - app_admin"];
    terminal.type(`${words("psql", "guarded", "-At", ...sql)}; echo sta""tus=$?\r`);
    await terminal.shows(/\n44\r/);
    const shown = await terminal.shows(/[^]*status=\d/);
    assert.match(shown, /role\/guarded needs a new MFA code from .*mfa\/jane/);
    assert.match(shown, /DETAIL: .*while the tool has the terminal/);
    assert.match(shown, /HINT: .*rdsiam token guarded > \/dev\/null/);
    assert.doesNotMatch(shown, /MFA code for \S+: /);
  },
);

test("session: the tool does not see RDSIAM_MFA_CODE", { skip }, async () => {
  codes.add("054321");
  const env = { ...standIn.env, RDSIAM_MFA_CODE: "054321", RDSIAM_NO_CACHE: "1" };
  const ran = await rdsiam(["exec", "guarded", "printenv", "RDSIAM_MFA_CODE"], { env });
  assert.equal(ran.status, 1, ran.stderr);
  assert.equal(ran.stdout, "");
});
