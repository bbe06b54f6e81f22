import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import { BadHead, MAX_HEAD, readHead } from "../../src/relay/head.ts";

const START = "CONNECT db.example.com:5432 HTTP/1.1\r\nHost: db.example.com:5432\r\n";

function field(text: string): string | undefined {
  return readHead(Buffer.from(`${START}${text}\r\n\r\n`, "latin1")).fields.get("x");
}

test("readHead() takes the spaces around a value away, and none in it", () => {
  assert.equal(field("X: \t a  b\t "), "a  b");
  assert.equal(field("X:"), "");
  for (const text of ["X : a", " X: a", "X", ": a", "X: a\rY: b", "X: a\nY: b"]) {
    assert.throws(() => field(text), BadHead, JSON.stringify(text));
  }
});

test("readHead() takes no longer than a head is long", () => {
  const started = performance.now();
  for (let turn = 0; turn < 20; turn += 1) field(`X: a${" ".repeat(MAX_HEAD - 100)}b`);
  // Quadratic, one of them alone took 0.3 s.
  assert.ok(performance.now() - started < 2_000);
});
