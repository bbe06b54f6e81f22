// The edges of logins with IAM Identity Center: a lock whose holder is killed, logins and clients that the service ends, answers that
// are not the service's. Where the two programs meet: sso-aws-cli.slow.test.ts.
import assert from "node:assert/strict";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { COMMAND, type Finished, rdsiam } from "../support/program.ts";
import { openTerminal } from "../support/pty.ts";
import { startLogin } from "../support/sso-login.ts";
import { keepLogin, startSsoStage } from "../support/sso-stage.ts";

const CODE = "code-of-an-attacker";
const QUESTION = /Log in to corp \([^)]*\)\? \[Y\/n\] $/;

test("SSO: a killed run's lock is taken over within ten seconds or so", async () => {
  await using stage = await startSsoStage();
  const env = { ...stage.env, PATH: process.env["PATH"] ?? "" };
  const words = [...COMMAND, "token", "sso"];
  await using first = openTerminal(words, env);
  await first.shows(QUESTION);
  await using second = openTerminal(words, env);
  await second.shows(/waiting for another rdsiam's login to corp/);
  process.kill(first.pid, "SIGKILL");
  await first.exited;
  await second.shows(QUESTION);
  second.type("y\r");
  await second.shows(/X-Amz-Signature/);
  assert.equal((await second.exited).exitCode, 0);
  assert.equal(stage.sso.count("CreateToken"), 1);
  for (const name of await readdir(stage.cacheDirectory))
    assert.match(name, /^[0-9a-f]{40}\.json$/);
});

test("SSO: a login that the portal refuses before its time is renewed once, or is the error", async () => {
  await using stage = await startSsoStage();
  const keep = async (renews: boolean): Promise<void> => {
    const login = { session: "corp", renews };
    stage.sso.oidc.accessTokens.delete(await keepLogin(stage.cacheDirectory, stage.sso, login));
  };
  await keep(true);
  const renewed = await rdsiam(["token", "sso"], stage);
  assert.equal(renewed.status, 0, renewed.stderr);
  assert.equal(stage.sso.count("CreateToken"), 1);
  await keep(false);
  const refused = await rdsiam(["token", "sso"], stage);
  assert.notEqual(refused.status, 0);
  assert.match(refused.stderr, /error: [^]*sso[^]*login/);
  assert.equal(stage.sso.count("CreateToken"), 1);
});

test("SSO: a client that the service has forgotten is registered anew by the next login", async () => {
  await using stage = await startSsoStage();
  const { env, sso } = stage;
  const login = (): Promise<Finished> => rdsiam(["login", "sso-legacy"], { env });
  sso.behavior.lifetimes.interval = 1;
  assert.equal((await login()).status, 0);
  sso.oidc.clients.clear();
  assert.match((await login()).stderr, /InvalidClientException[^]*Try again/);
  assert.equal((await login()).status, 0);
  assert.equal(sso.count("RegisterClient"), 2);
});

test("SSO: a logout ends the login of each profile that shares the session", async () => {
  await using stage = await startSsoStage();
  const { cacheDirectory, home, sso } = stage;
  const [, section = ""] =
    /\[profile sso\]\n([^[]*)/.exec(await readFile(home.config, "utf8")) ?? [];
  await stage.addConfig(`[profile second]\n${section}`);
  await keepLogin(cacheDirectory, sso, { session: "corp" });
  assert.equal((await rdsiam(["token", "second"], stage)).status, 0);
  const ended = await rdsiam(["logout"], stage);
  assert.deepEqual([ended.status, ended.stdout, ended.stderr], [0, "", "rdsiam: 1 login ended\n"]);
  for (const profile of ["sso", "second"]) {
    const { stderr } = await rdsiam(["token", profile], stage);
    assert.match(stderr, new RegExp(`error: [^]*rdsiam login --profile ${profile}\\b`));
  }
});

test("SSO: a login that cannot be kept is an error of rdsiam login", async () => {
  await using stage = await startSsoStage();
  await mkdir(dirname(stage.cacheDirectory));
  await writeFile(stage.cacheDirectory, "no directory");
  const { status, stderr } = await rdsiam(["login", "sso"], stage);
  assert.notEqual(status, 0);
  assert.match(
    stderr,
    /error: the login to corp could not be kept\nDETAIL: .*\.json cannot be written/,
  );
});

for (const [what, more] of [
  ["an error beside the code", { error: "server_error", error_description: `a<b>\u001b[31mred` }],
  ["a code of another login", { code: CODE }],
] as const) {
  test(`login: ${what} gives no token, and no character of it gets to the terminal raw`, async () => {
    await using stage = await startSsoStage();
    await using login = await startLogin(stage);
    const { ended, url } = login;
    const redirect = await fetch(url, { redirect: "manual" });
    const target = new URL(redirect.headers.get("location") ?? "");
    for (const [name, value] of Object.entries(more)) target.searchParams.set(name, value);
    const page = await fetch(target);
    assert.doesNotMatch(await page.text(), /<b>|red|of-an-attacker/);
    const { status, stderr } = await ended;
    assert.notEqual(status, 0);
    assert.match(stderr, /^rdsiam: .*corp/m);
    assert.ok(!stderr.includes("\u001b"), JSON.stringify(stderr));
    for (const secret of [CODE, ...stage.sso.oidc.secrets]) assert.ok(!stderr.includes(secret));
    assert.deepEqual(await readdir(stage.cacheDirectory), []);
  });
}
