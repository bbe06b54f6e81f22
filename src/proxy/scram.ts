// SCRAM-SHA-256, both sides of it. As the server we make a tool prove that it knows the run's secret, and prove to it that we
// do. As the client we prove a password to the backend, and check that the backend knows it too: without channel binding,
// for that connection is verified TLS to a name that is known beforehand.
// https://www.rfc-editor.org/rfc/rfc5802#section-3, https://www.rfc-editor.org/rfc/rfc7677
import { Buffer } from "node:buffer";
import {
  createHash,
  createHmac,
  pbkdf2,
  pbkdf2Sync,
  randomBytes,
  timingSafeEqual,
} from "node:crypto";
import {
  readClientFinal,
  readClientFirst,
  readServerFirst,
  readServerSignature,
  type ServerFirst,
} from "../protocol/scram-message.ts";
import { type StartupMessage, startupParameter } from "../protocol/startup-packet.ts";

const SALT_LENGTH = 16; // SCRAM_DEFAULT_SALT_LEN, src/include/common/scram-common.h
const NONCE_LENGTH = 18; // SCRAM_RAW_NONCE_LEN, same file
const MAX_ITERATIONS = 10_000_000; // seconds of work; PostgreSQL's scram_iterations has no such limit, a hostile server would have none
const GS2_HEADER = "n,,"; // no channel binding

/** What a server keeps of a password (RFC 5802 section 3). */
export interface ScramVerifier {
  readonly salt: string;
  readonly iterations: number;
  readonly storedKey: Buffer;
  readonly serverKey: Buffer;
}

/** A login under way: the server-first-message to send, and the check of what comes back. */
export interface ScramExchange {
  readonly serverFirst: string;
  /** The server-final-message when the proof is right; undefined when it is not, after the same work. */
  readonly verify: (clientFinal: string) => string | undefined;
}

/** Derives the verifier of a secret, once per run: a login then costs two HMACs. */
export function scramVerifier(secret: string, iterations: number): ScramVerifier {
  const salt = randomBytes(SALT_LENGTH);
  const salted = pbkdf2Sync(secret, salt, iterations, 32, "sha256");
  const clientKey = hmac(salted, "Client Key");
  const storedKey = createHash("sha256").update(clientKey).digest();
  const serverKey = hmac(salted, "Server Key");
  return { salt: salt.toString("base64"), iterations, storedKey, serverKey };
}

/**
 * Answers a client-first-message; undefined when it is malformed or asks for what is not served. `endPoint` is the data of the
 * channel binding where one was offered, `isBound` whether the client chose the mechanism that has it.
 */
export function startScram(
  verifier: ScramVerifier,
  clientFirst: string,
  { endPoint, isBound }: { readonly endPoint: Buffer | undefined; readonly isBound: boolean },
): ScramExchange | "downgraded" | undefined {
  const first = readClientFirst(clientFirst);
  if (first === undefined || isBound !== (first.bindingFlag === "p")) return undefined;
  // It believes that there is none here, so our offer was removed on the way.
  if (first.bindingFlag === "y" && endPoint !== undefined) return "downgraded";
  const nonce = first.nonce + randomBytes(NONCE_LENGTH).toString("base64");
  const serverFirst = `r=${nonce},s=${verifier.salt},i=${verifier.iterations}`;
  const binding = first.gs2Header + (isBound ? (endPoint?.toString("latin1") ?? "") : "");
  const verify = (clientFinal: string): string | undefined => {
    const final = readClientFinal(clientFinal);
    if (final === undefined) return undefined;
    const authMessage = `${first.bare},${serverFirst},${final.withoutProof}`;
    const clientKey = xor(hmac(verifier.storedKey, authMessage), final.proof);
    const storedKey = createHash("sha256").update(clientKey).digest();
    const isProven = timingSafeEqual(storedKey, verifier.storedKey);
    const serverFinal = `v=${hmac(verifier.serverKey, authMessage).toString("base64")}`;
    const isSameExchange = final.nonce === nonce && final.channelBinding === binding;
    return isProven && isSameExchange ? serverFinal : undefined;
  };
  return { serverFirst, verify };
}

// How many iterations a tool's exchange has. They make guessing a person's password slow. The 32 random bytes of a run
// cannot be guessed: for those they only cost 4 to 5 ms of the tool's time in each login (libpq with OpenSSL 3). But RFC 7677
// asks for 4096, and some clients refuse fewer (pgjdbc, Bun, lib/pq below 1000). PostgreSQL's own programs take any number
// that scram_iterations can be set to, which is 1 and more. So these alone get one; a secret that a person chose, another
// name or another client-first-message than libpq's means 4096.
// https://www.rfc-editor.org/rfc/rfc7677#section-4, src/interfaces/libpq/fe-auth-scram.c

const USUAL_ITERATIONS = 4096; // what every client takes (RFC 7677 section 4)
const FEWEST_ITERATIONS = 1; // enough for a secret of 32 random bytes

// Their fallback_application_name, which is their own name; who has set another with PGAPPNAME is not known here.
const PROGRAMS: ReadonlySet<string> = new Set([
  "clusterdb",
  "createdb",
  "createuser",
  "dropdb",
  "dropuser",
  "oid2name",
  "pg_amcheck",
  "pg_basebackup",
  "pg_dump",
  "pg_dumpall",
  "pg_receivewal",
  "pg_recvlogical",
  "pg_restore",
  "pgbench",
  "psql",
  "reindexdb",
  "vacuumdb",
  "vacuumlo",
]);

// No user name, and a nonce of 18 bytes (SCRAM_RAW_NONCE_LEN); pgjdbc, for one, says `n=*`.
const LIBPQ_CLIENT_FIRST = /^(?:[ny]|p=tls-server-end-point),,n=,r=[A-Za-z0-9+/]{24}$/;

/** Whether a login is that of a program of PostgreSQL's own, which takes any number of iterations. */
export function takesFewIterations(message: StartupMessage, clientFirst: string): boolean {
  const name = startupParameter(message, "application_name")?.toString("latin1") ?? "";
  return PROGRAMS.has(name) && LIBPQ_CLIENT_FIRST.test(clientFirst);
}

/** Chooses the verifier of a tool's exchange. */
export type VerifierFor = (message: StartupMessage, clientFirst: string) => ScramVerifier;

/** The verifiers of a secret; `isRandom` when it is of random bytes, too many to guess. */
export function scramVerifiers(secret: string, isRandom: boolean): VerifierFor {
  // Milliseconds of work, which a run of psql does not need.
  let usual: ScramVerifier | undefined;
  const few = isRandom ? scramVerifier(secret, FEWEST_ITERATIONS) : undefined;
  return (message, clientFirst) =>
    few !== undefined && takesFewIterations(message, clientFirst)
      ? few
      : (usual ??= scramVerifier(secret, USUAL_ITERATIONS));
}

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
    const proof = xor(clientKey, hmac(storedKey, authMessage));
    expected = hmac(hmac(salted, "Server Key"), authMessage);
    return `${withoutProof},p=${proof.toString("base64")}`;
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

function xor(one: Buffer, other: Buffer): Buffer {
  return Buffer.from(one.map((byte, index) => byte ^ (other[index] ?? 0)));
}
