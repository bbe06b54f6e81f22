// The client side of SCRAM-SHA-256: proves a password to the backend, and checks that the backend knows it too.
// No channel binding: the connection is verified TLS to a name that is known beforehand.
// https://www.rfc-editor.org/rfc/rfc5802#section-3, https://www.rfc-editor.org/rfc/rfc7677
import { Buffer } from "node:buffer";
import { createHash, createHmac, pbkdf2, randomBytes, timingSafeEqual } from "node:crypto";
import { readServerFirst, readServerSignature, type ServerFirst } from "../protocol/password.ts";

const NONCE_LENGTH = 18; // SCRAM_RAW_NONCE_LEN, src/include/common/scram-common.h
const MAX_ITERATIONS = 10_000_000; // seconds of work; PostgreSQL's scram_iterations has no such limit, a hostile server would have none
const GS2_HEADER = "n,,"; // no channel binding

/** A proof under way. */
export interface ScramProof {
  readonly clientFirst: string;
  /** The client-final-message for a server-first-message; undefined when that is malformed. */
  readonly answer: (serverFirst: string) => Promise<string | undefined>;
  /** Whether a server-final-message proves that the server knows the password. */
  readonly isServerProven: (serverFinal: string) => boolean;
}

/** Begins the proof of a password. The user's name is left empty: PostgreSQL takes that of the StartupMessage. */
export function startScramProof(password: string): ScramProof {
  const nonce = randomBytes(NONCE_LENGTH).toString("base64");
  const bare = `n=,r=${nonce}`;
  let expected: Buffer | undefined;
  const answer = async (serverFirst: string): Promise<string | undefined> => {
    const first = readServerFirst(serverFirst);
    const isOurs = first?.nonce.startsWith(nonce) === true && first.nonce.length > nonce.length;
    if (first === undefined || !isOurs || first.iterations > MAX_ITERATIONS) return undefined;
    const salted = await saltedPassword(password, first);
    const withoutProof = `c=${Buffer.from(GS2_HEADER).toString("base64")},r=${first.nonce}`;
    const authMessage = `${bare},${serverFirst},${withoutProof}`;
    const clientKey = hmac(salted, "Client Key");
    const storedKey = createHash("sha256").update(clientKey).digest();
    const signature = hmac(storedKey, authMessage);
    const proof = clientKey.map((byte, index) => byte ^ (signature[index] ?? 0));
    expected = hmac(hmac(salted, "Server Key"), authMessage);
    return `${withoutProof},p=${Buffer.from(proof).toString("base64")}`;
  };
  return {
    clientFirst: GS2_HEADER + bare,
    answer,
    isServerProven: (serverFinal) => {
      const signature = readServerSignature(serverFinal);
      return (
        signature !== undefined && expected !== undefined && timingSafeEqual(signature, expected)
      );
    },
  };
}

// In a thread of its own: a server may ask for seconds of work.
function saltedPassword(password: string, { salt, iterations }: ServerFirst): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    pbkdf2(saslPrepared(password), salt, iterations, 32, "sha256", (error, key) => {
      if (error === null) resolve(key);
      else reject(error);
    });
  });
}

// RFC 4013 as far as passwords meet it: spaces that are not ASCII, characters mapped to nothing, NFKC. What it would
// prohibit is used as it is, as PostgreSQL does (pg_saslprep, src/common/saslprep.c).
function saslPrepared(password: string): string {
  if (/^\p{ASCII}*$/u.test(password) || /\p{Cc}/u.test(password)) return password;
  return password
    .replaceAll(/\p{Zs}|\u200b/gu, " ")
    .replaceAll(/\p{Variation_Selector}|\u00ad|\u034f|\u1806|\u200c|\u200d|\u2060|\ufeff/gu, "")
    .normalize("NFKC");
}

function hmac(key: Buffer, data: string): Buffer {
  return createHmac("sha256", key).update(data, "latin1").digest();
}
