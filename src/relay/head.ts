// Reads the head of a CONNECT request. Pure, and stricter than HTTP has to be: one client speaks to this, rdsiam, so what
// another server might read in another way is refused instead of guessed at.
// https://www.rfc-editor.org/rfc/rfc9110#section-9.3.6, https://www.rfc-editor.org/rfc/rfc9112#section-3.2.3

import type { Buffer } from "node:buffer";

/** Bytes of a head; a presigned URL with the session token of an SSO login has 2,000 to 4,000. */
export const MAX_HEAD = 16 * 1024;
const MAX_FIELDS = 32;

/** A CONNECT request. */
export interface ConnectRequest {
  /** In lower case, without a final dot. */
  readonly host: string;
  readonly port: number;
  /** By name in lower case. */
  readonly fields: ReadonlyMap<string, string>;
}

/** A head that is no CONNECT request; `status` answers it. */
export class BadHead extends Error {
  override readonly name = "BadHead";
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** The length of the head at the start of some bytes, its empty line included; undefined while it has not ended. */
export function headLength(bytes: Buffer): number | undefined {
  const end = bytes.indexOf("\r\n\r\n");
  const length = end < 0 ? bytes.length : end + 4;
  if (length > MAX_HEAD) throw new BadHead(431, "the head is too long");
  return end < 0 ? undefined : length;
}

/** Reads a whole head. */
export function readHead(bytes: Buffer): ConnectRequest {
  const text = bytes.toString("latin1");
  if (!/^[\t\r\n\x20-\x7e]*$/.test(text)) throw new BadHead(400, "the head has odd bytes in it");
  const [line = "", ...rest] = text.slice(0, -4).split("\r\n");
  const [, method, authority = ""] = /^([A-Z]{1,20}) (\S+) HTTP\/1\.1$/.exec(line) ?? [];
  if (method === undefined) throw new BadHead(400, "the request line cannot be read");
  if (method !== "CONNECT") throw new BadHead(405, `the method is ${method}`);
  const [, name = "", port = ""] =
    /^([a-z0-9_](?:[a-z0-9._-]{0,252}[a-z0-9_])?)\.?:(\d{1,5})$/i.exec(authority) ?? [];
  if (name === "" || Number(port) < 1 || Number(port) > 65_535) {
    throw new BadHead(400, "CONNECT names no HOST:PORT");
  }
  const fields = readFields(rest);
  if (fields.get("host") !== authority) throw new BadHead(400, "Host is not what CONNECT names");
  if ((fields.get("content-length") ?? "0") !== "0" || fields.has("transfer-encoding")) {
    throw new BadHead(400, "a CONNECT request has no body");
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
    if (fields.has(key)) throw new BadHead(400, "a header field is there twice");
    fields.set(key, value.trim());
  }
  return fields;
}
