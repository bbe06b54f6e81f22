import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import fc from "fast-check";
import { encodeQuery, encodeTerminate, readDataRow } from "../../src/protocol/query.ts";

// Bytes as the message formats of the documentation spell them.
test("encodeQuery() and encodeTerminate() write the messages of the documentation", () => {
  assert.deepEqual(encodeQuery("select 1"), Buffer.from("Q\0\0\0\x0dselect 1\0", "latin1"));
  assert.deepEqual(encodeTerminate(), Buffer.from("X\0\0\0\x04", "latin1"));
  assert.throws(() => encodeQuery("select\0 1"), RangeError);
});

function row(values: readonly (string | undefined)[]): Buffer {
  const count = Buffer.alloc(2);
  count.writeUInt16BE(values.length);
  const parts = values.map((value) => {
    const bytes = Buffer.from(value ?? "");
    const length = Buffer.alloc(4);
    length.writeInt32BE(value === undefined ? -1 : bytes.length);
    return Buffer.concat([length, bytes]);
  });
  return Buffer.concat([count, ...parts]);
}

test("readDataRow() reads values, empty ones and NULLs", () => {
  const values = fc.array(fc.option(fc.string({ unit: "grapheme" }), { nil: undefined }));
  fc.assert(fc.property(values, (list) => assert.deepEqual(readDataRow(row(list)), list)));
});

test("readDataRow() takes no row that is cut short or goes on too long, and no junk that lies", () => {
  const whole = row(["one", undefined, ""]);
  for (let length = 0; length < whole.length; length += 1) {
    assert.equal(readDataRow(whole.subarray(0, length)), undefined, String(length));
  }
  assert.equal(readDataRow(Buffer.concat([whole, Buffer.of(0)])), undefined);
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      const read = readDataRow(Buffer.from(bytes));
      return read === undefined || read.length === Buffer.from(bytes).readUInt16BE(0);
    }),
  );
});
