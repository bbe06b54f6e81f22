// Logging in to IAM Identity Center by itself: the question at the terminal, the browser, and the command that goes on.
import assert from "node:assert/strict";
import { appendFile, chmod, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { beforeEach, test } from "node:test";
import { openShell, type Terminal } from "../support/pty.ts";
import { COMMAND, rdsiam, run, without } from "../support/program.ts";
import { makeBrowser, ssoSections } from "../support/sso-stage.ts";
import { startStage } from "../support/stage.ts";
import { keep } from "../support/keep.ts";

const QUESTION = /Log in to corp \(https:\/\/d-0123456789\.awsapps\.com\/start\)\? \[Y\/n\] $/;
const MISSING =
  /the AWS login of profile "sso" is missing or has expired[^]*aws sso login --profile sso/;
const ROLE = "arn:aws:iam::123456789012:role/";
const skip = without("psql");

const standIn = await keep(startStage());
const { directory, sso, sts, targetSettings } = standIn;
sso.behavior.lifetimes.interval = 1;
const config = standIn.env["AWS_CONFIG_FILE"] ?? assert.fail();
await appendFile(config, ssoSections(sso, { ...targetSettings, rds_user: "app_ro" }));
for (const name of ["one", "two"]) sts.roles.set(`${ROLE}${name}`, {});
await standIn.addProfile("middle", { role_arn: `${ROLE}one`, source_profile: "sso" });
const deep = { role_arn: `${ROLE}two`, source_profile: "middle" };
await standIn.addProfile("deep", { ...targetSettings, ...deep, rds_user: "app_ro" });
const browser = await makeBrowser(directory);
const { pages } = browser;
// What a browser is started with is everybody's to see.
const watched = join(directory, "watched");
const log = join(directory, "started.log");
await writeFile(
  watched,
  `#!/bin/sh\nenv >> ${log}\necho "$@" >> ${log}\nexec ${browser.file} "$@"\n`,
);
await chmod(watched, 0o755);
const cache = join(directory, ".aws", "sso", "cache");
const env = { ...standIn.env, PATH: process.env["PATH"] ?? "", BROWSER: watched };
beforeEach(async () => {
  standIn.sso.behavior.person = "approves";
  standIn.sso.calls.length = 0;
  await rm(join(standIn.directory, ".aws", "cli"), { recursive: true, force: true });
});

const quoted = (words: readonly string[]): string => words.map((word) => `'${word}'`).join(" ");

/** An interactive shell in which a command has been typed. */
async function typed(
  words: readonly string[],
  more: Readonly<Record<string, string>> = {},
): Promise<Terminal> {
  const terminal = await openShell({ ...env, ...more });
  terminal.type(`${quoted([...COMMAND, ...words])}; echo sta""tus=$?\r`);
  return terminal;
}

const count = (action: string): number => standIn.sso.count(action);

/** Lets the login that is kept end, or takes it away. */
async function endLogin(how: "expire" | "remove" = "remove"): Promise<void> {
  for (const name of await readdir(cache).catch(() => [])) {
    const file = join(cache, name);
    const entry = JSON.parse(await readFile(file, "utf8")) as Record<string, unknown>;
    if (entry["accessToken"] === undefined) continue;
    const { refreshToken: _, ...old } = entry;
    const expired = { ...old, expiresAt: "2026-01-01T00:00:00Z" };
    if (how === "remove") await rm(file);
    else await writeFile(file, JSON.stringify(expired), { mode: 0o600 });
  }
}

test(
  "SSO: y opens the browser, the tool runs, and its exit status is rdsiam's",
  { skip },
  async () => {
    await using terminal = await typed(["psql", "sso", "-Atc", "select current_user, 1/0"]);
    await terminal.shows(QUESTION);
    terminal.type("y\r");
    await terminal.shows(/Opening the browser to log in to corp\.[^]*http\S+\/authorize\?/);
    await terminal.shows(/Logged in to corp\.[^]*division by zero[^]*status=1/);
    // The next one has the login, until it ends.
    const ran = await rdsiam(["psql", "sso", "-Atc", "select current_user"], { env });
    assert.deepEqual([ran.status, ran.stdout], [0, "app_ro\n"], ran.stderr);
    await endLogin("expire");
    await using again = await typed(["exec", "sso", "sh", "-c", 'psql -Atc "select 40+2"; exit 7']);
    await again.shows(QUESTION);
    again.type("\r");
    await again.shows(/42[^]*status=7/);
    assert.deepEqual([count("RegisterClient"), count("CreateToken")], [1, 2]);
  },
);

test("SSO: a role two profiles above asks too, and a role in the cache does not", async () => {
  await endLogin();
  await using terminal = await typed(["token", "deep"]);
  await terminal.shows(QUESTION);
  terminal.type("Y\r");
  await terminal.shows(/X-Amz-Signature[^]*status=0/);
  await endLogin();
  const ran = await rdsiam(["token", "deep"], { env });
  assert.equal(ran.status, 0, ran.stderr);
});

test(
  "SSO: n, --no-input and no terminal are the error as it was, and open nothing",
  { skip },
  async () => {
    await endLogin();
    const before = (await pages()).length;
    await using no = await typed(["psql", "sso", "-Atc", "select 1"]);
    await no.shows(QUESTION);
    no.type("n\r");
    assert.match(await no.shows(/error:[^]*status=125/), MISSING);
    await using silent = await typed(["psql", "--no-input", "sso", "-Atc", "select 1"]);
    assert.match(await silent.shows(/error:[^]*status=125/), MISSING);
    const ran = await run(["setsid", "-w", ...COMMAND, "psql", "sso", "-Atc", "select 1"], { env });
    assert.equal(ran.status, 125);
    assert.match(ran.stderr, MISSING);
    // Who has said no is not asked by the next target.
    await using each = await typed(["exec", "--each", "sso,deep", "--yes", "--", "true"]);
    await each.shows(QUESTION);
    each.type("n\r");
    assert.doesNotMatch(await each.shows(/0 of 2|2 of 2[^]*status=125|status=125/), /\[Y\/n\]/);
    assert.deepEqual([(await pages()).length, count("CreateToken")], [before, 0]);
  },
);

test("SSO: Ctrl-C ends the question and the wait for the browser with 130", async () => {
  await endLogin();
  await using question = await typed(["token", "sso"]);
  await question.shows(QUESTION);
  question.type("\x03");
  await question.shows(/error: interrupted/);
  question.type("echo sta''tus=$?\r");
  await question.shows(/status=130/);
  standIn.sso.behavior.person = "leaves";
  await using wait = await typed(["token", "sso"]);
  await wait.shows(QUESTION);
  wait.type("y\r");
  await wait.shows(/authorize\?\S+\s/);
  wait.type("\x03");
  await wait.shows(/error: interrupted/);
  wait.type("echo sta''tus=$?\r");
  await wait.shows(/status=130/);
  assert.deepEqual(
    (await readdir(cache)).filter((name) => !name.endsWith(".json")),
    [],
  );
});

test("SSO: through ssh, and for a profile without a session, a code is confirmed anywhere", async () => {
  await endLogin();
  const ssh = { SSH_CONNECTION: "192.0.2.1 50000 192.0.2.2 22", BROWSER: "" };
  await using terminal = await typed(["token", "sso"], ssh);
  await terminal.shows(QUESTION);
  terminal.type("y\r");
  await terminal.shows(/open this page in a browser\. It must show the code \w{4}-\w{4}\./);
  const [url = ""] = /http\S+/.exec(await terminal.shows(/http\S+\/device\?user_code=\S+\s/)) ?? [];
  assert.match(await (await fetch(url)).text(), /approved/);
  await terminal.shows(/Logged in to corp\.[^]*X-Amz-Signature[^]*status=0/);
  await using legacy = await typed(["login", "sso-legacy"]);
  await legacy.shows(/Opening the browser to log in to sso-legacy\. It must show the code/);
  await legacy.shows(/rdsiam: logged in to sso-legacy \(https:[^]*status=0/);
});

test(
  "SSO: rdsiam proxy asks before it serves; doctor asks nothing and says what to type",
  { skip },
  async () => {
    await endLogin();
    await using doctor = await typed(["doctor", "sso"]);
    const shown = await doctor.shows(/[^]*status=1/);
    assert.match(shown, /rdsiam login --profile sso/);
    assert.doesNotMatch(shown, /\[Y\/n\]/);
    await using proxy = await typed(["proxy", "sso"]);
    await proxy.shows(QUESTION);
    proxy.type("y\r");
    await proxy.shows(/Logged in to corp\.[^]*ready[^]*psql/i);
    proxy.type("\x03");
    await proxy.shows(/prompt> $/);
  },
);

test("SSO: two runs at once ask once", async () => {
  await endLogin();
  await using first = await typed(["token", "sso"]);
  await first.shows(QUESTION);
  await using second = await typed(["token", "sso"]);
  await second.shows(/waiting for another rdsiam's login to corp/);
  first.type("y\r");
  await first.shows(/X-Amz-Signature[^]*status=0/);
  assert.doesNotMatch(await second.shows(/X-Amz-Signature[^]*status=0/), /\[Y\/n\]/);
  assert.equal(count("CreateToken"), 1);
});

test("SSO: no token, code or verifier is in an argument, an environment, or a file but the AWS CLI's", async () => {
  const { directory, sso } = standIn;
  const started = await readFile(join(directory, "started.log"), "utf8");
  assert.match(started, /code_challenge=/);
  assert.ok(sso.oidc.secrets.size > 10);
  for (const secret of sso.oidc.secrets) assert.ok(!started.includes(secret), secret);
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
    const file = join(entry.parentPath, entry.name);
    if (!entry.isFile() || file.startsWith(cache) || file.endsWith("browser.log")) continue;
    const text = await readFile(file, "latin1");
    for (const secret of sso.oidc.secrets) assert.ok(!text.includes(secret), file);
  }
});
