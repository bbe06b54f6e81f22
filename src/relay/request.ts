// Reads CONNECT requests off a client's socket, one after the other. Stricter than HTTP has to be: the only client is rdsiam,
// so what another server might read differently is refused instead of guessed at. A client that waits for answers sends
// nothing after a head; bytes there are refused, for they would reach the database before the request was granted.
// https://www.rfc-editor.org/rfc/rfc9110#section-9.3.6, https://www.rfc-editor.org/rfc/rfc9112#section-3.2.3

import type { Buffer } from "node:buffer";
import type { Duplex } from "node:stream";
import { type Decoded, SocketReader } from "../base/socket-reader.ts";

/** The longest head in bytes; a presigned URL with the session token of an SSO login has 2,000 to 4,000. */
export const MAX_HEAD = 16 * 1024;
const MAX_FIELDS = 32;
const CHUNK = 64 * 1024; // the most that a stream hands over at a time

/** A CONNECT request. */
export interface ConnectRequest {
  /** In lower case, without a final dot. */
  readonly host: string;
  readonly port: number;
  /** By name in lower case. */
  readonly fields: ReadonlyMap<string, string>;
}

/** A head that is not a valid CONNECT request; `status` is that of the answer. */
export class BadHead extends Error {
  override readonly name = "BadHead";
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** The reader of a client's requests. A head that is too long can still be answered; a client that sends on after it is disconnected. */
export function requestReader(socket: Duplex): SocketReader {
  return new SocketReader(socket, MAX_HEAD + CHUNK);
}

/** Decodes the request at the start of some bytes; undefined while it is incomplete. Throws BadHead. */
export function readRequest(bytes: Buffer): Decoded<ConnectRequest> | undefined {
  const end = bytes.indexOf("\r\n\r\n");
  const length = end < 0 ? bytes.length : end + 4;
  if (length > MAX_HEAD) throw new BadHead(431, "the head is too long");
  if (end < 0) return undefined;
  if (bytes.length > length) throw new BadHead(400, "there are bytes after the head");
  return { value: readHead(bytes), length };
}

/** Parses a whole head; throws BadHead. */
export function readHead(bytes: Buffer): ConnectRequest {
  const text = bytes.toString("latin1");
  if (!/^[\t\r\n\x20-\x7e]*$/.test(text))
    throw new BadHead(400, "the head has bytes that are not printable ASCII");
  const [line = "", ...rest] = text.slice(0, -4).split("\r\n");
  const [, method, authority = ""] = /^([A-Z]{1,20}) (\S+) HTTP\/1\.1$/.exec(line) ?? [];
  if (method === undefined) throw new BadHead(400, "the request line cannot be read");
  if (method !== "CONNECT") throw new BadHead(405, `the method is ${method}`);
  const [, name = "", port = ""] =
    /^([a-z0-9_](?:[a-z0-9._-]{0,252}[a-z0-9_])?)\.?:(\d{1,5})$/i.exec(authority) ?? [];
  if (name === "" || Number(port) < 1 || Number(port) > 65_535) {
    throw new BadHead(400, "CONNECT has no valid HOST:PORT");
  }
  const fields = readFields(rest);
  if (fields.get("host") !== authority)
    throw new BadHead(400, "Host differs from the target of CONNECT");
  if ((fields.get("content-length") ?? "0") !== "0" || fields.has("transfer-encoding")) {
    throw new BadHead(400, "a CONNECT request must not have a body");
  }
  return { host: name.toLowerCase(), port: Number(port), fields };
}

function readFields(lines: readonly string[]): ReadonlyMap<string, string> {
  if (lines.length > MAX_FIELDS) throw new BadHead(431, "there are too many header fields");
  const fields = new Map<string, string>();
  for (const line of lines) {
    const [, name, value = ""] = /^([\w!#$%&'*+.^`|~-]+):([^\r\n]*)$/.exec(line) ?? [];
    if (name === undefined) throw new BadHead(400, "a header field cannot be read");
    const key = name.toLowerCase();
    if (fields.has(key)) throw new BadHead(400, "a header field is repeated");
    fields.set(key, value.trim());
  }
  return fields;
}
