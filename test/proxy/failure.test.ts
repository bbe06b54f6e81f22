// What a tool is answered when its login fails has no secret, and nothing that controls its terminal.
import assert from "node:assert/strict";
import { test } from "node:test";
import { RdsIamError } from "../../src/base/errors.ts";
import { Redactor } from "../../src/base/redact.ts";
import { encodeFatalError } from "../../src/protocol/error-response.ts";
import { fatalError } from "../../src/proxy/failure.ts";

test("fatalError() has neither a secret of the run nor what looks like one, in message, DETAIL and HINT", () => {
  const redactor = new Redactor();
  redactor.add("hidden-password");
  const text = "cannot reach http://user:pa55word@sts.example.com with hidden-password";
  const error = new RdsIamError(text, { code: "ERR_CREDENTIALS", detail: text, hint: text });
  const { message, detail, hint } = fatalError(error, (each) => redactor.strike(each));
  for (const each of [message, detail, hint])
    assert.equal(each, "cannot reach http://user:[secret]@sts.example.com with [secret]");
});

test("fatalError() + has the SQLSTATE that drivers expect for each kind of failure", () => {
  for (const [code, sqlState] of [
    ["ERR_LOGIN", "28000"],
    ["ERR_LIMIT", "53300"],
    ["ERR_PROTOCOL", "08P01"],
    ["ERR_INTERNAL", "XX000"],
    ["ERR_CONNECT", "08001"],
    ["ERR_CREDENTIALS", "08001"],
  ] as const)
    assert.equal(fatalError(new RdsIamError("x", { code }), String).sqlState, sqlState);
  assert.equal(fatalError(new TypeError("x"), String).sqlState, "XX000");
});

test("encodeFatalError() + control and bidi characters are shown", () => {
  const body = encodeFatalError({
    sqlState: "08001",
    message: "host a\u001b[2J\u202eb\0 is\nnot there",
  });
  assert.match(body.toString(), /Mhost a\?\[2J\?b is\nnot there\0/);
});
