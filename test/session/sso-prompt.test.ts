// Whether a person is asked to log in to IAM Identity Center.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { SsoSession, SsoToken } from "../../src/aws/sso-cache.ts";
import { askSsoLogin, guideLogin } from "../../src/session/sso-prompt.ts";
import { personWho, runContext } from "../support/run-context.ts";

const TOKEN: SsoToken = { accessToken: "t", expiresAt: "2030-01-01T00:00:00Z" };

function sessionNamed(session: string | undefined): SsoSession {
  const startUrl = "https://corp.awsapps.com/start";
  return { session, startUrl, region: "eu-west-1", scopes: undefined, profile: "p", place: "f" };
}

function stage(lines: readonly (string | undefined)[], isThere = true) {
  const person = personWho(lines);
  const terminal = { ...person.terminal, isThere: () => isThere };
  const context = { ...runContext({}), terminal };
  let logins = 0;
  const ask = (session?: string) =>
    askSsoLogin(context, sessionNamed(session), () => {
      logins += 1;
      return Promise.resolve(TOKEN);
    });
  return { ...person, ask, logins: () => logins };
}

test("askSsoLogin() logs in on y, yes and Return, and names the session or the profile", async () => {
  for (const answer of ["", "y", " YES "]) {
    const { ask, shown } = stage([answer]);
    assert.equal(await ask("corp"), TOKEN);
    assert.deepEqual(shown, [
      "Log in to corp (https://corp.awsapps.com/start)? [Y/n] ",
      "Logged in to corp.\n",
    ]);
  }
  const { ask, shown } = stage(["y"]);
  await ask();
  assert.match(shown[0] ?? "", /^Log in to p \(/);
});

test("askSsoLogin() takes a no for the rest of the run, session by session", async () => {
  for (const no of ["n", "later", undefined]) {
    const { ask, logins, shown } = stage([no, "n", "y"]);
    for (const name of ["corp", "corp", "other", "corp"]) assert.equal(await ask(name), undefined);
    assert.equal(shown.length, 2);
    assert.equal(logins(), 0);
  }
});

test("askSsoLogin() asks nothing without a terminal, nor once the tool has it", async () => {
  const absent = stage(["y"], false);
  assert.equal(await absent.ask("corp"), undefined);
  const taken = stage(["y"]);
  taken.terminal.giveAway();
  assert.equal(await taken.ask("corp"), undefined);
  assert.deepEqual([absent.shown, taken.shown], [[], []]);
});

test("guideLogin() opens a browser and takes a code as RDSIAM_NO_BROWSER and RDSIAM_DEVICE_CODE say, in any of their words", async () => {
  const led = async (env: Readonly<Record<string, string>>, isHere: boolean) => {
    let opened = 0;
    const open = () => Promise.resolve((opened += 1) > 0);
    const browser = () => Promise.resolve({ opens: true, isHere, open });
    const { terminal, shown } = personWho([]);
    const context = { ...runContext(env), terminal: { ...terminal, browser } };
    let usesDeviceCode: boolean | undefined;
    const logIn: Parameters<typeof guideLogin>[2] = async (screen) => {
      ({ usesDeviceCode } = screen);
      await screen.show({ url: "https://u", userCode: undefined });
      return TOKEN;
    };
    await guideLogin(context, sessionNamed("corp"), logIn, { write: terminal.write });
    return [opened, usesDeviceCode, shown[0]?.startsWith("Opening the browser")];
  };
  assert.deepEqual(await led({}, true), [1, false, true]);
  assert.deepEqual(await led({}, false), [1, true, true]);
  for (const yes of ["1", "yes", "On", "true"]) {
    const env = { RDSIAM_NO_BROWSER: yes, RDSIAM_DEVICE_CODE: yes };
    assert.deepEqual(await led(env, true), [0, true, false], yes);
  }
  for (const no of ["0", "no", "Off", "false"]) {
    const env = { RDSIAM_NO_BROWSER: no, RDSIAM_DEVICE_CODE: no };
    assert.deepEqual(await led(env, false), [1, false, true], no);
  }
});
