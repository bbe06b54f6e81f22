// The stand-in for STS, asked by the SDK's own client.
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";

import {
  AssumeRoleCommand,
  type AssumeRoleCommandInput,
  type AssumeRoleCommandOutput,
  GetCallerIdentityCommand,
  STSClient,
} from "@aws-sdk/client-sts";

import { type AccessKey, KeyStore } from "../../src/demo/keys.ts";
import { startSts, type StsOptions, type StsStandIn } from "../../src/demo/sts.ts";

const ROLE = "arn:aws:iam::123456789012:role/path/db-reader";
const MFA_ROLE = "arn:aws:iam::123456789012:role/mfa";
const SERIAL = "arn:aws:iam::123456789012:mfa/jane";

interface Bench {
  readonly sts: StsStandIn;
  readonly key: AccessKey;
  readonly keys: KeyStore;
}

async function bench(t: TestContext, options: Partial<StsOptions> = {}): Promise<Bench> {
  const keys = new KeyStore();
  const key = keys.createStaticKey({ arn: "arn:aws:iam::123456789012:user/jane" });
  const sts = await startSts({
    keys,
    roles: {
      [ROLE]: { externalId: "x-1", maxSessionDuration: 7200 },
      [MFA_ROLE]: { mfa: { serialNumber: SERIAL, code: "012345" }, trusted: [key.arn] },
    },
    ...options,
  });
  t.after(() => sts[Symbol.asyncDispose]());
  return { sts, key, keys };
}

function client(sts: StsStandIn, key: AccessKey): STSClient {
  const { accessKeyId, secretAccessKey, sessionToken } = key;
  return new STSClient({
    endpoint: sts.endpoint,
    region: "eu-west-1",
    maxAttempts: 1,
    credentials: {
      accessKeyId,
      secretAccessKey,
      ...(sessionToken === undefined ? {} : { sessionToken }),
    },
  });
}

async function assume(
  { sts, key }: Pick<Bench, "sts" | "key">,
  input: Partial<AssumeRoleCommandInput> = {},
): Promise<AssumeRoleCommandOutput> {
  const defaults = { RoleArn: ROLE, RoleSessionName: "jane@corp", ExternalId: "x-1" };
  return await client(sts, key).send(new AssumeRoleCommand({ ...defaults, ...input }));
}

test("StsStandIn gives out credentials that it accepts itself", async (t) => {
  const { sts, key, keys } = await bench(t);
  const { AssumedRoleUser, Credentials } = await assume({ sts, key }, { DurationSeconds: 7200 });
  const arn = "arn:aws:sts::123456789012:assumed-role/db-reader/jane@corp";
  assert.equal(AssumedRoleUser?.Arn, arn);
  const left = ((Credentials?.Expiration?.getTime() ?? 0) - Date.now()) / 1000;
  assert.ok(left > 7190 && left <= 7200, String(left));
  const session = keys.find(Credentials?.AccessKeyId ?? "");
  assert.ok(session !== undefined);
  assert.match(session.accessKeyId, /^ASIA[A-Z2-7]{16}$/);
  const identity = await client(sts, session).send(new GetCallerIdentityCommand({}));
  assert.deepEqual(
    [identity.Account, identity.Arn, identity.UserId],
    ["123456789012", arn, AssumedRoleUser?.AssumedRoleId],
  );
  assert.equal(sts.count("AssumeRole"), 1);
  assert.equal(sts.calls[0]?.parameters["ExternalId"], "x-1");
  await assert.rejects(assume({ sts, key: session }, { DurationSeconds: 3601 }), {
    name: "ValidationError",
    message: /1 hour session limit for roles assumed by role chaining/,
  });
});

test("StsStandIn refuses what a role's conditions do not allow", async (t) => {
  const { sts, key, keys } = await bench(t);
  const denied = {
    name: "AccessDenied",
    message: `User: ${key.arn} is not authorized to perform: sts:AssumeRole on resource: ${ROLE}`,
  };
  await assert.rejects(assume({ sts, key }, { ExternalId: "other" }), denied);
  await assert.rejects(assume({ sts, key }, { ExternalId: undefined }), denied);
  const unknown = "arn:aws:iam::123456789012:role/none";
  await assert.rejects(assume({ sts, key }, { RoleArn: unknown }), { name: "AccessDenied" });
  const mfa = { RoleArn: MFA_ROLE, SerialNumber: SERIAL };
  await assert.rejects(assume({ sts, key }, { RoleArn: MFA_ROLE }), { name: "AccessDenied" });
  await assert.rejects(assume({ sts, key }, { ...mfa, TokenCode: "12345" + "6" }), {
    message: /invalid MFA one time pass code/,
  });
  const { Credentials } = await assume({ sts, key }, { ...mfa, TokenCode: "012345" });
  assert.ok(Credentials?.SessionToken);
  assert.equal(JSON.stringify(sts.calls).includes("012345"), false);
  const stranger = keys.createStaticKey({ arn: "arn:aws:iam::123456789012:user/other" });
  await assert.rejects(assume({ sts, key: stranger }, { ...mfa, TokenCode: "012345" }), {
    name: "AccessDenied",
  });
});

test("StsStandIn refuses bad parameters with AWS's words", async (t) => {
  const parts = await bench(t);
  const cases: [Partial<AssumeRoleCommandInput>, RegExp][] = [
    [{ DurationSeconds: 10 }, /Value '10' at 'durationSeconds'.*greater than or equal to 900/],
    [{ DurationSeconds: 43_201 }, /less than or equal to 43200/],
    [{ DurationSeconds: 7201 }, /exceeds the MaxSessionDuration set for this role/],
    [{ RoleSessionName: "a b" }, /'roleSessionName' failed to satisfy constraint/],
    [{ RoleArn: "arn:aws:iam::1:role/a-role" }, /is invalid/],
  ];
  for (const [input, message] of cases) {
    await assert.rejects(assume(parts, input), { name: "ValidationError", message });
  }
});

test("StsStandIn refuses bad signatures and keys with AWS's codes", async (t) => {
  const clock = { offset: 0 };
  const now = (): Date => new Date(Date.now() + clock.offset);
  const { sts, key, keys } = await bench(t, { now, region: "eu-west-1" });
  const identify = async (by: AccessKey): Promise<unknown> =>
    await client(sts, by).send(new GetCallerIdentityCommand({}));
  await assert.rejects(identify({ ...key, secretAccessKey: "wrong" }), {
    name: "SignatureDoesNotMatch",
    message: /^The request signature we calculated does not match/,
  });
  await assert.rejects(identify({ ...key, accessKeyId: "AKIAXXXXXXXXXXXXXXXX" }), {
    name: "InvalidClientTokenId",
  });
  const session = keys.createSessionKey({
    arn: key.arn,
    userId: "AROAX:s",
    expiration: new Date(Date.now() - 1000),
  });
  await assert.rejects(identify(session), { name: /^ExpiredToken/ });
  await assert.rejects(identify({ ...session, sessionToken: "other" }), {
    name: "InvalidClientTokenId",
  });
  clock.offset = 600_000;
  await assert.rejects(identify(key), { message: /^Signature expired: .* is now earlier than/ });
  const response = await fetch(sts.endpoint, { method: "POST", body: "Action=GetCallerIdentity" });
  assert.equal(response.status, 403);
  assert.match(await response.text(), /<Code>MissingAuthenticationToken</);
});

test("StsStandIn takes an MFA code of a list once, and a web identity token without a signature", async (t) => {
  const { sts, key } = await bench(t);
  const role = "arn:aws:iam::123456789012:role/once";
  sts.roles.set(role, {
    mfa: { serialNumber: SERIAL, codes: new Set(["000001"]) },
    webIdentityToken: "TOKEN",
  });
  const mfa = { RoleArn: role, SerialNumber: SERIAL, TokenCode: "000001" };
  assert.ok((await assume({ sts, key }, mfa)).Credentials);
  await assert.rejects(assume({ sts, key }, mfa), { message: /invalid MFA one time pass code/ });
  const ask = (token: string): Promise<Response> => {
    const fields = { RoleArn: role, RoleSessionName: "pod", WebIdentityToken: token };
    const body = new URLSearchParams({ Action: "AssumeRoleWithWebIdentity", ...fields });
    return fetch(sts.endpoint, { method: "POST", body });
  };
  const granted = await ask("TOKEN");
  assert.match(await granted.text(), /assumed-role\/once\/pod</);
  const refusal = await ask("other");
  assert.equal(refusal.status, 400);
  assert.match(await refusal.text(), /<Code>InvalidIdentityToken</);
  assert.equal(JSON.stringify(sts.calls).includes("TOKEN"), false);
});
