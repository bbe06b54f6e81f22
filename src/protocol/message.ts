// Reads and writes the typed messages that follow the start-up: one type byte, Int32 length (itself included), body.
// https://www.postgresql.org/docs/current/protocol-overview.html#PROTOCOL-MESSAGE-CONCEPTS
import { Buffer } from "node:buffer";
import type { Decoded } from "../base/socket-reader.ts";

/** A typed message; `bytes` is the whole of it, `body` what follows the length. */
export interface Message {
  readonly type: string;
  readonly body: Buffer;
  readonly bytes: Buffer;
}

/** A message that breaks the framing or a length limit. */
export class MessageError extends Error {
  override readonly name = "MessageError";
}

/** Decodes the message at the start of `bytes`; undefined while incomplete; MessageError when its length is below 4 or over the limit for its type. */
export function readMessage(
  bytes: Buffer,
  limit: (type: string) => number,
): Decoded<Message> | undefined {
  if (bytes.length < 1) return undefined;
  const type = String.fromCharCode(bytes[0] ?? 0);
  const most = limit(type);
  if (most <= 0) throw new MessageError("a message of this type is not expected here");
  if (bytes.length < 5) return undefined;
  const length = bytes.readInt32BE(1);
  if (length < 4 || length > most) throw new MessageError("a message has an invalid length");
  if (bytes.length < length + 1) return undefined;
  const whole = Buffer.from(bytes.subarray(0, length + 1));
  return { value: { type, body: whole.subarray(5), bytes: whole }, length: whole.length };
}

/** Encodes a typed message from its parts. */
export function encodeMessage(type: string, ...parts: readonly Buffer[]): Buffer {
  const length = parts.reduce((sum, part) => sum + part.length, 4);
  const head = Buffer.alloc(5);
  head.write(type, 0, 1, "latin1");
  head.writeInt32BE(length, 1);
  return Buffer.concat([head, ...parts]);
}

/** Encodes an Int32 in network byte order. */
export function encodeInt32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

/** Encodes a string with its terminating zero byte; RangeError when it holds one itself. */
export function encodeString(text: string): Buffer {
  if (text.includes("\0")) throw new RangeError("a protocol string holds a NUL byte");
  return Buffer.from(`${text}\0`, "utf8");
}
