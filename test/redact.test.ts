// What is struck out of whatever rdsiam says.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Redactor } from "../src/redact.ts";

function strike(text: string, ...secrets: readonly string[]): string {
  const redactor = new Redactor();
  for (const secret of secrets) redactor.add(secret);
  return redactor.strike(text);
}

test("strike() strikes out what looks like a secret of AWS's though nobody named it", () => {
  const token =
    "db:5432/?Action=connect&X-Amz-Credential=AKIA/x&X-Amz-Security-Token=abc%2F&X-Amz-Signature=0123abcd";
  assert.doesNotMatch(strike(token), /AKIA|abc|0123/);
  assert.doesNotMatch(strike(encodeURIComponent(token)), /AKIA|abc|0123/);
  assert.doesNotMatch(strike("aws_secret_access_key = wJalrXUtn"), /wJalr/);
  assert.doesNotMatch(strike('"SecretAccessKey": "wJalrXUtn"'), /wJalr/);
  assert.doesNotMatch(strike('"SessionToken":"FwoGZX"'), /FwoG/);
  assert.equal(strike("http://user:pass@proxy:3128/"), "http://user:[secret]@proxy:3128/");
  assert.equal(strike("connected to orders in eu-west-1"), "connected to orders in eu-west-1");
});

test("strike() leaves no end of a secret that begins with another one", () => {
  assert.equal(strike("see hidden-and-more", "hidden", "hidden-and-more"), "see [secret]");
  assert.equal(
    strike("a secret", "secret"),
    "a [secret]",
    "what is struck out is not struck again",
  );
});

test("strike() knows a secret as it stands in a URL and in a JSON string", () => {
  const secret = 's3"cr\\3t/+=\u2028';
  for (const text of [secret, encodeURIComponent(secret), JSON.stringify({ secret })]) {
    assert.doesNotMatch(strike(text, secret), /3t|cr\\/, text);
  }
});

test("strike() leaves no trace of a secret, wherever it stands", () => {
  const secret = fc.string({ minLength: 8, unit: fc.constantFrom(...'abcXYZ019/+="\\\n\ud800') });
  fc.assert(
    fc.property(fc.string(), secret, fc.string(), (before, hidden, after) => {
      assert.ok(!strike(`${before}${hidden}${after}`, hidden).includes(hidden));
    }),
  );
});
