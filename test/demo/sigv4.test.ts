// The stand-in's signature verifier against the SDK's own signer, and each field changed in turn.
import assert from "node:assert/strict";
import { test } from "node:test";

import { Signer } from "@aws-sdk/rds-signer";

import { type AuthTokenVerdict, verifyAuthToken } from "../../src/demo/sigv4.ts";
import { type AccessKey, KeyStore } from "../../src/demo/keys.ts";

const HOST = "orders.cluster-c1.eu-west-1.rds.amazonaws.com";
const keys = new KeyStore();
const ARN = "arn:aws:iam::123456789012:user/demo";
const key = keys.createStaticKey({ arn: ARN });

async function sign(
  changes: { hostname?: string; port?: number; region?: string; username?: string } = {},
  credentials: AccessKey = key,
): Promise<string> {
  return await new Signer({
    hostname: HOST,
    port: 5432,
    region: "eu-west-1",
    username: "jane.doe+x@corp",
    credentials: {
      accessKeyId: credentials.accessKeyId,
      secretAccessKey: credentials.secretAccessKey,
      ...(credentials.sessionToken === undefined ? {} : { sessionToken: credentials.sessionToken }),
    },
    ...changes,
  }).getAuthToken();
}

function verify(token: string, seconds = 0): AuthTokenVerdict {
  return verifyAuthToken(token, {
    hosts: [HOST],
    port: 5432,
    region: "eu-west-1",
    user: "jane.doe+x@corp",
    find: (id) => keys.find(id),
    now: new Date(Date.now() + seconds * 1000),
  });
}

function reason(verdict: AuthTokenVerdict): string {
  return verdict.ok ? "ok" : verdict.reason;
}

test("verifyAuthToken() accepts the SDK's token, with and without a session token", async () => {
  assert.deepEqual(verify(await sign()), { ok: true, key, host: HOST });
  const session = keys.createSessionKey({
    arn: "arn:aws:sts::123456789012:assumed-role/r/s",
    userId: "AROAX:s",
    expiration: new Date(Date.now() + 3_600_000),
  });
  const length = session.sessionToken?.length ?? 0;
  assert.ok(length >= 400 && length <= 1000, String(length));
  assert.equal(reason(verify(await sign({}, session))), "ok");
});

test("verifyAuthToken() refuses what was signed for something else, and says which", async () => {
  const cases: [Parameters<typeof sign>[0], RegExp][] = [
    [{ hostname: "db.example.com" }, /signed for host db\.example\.com/],
    [{ hostname: HOST.toUpperCase() }, /signed for host ORDERS/],
    [{ hostname: `${HOST}.` }, /signed for host/],
    [{ port: 5433 }, /signed for port 5433/],
    [{ region: "us-east-1" }, /Region us-east-1/],
    [{ username: "app_ro" }, /signed for user app_ro/],
  ];
  for (const [changes, wanted] of cases) assert.match(reason(verify(await sign(changes))), wanted);
});

test("verifyAuthToken() refuses a token in which any one field was changed", async () => {
  const token = await sign();
  const [head = "", query = ""] = token.split("?");
  const other = keys.createStaticKey({ arn: ARN });
  const parts = query.split("&");
  assert.ok(parts.length >= 8);
  for (const [at, part] of parts.entries()) {
    const last = part.at(-1) === "0" ? "1" : "0";
    const changed = parts.with(at, part.slice(0, -1) + last).join("&");
    assert.notEqual(reason(verify(`${head}?${changed}`)), "ok", part);
    const dropped = parts.toSpliced(at, 1).join("&");
    assert.notEqual(reason(verify(`${head}?${dropped}`)), "ok", `without ${part}`);
    const twice = [...parts, part].join("&");
    assert.notEqual(reason(verify(`${head}?${twice}`)), "ok", `twice ${part}`);
  }
  const swapped = token.replace(key.accessKeyId, other.accessKeyId);
  assert.match(reason(verify(swapped)), /^wrong signature/);
  assert.match(reason(verify(`https://${token}`)), /not an auth token/);
  assert.match(reason(verify(`${token}&x=%E0`)), /decoded/);
  assert.match(reason(verify("")), /not an auth token/);
});

test("verifyAuthToken() looks at the clock: 900 seconds, and five minutes of skew", async () => {
  const token = await sign();
  assert.equal(reason(verify(token, 895)), "ok");
  assert.match(reason(verify(token, 902)), /^expired/);
  assert.equal(reason(verify(token, -290)), "ok");
  assert.match(reason(verify(token, -310)), /^not yet valid/);
});

test("verifyAuthToken() refuses keys that are unknown, expired or of another session", async () => {
  const options = { arn: "arn:aws:sts::123456789012:assumed-role/r/s", userId: "AROAX:s" };
  const expiration = new Date(Date.now() + 60_000);
  const [one, two] = [1, 2].map(() => keys.createSessionKey({ ...options, expiration }));
  assert.ok(one !== undefined && two !== undefined);
  assert.match(reason(verify(await sign({}, one), 61)), /^credentials expired/);
  const mixed = { ...one, sessionToken: two.sessionToken };
  assert.match(reason(verify(await sign({}, mixed))), /^wrong session token/);
  assert.match(
    reason(verify(await sign({}, { ...one, sessionToken: undefined }))),
    /^wrong session/,
  );
  const gone = keys.createStaticKey({ arn: ARN });
  keys.delete(gone.accessKeyId);
  assert.match(reason(verify(await sign({}, gone))), /^unknown key/);
  const wrong = { ...key, secretAccessKey: "x".repeat(40) };
  assert.match(reason(verify(await sign({}, wrong))), /^wrong signature/);
});

test("verifyAuthToken() honours the policy's database users", async () => {
  const narrow = keys.createStaticKey({ arn: ARN, databaseUsers: ["app_ro"] });
  assert.match(reason(verify(await sign({}, narrow))), /may not rds-db:connect/);
});
