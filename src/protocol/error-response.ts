// ErrorResponse and NoticeResponse: fields of one type byte and a string each, ended by a zero byte.
// https://www.postgresql.org/docs/current/protocol-error-fields.html
import { Buffer } from "node:buffer";
import { printableLines } from "../base/printable.ts";
import { encodeMessage, encodeString } from "./message.ts";

const MAX_TEXT_LENGTH = 7_000; // three texts stay under libpq's 30,000 bytes for a message before login (fe-connect.c)

/** The fields of an ErrorResponse, by their field type: S, V, C, M, D, H, ... */
export type ErrorFields = ReadonlyMap<string, string>;

/** What an ErrorResponse of our own says. */
export interface FatalError {
  readonly sqlState: string;
  readonly message: string;
  readonly detail?: string | undefined;
  readonly hint?: string | undefined;
}

/** Encodes a FATAL ErrorResponse: the connection ends after it. */
export function encodeFatalError({ sqlState, message, detail, hint }: FatalError): Buffer {
  const fields = { S: "FATAL", V: "FATAL", C: sqlState, M: message, D: detail, H: hint };
  const parts = Object.entries(fields).flatMap(([type, text]) => encodeField(type, text));
  return encodeMessage("E", ...parts, Buffer.of(0));
}

function encodeField(type: string, text: string | undefined): readonly Buffer[] {
  return text === undefined ? [] : [Buffer.from(type), encodeString(clip(text))];
}

function clip(text: string): string {
  const clean = printableLines(text.replaceAll("\0", ""));
  return clean.length > MAX_TEXT_LENGTH ? `${clean.slice(0, MAX_TEXT_LENGTH)}...` : clean;
}

/** Decodes the body of an ErrorResponse; fields that are cut short are left out, and any field may be missing. */
export function readErrorFields(body: Buffer): ErrorFields {
  const fields = new Map<string, string>();
  let offset = 0;
  while (offset < body.length && body[offset] !== 0) {
    const end = body.indexOf(0, offset + 1);
    if (end < 0) break;
    fields.set(body.toString("latin1", offset, offset + 1), body.toString("utf8", offset + 1, end));
    offset = end + 1;
  }
  return fields;
}

/** Adds DETAIL and HINT to the body of a server's ErrorResponse where it had none; every byte of its own stays. */
export function addDetailAndHint(
  body: Buffer,
  added: { readonly detail?: string | undefined; readonly hint?: string | undefined },
): Buffer {
  const fields = readErrorFields(body);
  const detail = fields.has("D") ? undefined : added.detail;
  const hint = fields.has("H") ? undefined : added.hint;
  const own = body.at(-1) === 0 ? body.subarray(0, -1) : Buffer.concat([body, Buffer.of(0)]);
  return encodeMessage(
    "E",
    own,
    ...encodeField("D", detail),
    ...encodeField("H", hint),
    Buffer.of(0),
  );
}

/** The answer to a protocol 2.0 frontend, which knows no fields: the text, a newline and a zero byte. */
export function encodeProtocol2Error(message: string): Buffer {
  return Buffer.concat([Buffer.from("E"), encodeString(`FATAL:  ${message}\n`)]);
}
