// The first packets of a PostgreSQL session and the few messages that the gateway itself sends.
// Written apart from the program's own codec on purpose: a stand-in that shared it would agree
// with its mistakes.
// https://www.postgresql.org/docs/current/protocol-message-formats.html
import { Buffer } from "node:buffer";

const CANCEL_REQUEST = 80_877_102;
const SSL_REQUEST = 80_877_103;
const GSSENC_REQUEST = 80_877_104;

/** MAX_STARTUP_PACKET_LENGTH, src/include/libpq/pqcomm.h, with its length word. */
export const LONGEST_STARTUP_PACKET = 10_004;

/** A packet without a type byte, as a frontend sends it before it is authenticated. */
export type FirstPacket =
  | { readonly kind: "SSLRequest" | "GSSENCRequest" | "CancelRequest" }
  | LoginPacket
  | { readonly kind: "invalid"; readonly sqlstate: string; readonly message: string };

/** A StartupMessage: the user, the database and the other parameters. */
export interface LoginPacket {
  readonly kind: "StartupMessage";
  readonly user: string;
  readonly database: string;
  /** It asks for a newer minor version or for protocol options, so the backend answers it first. */
  readonly negotiates: boolean;
}

/** Reads a whole first packet, its length word included. */
export function readFirstPacket(packet: Buffer): FirstPacket {
  const code = packet.readUInt32BE(4);
  if (code === SSL_REQUEST && packet.length === 8) return { kind: "SSLRequest" };
  if (code === GSSENC_REQUEST && packet.length === 8) return { kind: "GSSENCRequest" };
  if (code === CANCEL_REQUEST && packet.length >= 12) return { kind: "CancelRequest" };
  const major = Math.floor(code / 65_536);
  if (major !== 3) {
    const message = `unsupported frontend protocol ${major}.${code % 65_536}: server supports 3.0`;
    return { kind: "invalid", sqlstate: "0A000", message };
  }
  return readStartup(packet, code % 65_536);
}

function readStartup(packet: Buffer, minor: number): FirstPacket {
  const strings = packet.subarray(8).toString("utf8").split("\0");
  if (strings.pop() !== "" || (strings.pop() ?? "") !== "" || strings.length % 2 !== 0) {
    return invalid("08P01", "invalid startup packet layout: expected terminator as last byte");
  }
  const options = new Map<string, string>();
  for (let at = 0; at < strings.length; at += 2) {
    const name = strings[at] ?? "";
    if (name === "") return invalid("08P01", "invalid startup packet layout");
    options.set(name, strings[at + 1] ?? "");
  }
  const user = options.get("user") ?? "";
  if (user === "") return invalid("28000", "no PostgreSQL user name specified in startup packet");
  const database = options.get("database") ?? "";
  return {
    kind: "StartupMessage",
    user,
    database: database === "" ? user : database,
    negotiates: minor > 0 || [...options.keys()].some((name) => name.startsWith("_pq_.")),
  };
}

function invalid(sqlstate: string, message: string): FirstPacket {
  return { kind: "invalid", sqlstate, message };
}

/** AuthenticationCleartextPassword. */
export const CLEARTEXT_PASSWORD = Buffer.from([0x52, 0, 0, 0, 8, 0, 0, 0, 3]);

/** Encodes a FATAL ErrorResponse. */
export function encodeFatal(sqlstate: string, message: string): Buffer {
  const fields = `SFATAL\0VFATAL\0C${sqlstate}\0M${message}\0\0`;
  const head = Buffer.from([0x45, 0, 0, 0, 0]);
  head.writeUInt32BE(4 + Buffer.byteLength(fields), 1);
  return Buffer.concat([head, Buffer.from(fields)]);
}
