// What is kept of an SDK error: never a part of a secret.
import assert from "node:assert/strict";
import { test } from "node:test";
import { identityError, missingLogin, readError } from "../../src/aws/sdk-error.ts";

test("readError() cuts secrets out before it cuts the text, so that no half of one stays", () => {
  const secret = "s3cr3t".repeat(20);
  for (let before = 560; before < 600; before += 1) {
    const { text } = readError(new Error(`${"x".repeat(before)}${secret} and more`), [secret]);
    assert.doesNotMatch(text, /s3c/);
    assert.ok(text.length <= 600);
  }
});

test("readError() keeps the first line alone: a signature's canonical request follows it", () => {
  assert.equal(readError(new Error("no match\nx-amz-security-token:abc"), []).text, "no match");
});

test("the command in a hint has the profile's name as one word", () => {
  const login = missingLogin("my sso", "").hint;
  assert.equal(login, "Run: aws sso login --profile 'my sso', or: rdsiam login --profile 'my sso'");
  const { hint } = identityError(new Error("no"), { profile: "it's" });
  assert.equal(hint, String.raw`Check with: aws sts get-caller-identity --profile 'it'\''s'`);
});

test("identityError() + a service that cannot be reached for another call is not about credentials", () => {
  const refused = Object.assign(new Error("connect"), { code: "ECONNREFUSED" });
  const call = { profile: "prod", endpoint: "the RDS API in eu-west-1" };
  assert.equal(
    identityError(refused, call).message,
    'cannot get credentials for profile "prod": the RDS API in eu-west-1 cannot be reached',
  );
  assert.equal(
    identityError(refused, { ...call, otherwise: { message: "failed" } }).message,
    "the RDS API in eu-west-1 cannot be reached",
  );
});
