// What is sent, when, and again: against a clock that is the machine's.
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import { decodeMessage, PAYLOAD } from "../../src/ssm/message.ts";
import { Outgoing } from "../../src/ssm/outgoing.ts";
import { until } from "../support/traces.ts";

const DATA = Buffer.from("data");

interface Line extends Disposable {
  readonly outgoing: Outgoing;
  /** Sequence numbers, as they were sent. */
  readonly sent: number[];
}

function line(): Line {
  const sent: number[] = [];
  const outgoing = new Outgoing((bytes) => void sent.push(decodeMessage(bytes)?.sequence ?? -1));
  return { outgoing, sent, [Symbol.dispose]: () => outgoing.close() };
}

function send(outgoing: Outgoing, count: number): { taken: number } {
  const counter = { taken: 0 };
  for (let n = 0; n < count; n += 1) {
    outgoing.send(PAYLOAD.output, DATA, () => (counter.taken += 1));
  }
  return counter;
}

test("send() + no more are on their way than the window, which grows with acknowledgements", () => {
  using one = line();
  const { outgoing, sent } = one;
  const counter = send(outgoing, 5_000);
  assert.deepEqual([sent.length, counter.taken], [64, 64]);
  for (let sequence = 0; sequence < 64; sequence += 1) outgoing.acknowledge(sequence);
  assert.equal(sent.length, 64 + 128);
  for (let sequence = 64; sequence < 3_000; sequence += 1) outgoing.acknowledge(sequence);
  assert.equal(sent.length, 3_000 + 1_024);
  assert.deepEqual(
    sent,
    Array.from(sent, (_, index) => index),
  );
  // What is acknowledged twice counts once.
  outgoing.acknowledge(7);
  assert.equal(sent.length, 3_000 + 1_024);
});

test("send() + what was overtaken is sent again, and the window halved; what is there is not", async () => {
  using one = line();
  const { outgoing, sent } = one;
  send(outgoing, 10);
  for (let sequence = 0; sequence < 10; sequence += 1) {
    if (sequence !== 3) outgoing.acknowledge(sequence);
  }
  await until(async () => sent.length > 10, "one is sent again");
  assert.deepEqual(sent.slice(10), [3]);
  outgoing.acknowledge(3);
  assert.equal(outgoing.isWaiting, false);
  send(outgoing, 200);
  assert.equal(sent.length, 11 + Math.floor((64 + 9) / 2) + 1);
});

test("send() + an agent that acknowledges nothing gets a few again, with pauses, and the window stays", async () => {
  using one = line();
  const { outgoing, sent } = one;
  send(outgoing, 64);
  await until(async () => sent.length >= 64 + 24, "some are sent again");
  const again = sent.slice(64, 64 + 8);
  assert.deepEqual(again, [0, 1, 2, 3, 4, 5, 6, 7]);
  assert.ok(sent.filter((sequence) => sequence === 0).length <= 3);
});

test("send() + what is sent again eight times, each time before something that arrives, is there: its acknowledgement was lost", async () => {
  const sent: number[] = [];
  // Minutes in seconds: with each look everything has waited long enough.
  const outgoing = new Outgoing(
    (bytes) => void sent.push(decodeMessage(bytes)?.sequence ?? -1),
    () => performance.now() * 1_000,
  );
  const times = (): number => sent.filter((sequence) => sequence === 0).length;
  send(outgoing, 1);
  for (let attempts = 1; attempts <= 8; attempts += 1) {
    await until(async () => times() === attempts + 1, "it is sent again");
    send(outgoing, 1);
    outgoing.acknowledge(Math.max(...sent));
  }
  await until(async () => !outgoing.isWaiting, "it is given up");
  assert.equal(times(), 9);
});

test("stop() + nothing new is sent until go(), but what is for the handshake", () => {
  using one = line();
  const { outgoing, sent } = one;
  outgoing.stop("paused");
  send(outgoing, 3);
  assert.deepEqual(sent, []);
  outgoing.sendNow(PAYLOAD.flag, DATA);
  assert.deepEqual(sent, [0]);
  outgoing.go("paused");
  assert.deepEqual(sent, [0, 1, 2, 3]);
});

test("stop() + after a cut all that was not acknowledged is sent again, and then what waits", () => {
  using one = line();
  const { outgoing, sent } = one;
  send(outgoing, 3);
  outgoing.acknowledge(1);
  outgoing.stop("cut");
  send(outgoing, 1);
  outgoing.go("cut");
  assert.deepEqual(sent, [0, 1, 2, 0, 2, 3]);
});

test("close() + nothing is sent any more", async () => {
  const { outgoing, sent } = line();
  send(outgoing, 2);
  outgoing.close();
  send(outgoing, 2);
  outgoing.acknowledge(0);
  assert.deepEqual(sent, [0, 1]);
  assert.equal(outgoing.isWaiting, false);
});
