// MFA codes: asked on the terminal and nowhere else, before the tool has it; or given with --mfa-code.
import assert from "node:assert/strict";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { beforeEach, test } from "node:test";
import { openShell, type Terminal } from "../support/pty.ts";
import {
  ACCOUNT,
  assertNoSecrets,
  RDS_HOST,
  startIdentityStage,
} from "../support/identity-stage.ts";
import { COMMAND, run } from "../support/program.ts";
import { keep } from "../support/keep.ts";

const ROLE = `arn:aws:iam::${ACCOUNT}:role/guarded`;
const SERIAL = `arn:aws:iam::${ACCOUNT}:mfa/jane`;
const WHERE = ["--host", RDS_HOST, "--user", "app_ro"];
const QUESTION = /MFA code for arn:aws:iam::123456789012:mfa\/jane: $/;

const codes = new Set<string>();

const stage = await keep(startIdentityStage());
const jane = stage.keys.createStaticKey({ arn: `arn:aws:iam::${ACCOUNT}:user/jane` });
stage.sts.roles.set(ROLE, { mfa: { serialNumber: SERIAL, codes } });
await stage.addConfig(`
[profile static]
aws_access_key_id = ${jane.accessKeyId}
aws_secret_access_key = ${jane.secretAccessKey}
[profile guarded]
role_arn = ${ROLE}
source_profile = static
mfa_serial = ${SERIAL}
[profile explicit]
aws_access_key_id = ${jane.accessKeyId}
aws_secret_access_key = ${jane.secretAccessKey}
rds_role_arn = ${ROLE}
rds_mfa_serial = ${SERIAL}
[profile wrong-device]
role_arn = ${ROLE}
source_profile = static
mfa_serial = ${SERIAL}-phone`);
beforeEach(async () => {
  codes.clear();
  await rm(stage.cacheDirectory, { recursive: true, force: true });
});

function quoted(words: readonly string[]): string {
  return words.map((word) => `'${word}'`).join(" ");
}

const tokenOf = (profile: string): string =>
  quoted([...COMMAND, "token", ...WHERE, "--profile", profile]);

/** An interactive shell in which a command for a profile has been typed. */
async function typed(command: string): Promise<Terminal> {
  const terminal = await openShell({ PATH: process.env["PATH"] ?? "", ...stage.env });
  terminal.type(`${command}; echo sta""tus=$?\r`);
  return terminal;
}

test("MFA: the question names the device, and the code is not taken from stdin", async () => {
  codes.add("012345");
  await using terminal = await typed(`echo 999999 | ${tokenOf("guarded")} > /dev/null`);
  await terminal.shows(QUESTION);
  terminal.type("012345\r");
  // The echo is on.
  await terminal.shows(/012345/);
  await terminal.shows(/status=0/);
});

test("MFA: the one role on top of a profile has a device too", async () => {
  codes.add("000001");
  await using terminal = await typed(`${tokenOf("explicit")} explicit > /dev/null`);
  await terminal.shows(QUESTION);
  terminal.type("000001\r");
  await terminal.shows(/status=0/);
  assert.match(stage.sts.calls.at(-1)?.parameters["SerialNumber"] ?? "", /mfa\/jane$/);
});

test("MFA: what is no code is asked again without a call; a refused code twice at most", async () => {
  codes.add("333333");
  const before = stage.sts.calls.length;
  await using terminal = await typed(`${tokenOf("guarded")} > /dev/null`);
  for (const [line, answer] of [
    ["12345", /six digits/],
    ["111111", /refused/],
    ["222222", /refused/],
    ["333 333", /status=0/],
  ] as const) {
    await terminal.shows(QUESTION);
    terminal.type(`${line}\r`);
    await terminal.shows(answer);
  }
  assert.equal(stage.sts.calls.length - before, 3);
});

test("MFA: the third refusal is the end", async () => {
  await using terminal = await typed(`${tokenOf("guarded")} > /dev/null`);
  for (const code of ["111111", "222222", "333333"]) {
    await terminal.shows(QUESTION);
    terminal.type(`${code}\r`);
  }
  const shown = await terminal.shows(/error: [^]*status=125/);
  assert.match(shown, /the MFA code was refused/);
  await assertNoSecrets({ status: 125, stdout: "", stderr: shown }, stage);
});

test("MFA: Ctrl-C at the question ends rdsiam with 130 and leaves the terminal as it was", async () => {
  await using terminal = await typed(`stty -g; ${tokenOf("guarded")} > /dev/null`);
  const [settings = ""] = /[0-9a-f:]{40,}/.exec(await terminal.shows(/[0-9a-f:]{40,}\r/)) ?? [];
  await terminal.shows(QUESTION);
  terminal.type("\x03");
  await terminal.shows(/error: interrupted/);
  // After a child that ended by itself with 130, bash goes on with the list.
  await terminal.shows(/status=130[^]*prompt> $/);
  terminal.type("stty -g\r");
  await terminal.shows(new RegExp(`${settings}\r`));
});

test("MFA: Ctrl-D at the question is no code", async () => {
  await using terminal = await typed(`${tokenOf("guarded")} > /dev/null`);
  await terminal.shows(QUESTION);
  terminal.type("\x04");
  await terminal.shows(/no MFA code for [^]*status=125/);
});

test("MFA: Ctrl-Z at the question stops rdsiam, and fg goes on", async () => {
  codes.add("444444");
  await using terminal = await openShell({ PATH: process.env["PATH"] ?? "", ...stage.env });
  terminal.type(`${tokenOf("guarded")} > /dev/null\r`);
  await terminal.shows(QUESTION);
  terminal.type("\x1a");
  await terminal.shows(/Stopped[^]*prompt> $/);
  terminal.type("\x15fg\r");
  await terminal.shows(/guarded[^]*\n/);
  terminal.type("444444\r");
  // What arrives while the shell still has the terminal in its own mode is cut in two: then the question comes again.
  const shown = await terminal.shows(/prompt> $|six digits[^]*MFA code for \S+: $/);
  if (shown.includes("six digits")) {
    terminal.type("444444\r");
    await terminal.shows(/prompt> $/);
  }
  terminal.type('echo sta""tus=$?\r');
  await terminal.shows(/status=0/);
});

test("MFA: --mfa-code and RDSIAM_MFA_CODE keep their zeros", async () => {
  codes.add("000012").add("000034");
  for (const [args, env] of [
    [["--mfa-code", "000012"], {}],
    [[], { RDSIAM_MFA_CODE: "000034" }],
  ] as const) {
    const finished = await stage.token(["--profile", "guarded", "--no-cache", ...args], env);
    assert.match(finished.caller ?? "", /guarded/, finished.stderr);
  }
});

test("MFA: --mfa-serial names the device of --role-arn", async () => {
  codes.add("555555");
  const options = ["--role-arn", ROLE, "--mfa-serial", SERIAL, "--mfa-code", "555555"];
  const finished = await stage.token(["--profile", "static", ...options]);
  assert.match(finished.caller ?? "", /guarded/, finished.stderr);
});

test("MFA: a tool that is not there is told before any code is asked for", async () => {
  const words = ["exec", ...WHERE, "--profile", "guarded", "--", "no-such-tool"];
  const finished = await run(["setsid", "-w", ...COMMAND, ...words], { env: stage.env });
  assert.equal(finished.status, 127, finished.stderr);
  assert.doesNotMatch(finished.stderr, /MFA/);
});

const FAILURES: readonly (readonly [string, readonly string[], RegExp])[] = [
  [
    "without a terminal",
    ["--profile", "guarded"],
    /role\/guarded needs an MFA code from arn:.*mfa\/jane\nDETAIL:.*no terminal.*\nHINT:.*--mfa-code CODE.*RDSIAM_MFA_CODE[^]*ERR_MFA/,
  ],
  [
    "with a refused --mfa-code",
    ["--profile", "guarded", "--mfa-code", "666666"],
    /the MFA code was refused\nDETAIL:.*invalid MFA one time pass code.*\nHINT:.*each code works once[^]*ERR_MFA/,
  ],
  [
    "with another device",
    ["--profile", "wrong-device", "--mfa-code", "666666"],
    /cannot assume .*role\/guarded: AWS refused it to arn:.*user\/jane\n.*\nHINT:.*a code of .*jane-phone/,
  ],
  [
    "with five digits",
    ["--profile", "guarded", "--mfa-code", "12345"],
    /--mfa-code must be the six/,
  ],
];

for (const [name, args, expected] of FAILURES) {
  test(`MFA: ${name}`, async () => {
    const words = ["setsid", "-w", ...COMMAND, "token", "--verbose", ...WHERE, ...args];
    const finished = await run(words, { env: stage.env });
    assert.equal(finished.status, 125, finished.stderr);
    assert.match(finished.stderr, expected);
    assert.doesNotMatch(finished.stderr, /666666|\n\s+at /);
    await assertNoSecrets(finished, stage);
  });
}

test("MFA: exec --each asks once for all targets with the same role", async () => {
  codes.add("654321");
  const section = (name: string, host: string): string =>
    `[${name}]\nprofile = guarded\nhost = ${host}\nuser = app_ro\n`;
  const other = RDS_HOST.replace("eu-west-1", "us-east-1").replace(/^[^.]+/, "db2");
  const own = join(stage.cacheDirectory, "..", "each-config");
  await writeFile(own, section("a", RDS_HOST) + section("b", other));
  const words = [...COMMAND, "exec", "--no-cache", "--each", "a,b", "--yes", "echo", "done"];
  await using terminal = await typed(`RDSIAM_CONFIG_FILE='${own}' ${quoted(words)}`);
  await terminal.shows(QUESTION);
  terminal.type("654321\r");
  const shown = await terminal.shows(/654321[^]*status=0/);
  assert.doesNotMatch(shown, /MFA code for/);
  assert.match(shown, /2 of 2 succeeded/);
});
