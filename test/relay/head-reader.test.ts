import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { PassThrough } from "node:stream";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { MAX_HEAD } from "../../src/relay/head.ts";
import { HeadReader } from "../../src/relay/head-reader.ts";

const CHUNK = 64 * 1024;

test("HeadReader + holds little of a client that sends on while it is not asked", async () => {
  const socket = new PassThrough({ highWaterMark: CHUNK });
  const reader = new HeadReader(socket);
  const chunk = Buffer.alloc(CHUNK, "x");
  for (let sent = 0; sent < 1024 * 1024; sent += CHUNK) {
    socket.write(chunk);
    await turn();
  }
  await assert.rejects(reader.request(new AbortController().signal), /the head is too long/);
  assert.ok(reader.detach().length <= MAX_HEAD + CHUNK);
});
