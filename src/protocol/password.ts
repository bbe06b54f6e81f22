// The messages of a password login as a frontend reads and writes them: MD5 and SASL. No cryptography here.
// https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-START-UP
// https://www.postgresql.org/docs/current/sasl-authentication.html, https://www.rfc-editor.org/rfc/rfc5802#section-7
import { Buffer } from "node:buffer";
import { encodeInt32, encodeMessage, encodeString } from "./message.ts";

const AUTHENTICATION_CODE_LENGTH = 4; // bytes that every Authentication request begins with
const MD5_SALT_LENGTH = 4;

/** A server-first-message. */
export interface ServerFirst {
  readonly nonce: string;
  readonly salt: Buffer;
  readonly iterations: number;
}

/** The salt of AuthenticationMD5Password; undefined when the message is malformed. */
export function readMd5Salt(body: Buffer): Buffer | undefined {
  const salt = body.subarray(AUTHENTICATION_CODE_LENGTH);
  return salt.length === MD5_SALT_LENGTH ? salt : undefined;
}

/** The mechanism's data in AuthenticationSASLContinue or AuthenticationSASLFinal. */
export function readSaslData(body: Buffer): string {
  return body.toString("latin1", AUTHENTICATION_CODE_LENGTH);
}

/** Encodes SASLInitialResponse. */
export function encodeSaslInitialResponse(mechanism: string, data: string): Buffer {
  const bytes = Buffer.from(data);
  return encodeMessage("p", encodeString(mechanism), encodeInt32(bytes.length), bytes);
}

/** Encodes SASLResponse. */
export function encodeSaslResponse(data: string): Buffer {
  return encodeMessage("p", Buffer.from(data));
}

/** Decodes a server-first-message; undefined when it is malformed or has an extension that must be understood (`m=`). */
export function readServerFirst(text: string): ServerFirst | undefined {
  const match =
    /^r=([\x21-\x2b\x2d-\x7e]+),s=([A-Za-z0-9+/]+={0,2}),i=([1-9]\d{0,9})(?:,.*)?$/s.exec(text);
  const [, nonce, salt, iterations] = match ?? [];
  if (nonce === undefined || salt === undefined || iterations === undefined) return undefined;
  return { nonce, salt: Buffer.from(salt, "base64"), iterations: Number(iterations) };
}

/** The server's signature in a server-final-message; undefined when it is malformed or an error (`e=`). */
export function readServerSignature(text: string): Buffer | undefined {
  const [, signature] = /^v=([A-Za-z0-9+/]{43}=)(?:,.*)?$/s.exec(text) ?? [];
  return signature === undefined ? undefined : Buffer.from(signature, "base64");
}
