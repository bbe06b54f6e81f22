// The tool's side of a login, up to the proof that it knows the run's secret. We are the backend here, and answer
// what PostgreSQL would answer; nothing leaves this machine before the proof.
// https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-START-UP
import type { Buffer } from "node:buffer";
import type { Socket } from "node:net";
import {
  type CancelKey,
  encodeAuthenticationSasl,
  encodeAuthenticationSaslContinue,
  encodeAuthenticationSaslFinal,
  encodeNegotiateProtocolVersion,
} from "../protocol/authentication.ts";
import {
  encodeFatalError,
  encodeProtocol2Error,
  type FatalError,
} from "../protocol/error-response.ts";
import { MessageError, readMessage } from "../protocol/message.ts";
import { readSaslInitialResponse } from "../protocol/scram-message.ts";
import { readStartupPacket, type StartupMessage } from "../protocol/startup-packet.ts";
import { type ScramVerifier, startScram } from "./scram.ts";
import type { SocketReader } from "./socket-reader.ts";

const NEWEST_MINOR = 2; // protocol 3.2, PostgreSQL 18
const MAX_SASL_LENGTH = 1024; // PG_MAX_SASL_MESSAGE_LENGTH, src/include/libpq/sasl.h
const MECHANISM = "SCRAM-SHA-256";

/** A frontend's connection during its login. */
export interface Frontend {
  readonly socket: Socket;
  readonly reader: SocketReader;
  readonly signal: AbortSignal;
}

/** What a frontend asks for in its first packets. */
export type FrontendRequest =
  | { readonly kind: "login"; readonly message: StartupMessage }
  | { readonly kind: "cancel"; readonly key: CancelKey };

/** A frontend that is answered with an ErrorResponse of its own. */
export class FrontendRefused extends Error {
  override readonly name = "FrontendRefused";
  readonly answer: Buffer;

  constructor(message: string, answer: Buffer) {
    super(message);
    this.answer = answer;
  }
}

/** Reads up to the StartupMessage or CancelRequest; undefined when the peer speaks no PostgreSQL and is closed in silence. */
export async function receiveStartup(frontend: Frontend): Promise<FrontendRequest | undefined> {
  const answered = new Set<string>();
  for (;;) {
    const packet = await frontend.reader.take(readStartupPacket, frontend.signal);
    switch (packet.kind) {
      case "SSLRequest":
      case "GSSENCRequest":
        if (answered.has(packet.kind))
          throw refuse(unsupported(packet.kind === "SSLRequest" ? [1234, 5679] : [1234, 5680]));
        if (frontend.reader.buffered > 0) throw refuse(pipelined(packet.kind));
        answered.add(packet.kind);
        frontend.socket.write("N");
        break;
      case "CancelRequest":
        return { kind: "cancel", key: packet };
      case "StartupMessage":
        return { kind: "login", message: packet.message };
      case "refused":
        throw refuse(packet);
      case "unsupported version":
        throw unsupportedVersion(packet.major, packet.minor);
      case "ClientHello":
      case "junk":
        return undefined;
    }
  }
}

function refuse(error: FatalError): FrontendRefused {
  return new FrontendRefused(error.message, encodeFatalError(error));
}

function unsupported([major, minor]: readonly [number, number]): FatalError {
  const message = `unsupported frontend protocol ${major}.${minor}: server supports 3.0 to 3.${NEWEST_MINOR}`;
  // A second SSLRequest or GSSENCRequest is read as a version that does not exist, as PostgreSQL reads it.
  return { sqlState: major === 1234 ? "08P01" : "0A000", message };
}

function unsupportedVersion(major: number, minor: number): FrontendRefused {
  const error = unsupported([major, minor]);
  if (major > 2) return refuse({ ...error, sqlState: "0A000" });
  return new FrontendRefused(error.message, encodeProtocol2Error(error.message));
}

function pipelined(kind: string): FatalError {
  return {
    sqlState: "08P01",
    message: `received unencrypted data after ${kind === "SSLRequest" ? "SSL" : "GSSAPI encryption"} request`,
    detail:
      "This could be either a client-software bug or evidence of an attempted man-in-the-middle attack.",
  };
}

/** The StartupMessage as both sides agree on it: version 3.2 at most, without the `_pq_.` options, which nobody serves; tells the frontend when that changed something. */
export function negotiateVersion(message: StartupMessage, socket: Socket): StartupMessage {
  const isOption = (name: Buffer): boolean => name.toString("latin1").startsWith("_pq_.");
  const options = message.parameters.map(({ name }) => name).filter(isOption);
  const minor = Math.min(message.minor, NEWEST_MINOR);
  if (message.minor > NEWEST_MINOR || options.length > 0) {
    socket.write(encodeNegotiateProtocolVersion(minor, options));
  }
  return { minor, parameters: message.parameters.filter(({ name }) => !isOption(name)) };
}

/** Demands the run's secret by SCRAM-SHA-256; resolves with AuthenticationSASLFinal to send, and throws FrontendRefused otherwise. */
export async function proveSecret(
  frontend: Frontend,
  verifier: ScramVerifier,
  user: string,
): Promise<Buffer> {
  frontend.socket.write(encodeAuthenticationSasl([MECHANISM]));
  const initial = readSaslInitialResponse(await takeSaslMessage(frontend));
  if (initial === undefined) throw refuse(malformed());
  if (initial.mechanism !== MECHANISM) {
    throw refuse({
      sqlState: "08P01",
      message: "client selected an invalid SASL authentication mechanism",
    });
  }
  const exchange = startScram(verifier, initial.data);
  if (exchange === undefined) throw refuse(malformed());
  frontend.socket.write(encodeAuthenticationSaslContinue(exchange.serverFirst));
  const serverFinal = exchange.verify((await takeSaslMessage(frontend)).toString("latin1"));
  if (serverFinal === undefined) throw refuse(wrongSecret(user));
  return encodeAuthenticationSaslFinal(serverFinal);
}

async function takeSaslMessage(frontend: Frontend): Promise<Buffer> {
  try {
    const limit = (type: string): number => (type === "p" ? MAX_SASL_LENGTH + 4 : 0);
    return (await frontend.reader.take((bytes) => readMessage(bytes, limit), frontend.signal)).body;
  } catch (error) {
    if (!(error instanceof MessageError)) throw error;
    throw refuse({
      sqlState: "08P01",
      message: "expected SASL response",
      detail: `A login message was wrong: ${error.message}.`,
    });
  }
}

function malformed(): FatalError {
  return { sqlState: "08P01", message: "malformed SCRAM message" };
}

function wrongSecret(user: string): FatalError {
  return {
    sqlState: "28P01",
    message: `password authentication failed for user "${user}"`,
    detail:
      "This is rdsiam's local proxy; it knows one password, which the tool that rdsiam started has in PGPASSWORD.",
    hint: "Start the tool through rdsiam; the database was not asked.",
  };
}
