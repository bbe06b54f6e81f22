// What is struck out of whatever rdsiam says.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { recentSecrets, Redactor } from "../../src/base/redact.ts";

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

test("strike() leaves words that only stand where a secret could", () => {
  for (const text of [
    "One of: socks5://[USER:PASSWORD@]HOST:PORT, http://... or https://...",
    "Write http://USER:PASSWORD@HOST:PORT.",
    "AWS_SECRET_ACCESS_KEY: it has a blank at its end",
    "aws_session_token: unauthenticated",
  ])
    assert.equal(strike(text), text);
});

test("strike() finds a password with @ in it, and one without a user", () => {
  assert.equal(strike("http://user:p@ss@proxy:1/x@y"), "http://user:[secret]@proxy:1/x@y");
  assert.equal(strike("redis://:pass@host"), "redis://:[secret]@host");
  const key = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
  for (const before of ["secret_access_key: ", "SecretAccessKey=", "AWS_SECRET_ACCESS_KEY:"])
    assert.doesNotMatch(strike(`${before}${key}`), /wJalr/);
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

test("strike() takes the password out of a connection string, and leaves a placeholder", () => {
  for (const text of [
    "host=h password=hunter2 dbname=x",
    `unknown target "host=h password = 'hun ter2'"`,
    String.raw`rdsiam init 'host=h password='\''hun ter2'\'' user=u'`,
    "postgresql://h/db?user=u&password=hunter2&sslmode=x",
    "Password=hunter2;Host=h",
    "sslpassword=hunter2",
  ]) {
    assert.doesNotMatch(strike(text), /hun|ter2/, text);
    assert.match(strike(text), /password ?= ?\[secret\]/i);
  }
  for (const text of ["--env 'FLYWAY_PASSWORD={password}'", "password={password}", "password="])
    assert.equal(strike(text), text);
});

test("recentSecrets() strikes out the newest ones, and the oldest no more", () => {
  const redactor = new Redactor();
  const keepOut = recentSecrets((secret) => redactor.add(secret), 2);
  for (const secret of ["secret-1", "secret-2", "secret-1", "secret-3"]) keepOut(secret);
  assert.equal(redactor.strike("secret-1 secret-2 secret-3"), "secret-1 [secret] [secret]");
});

test("strike() knows a secret until everybody who named it has taken it back", () => {
  const redactor = new Redactor();
  const [forget, forgetAgain] = [redactor.add("hidden"), redactor.add("hidden")];
  forget();
  forget();
  assert.equal(redactor.strike("a hidden"), "a [secret]");
  forgetAgain();
  assert.equal(redactor.strike("a hidden"), "a hidden");
});

test("strike() takes no longer than a text is long: anybody may choose a user's name of 10,000 characters", () => {
  const long = ["a", "a://", "a://b:", "-", "aws_secret", "X-Amz-", "password='", "password "].map(
    (part) => part.repeat(30_000),
  );
  const started = performance.now();
  for (const text of [...long, `a://${"b".repeat(60_000)}`]) strike(text, "hidden");
  // Quadratic, one of them alone took over 3 s.
  assert.ok(performance.now() - started < 2_000);
});
