// smux's frames: as the plugin's smux wrote them, cut anywhere, and broken.
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import { PAYLOAD } from "../../src/ssm/message.ts";
import { COMMAND, encodeFrame, FrameReader } from "../../src/ssm/smux.ts";
import { readConversation } from "../support/ssm-recorded.ts";

interface Seen {
  readonly events: string[];
  readonly reader: FrameReader;
}

function read(): Seen {
  const events: string[] = [];
  const reader = new FrameReader({
    onOpen: (stream) => events.push(`open ${stream}`),
    onData: (stream, data) => events.push(...[...data].map((byte) => `${stream}:${byte}`)),
    onEnd: (stream) => events.push(`end ${stream}`),
  });
  return { events, reader };
}

for (const from of ["client", "agent"] as const) {
  test(`FrameReader + encodeFrame() writes again what the ${from}'s smux wrote`, () => {
    const { frames } = readConversation("smux");
    const bytes = Buffer.concat(
      frames
        .filter((each) => each.from === from && each.message.payloadType === PAYLOAD.output)
        .map(({ message }) => message.payload),
    );
    const written: Buffer[] = [];
    const frame = (command: number) => (stream: number, data?: Buffer) =>
      void written.push(encodeFrame(command, stream, data));
    const reader = new FrameReader({
      onOpen: frame(COMMAND.syn),
      onData: frame(COMMAND.push),
      onEnd: frame(COMMAND.fin),
    });
    reader.read(bytes);
    assert.deepEqual(Buffer.concat(written), bytes);
  });
}

test("FrameReader + reads the same however the stream is cut", () => {
  const bytes = Buffer.concat([
    encodeFrame(COMMAND.syn, 3),
    encodeFrame(COMMAND.push, 3, Buffer.from([1, 2, 3])),
    encodeFrame(COMMAND.nop, 0),
    encodeFrame(COMMAND.push, 5, Buffer.alloc(0)),
    encodeFrame(COMMAND.push, 0xff_ff_ff_ff, Buffer.from([9])),
    encodeFrame(COMMAND.fin, 3),
  ]);
  const expected = ["open 3", "3:1", "3:2", "3:3", "4294967295:9", "end 3"];
  for (let size = 1; size <= bytes.length; size += 1) {
    const { events, reader } = read();
    for (let at = 0; at < bytes.length; at += size) reader.read(bytes.subarray(at, at + size));
    assert.deepEqual(events, expected, `${size} bytes at once`);
  }
});

test("FrameReader + another version, another command and data where none belongs are errors", () => {
  const version = encodeFrame(COMMAND.nop, 0);
  version.writeUInt8(2, 0);
  const fin = encodeFrame(COMMAND.fin, 3, Buffer.from("x"));
  for (const bytes of [version, fin, encodeFrame(4, 0)]) {
    assert.throws(() => read().reader.read(bytes), /^Error: The agent sent/);
  }
});
