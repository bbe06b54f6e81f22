// Typed messages, ErrorResponse and the login messages: framing, limits, every split, junk.
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import fc from "fast-check";
import {
  encodeAuthenticationSasl,
  encodeNegotiateProtocolVersion,
  encodePasswordMessage,
  readAuthenticationName,
  readBackendKeyData,
} from "../../src/protocol/authentication.ts";
import {
  addDetailAndHint,
  encodeFatalError,
  encodeProtocol2Error,
  readErrorFields,
} from "../../src/protocol/error-response.ts";
import {
  encodeInt32,
  encodeMessage,
  MessageError,
  readMessage,
} from "../../src/protocol/message.ts";
import {
  readClientFinal,
  readClientFirst,
  readSaslInitialResponse,
} from "../../src/protocol/scram-message.ts";

const anyLength = (): number => 1_000_000;

test("readMessage() reads one message and leaves the next", () => {
  const bytes = Buffer.concat([encodeMessage("Z", Buffer.from("I")), encodeMessage("S")]);
  const read = readMessage(bytes, anyLength);
  assert.equal(read?.value.type, "Z");
  assert.equal(read?.value.body.toString(), "I");
  assert.equal(read?.length, 6);
});

test("readMessage() waits at every truncation", () => {
  const bytes = encodeMessage("R", encodeInt32(3));
  for (let end = 0; end < bytes.length; end += 1)
    assert.equal(readMessage(bytes.subarray(0, end), anyLength), undefined);
});

test("readMessage() refuses bad lengths and types without waiting for the body", () => {
  assert.throws(() => readMessage(Buffer.from("R\0\0\0\x03"), anyLength), MessageError);
  assert.throws(
    () => readMessage(Buffer.from("R\xff\xff\xff\xff", "latin1"), anyLength),
    MessageError,
  );
  assert.throws(
    () => readMessage(Buffer.from("R\0\0\x07\xd1", "latin1"), () => 2000),
    MessageError,
  );
  assert.throws(
    () => readMessage(Buffer.from("Q"), (type) => (type === "p" ? 1028 : 0)),
    MessageError,
  );
});

test("readMessage() throws MessageError or nothing on junk", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (junk) => {
      try {
        readMessage(Buffer.from(junk), anyLength);
      } catch (error) {
        assert.ok(error instanceof MessageError);
      }
    }),
  );
});

test("encodeFatalError() has S, V, C and M always and stays under 30,000 bytes", () => {
  const bytes = encodeFatalError({
    sqlState: "08001",
    message: "m\0n",
    detail: "d".repeat(40_000),
    hint: "h".repeat(40_000),
  });
  assert.ok(bytes.length < 30_000);
  const fields = readErrorFields(bytes.subarray(5));
  assert.deepEqual(
    [fields.get("S"), fields.get("V"), fields.get("C"), fields.get("M")],
    ["FATAL", "FATAL", "08001", "mn"],
  );
});

test("addDetailAndHint() adds only what is missing and changes no byte of the server's", () => {
  const own = Buffer.from("SFATAL\0C28000\0Mno\xff\0DD's\0\0", "latin1");
  const added = addDetailAndHint(own, { detail: "ours", hint: "do this" });
  assert.ok(added.subarray(5).toString("latin1").startsWith("SFATAL\0C28000\0Mno\xff\0DD's\0H"));
  assert.equal(readErrorFields(added.subarray(5)).get("D"), "D's");
  assert.equal(readErrorFields(added.subarray(5)).get("H"), "do this");
  assert.equal(added.readInt32BE(1), added.length - 1);
});

test("readErrorFields() reads any body without throwing", () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 200 }),
      (junk) => void readErrorFields(Buffer.from(junk)),
    ),
  );
});

test("encodeProtocol2Error() 6: answers in the old format", () => {
  assert.equal(encodeProtocol2Error("no").toString(), "EFATAL:  no\n\0");
});

test("encodeNegotiateProtocolVersion() 7: full version, count, names", () => {
  const bytes = encodeNegotiateProtocolVersion(2, [Buffer.from("_pq_.a"), Buffer.from("_pq_.b")]);
  assert.equal(bytes.toString("latin1"), "v\0\0\0\x1a\0\x03\0\x02\0\0\0\x02_pq_.a\0_pq_.b\0");
});

test("readAuthenticationName() names what a server may ask", () => {
  assert.equal(readAuthenticationName(encodeInt32(0)), "AuthenticationOk");
  assert.equal(readAuthenticationName(encodeInt32(3)), "AuthenticationCleartextPassword");
  assert.equal(readAuthenticationName(encodeInt32(77)), "unknown");
  assert.equal(readAuthenticationName(Buffer.alloc(3)), "unknown");
  assert.equal(
    readAuthenticationName(encodeAuthenticationSasl(["SCRAM-SHA-256"]).subarray(5)),
    "AuthenticationSASL",
  );
});

test("encodePasswordMessage() refuses a NUL byte", () => {
  assert.equal(encodePasswordMessage("ab").toString("latin1"), "p\0\0\0\x07ab\0");
  assert.throws(() => encodePasswordMessage("a\0b"), RangeError);
});

test("readBackendKeyData() 20: keys of 1 to 256 bytes", () => {
  assert.deepEqual(readBackendKeyData(Buffer.from("\0\0\0\x05abcd"))?.secretKey.toString(), "abcd");
  assert.equal(readBackendKeyData(Buffer.alloc(260))?.secretKey.length, 256);
  assert.equal(readBackendKeyData(Buffer.alloc(261)), undefined);
  assert.equal(readBackendKeyData(Buffer.alloc(4)), undefined);
});

test("readSaslInitialResponse() reads mechanism and data, and refuses a wrong length", () => {
  const body = Buffer.concat([Buffer.from("SCRAM-SHA-256\0"), encodeInt32(3), Buffer.from("n,,")]);
  assert.deepEqual(readSaslInitialResponse(body), { mechanism: "SCRAM-SHA-256", data: "n,," });
  assert.equal(readSaslInitialResponse(body.subarray(0, -1)), undefined);
  assert.equal(readSaslInitialResponse(Buffer.from("SCRAM")), undefined);
});

test("readClientFirst() 12: takes n,,, y,, and p=tls-server-end-point, and refuses other bindings, an authzid and m=", () => {
  assert.deepEqual(readClientFirst("n,,n=,r=abc"), {
    gs2Header: "n,,",
    bindingFlag: "n",
    bare: "n=,r=abc",
    nonce: "abc",
  });
  assert.equal(readClientFirst("y,,n=user,r=abc")?.gs2Header, "y,,");
  const bound = readClientFirst("p=tls-server-end-point,,n=,r=abc");
  assert.deepEqual([bound?.gs2Header, bound?.bindingFlag], ["p=tls-server-end-point,,", "p"]);
  for (const text of [
    "p=tls-unique,,n=,r=abc",
    "p=tls-server-end-point,a=x,n=,r=abc",
    "p=,,n=,r=abc",
    "n,a=admin,n=,r=abc",
    "n,,m=x,n=,r=abc",
    "n,,n=,r=",
    "",
    "n,,r=abc,n=",
  ]) {
    assert.equal(readClientFirst(text), undefined, text);
  }
});

test("readClientFinal() 12: reads the proof and what it covers", () => {
  const proof = Buffer.alloc(32, 5).toString("base64");
  const final = readClientFinal(`c=biws,r=abcdef,p=${proof}`);
  assert.equal(final?.channelBinding, "n,,");
  assert.equal(final?.nonce, "abcdef");
  assert.equal(final?.withoutProof, "c=biws,r=abcdef");
  assert.deepEqual(final?.proof, Buffer.alloc(32, 5));
  for (const text of [
    `r=abcdef,p=${proof}`,
    "c=biws,r=abcdef",
    "c=biws,r=abcdef,p=AAAA",
    `c=biws,r=,p=${proof}`,
  ]) {
    assert.equal(readClientFinal(text), undefined, text);
  }
});
