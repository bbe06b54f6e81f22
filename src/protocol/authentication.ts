// The messages of the login: Authentication requests and the answers to them, NegotiateProtocolVersion, BackendKeyData.
// https://www.postgresql.org/docs/current/protocol-message-formats.html
// Amazon Redshift has a request of its own, which only the sources of its drivers describe (AUTH_REQ_DIGEST).
// https://github.com/aws/amazon-redshift-python-driver/blob/master/redshift_connector/core.py
import { Buffer } from "node:buffer";
import { encodeInt32, encodeMessage, encodeString } from "./message.ts";

const CODE_LENGTH = 4; // bytes that every Authentication request begins with
const MD5_SALT_LENGTH = 4; // bytes

const OK = 0;
const CLEARTEXT_PASSWORD = 3;
const SASL = 10;
const SASL_CONTINUE = 11;
const SASL_FINAL = 12;
const DIGEST = 13;
const DIGEST_SHA256 = 0;

const AUTHENTICATION_NAMES: ReadonlyMap<number, string> = new Map([
  [OK, "AuthenticationOk"],
  [2, "AuthenticationKerberosV5"],
  [CLEARTEXT_PASSWORD, "AuthenticationCleartextPassword"],
  [5, "AuthenticationMD5Password"],
  [7, "AuthenticationGSS"],
  [9, "AuthenticationSSPI"],
  [SASL, "AuthenticationSASL"],
  [SASL_CONTINUE, "AuthenticationSASLContinue"],
  [SASL_FINAL, "AuthenticationSASLFinal"],
  [DIGEST, "AuthenticationDigest"],
]);

/** The name of an Authentication request from the body of an `R` message; "unknown" for a code that no document names. */
export function readAuthenticationName(body: Buffer): string {
  return body.length < CODE_LENGTH
    ? "unknown"
    : (AUTHENTICATION_NAMES.get(body.readInt32BE(0)) ?? "unknown");
}

/** Encodes AuthenticationOk. */
export function encodeAuthenticationOk(): Buffer {
  return encodeMessage("R", encodeInt32(OK));
}

/** Encodes AuthenticationCleartextPassword. */
export function encodeAuthenticationCleartextPassword(): Buffer {
  return encodeMessage("R", encodeInt32(CLEARTEXT_PASSWORD));
}

/** Decodes the mechanisms of AuthenticationSASL; undefined for any other message. */
export function readAuthenticationSasl(body: Buffer): readonly string[] | undefined {
  if (readAuthenticationName(body) !== "AuthenticationSASL") return undefined;
  const names = body.toString("latin1", CODE_LENGTH).split("\0");
  return names.slice(0, names.indexOf(""));
}

/** The salt of AuthenticationMD5Password; undefined when the message is malformed. */
export function readMd5Salt(body: Buffer): Buffer | undefined {
  const salt = body.subarray(CODE_LENGTH);
  return salt.length === MD5_SALT_LENGTH ? salt : undefined;
}

/** What Redshift's AuthenticationDigest asks with. */
export interface DigestRequest {
  readonly salt: Buffer;
  readonly serverNonce: Buffer;
}

/** Decodes AuthenticationDigest; undefined when it is malformed, or asks for another hash than SHA-256. */
export function readAuthenticationDigest(body: Buffer): DigestRequest | undefined {
  const [salt, serverNonce, ...rest] = readCounted(body.subarray(2 * CODE_LENGTH));
  const isSha256 = body.length > 2 * CODE_LENGTH && body.readInt32BE(CODE_LENGTH) === DIGEST_SHA256;
  const isWhole = isSha256 && serverNonce !== undefined && rest.length === 0;
  return isWhole && salt !== undefined ? { salt, serverNonce } : undefined;
}

// Byte strings, each after its length; none where they do not fill the bytes.
function readCounted(bytes: Buffer): readonly Buffer[] {
  const found: Buffer[] = [];
  let at = 0;
  while (bytes.length - at >= 4) {
    const end = at + 4 + bytes.readUInt32BE(at);
    if (end > bytes.length) return [];
    found.push(bytes.subarray(at + 4, end));
    at = end;
  }
  return at === bytes.length ? found : [];
}

/** Encodes AuthenticationDigest for SHA-256. */
export function encodeAuthenticationDigest({ salt, serverNonce }: DigestRequest): Buffer {
  const counted = [salt, serverNonce].flatMap((bytes) => [encodeInt32(bytes.length), bytes]);
  return encodeMessage("R", encodeInt32(DIGEST), encodeInt32(DIGEST_SHA256), ...counted);
}

/** Encodes the answer to AuthenticationDigest. */
export function encodeDigestResponse(digest: Buffer, clientNonce: Buffer): Buffer {
  const counted = [digest, clientNonce].flatMap((bytes) => [encodeInt32(bytes.length), bytes]);
  return encodeMessage("d", ...counted);
}

/** Decodes the body of the answer to AuthenticationDigest; undefined when it is malformed. */
export function readDigestResponse(
  body: Buffer,
): { readonly digest: Buffer; readonly clientNonce: Buffer } | undefined {
  const [digest, clientNonce, ...rest] = readCounted(body);
  return digest === undefined || clientNonce === undefined || rest.length > 0
    ? undefined
    : { digest, clientNonce };
}

/** The mechanism's data in AuthenticationSASLContinue or AuthenticationSASLFinal. */
export function readSaslData(body: Buffer): string {
  return body.toString("latin1", CODE_LENGTH);
}

/** Encodes AuthenticationSASL with the mechanisms offered. */
export function encodeAuthenticationSasl(mechanisms: readonly string[]): Buffer {
  return encodeMessage("R", encodeInt32(SASL), ...mechanisms.map(encodeString), Buffer.of(0));
}

/** Encodes AuthenticationSASLContinue with the mechanism's data. */
export function encodeAuthenticationSaslContinue(data: string): Buffer {
  return encodeMessage("R", encodeInt32(SASL_CONTINUE), Buffer.from(data));
}

/** Encodes AuthenticationSASLFinal with the mechanism's data. */
export function encodeAuthenticationSaslFinal(data: string): Buffer {
  return encodeMessage("R", encodeInt32(SASL_FINAL), Buffer.from(data));
}

/** Encodes NegotiateProtocolVersion: version 3.MINOR and the `_pq_.` options that were not recognised. */
export function encodeNegotiateProtocolVersion(minor: number, options: readonly Buffer[]): Buffer {
  const names = options.flatMap((name) => [name, Buffer.of(0)]);
  return encodeMessage("v", encodeInt32(0x3_0000 + minor), encodeInt32(options.length), ...names);
}

/** Encodes PasswordMessage with a cleartext password. */
export function encodePasswordMessage(password: string): Buffer {
  return encodeMessage("p", encodeString(password));
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

/** What a frontend must present to cancel: the process ID and secret key of BackendKeyData (4 to 256 bytes). */
export interface CancelKey {
  readonly processId: number;
  readonly secretKey: Buffer;
}

/** Decodes the body of BackendKeyData; undefined when it is too short or too long to hold a key. */
export function readBackendKeyData(body: Buffer): CancelKey | undefined {
  if (body.length < 5 || body.length > 4 + 256) return undefined;
  return { processId: body.readInt32BE(0), secretKey: Buffer.from(body.subarray(4)) };
}
