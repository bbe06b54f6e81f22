// A question to a server that answers as a test says, byte by byte where it matters.
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { test } from "node:test";
import { RdsIamError } from "../../src/base/errors.ts";
import { endSession, simpleQuery } from "../../src/proxy/simple-query.ts";
import { int32 } from "../support/raw-frontend.ts";
import { message, READY } from "../support/scripted-backend.ts";

const ROW = message("D", "\0\x01", int32(1), "1");
const LIMITS = { timeout: 20_000, signal: new AbortController().signal };

interface Pair extends AsyncDisposable {
  readonly socket: Socket;
  readonly received: () => string;
}

async function pairWith(onQuery: (socket: Socket) => void): Promise<Pair> {
  let received = "";
  const server = createServer((peer) => {
    peer.on("error", () => {});
    peer.on("data", (chunk) => {
      received += chunk.toString("latin1");
      if (received.endsWith("\0")) onQuery(peer);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const socket = connect((server.address() as AddressInfo).port, "127.0.0.1");
  socket.on("error", () => {});
  await once(socket, "connect");
  return {
    socket,
    received: () => received,
    async [Symbol.asyncDispose]() {
      socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

test("simpleQuery() answers the rows, with everything else that a server may send around them", async () => {
  const noise = [message("S", "a\0b\0"), message("N", "SNOTICE\0\0"), message("T", "\0\0")];
  const answer = Buffer.concat([...noise, ROW, ROW, message("C", "SELECT 2\0"), READY]);
  await using pair = await pairWith((peer) => void peer.write(answer));
  assert.deepEqual(await simpleQuery(pair, "select 1", LIMITS), [["1"], ["1"]]);
  assert.equal(pair.received(), "Q\0\0\0\x0dselect 1\0");
  assert.deepEqual(await simpleQuery(pair, "select 2", LIMITS), [["1"], ["1"]]);
});

test("simpleQuery() waits for ReadyForQuery after an ErrorResponse", async () => {
  const refusal = message("E", "C42501\0Mpermission denied\0\0");
  await using pair = await pairWith((peer) => void peer.write(Buffer.concat([refusal, READY])));
  await assert.rejects(
    simpleQuery(pair, "select 1", LIMITS),
    (error) =>
      error instanceof RdsIamError &&
      error.detail === "The database reported 42501: permission denied.",
  );
});

test("simpleQuery() ends with a server that falls silent, hangs up, or talks nonsense", async () => {
  await using silent = await pairWith(() => {});
  await assert.rejects(simpleQuery(silent, "select 1", { ...LIMITS, timeout: 50 }), /no answer/);
  await using gone = await pairWith((peer) => void peer.end());
  await assert.rejects(simpleQuery(gone, "select 1", LIMITS), /closed/);
  await using junk = await pairWith((peer) => void peer.write(message("D", "\0\x02")));
  await assert.rejects(simpleQuery(junk, "select 1", LIMITS), /malformed/);
});

test("endSession() says Terminate", async () => {
  await using pair = await pairWith(() => {});
  endSession(pair);
  await once(pair.socket, "finish");
  endSession(pair);
});
