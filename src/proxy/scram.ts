// The server side of SCRAM-SHA-256: proves that the peer knows the run's secret, and to it that we do.
// The verifier is derived once per run; a login costs two HMACs.
// https://www.rfc-editor.org/rfc/rfc5802#section-3, https://www.rfc-editor.org/rfc/rfc7677
import { Buffer } from "node:buffer";
import { createHash, createHmac, pbkdf2Sync, randomBytes, timingSafeEqual } from "node:crypto";
import { type ClientFirst, readClientFinal, readClientFirst } from "../protocol/scram-message.ts";

const SALT_LENGTH = 16; // SCRAM_DEFAULT_SALT_LEN, src/include/common/scram-common.h
const NONCE_LENGTH = 18; // SCRAM_RAW_NONCE_LEN, same file

/** What a server keeps of a password (RFC 5802 section 3). */
export interface ScramVerifier {
  readonly salt: string;
  readonly iterations: number;
  readonly storedKey: Buffer;
  readonly serverKey: Buffer;
}

/** A login under way: the server-first-message to send, and the judge of what comes back. */
export interface ScramExchange {
  readonly serverFirst: string;
  /** The server-final-message when the proof is right; undefined when it is not, after the same work. */
  readonly verify: (clientFinal: string) => string | undefined;
}

/** Derives the verifier of a secret; scram-iterations.ts says with how many iterations. */
export function scramVerifier(secret: string, iterations: number): ScramVerifier {
  const salt = randomBytes(SALT_LENGTH);
  const salted = pbkdf2Sync(secret, salt, iterations, 32, "sha256");
  const clientKey = hmac(salted, "Client Key");
  const storedKey = createHash("sha256").update(clientKey).digest();
  const serverKey = hmac(salted, "Server Key");
  return { salt: salt.toString("base64"), iterations, storedKey, serverKey };
}

/** What there is of channel binding: data where it was offered, and whether the client chose the mechanism that has it. */
export interface ChannelBinding {
  readonly endPoint: Buffer | undefined;
  readonly isBound: boolean;
}

/** Answers a client-first-message; undefined when it is malformed or asks for what is not served. */
export function startScram(
  verifier: ScramVerifier,
  clientFirst: string,
  { endPoint, isBound }: ChannelBinding,
): ScramExchange | "downgraded" | undefined {
  const first = readClientFirst(clientFirst);
  if (first === undefined || isBound !== (first.bindingFlag === "p")) return undefined;
  // It believes that there is none here, so our offer was removed on the way.
  if (first.bindingFlag === "y" && endPoint !== undefined) return "downgraded";
  const nonce = first.nonce + randomBytes(NONCE_LENGTH).toString("base64");
  const serverFirst = `r=${nonce},s=${verifier.salt},i=${verifier.iterations}`;
  const data = isBound ? (endPoint?.toString("latin1") ?? "") : "";
  const expected = { first, nonce, serverFirst, channelBinding: first.gs2Header + data };
  return {
    serverFirst,
    verify: (clientFinal) => verifyClientFinal(verifier, expected, clientFinal),
  };
}

interface Expected {
  readonly first: ClientFirst;
  readonly nonce: string;
  readonly serverFirst: string;
  /** The gs2 header and the binding's data, as latin1. */
  readonly channelBinding: string;
}

function verifyClientFinal(
  verifier: ScramVerifier,
  expected: Expected,
  clientFinal: string,
): string | undefined {
  const final = readClientFinal(clientFinal);
  if (final === undefined) return undefined;
  const authMessage = `${expected.first.bare},${expected.serverFirst},${final.withoutProof}`;
  const signature = hmac(verifier.storedKey, authMessage);
  const clientKey = Buffer.alloc(signature.length);
  for (const [index, byte] of signature.entries())
    clientKey[index] = byte ^ (final.proof[index] ?? 0);
  const storedKey = createHash("sha256").update(clientKey).digest();
  const proven = timingSafeEqual(storedKey, verifier.storedKey);
  const serverFinal = `v=${hmac(verifier.serverKey, authMessage).toString("base64")}`;
  const sameExchange =
    final.nonce === expected.nonce && final.channelBinding === expected.channelBinding;
  return proven && sameExchange ? serverFinal : undefined;
}

function hmac(key: Buffer, data: string): Buffer {
  return createHmac("sha256", key).update(data, "latin1").digest();
}
