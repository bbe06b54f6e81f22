// How a tool proves that it may use the proxy: SCRAM-SHA-256 (with channel binding over TLS), a cleartext password, or not
// at all. Nothing leaves this machine before the proof.
// https://www.postgresql.org/docs/current/sasl-authentication.html
import type { Buffer } from "node:buffer";
import { createHash, timingSafeEqual } from "node:crypto";
import {
  encodeAuthenticationCleartextPassword,
  encodeAuthenticationSasl,
  encodeAuthenticationSaslContinue,
  encodeAuthenticationSaslFinal,
} from "../protocol/authentication.ts";
import { MessageError, readMessage } from "../protocol/message.ts";
import { readSaslInitialResponse } from "../protocol/scram-message.ts";
import { type StartupMessage, startupParameter } from "../protocol/startup-packet.ts";
import { type FrontendRefused, refuse, violation } from "./frontend-refused.ts";
import type { Frontend } from "./frontend-startup.ts";
import { type ScramVerifier, scramVerifier, startScram } from "./scram.ts";
import { FEWEST_ITERATIONS, takesFewIterations, USUAL_ITERATIONS } from "./scram-iterations.ts";

const MAX_SASL_LENGTH = 1024; // PG_MAX_SASL_MESSAGE_LENGTH, src/include/libpq/sasl.h
const MAX_PASSWORD_LENGTH = 65_535; // PG_MAX_AUTH_TOKEN_LENGTH, src/include/libpq/auth.h
const PLAIN = "SCRAM-SHA-256";
const PLUS = "SCRAM-SHA-256-PLUS";

/** How a tool proves itself, in the words of pg_hba.conf. */
export type ClientAuth = "scram-sha-256" | "password" | "trust";

/** Demands a proof of a frontend; resolves with what it is to be sent then, and throws FrontendRefused when it fails. */
export type Prove = (frontend: Frontend, message: StartupMessage) => Promise<Buffer | undefined>;

/** What tools prove to know. */
export interface ProvenSecret {
  readonly secret: string;
  /** Whether it is of random bytes, too many to guess. */
  readonly isRandom: boolean;
}

/** The proof that a proxy with this secret demands. */
export function proofOf(method: ClientAuth, proven: ProvenSecret): Prove {
  switch (method) {
    case "scram-sha-256": {
      const verifierFor = verifiersOf(proven);
      return (frontend, message) => proveByScram(frontend, message, verifierFor);
    }
    case "password": {
      const expected = digest(proven.secret);
      return (frontend, message) => proveByPassword(frontend, message, expected);
    }
    case "trust":
      return () => Promise.resolve(undefined);
  }
}

type VerifierFor = (message: StartupMessage, clientFirst: string) => ScramVerifier;

function verifiersOf({ secret, isRandom }: ProvenSecret): VerifierFor {
  // Milliseconds of work, which a run of psql does not need.
  let usual: ScramVerifier | undefined;
  const few = isRandom ? scramVerifier(secret, FEWEST_ITERATIONS) : undefined;
  return (message, clientFirst) =>
    few !== undefined && takesFewIterations(message, clientFirst)
      ? few
      : (usual ??= scramVerifier(secret, USUAL_ITERATIONS));
}

async function proveByScram(
  frontend: Frontend,
  message: StartupMessage,
  verifierFor: VerifierFor,
): Promise<Buffer> {
  const { socket, endPoint } = frontend;
  const mechanisms = endPoint === undefined ? [PLAIN] : [PLUS, PLAIN];
  socket.write(encodeAuthenticationSasl(mechanisms));
  const initial = readSaslInitialResponse(await takeResponse(frontend, "SASL response"));
  if (initial === undefined) throw violation("malformed SCRAM message");
  if (!mechanisms.includes(initial.mechanism))
    throw violation("client selected an invalid SASL authentication mechanism");
  const isBound = initial.mechanism === PLUS;
  const verifier = verifierFor(message, initial.data);
  const exchange = startScram(verifier, initial.data, { endPoint, isBound });
  if (exchange === "downgraded") throw downgraded();
  if (exchange === undefined) throw violation("malformed SCRAM message");
  socket.write(encodeAuthenticationSaslContinue(exchange.serverFirst));
  const final = await takeResponse(frontend, "SASL response");
  const serverFinal = exchange.verify(final.toString("latin1"));
  if (serverFinal === undefined) throw wrongSecret(message);
  return encodeAuthenticationSaslFinal(serverFinal);
}

async function proveByPassword(
  frontend: Frontend,
  message: StartupMessage,
  expected: Buffer,
): Promise<undefined> {
  frontend.socket.write(encodeAuthenticationCleartextPassword());
  const body = await takeResponse(frontend, "password response");
  // Exactly one zero byte, which is the last.
  const isString = body.indexOf(0) === body.length - 1;
  const isRight = timingSafeEqual(digest(body.subarray(0, -1)), expected);
  if (!isString || !isRight) throw wrongSecret(message);
}

// Of one length whatever is compared, as timingSafeEqual() demands.
function digest(secret: Buffer | string): Buffer {
  return createHash("sha256").update(secret).digest();
}

async function takeResponse(frontend: Frontend, expected: string): Promise<Buffer> {
  const most = expected === "SASL response" ? MAX_SASL_LENGTH : MAX_PASSWORD_LENGTH;
  try {
    const limit = (type: string): number => (type === "p" ? most + 4 : 0);
    return (await frontend.reader.take((bytes) => readMessage(bytes, limit), frontend.signal)).body;
  } catch (error) {
    if (!(error instanceof MessageError)) throw error;
    throw violation(`expected ${expected}`, `A login message was wrong: ${error.message}.`);
  }
}

// RFC 5802 section 6: SCRAM-SHA-256-PLUS was taken out of our offer on the way.
function downgraded(): FrontendRefused {
  return refuse({
    sqlState: "28000",
    message: "SCRAM channel binding negotiation error",
    detail:
      "The client supports SCRAM channel binding but thinks the server does not. However, this server does support channel binding.",
  });
}

function wrongSecret(message: StartupMessage): FrontendRefused {
  const user = startupParameter(message, "user")?.toString("utf8") ?? "";
  return refuse({
    sqlState: "28P01",
    message: `password authentication failed for user "${user}"`,
    detail:
      "This is rdsiam's proxy, not the database, which was not asked. It knows one password, of its own.",
    hint: "Start the tool through rdsiam, or take the password from what rdsiam proxy printed or from its --password-file.",
  });
}
