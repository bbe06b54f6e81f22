// What a shell gets to see of a host name.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { RdsIamError } from "../../src/base/errors.ts";
import { expandCommand } from "../../src/via/command.ts";

function target(address: string) {
  return { host: "db", port: 5432, address };
}

test("expandCommand() + puts in host and port, and one percent sign for two", () => {
  assert.equal(expandCommand("nc %h %p", target("db.example.com")), "nc db.example.com 5432");
  assert.equal(expandCommand("x %%h %h:%p", target("::1")), "x %h ::1:5432");
  assert.equal(expandCommand("x", target("_a-b.c")), "x");
});

test("expandCommand() + refuses a host that is more than a name to a shell", () => {
  for (const host of [
    "",
    "-e",
    "a b",
    "a;b",
    "$(x)",
    "`x`",
    "a|b",
    "a\nb",
    "a'b",
    'a"b',
    "a/b",
    "%h",
  ]) {
    assert.throws(() => expandCommand("nc %h", target(host)), { code: "ERR_VIA" }, host);
  }
});

test("expandCommand() + whatever the host, the command is refused or has no character that a shell acts on", () => {
  fc.assert(
    fc.property(fc.string(), (host) => {
      try {
        assert.match(expandCommand("%h", target(host)), /^[\w.:][\w.:-]*$/);
      } catch (error) {
        assert.ok(error instanceof RdsIamError);
      }
    }),
  );
});
