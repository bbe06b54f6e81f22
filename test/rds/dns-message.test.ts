// The DNS codec, against the bytes of another implementation, and against junk.
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import packet from "dns-packet";
import fc from "fast-check";
import { encodeQuestion, readAnswer, type RecordType } from "../../src/rds/dns-message.ts";

const NAME = "a_b.example.com";
const question = (type: RecordType) => ({ id: 4711, name: NAME, type });

function answer(answers: packet.Answer[], type: RecordType = "A", flags = 0): Buffer {
  return packet.encode({
    type: "response",
    id: 4711,
    flags: packet.RECURSION_DESIRED | packet.RECURSION_AVAILABLE | flags,
    questions: [{ type, name: "A_B.Example.com" }],
    answers,
  });
}

test("encodeQuestion() writes what another implementation reads", () => {
  const bytes = encodeQuestion(question("AAAA"));
  assert.ok(bytes !== undefined);
  const { id, questions, flag_rd: wantsRecursion } = packet.decode(bytes);
  assert.deepEqual([id, wantsRecursion], [4711, true]);
  assert.deepEqual(questions, [{ name: NAME, type: "AAAA", class: "IN" }]);
});

test("encodeQuestion() refuses what is no name", () => {
  const names = ["", ".", "a..b", "a.", "a b", "ä.test", `${"a".repeat(64)}.test`];
  for (const name of [...names, "a.".repeat(127) + "aa"]) {
    assert.equal(encodeQuestion({ id: 1, name, type: "A" }), undefined, name);
  }
});

test("readAnswer() reads CNAME, A and AAAA, the latter at the end of the way", () => {
  const way: packet.Answer[] = [
    { type: "CNAME", name: NAME, data: "Next.example.com" },
    { type: "CNAME", name: "next.EXAMPLE.com", data: "last.example.com" },
    { type: "A", name: "other.example.com", data: "192.0.2.9" },
    { type: "A", name: "last.example.com", data: "192.0.2.1" },
    { type: "A", name: "last.example.com", data: "192.0.2.2" },
    { type: "TXT", name: "last.example.com", data: "x" },
    { type: "AAAA", name: "last.example.com", data: "2001:db8:0:0:0:0:0:1" },
  ];
  const read = (type: RecordType) => readAnswer(answer(way, type), question(type))?.data;
  assert.deepEqual(read("CNAME"), ["Next.example.com"]);
  for (const type of ["CNAME", "A", "AAAA"] as const) {
    assert.equal(readAnswer(answer(way, type), question(type))?.cname, "Next.example.com");
  }
  const others = way.slice(1);
  assert.equal(readAnswer(answer(others), question("A"))?.cname, undefined);
  assert.deepEqual(read("A"), ["192.0.2.1", "192.0.2.2"]);
  assert.deepEqual(read("AAAA"), ["2001:db8::1"]);
});

test("readAnswer() follows compressed names, and no circle of them", () => {
  const head = answer([], "CNAME");
  head.writeUInt16BE(1, 6);
  const record = (data: readonly number[]) =>
    Buffer.from([0xc0, 12, 0, 5, 0, 1, 0, 0, 0, 1, 0, data.length, ...data]);
  const read = (data: readonly number[]) =>
    readAnswer(Buffer.concat([head, record(data)]), question("CNAME"))?.data;
  // "x" and then the question's name from its second label on.
  assert.deepEqual(read([1, 0x78, 0xc0, 16]), ["x.Example.com"]);
  assert.equal(read([0xc0, head.length + 12]), undefined);
  assert.equal(read([0xc0, 0xff]), undefined);
});

test("readAnswer() keeps bytes that no host name has where nobody takes them for one", () => {
  const bytes = answer([{ type: "CNAME", name: NAME, data: "a b\u001b.test" }], "CNAME");
  assert.deepEqual(readAnswer(bytes, question("CNAME"))?.data, ["a\\032b\\027.test"]);
});

test("readAnswer() tells failures and truncation, and takes no answer to another question", () => {
  const good = answer([]);
  const flags = (bits: number) => readAnswer(answer([], "A", bits), question("A"));
  assert.deepEqual([flags(2)?.rcode, flags(3)?.rcode, flags(5)?.rcode], [2, 3, 5]);
  assert.equal(flags(packet.TRUNCATED_RESPONSE)?.truncated, true);
  assert.equal(readAnswer(good, { ...question("A"), id: 4712 }), undefined);
  assert.equal(readAnswer(good, question("AAAA")), undefined);
  assert.equal(readAnswer(good, { ...question("A"), name: "b.example.com" }), undefined);
  const asked = encodeQuestion(question("A")) ?? Buffer.alloc(0);
  assert.equal(readAnswer(asked, question("A")), undefined);
});

test("readAnswer() takes every truncation and junk without throwing", () => {
  const whole = answer([
    { type: "CNAME", name: NAME, data: "last.example.com" },
    { type: "A", name: "last.example.com", data: "192.0.2.1" },
  ]);
  for (let length = 0; length < whole.length; length += 1) {
    assert.equal(readAnswer(whole.subarray(0, length), question("A")), undefined);
  }
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), fc.nat(whole.length), (junk, at) => {
      const bytes = Buffer.concat([whole.subarray(0, at), Buffer.from(junk)]);
      const read = readAnswer(bytes, question("A"));
      assert.ok(read === undefined || Array.isArray(read.data));
    }),
    { numRuns: 2_000 },
  );
});
