// The codec against what AWS's own plugin and message package wrote.
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import {
  decodeMessage,
  encodeAcknowledgement,
  encodeFlag,
  encodeMessage,
  FLAG,
  type MessageType,
  PAYLOAD,
  readFields,
} from "../../src/ssm/message.ts";
import { CONVERSATIONS, readConversation } from "../support/ssm-recorded.ts";

// What is new in each message: the time and the id.
function withoutNews(bytes: Buffer): string {
  return Buffer.concat([
    bytes.subarray(0, 40),
    bytes.subarray(48, 64),
    bytes.subarray(80),
  ]).toString("hex");
}

for (const name of CONVERSATIONS) {
  test(`encodeMessage() + writes what AWS's package wrote: ${name}`, () => {
    for (const { bytes, message } of readConversation(name).frames) {
      const { payload, payloadType, sequence } = message;
      const type = message.type as MessageType;
      const flags = Number(bytes.readBigUInt64BE(56));
      const ours = encodeMessage({ type, sequence, flags, payloadType, payload });
      assert.equal(withoutNews(ours), withoutNews(bytes));
      assert.ok(Math.abs(Number(ours.readBigUInt64BE(40)) - Date.now()) < 60_000);
    }
  });

  test(`encodeAcknowledgement() + names the message as the plugin does: ${name}`, () => {
    const { frames } = readConversation(name);
    const acknowledged = frames.filter(
      ({ from, message }) => from === "client" && message.type === "acknowledge",
    );
    const stream = new Map(
      frames
        .filter(({ message }) => message.type === "output_stream_data")
        .map(({ message }) => [message.sequence, message]),
    );
    for (const { bytes, message } of acknowledged) {
      const sequence = Number(readFields(message.payload)["AcknowledgedMessageSequenceNumber"]);
      const original = stream.get(sequence);
      assert.ok(original !== undefined);
      assert.equal(withoutNews(encodeAcknowledgement(original)), withoutNews(bytes));
    }
  });
}

test("encodeMessage() + ids are UUIDs of version 4, and differ", () => {
  const message = { type: "acknowledge", sequence: 0, payload: Buffer.alloc(0) } as const;
  const [one, other] = [1, 2].map(() => decodeMessage(encodeMessage(message))?.id);
  assert.match(one ?? "", /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  assert.notEqual(one, other);
});

test("decodeMessage() + reads sequence numbers of more than 32 bits", () => {
  const sequence = 2 ** 40 + 7;
  const message = { type: "input_stream_data", sequence, payload: Buffer.from("x") } as const;
  assert.equal(decodeMessage(encodeMessage(message))?.sequence, sequence);
});

test("decodeMessage() + what is damaged, cut or no message is undefined", () => {
  const payload = Buffer.from("some data");
  const bytes = encodeMessage({ type: "output_stream_data", sequence: 1, payload });
  const damaged = Buffer.from(bytes);
  damaged.writeUInt8(damaged.readUInt8(120) ^ 1, 120);
  assert.equal(decodeMessage(damaged), undefined);
  assert.equal(decodeMessage(bytes.subarray(0, 119)), undefined);
  assert.equal(decodeMessage(bytes.subarray(0, -1)), undefined);
  assert.equal(decodeMessage(Buffer.alloc(200)), undefined);
  const long = Buffer.from(bytes);
  long.writeUInt32BE(0xff_ff_ff_f0, 0);
  assert.equal(decodeMessage(long), undefined);
});

test("encodeFlag() + is four bytes in big-endian order", () => {
  assert.deepEqual([...encodeFlag(FLAG.terminateSession)], [0, 0, 0, 2]);
  assert.equal(PAYLOAD.flag, 10);
});

test("readFields() + has none for what is no object", () => {
  for (const text of ["", "{", "null", "3", '"x"'])
    assert.deepEqual(readFields(Buffer.from(text)), {});
});
