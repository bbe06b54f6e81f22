// The first packet: PostgreSQL's own verdicts, every split, every truncation, and junk.
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import fc from "fast-check";
import {
  encodeCancelRequest,
  encodeSslRequest,
  encodeStartupMessage,
  readStartupPacket,
  replaceParameters,
  type StartupPacket,
  startupParameter,
} from "../../src/protocol/startup-packet.ts";

function packet(...parts: readonly (Buffer | number | string)[]): Buffer {
  const body = Buffer.concat(
    parts.map((part) => {
      if (typeof part === "string") return Buffer.from(part, "latin1");
      if (typeof part === "object") return part;
      const word = Buffer.alloc(4);
      word.writeInt32BE(part);
      return word;
    }),
  );
  const length = Buffer.alloc(4);
  length.writeInt32BE(body.length + 4);
  return Buffer.concat([length, body]);
}

function verdict(bytes: Buffer): StartupPacket | undefined {
  return readStartupPacket(bytes)?.value;
}

const V3 = 196_608;

test("readStartupPacket() 1, 2: reads SSLRequest and GSSENCRequest", () => {
  assert.deepEqual(verdict(Buffer.from("0000000804d2162f", "hex")), { kind: "SSLRequest" });
  assert.deepEqual(verdict(Buffer.from("0000000804d21630", "hex")), { kind: "GSSENCRequest" });
  assert.equal(encodeSslRequest().toString("hex"), "0000000804d2162f");
});

test("readStartupPacket() 3: reads CancelRequest with keys of 4 to 256 bytes", () => {
  for (const length of [4, 32, 256]) {
    const secretKey = Buffer.alloc(length, 7);
    const bytes = encodeCancelRequest(-2, secretKey);
    assert.equal(bytes.readInt32BE(0), 12 + length);
    assert.deepEqual(verdict(bytes), { kind: "CancelRequest", processId: -2, secretKey });
  }
  assert.deepEqual(verdict(encodeCancelRequest(1, Buffer.alloc(257))), { kind: "junk" });
  assert.deepEqual(verdict(encodeCancelRequest(1, Buffer.alloc(0))), { kind: "junk" });
});

test("readStartupPacket() 4: reads parameters byte for byte, duplicates too", () => {
  const bytes = packet(V3, "user\0caf\xe9\0search_path\0a\0search_path\0b\0\0");
  const read = verdict(bytes);
  assert.equal(read?.kind, "StartupMessage");
  const { message } = read;
  assert.equal(message.minor, 0);
  assert.equal(startupParameter(message, "user")?.toString("latin1"), "caf\xe9");
  assert.equal(startupParameter(message, "search_path")?.toString(), "b");
  assert.deepEqual(encodeStartupMessage(message), bytes);
});

test("readStartupPacket() 4: length 8 to 10004 and nothing else", () => {
  const value = "x".repeat(10_004 - 8 - 8 - 2);
  const longest = packet(V3, "user\0u\0a\0", value, "\0\0");
  assert.equal(longest.length, 10_004 + 1);
  assert.deepEqual(verdict(longest), { kind: "junk" });
  const fits = packet(V3, "user\0u\0a\0", value.slice(1), "\0\0");
  assert.equal(verdict(fits)?.kind, "StartupMessage");
  for (const length of [0, 4, 7, -1, 10_005]) {
    const bytes = Buffer.alloc(20);
    bytes.writeInt32BE(length);
    assert.deepEqual(verdict(bytes), { kind: "junk" }, String(length));
  }
});

test("readStartupPacket() 4: a wrong terminator is 08P01", () => {
  for (const body of ["user\0u\0", "user\0u\0\0\0", "user\0u", "user\0", "user\0u\0odd\0\0"]) {
    const read = verdict(packet(V3, body));
    assert.ok(read?.kind === "refused" && read.sqlState === "08P01", JSON.stringify(body));
  }
});

test("readStartupPacket() 5: a ClientHello is told by its first byte", () => {
  assert.deepEqual(readStartupPacket(Buffer.of(0x16)), {
    value: { kind: "ClientHello" },
    length: 0,
  });
});

test("readStartupPacket() 6: protocols 2.0 and 4.0 are unsupported versions", () => {
  assert.deepEqual(verdict(packet(2 << 16, Buffer.alloc(288))), {
    kind: "unsupported version",
    major: 2,
    minor: 0,
  });
  assert.deepEqual(verdict(packet(4 << 16, "\0")), {
    kind: "unsupported version",
    major: 4,
    minor: 0,
  });
});

test("readStartupPacket() 8: no user, an empty user and no parameters are 28000", () => {
  for (const body of ["\0", "user\0\0\0", "database\0d\0\0"]) {
    const read = verdict(packet(V3, body));
    assert.ok(read?.kind === "refused" && read.sqlState === "28000", JSON.stringify(body));
  }
});

test("readStartupPacket() 8: replication must be a boolean or 'database'", () => {
  for (const value of ["true", "tr", "ON", "0", "database", "of", "no"]) {
    assert.equal(
      verdict(packet(V3, `user\0u\0replication\0${value}\0\0`))?.kind,
      "StartupMessage",
      value,
    );
  }
  for (const value of ["maybe", "", "o", "databas", "2"]) {
    const read = verdict(packet(V3, `user\0u\0replication\0${value}\0\0`));
    assert.ok(read?.kind === "refused" && read.sqlState === "22023", value);
  }
});

test("readStartupPacket() 9: waits for the whole packet and takes no more", () => {
  const bytes = packet(V3, "user\0u\0\0");
  for (let end = 0; end < bytes.length; end += 1)
    assert.equal(readStartupPacket(bytes.subarray(0, end)), undefined);
  assert.equal(
    readStartupPacket(Buffer.concat([bytes, Buffer.from("Q....")]))?.length,
    bytes.length,
  );
});

test("readStartupPacket() 11: HTTP is junk", () => {
  assert.deepEqual(verdict(Buffer.from("GET / HTTP/1.1\r\n\r\n")), { kind: "junk" });
  assert.deepEqual(verdict(Buffer.from("POST / HTTP/1.1\r\n\r\n")), { kind: "junk" });
});

test("readStartupPacket() never throws on junk and never takes more than there is", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), fc.boolean(), (junk, framed) => {
      const bytes = framed ? packet(V3, Buffer.from(junk)) : Buffer.from(junk);
      const read = readStartupPacket(bytes);
      assert.ok(read === undefined || read.length <= bytes.length);
    }),
  );
});

test("encodeStartupMessage() is undone by readStartupPacket()", () => {
  const text = fc
    .uint8Array({ minLength: 1, maxLength: 40 })
    .map((bytes) => Buffer.from(bytes).map((byte) => byte || 1));
  const parameter = fc
    .record({ name: text, value: text })
    .map(({ name, value }) => ({ name: Buffer.from(name), value: Buffer.from(value) }));
  fc.assert(
    fc.property(
      fc.array(parameter, { maxLength: 20 }),
      fc.integer({ min: 0, max: 65_535 }),
      (others, minor) => {
        const named = others.filter(
          ({ name }) => name.toString() !== "replication" && name.toString() !== "user",
        );
        const message = {
          minor,
          parameters: [{ name: Buffer.from("user"), value: Buffer.from("u") }, ...named],
        };
        assert.deepEqual(verdict(encodeStartupMessage(message)), {
          kind: "StartupMessage",
          message,
        });
      },
    ),
  );
});

test("encodeStartupMessage() refuses what would be read as something else", () => {
  const bad = (name: string, value: string) => ({
    minor: 0,
    parameters: [{ name: Buffer.from(name), value: Buffer.from(value) }],
  });
  assert.throws(() => encodeStartupMessage(bad("user", "a\0b")), RangeError);
  assert.throws(() => encodeStartupMessage(bad("us\0er", "a")), RangeError);
  assert.throws(() => encodeStartupMessage(bad("", "a")), RangeError);
  assert.throws(() => encodeStartupMessage(bad("a", "x".repeat(10_004))), RangeError);
});

test("replaceParameters() puts its values behind all others, and takes the names' own away in any case", () => {
  const parameter = (name: string, value: string) => ({
    name: Buffer.from(name),
    value: Buffer.from(value),
  });
  const options = parameter("options", "-c default_transaction_read_only=off");
  const parameters = [
    parameter("Default_Transaction_Read_Only", "off"),
    parameter("user", "app"),
    options,
  ];
  const replaced = replaceParameters(
    { minor: 2, parameters },
    { default_transaction_read_only: "on" },
  );
  assert.deepEqual(replaced, {
    minor: 2,
    parameters: [
      parameter("user", "app"),
      options,
      parameter("default_transaction_read_only", "on"),
    ],
  });
});
