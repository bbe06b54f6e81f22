// Auth tokens: what the signer does not check, and that what it signs is what was asked for.
import assert from "node:assert/strict";
import { createHash, createHmac } from "node:crypto";
import { test } from "node:test";
import { authTokenSource } from "../../src/aws/token-cache.ts";
import { cleanProcessEnvironment } from "../support/fake-sts.ts";

cleanProcessEnvironment();

const KEYS = { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "SECRETKEY-0001", source: "a test" };

function make(over: Partial<Parameters<typeof authTokenSource>[0]> = {}) {
  return authTokenSource({
    host: "db.example.com",
    port: 5432,
    region: "eu-west-1",
    credentials: () => Promise.resolve(KEYS),
    ...over,
  });
}

// Signature Version 4 by the book, for a presigned GET. https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
function signature(token: string, secret: string): string {
  const url = new URL(`https://${token}`);
  const parameters = [...url.searchParams].filter(([name]) => name !== "X-Amz-Signature");
  const encode = (text: string) =>
    encodeURIComponent(text).replaceAll(
      /[!'()*]/g,
      (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`,
    );
  const query = parameters
    .map(([name, value]) => `${encode(name)}=${encode(value)}`)
    .toSorted()
    .join("&");
  const canonical = [
    "GET",
    "/",
    query,
    `host:${token.split("/")[0]}`,
    "",
    "host",
    createHash("sha256").digest("hex"),
  ].join("\n");
  const [, date = "", region = "", service = "", end = ""] = (
    url.searchParams.get("X-Amz-Credential") ?? ""
  ).split("/");
  const toSign = [
    "AWS4-HMAC-SHA256",
    url.searchParams.get("X-Amz-Date"),
    `${date}/${region}/${service}/${end}`,
    createHash("sha256").update(canonical).digest("hex"),
  ].join("\n");
  const key = [date, region, service, end].reduce<string | Uint8Array>(
    (last, part) => createHmac("sha256", last).update(part).digest(),
    `AWS4${secret}`,
  );
  return createHmac("sha256", key).update(toSign).digest("hex");
}

for (const user of ["app_ro", "jane.doe+x@corp", "Ünï cödé", "a/b&c=d'(*)!~", "007"]) {
  test(`authTokenSource() signs for user ${user}`, async () => {
    const { token, identity, reused, ...rest } = await make({
      host: "DB.Example.com.",
      port: 6432,
    })(user);
    const url = new URL(`https://${token}`);
    assert.deepEqual([identity.source, reused], ["a test", false]);
    assert.ok(token.startsWith("db.example.com:6432/?"));
    assert.equal(url.searchParams.get("DBUser"), user);
    assert.equal(url.searchParams.get("X-Amz-Expires"), "900");
    assert.match(
      url.searchParams.get("X-Amz-Credential") ?? "",
      /^AKIDEXAMPLE\/\d{8}\/eu-west-1\/rds-db\/aws4_request$/,
    );
    assert.equal(url.searchParams.get("X-Amz-Signature"), signature(token, KEYS.secretAccessKey));
    assert.equal(url.searchParams.has("X-Amz-Security-Token"), false);
    assert.deepEqual(
      { ...rest, expiresAt: undefined },
      { expiresAt: undefined, host: "db.example.com", port: 6432, region: "eu-west-1", user },
    );
  });
}

test("authTokenSource() puts the session token into the token, and signs it", async () => {
  const credentials = () => Promise.resolve({ ...KEYS, sessionToken: "to/ken+==" });
  const { token } = await make({ credentials })("u");
  assert.equal(new URL(`https://${token}`).searchParams.get("X-Amz-Security-Token"), "to/ken+==");
  assert.equal(
    new URL(`https://${token}`).searchParams.get("X-Amz-Signature"),
    signature(token, KEYS.secretAccessKey),
  );
});

test("authTokenSource() lets a token end with its credentials, and refuses dead ones", async () => {
  const now = Date.parse("2030-01-01T00:00:00Z");
  const ends = async (seconds: number | undefined) => {
    const expiration = seconds === undefined ? undefined : new Date(now + seconds * 1_000);
    const { expiresAt } = await make({
      now: () => now,
      credentials: () => Promise.resolve({ ...KEYS, expiration }),
    })("u");
    return (expiresAt.getTime() - now) / 1_000;
  };
  assert.deepEqual(
    [await ends(undefined), await ends(901), await ends(900), await ends(1)],
    [900, 900, 900, 1],
  );
  await assert.rejects(ends(0), {
    code: "ERR_CREDENTIALS",
    message: "the credentials of a test have expired",
  });
  await assert.rejects(ends(-5), { code: "ERR_CREDENTIALS" });
});

test("authTokenSource() refuses what the signer would sign", async () => {
  for (const user of ["", "a\0b", undefined as unknown as string]) {
    await assert.rejects(make()(user), { code: "ERR_CREDENTIALS" });
  }
  for (const port of [0, 65_536, 1.5, Number.NaN]) {
    assert.throws(() => make({ port }), { code: "ERR_ENDPOINT" });
  }
  for (const host of ["", "a b", "h/x", "h:1", "-h", "é"]) {
    assert.throws(() => make({ host }), { code: "ERR_ENDPOINT" });
  }
  assert.throws(() => make({ region: "" }), { code: "ERR_REGION" });
});
