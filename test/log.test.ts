// The redactor at the log's sink.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { createLog, redact } from "../src/log.ts";

test("createLog() strikes out every secret that it was told, in its own and its URL form", () => {
  const lines: string[] = [];
  const log = createLog({ write: (text) => lines.push(text), verbose: true, notices: true });
  log.addSecret("s3cr3t/+=value");
  log.verbose("a s3cr3t/+=value b");
  log.notice("x s3cr3t%2F%2B%3Dvalue y");
  log.always("s3cr3t/+=value");
  assert.deepEqual(lines, ["rdsiam: a [secret] b\n", "rdsiam: x [secret] y\n", "[secret]\n"]);
});

test("createLog() says verbose lines and notices only where they are wanted", () => {
  const lines: string[] = [];
  const log = createLog({ write: (text) => lines.push(text), verbose: false, notices: false });
  log.verbose("v");
  log.notice("n");
  log.always("a");
  assert.deepEqual(lines, ["a\n"]);
});

test("redact() strikes out what looks like a secret of AWS's though nobody named it", () => {
  const token =
    "db:5432/?Action=connect&X-Amz-Credential=AKIA/x&X-Amz-Security-Token=abc%2F&X-Amz-Signature=0123abcd";
  assert.doesNotMatch(redact(token), /AKIA|abc|0123/);
  assert.doesNotMatch(redact(encodeURIComponent(token)), /AKIA|abc|0123/);
  assert.doesNotMatch(redact("aws_secret_access_key = wJalrXUtn"), /wJalr/);
  assert.doesNotMatch(redact('"SecretAccessKey": "wJalrXUtn"'), /wJalr/);
  assert.doesNotMatch(redact('"SessionToken":"FwoGZX"'), /FwoG/);
  assert.equal(redact("http://user:pass@proxy:3128/"), "http://user:[secret]@proxy:3128/");
  assert.equal(redact("connected to orders in eu-west-1"), "connected to orders in eu-west-1");
});

test("redact() leaves no trace of a secret, wherever it stands", () => {
  const secret = fc.string({ minLength: 8, unit: fc.constantFrom(..."abcXYZ019/+=") });
  fc.assert(
    fc.property(fc.string(), secret, fc.string(), (before, hidden, after) => {
      assert.ok(!redact(`${before}${hidden}${after}`, [hidden]).includes(hidden));
    }),
  );
});
