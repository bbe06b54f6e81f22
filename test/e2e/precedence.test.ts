// Who signed, as the access key in the printed token shows, where several things say who one is; and that the SDK, which
// has warnings about that, never gets a word onto stderr.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { AccessKey } from "../../src/demo/keys.ts";
import { rdsiam } from "../support/program.ts";
import { startStage } from "../support/stage.ts";
import { keep } from "../support/keep.ts";

const standIn = await keep(startStage());
const arn = "arn:aws:iam::123456789012:user/";
const other = standIn.keys.createStaticKey({ arn: `${arn}other` });
const environment = standIn.keys.createStaticKey({ arn: `${arn}environment` });
await standIn.addProfile("other", { ...standIn.targetSettings, rds_user: "app_ro" }, other);
await standIn.addProfile("nobody", { ...standIn.targetSettings, rds_user: "app_ro" });

function keysOf(key: AccessKey): Record<string, string> {
  return { AWS_ACCESS_KEY_ID: key.accessKeyId, AWS_SECRET_ACCESS_KEY: key.secretAccessKey };
}

/** Prints a token and says whose access key signed it; nothing else may be printed. */
async function signer(args: readonly string[], env: Readonly<Record<string, string>>) {
  const ran = await rdsiam(["token", ...args], { env: { ...standIn.env, ...env } });
  assert.equal(ran.stderr, "");
  assert.equal(ran.status, 0);
  return /X-Amz-Credential=([A-Z0-9]+)%2F/.exec(ran.stdout)?.[1];
}

test("the target that is named wins over AWS_PROFILE and the environment's keys", async () => {
  const env = { AWS_PROFILE: "other", ...keysOf(environment) };
  assert.equal(await signer(["prod"], env), standIn.key.accessKeyId);
});

test("--profile wins over the target's, and both over the environment", async () => {
  const env = { AWS_PROFILE: "prod", ...keysOf(environment) };
  assert.equal(await signer(["--profile", "other", "prod"], env), other.accessKeyId);
  assert.equal(await signer(["prod"], { ...env, RDSIAM_PROFILE: "other" }), other.accessKeyId);
});

test("AWS_ACCESS_KEY_ID wins over AWS_PROFILE where no target is named, without the SDK's warning", async () => {
  const env = { AWS_PROFILE: "other", ...keysOf(environment) };
  assert.equal(await signer([], env), environment.accessKeyId);
  assert.equal(await signer([], { AWS_PROFILE: "other" }), other.accessKeyId);
});

test("a target without credentials of its own takes the environment's, then AWS_PROFILE's", async () => {
  const env = { AWS_PROFILE: "other", ...keysOf(environment) };
  assert.equal(await signer(["nobody"], env), environment.accessKeyId);
  assert.equal(await signer(["nobody"], { AWS_PROFILE: "other" }), other.accessKeyId);
});

test("STS is called by the one who is meant, and nothing of the SDK's reaches stderr", async () => {
  const before = standIn.sts.calls.length;
  const env = { AWS_PROFILE: "other", ...keysOf(environment), RDSIAM_NO_CACHE: "1" };
  assert.match((await signer(["--profile", "other", "stage"], env)) ?? "", /^ASIA/);
  const called = standIn.sts.calls.slice(before);
  assert.deepEqual(
    called.map(({ action, caller }) => [action, caller]),
    [["AssumeRole", other.arn]],
  );
});
