// The agent's messages come early, late and twice, and are handed on once and in order.
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import * as fc from "fast-check";
import { Incoming } from "../../src/ssm/incoming.ts";
import type { ChannelMessage } from "../../src/ssm/message.ts";

function message(sequence: number): ChannelMessage {
  return { type: "output_stream_data", sequence, id: "", payloadType: 1, payload: Buffer.alloc(0) };
}

test("take() + whatever the order and the repetitions: each once, in order, and acknowledged each time", () => {
  const arrivals = fc
    .integer({ min: 1, max: 40 })
    .chain((count) =>
      fc.tuple(
        fc.shuffledSubarray([...Array(count).keys()], { minLength: count, maxLength: count }),
        fc.array(fc.integer({ min: 0, max: count - 1 }), { maxLength: 20 }),
      ),
    );
  fc.assert(
    fc.property(arrivals, ([order, repeated]) => {
      const acknowledged: number[] = [];
      const incoming = new Incoming(({ sequence }) => void acknowledged.push(sequence));
      const handed: number[] = [];
      const all = [...order, ...repeated];
      for (const sequence of all) {
        for (const each of incoming.take(message(sequence))) handed.push(each.sequence);
      }
      assert.deepEqual(handed, [...order.keys()]);
      assert.deepEqual(acknowledged, all);
    }),
  );
});

test("take() + what comes too early is not acknowledged when 10,000 wait already", () => {
  const acknowledged: number[] = [];
  const incoming = new Incoming(({ sequence }) => void acknowledged.push(sequence));
  for (let sequence = 1; sequence <= 10_001; sequence += 1) {
    assert.deepEqual([...incoming.take(message(sequence))], []);
  }
  assert.equal(acknowledged.length, 10_000);
  assert.equal([...incoming.take(message(0))].length, 10_001);
  assert.deepEqual(
    [...incoming.take(message(10_001))].map(({ sequence }) => sequence),
    [10_001],
  );
});
