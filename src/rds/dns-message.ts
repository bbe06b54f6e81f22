// One DNS question and its answer, as bytes: CNAME, A and AAAA, no more.
// The runtimes' own resolvers disagree (Deno refuses names with "_" and calls every failure ENOTFOUND, Bun calls an empty
// answer ENOTFOUND), so that one could not tell a missing name from a broken server.
// https://www.rfc-editor.org/rfc/rfc1035#section-4

import { Buffer } from "node:buffer";

/** The record types that are asked for. */
export const RECORD_TYPES = { A: 1, CNAME: 5, AAAA: 28 } as const;

/** A record type's name. */
export type RecordType = keyof typeof RECORD_TYPES;

/** A question, and the id that its answer must have. */
export interface DnsQuestion {
  readonly id: number;
  /** Lower-case, without a final dot. */
  readonly name: string;
  readonly type: RecordType;
}

/** What a server answered. */
export interface DnsAnswer {
  /** 0 NOERROR, 2 SERVFAIL, 3 NXDOMAIN, 5 REFUSED. */
  readonly rcode: number;
  /** Cut to fit UDP: to be asked again over TCP. */
  readonly truncated: boolean;
  /** The data of the records of the question's type: for addresses at the end of the CNAMEs in the answer. */
  readonly data: readonly string[];
  /** The CNAME of the very name that was asked for. */
  readonly cname?: string | undefined;
  /** Seconds that the whole answer may be used for. */
  readonly ttl: number;
}

const HEADER = 12;
const IN = 1;
const LONGEST_NAME = 253;
const MOST_JUMPS = 32; // compression pointers in one name

/** The bytes of a question; undefined for a name that DNS cannot have. */
export function encodeQuestion({ id, name, type }: DnsQuestion): Buffer | undefined {
  const labels = name.split(".");
  if (name.length > LONGEST_NAME || !labels.every((label) => /^[\w-]{1,63}$/.test(label))) {
    return undefined;
  }
  const header = Buffer.alloc(HEADER);
  header.writeUInt16BE(id, 0);
  header.writeUInt16BE(0x0100, 2); // recursion desired
  header.writeUInt16BE(1, 4);
  const end = Buffer.from([0, 0, RECORD_TYPES[type], 0, IN]);
  const parts = labels.map((label) => Buffer.from(`${String.fromCharCode(label.length)}${label}`));
  return Buffer.concat([header, ...parts, end]);
}

interface DnsRecord {
  readonly owner: string;
  readonly ttl: number;
  readonly type: number;
  readonly data: string;
}

/** Reads the answer to a question; undefined for bytes that are not an answer to it. */
export function readAnswer(bytes: Buffer, question: DnsQuestion): DnsAnswer | undefined {
  try {
    return read(bytes, question);
  } catch (error) {
    // Reading beyond the end: the message is cut or a lie.
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

function read(bytes: Buffer, { id, name, type }: DnsQuestion): DnsAnswer | undefined {
  const flags = bytes.readUInt16BE(2);
  // eslint-disable-next-line no-bitwise -- the flags are a bit set: answer, opcode 0
  const isAnswer = (flags & 0xf800) === 0x8000;
  if (bytes.readUInt16BE(0) !== id || !isAnswer || bytes.readUInt16BE(4) !== 1) return undefined;
  const asked = readName(bytes, HEADER);
  const isSame =
    asked.name === name &&
    bytes.readUInt16BE(asked.end) === RECORD_TYPES[type] &&
    bytes.readUInt16BE(asked.end + 2) === IN;
  if (!isSame) return undefined;
  const records: DnsRecord[] = [];
  let at = asked.end + 4;
  for (let count = bytes.readUInt16BE(6); count > 0; count -= 1) {
    const { record, end } = readRecord(bytes, at);
    if (record !== undefined) records.push(record);
    at = end;
  }
  // eslint-disable-next-line no-bitwise -- the flags are a bit set
  const [rcode, truncated] = [flags & 0xf, (flags & 0x0200) !== 0];
  const ttl = records.length === 0 ? 0 : Math.min(...records.map((record) => record.ttl));
  return {
    rcode,
    truncated,
    data: dataOf(records, name, type),
    cname: cnameOf(records, name),
    ttl,
  };
}

// A server may answer the whole chain at once; records of other names are not used.
function dataOf(records: readonly DnsRecord[], name: string, type: RecordType): string[] {
  let owner = name;
  for (let hop = 0; type !== "CNAME" && hop < records.length; hop += 1) {
    const next = cnameOf(records, owner);
    if (next === undefined) break;
    owner = next.toLowerCase();
  }
  return records
    .filter((each) => each.owner === owner && each.type === RECORD_TYPES[type])
    .map(({ data }) => data);
}

function cnameOf(records: readonly DnsRecord[], name: string): string | undefined {
  return records.find(({ owner, type }) => owner === name && type === RECORD_TYPES.CNAME)?.data;
}

function readRecord(bytes: Buffer, start: number): { record: DnsRecord | undefined; end: number } {
  const { name: owner, end: fixed } = readName(bytes, start);
  const [type, kind] = [bytes.readUInt16BE(fixed), bytes.readUInt16BE(fixed + 2)];
  const [from, length] = [fixed + 10, bytes.readUInt16BE(fixed + 8)];
  if (from + length > bytes.length) throw new RangeError("a record is longer than its message");
  const data = kind === IN ? readData(bytes, { type, from, length }) : undefined;
  // More than 31 bits mean none: https://www.rfc-editor.org/rfc/rfc2181#section-8
  const ttl = Math.max(0, bytes.readInt32BE(fixed + 4));
  const record = data === undefined ? undefined : { owner, ttl, type, data };
  return { record, end: from + length };
}

function readData(
  bytes: Buffer,
  { type, from, length }: { readonly type: number; readonly from: number; readonly length: number },
): string | undefined {
  if (type === RECORD_TYPES.CNAME) return readName(bytes, from, true).name;
  if (type === RECORD_TYPES.A && length === 4) return [...bytes.subarray(from, from + 4)].join(".");
  if (type !== RECORD_TYPES.AAAA || length !== 16) return undefined;
  const groups = Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(from + index * 2));
  // As text the shortest form: https://www.rfc-editor.org/rfc/rfc5952
  return new URL(`http://[${groups.map((group) => group.toString(16)).join(":")}]`).hostname.slice(
    1,
    -1,
  );
}

// A name as text. Bytes that no host name has are kept as \DDD, which is not a valid host name.
function readName(bytes: Buffer, start: number, asWritten = false): { name: string; end: number } {
  const labels: string[] = [];
  let at = start;
  let end: number | undefined;
  for (let jumps = 0; ;) {
    const length = bytes.readUInt8(at);
    if (length === 0) break;
    if (length >= 0xc0) {
      end ??= at + 2;
      // eslint-disable-next-line no-bitwise -- fourteen bits of a pointer
      at = bytes.readUInt16BE(at) & 0x3fff;
      jumps += 1;
      if (jumps > MOST_JUMPS) throw new RangeError("a name is a loop");
      continue;
    }
    if (length > 63 || at + 1 + length > bytes.length) throw new RangeError("a label is too long");
    labels.push(labelText(bytes.subarray(at + 1, at + 1 + length)));
    at += 1 + length;
  }
  const name = labels.join(".");
  return { name: asWritten ? name : name.toLowerCase(), end: end ?? at + 1 };
}

function labelText(label: Buffer): string {
  return label
    .toString("latin1")
    .replaceAll(/[^\w-]/g, (char) => `\\${String(char.charCodeAt(0)).padStart(3, "0")}`);
}
