// Decodes and encodes the packets that open a connection; they have a length but no type byte.
// Verdicts are those of PostgreSQL's ProcessStartupPacket: junk is closed in silence, a StartupMessage that
// breaks a rule is answered with an ErrorResponse of the same SQLSTATE.
// https://www.postgresql.org/docs/current/protocol-message-formats.html, src/backend/tcop/backend_startup.c
import { Buffer } from "node:buffer";
import type { Decoded } from "../base/socket-reader.ts";

const MAX_STARTUP_PACKET_LENGTH = 10_000; // src/include/libpq/pqcomm.h; the length word itself is not counted
const MAX_CANCEL_KEY_LENGTH = 256; // "the maximum key length is 256 bytes", protocol 3.2
const CANCEL_REQUEST_CODE = 80_877_102;
const SSL_REQUEST_CODE = 80_877_103;
const GSSENC_REQUEST_CODE = 80_877_104;
const TLS_HANDSHAKE_RECORD = 0x16;

/** One name and value of a StartupMessage; bytes, because the encoding is not known yet. */
export interface StartupParameter {
  readonly name: Buffer;
  readonly value: Buffer;
}

/** A StartupMessage: protocol version 3.MINOR and its parameters in the order they were sent. */
export interface StartupMessage {
  readonly minor: number;
  readonly parameters: readonly StartupParameter[];
}

/** The verdict on the first bytes of a connection. */
export type StartupPacket =
  | { readonly kind: "SSLRequest" }
  | { readonly kind: "GSSENCRequest" }
  | { readonly kind: "CancelRequest"; readonly processId: number; readonly secretKey: Buffer }
  | { readonly kind: "StartupMessage"; readonly message: StartupMessage }
  | { readonly kind: "ClientHello" }
  | { readonly kind: "unsupported version"; readonly major: number; readonly minor: number }
  | { readonly kind: "refused"; readonly sqlState: string; readonly message: string }
  | { readonly kind: "junk" };

/** Decodes the packet at the start of `bytes`; undefined while it is incomplete. */
export function readStartupPacket(bytes: Buffer): Decoded<StartupPacket> | undefined {
  if (bytes[0] === TLS_HANDSHAKE_RECORD) return { value: { kind: "ClientHello" }, length: 0 };
  if (bytes.length < 4) return undefined;
  const length = bytes.readInt32BE(0);
  if (length < 8 || length > MAX_STARTUP_PACKET_LENGTH + 4)
    return { value: { kind: "junk" }, length: bytes.length };
  if (bytes.length < length) return undefined;
  return { value: readPacket(bytes.subarray(4, length)), length };
}

function readPacket(body: Buffer): StartupPacket {
  const code = body.readInt32BE(0);
  if (code === SSL_REQUEST_CODE && body.length === 4) return { kind: "SSLRequest" };
  if (code === GSSENC_REQUEST_CODE && body.length === 4) return { kind: "GSSENCRequest" };
  if (code === CANCEL_REQUEST_CODE) return readCancelRequest(body);
  const major = body.readUInt16BE(0);
  const minor = body.readUInt16BE(2);
  if (major !== 3) return { kind: "unsupported version", major, minor };
  return readStartupMessage(minor, body.subarray(4));
}

function readCancelRequest(body: Buffer): StartupPacket {
  const keyLength = body.length - 8;
  if (keyLength < 1 || keyLength > MAX_CANCEL_KEY_LENGTH) return { kind: "junk" };
  return {
    kind: "CancelRequest",
    processId: body.readInt32BE(4),
    secretKey: Buffer.from(body.subarray(8)),
  };
}

function readStartupMessage(minor: number, body: Buffer): StartupPacket {
  const parameters: StartupParameter[] = [];
  let offset = 0;
  while (offset < body.length && body[offset] !== 0) {
    const nameEnd = body.indexOf(0, offset);
    const valueEnd = nameEnd < 0 ? -1 : body.indexOf(0, nameEnd + 1);
    if (valueEnd < 0) break;
    parameters.push({
      name: Buffer.from(body.subarray(offset, nameEnd)),
      value: Buffer.from(body.subarray(nameEnd + 1, valueEnd)),
    });
    offset = valueEnd + 1;
  }
  if (offset !== body.length - 1) {
    return refused("08P01", "invalid startup packet layout: expected terminator as last byte");
  }
  const message = { minor, parameters };
  const replication = startupParameter(message, "replication")?.toString("latin1");
  if (replication !== undefined && replication !== "database" && !isBoolean(replication)) {
    return refused("22023", 'invalid value for parameter "replication"');
  }
  if (!startupParameter(message, "user")?.length) {
    return refused("28000", "no PostgreSQL user name specified in startup packet");
  }
  return { kind: "StartupMessage", message };
}

// parse_bool_with_len, src/backend/utils/adt/bool.c: any unique prefix of these words, and 1 or 0.
function isBoolean(value: string): boolean {
  const word = value.toLowerCase();
  if (word === "0" || word === "1") return true;
  if (word === "on" || word === "of" || word === "off") return true;
  return word !== "" && ["true", "false", "yes", "no"].some((full) => full.startsWith(word));
}

function refused(sqlState: string, message: string): StartupPacket {
  return { kind: "refused", sqlState, message };
}

/** The last value given for a parameter, as PostgreSQL takes it; undefined when absent. */
export function startupParameter(message: StartupMessage, name: string): Buffer | undefined {
  return message.parameters.findLast((parameter) => parameter.name.toString("latin1") === name)
    ?.value;
}

/** The user and the database that a StartupMessage asks for: without a name, the database is the user's. */
export function loginNames(message: StartupMessage): { user: string; database: string } {
  const user = startupParameter(message, "user")?.toString("utf8") ?? "";
  return { user, database: startupParameter(message, "database")?.toString("utf8") ?? user };
}

/** A StartupMessage with these values in place of any that it has for the same parameters. */
export function replaceParameters(
  message: StartupMessage,
  forced: Readonly<Record<string, string>>,
): StartupMessage {
  const kept = message.parameters.filter(
    ({ name }) => !Object.hasOwn(forced, name.toString("latin1").toLowerCase()),
  );
  const added = Object.entries(forced).map(([name, value]) => ({
    name: Buffer.from(name),
    value: Buffer.from(value),
  }));
  return { minor: message.minor, parameters: [...kept, ...added] };
}

/** Encodes a StartupMessage; throws RangeError for a byte sequence that the receiver would read otherwise. */
export function encodeStartupMessage(message: StartupMessage): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt16BE(3, 4);
  head.writeUInt16BE(message.minor, 6);
  const parts: Buffer[] = [head];
  for (const { name, value } of message.parameters) {
    if (name.length === 0 || name.includes(0) || value.includes(0)) {
      throw new RangeError("a startup parameter is empty or holds a NUL byte");
    }
    parts.push(name, Buffer.of(0), value, Buffer.of(0));
  }
  parts.push(Buffer.of(0));
  const packet = Buffer.concat(parts);
  if (packet.length > MAX_STARTUP_PACKET_LENGTH + 4)
    throw new RangeError("the StartupMessage is too long");
  packet.writeInt32BE(packet.length, 0);
  return packet;
}

/** Encodes an SSLRequest. */
export function encodeSslRequest(): Buffer {
  const packet = Buffer.alloc(8);
  packet.writeInt32BE(8, 0);
  packet.writeInt32BE(SSL_REQUEST_CODE, 4);
  return packet;
}

/** Encodes a CancelRequest for a process ID and the secret key of its BackendKeyData. */
export function encodeCancelRequest(processId: number, secretKey: Buffer): Buffer {
  const packet = Buffer.alloc(12 + secretKey.length);
  packet.writeInt32BE(packet.length, 0);
  packet.writeInt32BE(CANCEL_REQUEST_CODE, 4);
  packet.writeInt32BE(processId, 8);
  secretKey.copy(packet, 12);
  return packet;
}
