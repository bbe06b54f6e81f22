// The question whether to log in to IAM Identity Center, at the terminal and nowhere else. sso.slow.test.ts has the rest.
import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import { openShell } from "../support/pty.ts";
import { RDSIAM, rdsiam } from "../support/program.ts";
import { startSsoStage } from "../support/sso-stage.ts";

const QUESTION = /Log in to corp \(https:\/\/d-0123456789\.awsapps\.com\/start\)\? \[Y\/n\] $/;
const MISSING =
  /the AWS login of profile "sso" is missing or has expired[^]*aws sso login --profile sso/;

test("SSO: n is the error as it was; y opens the browser and the command goes on; the next one asks nothing", async () => {
  await using stage = await startSsoStage();
  const { env, sso } = stage;
  await using terminal = await openShell({ PATH: process.env["PATH"] ?? "", ...env });
  const type = (): void => terminal.type(`${RDSIAM} token sso; echo sta""tus=$?\r`);
  type();
  await terminal.shows(QUESTION);
  terminal.type("n\r");
  assert.match(await terminal.shows(/error:[^]*status=125/), MISSING);
  assert.deepEqual([sso.calls.length, (await stage.pages()).length], [0, 0]);
  type();
  await terminal.shows(QUESTION);
  terminal.type("\r");
  await terminal.shows(/Opening the browser to log in to corp\.[^]*http\S+\/authorize\?/);
  await terminal.shows(/Logged in to corp\.[^]*X-Amz-Signature[^]*status=0/);
  const ran = await rdsiam(["token", "sso"], { env });
  assert.equal(ran.status, 0, ran.stderr);
  assert.deepEqual(
    sso.calls.map(({ action }) => action),
    ["RegisterClient", "Authorize", "CreateToken", "GetRoleCredentials", "GetRoleCredentials"],
  );
});
