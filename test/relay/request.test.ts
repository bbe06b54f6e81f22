// What a request has to look like, and how one is refused.
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { PassThrough } from "node:stream";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import {
  BadHead,
  MAX_HEAD,
  readHead,
  readRequest,
  requestReader,
} from "../../src/relay/request.ts";
import { encodeAnswer, REFUSALS } from "../../src/relay/refusal.ts";

const START = "CONNECT db.example.com:5432 HTTP/1.1\r\nHost: db.example.com:5432\r\n";

function field(text: string): string | undefined {
  return readHead(Buffer.from(`${START}${text}\r\n\r\n`, "latin1")).fields.get("x");
}

test("readHead() + removes the spaces around a value, and none in it", () => {
  assert.equal(field("X: \t a  b\t "), "a  b");
  assert.equal(field("X:"), "");
  for (const text of ["X : a", " X: a", "X", ": a", "X: a\rY: b", "X: a\nY: b"]) {
    assert.throws(() => field(text), BadHead, JSON.stringify(text));
  }
});

test("readHead() + needs time in proportion to the length of the head", () => {
  const started = performance.now();
  for (let turn = 0; turn < 20; turn += 1) field(`X: a${" ".repeat(MAX_HEAD - 100)}b`);
  // Quadratic, one of them alone took 0.3 s.
  assert.ok(performance.now() - started < 2_000);
});

test("readHead() + refuses every method but CONNECT, and a body in whatever way it is announced", () => {
  assert.equal(field("Content-Length: 0\r\nX: a"), "a");
  for (const text of ["Content-Length: 1", "Content-Length: 00", "Transfer-Encoding: chunked"])
    assert.throws(() => field(text), { status: 400, message: /must not have a body/ }, text);
  const get = Buffer.from(`${START.replace("CONNECT", "GET")}\r\n`);
  assert.throws(() => readHead(get), { status: 405 });
});

test("encodeAnswer() + every refusal has a status of HTTP with its reason", () => {
  for (const [word, status] of Object.entries(REFUSALS))
    assert.match(encodeAnswer(status, []), /^HTTP\/1\.1 [45]\d\d (?!Refused)/, word);
  assert.equal(REFUSALS["identity-unavailable"], 503);
});

const CHUNK = 64 * 1024;

test("requestReader() + holds little of a client that sends on between two requests", async () => {
  const socket = new PassThrough({ highWaterMark: CHUNK });
  const reader = requestReader(socket);
  const chunk = Buffer.alloc(CHUNK, "x");
  for (let sent = 0; sent < 1024 * 1024; sent += CHUNK) {
    socket.write(chunk);
    await turn();
  }
  await assert.rejects(
    reader.take(readRequest, new AbortController().signal),
    /the head is too long/,
  );
  assert.ok(reader.detach().length <= MAX_HEAD + CHUNK);
});
