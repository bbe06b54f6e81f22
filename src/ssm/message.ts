// The messages of Systems Manager's data channel, a pure codec: a header in big-endian order, and a payload with its SHA-256.
// Names and offsets are those of the Session Manager plugin, which is the only specification.
// https://github.com/aws/session-manager-plugin/blob/mainline/src/message/clientmessage.go

import { Buffer } from "node:buffer";
import { hash, randomUUID } from "node:crypto";

/** What the data channel carries. */
export type MessageType =
  | "input_stream_data"
  | "output_stream_data"
  | "acknowledge"
  | "channel_closed"
  | "start_publication"
  | "pause_publication";

/** What the payload of a stream's message is. */
export const PAYLOAD = {
  output: 1,
  handshakeRequest: 5,
  handshakeResponse: 6,
  handshakeComplete: 7,
  challengeRequest: 8,
  challengeResponse: 9,
  flag: 10,
} as const;

/** The payloads of type `flag`. */
export const FLAG = { disconnectToPort: 1, terminateSession: 2, connectToPortError: 3 } as const;

/**
 * Bytes of data in one message, in either direction; what the service and agents take beyond that is nowhere written. To send 100 MB
 * takes 5.5 s of processor time; with messages of 512 bytes it would be 6.7 s, with 8,192 bytes 4.0 s.
 */
export const MAX_PAYLOAD = 1_024;

const TYPE = { at: 4, length: 32 };
const SCHEMA_VERSION_AT = 36;
const CREATED_AT = 40;
const SEQUENCE_AT = 48;
const FLAGS_AT = 56;
const ID = { at: 64, half: 72, end: 80 };
const DIGEST_AT = 80;
const PAYLOAD_TYPE_AT = 112;
const PAYLOAD_LENGTH_AT = 116;
const PAYLOAD_AT = 120;

const TWO_32 = 0x1_0000_0000;

/** One message, as it was received. */
export interface ChannelMessage {
  readonly type: string;
  readonly sequence: number;
  /** A UUID. */
  readonly id: string;
  readonly payloadType: number;
  readonly payload: Buffer;
}

/** One message to send. */
export interface NewMessage {
  readonly type: MessageType;
  readonly sequence: number;
  readonly flags?: number;
  readonly payloadType?: number;
  readonly payload: Buffer;
}

/** Encodes a message, with a new id and the time of this moment. */
export function encodeMessage(message: NewMessage): Buffer {
  const { type, sequence, flags = 0, payloadType = 0, payload } = message;
  const bytes = Buffer.allocUnsafe(PAYLOAD_AT + payload.length);
  bytes.writeUInt32BE(PAYLOAD_LENGTH_AT, 0);
  bytes.fill(" ", TYPE.at, SCHEMA_VERSION_AT).write(type, TYPE.at, "latin1");
  bytes.writeUInt32BE(1, SCHEMA_VERSION_AT);
  writeLong(bytes, Date.now(), CREATED_AT);
  writeLong(bytes, sequence, SEQUENCE_AT);
  writeLong(bytes, flags, FLAGS_AT);
  // The two halves of the UUID change places.
  const id = randomUUID().replaceAll("-", "");
  bytes.write(id.slice(16), ID.at, "hex");
  bytes.write(id.slice(0, 16), ID.half, "hex");
  bytes.write(digest(payload), DIGEST_AT, "hex");
  bytes.writeUInt32BE(payloadType, PAYLOAD_TYPE_AT);
  bytes.writeUInt32BE(payload.length, PAYLOAD_LENGTH_AT);
  bytes.set(payload, PAYLOAD_AT);
  return bytes;
}

/** Decodes a message; undefined for what is none, or is damaged. The payload shares the bytes' memory. */
export function decodeMessage(bytes: Buffer): ChannelMessage | undefined {
  if (bytes.length < PAYLOAD_AT) return undefined;
  const payloadAt = bytes.readUInt32BE(0) + 4;
  const type = bytes.toString("latin1", TYPE.at, SCHEMA_VERSION_AT).replaceAll("\0", "").trim();
  if (type === "" || payloadAt > bytes.length) return undefined;
  const payload = bytes.subarray(payloadAt);
  const isHashed = bytes.readUInt32BE(PAYLOAD_LENGTH_AT) !== 0 && !type.endsWith("_publication");
  if (isHashed && digest(payload) !== bytes.toString("hex", DIGEST_AT, PAYLOAD_TYPE_AT)) {
    return undefined;
  }
  return {
    type,
    sequence: bytes.readInt32BE(SEQUENCE_AT) * TWO_32 + bytes.readUInt32BE(SEQUENCE_AT + 4),
    id: readId(bytes),
    payloadType: bytes.readUInt32BE(PAYLOAD_TYPE_AT),
    payload,
  };
}

/** Encodes the acknowledgement of a message. */
export function encodeAcknowledgement({ type, id, sequence }: ChannelMessage): Buffer {
  const content = {
    AcknowledgedMessageType: type,
    AcknowledgedMessageId: id,
    AcknowledgedMessageSequenceNumber: sequence,
    IsSequentialMessage: true,
  };
  const payload = Buffer.from(JSON.stringify(content), "utf8");
  return encodeMessage({ type: "acknowledge", sequence: 0, flags: 3, payload });
}

/** Encodes a payload of type `flag`. */
export function encodeFlag(flag: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(flag);
  return bytes;
}

/** The fields of a JSON payload; none for what is no object. */
export function readFields(payload: Buffer): Readonly<Record<string, unknown>> {
  try {
    return fieldsOf(JSON.parse(payload.toString("utf8")));
  } catch {
    return {};
  }
}

/** The fields of an object; none for what is no object. */
export function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? { ...value } : {};
}

function digest(payload: Buffer): string {
  return hash("sha256", payload, "hex");
}

function readId(bytes: Buffer): string {
  const hex = bytes.toString("hex", ID.half, ID.end) + bytes.toString("hex", ID.at, ID.half);
  const parts = [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20)];
  return [...parts, hex.slice(20)].join("-");
}

// Enough for a number that is safe in JavaScript.
function writeLong(bytes: Buffer, value: number, at: number): void {
  bytes.writeUInt32BE(Math.floor(value / TWO_32), at);
  bytes.writeUInt32BE(value % TWO_32, at + 4);
}
