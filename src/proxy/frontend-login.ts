// The tool's side of a login: its first packets up to its StartupMessage or CancelRequest, with TLS where it is served, and its
// proof that it may use the proxy: SCRAM-SHA-256 (with channel binding over TLS), a cleartext password, or not at all. We are
// the backend here, and answer what PostgreSQL would answer. Nothing leaves this machine before the proof.
// https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-START-UP
// https://www.postgresql.org/docs/current/sasl-authentication.html
import type { Buffer } from "node:buffer";
import { createHash, timingSafeEqual } from "node:crypto";
import type { Socket } from "node:net";
import {
  encodeAuthenticationCleartextPassword,
  encodeAuthenticationSasl,
  encodeAuthenticationSaslContinue,
  encodeAuthenticationSaslFinal,
  encodeNegotiateProtocolVersion,
} from "../protocol/authentication.ts";
import { encodeProtocol2Error } from "../protocol/error-response.ts";
import { MessageError, readMessage } from "../protocol/message.ts";
import { readSaslInitialResponse } from "../protocol/scram-message.ts";
import {
  loginNames,
  readStartupPacket,
  type StartupMessage,
  type StartupPacket,
} from "../protocol/startup-packet.ts";
import { FrontendRefused, HandshakeFailed, refuse, violation } from "./failure.ts";
import { type FrontendTls, type SecuredFrontend, startFrontendTls } from "./frontend-tls.ts";
import { scramVerifiers, startScram, type VerifierFor } from "./scram.ts";
import { ConnectionClosed, SocketReader } from "../base/socket-reader.ts";

const NEWEST_MINOR = 2; // protocol 3.2, PostgreSQL 18
const MAX_UNREAD = 64 * 1024; // bytes held of a frontend that is still logging in; a StartupMessage has 10,004 at most
const MAX_SASL_LENGTH = 1024; // PG_MAX_SASL_MESSAGE_LENGTH, src/include/libpq/sasl.h
const MAX_PASSWORD_LENGTH = 65_535; // PG_MAX_AUTH_TOKEN_LENGTH, src/include/libpq/auth.h
const PLAIN = "SCRAM-SHA-256";
const PLUS = "SCRAM-SHA-256-PLUS";

/** A frontend's connection during its login; socket and reader are those of TLS once that stands. */
export interface Frontend {
  /** The connection as it was accepted. */
  readonly raw: Socket;
  socket: Socket;
  reader: SocketReader;
  /** The binding data of the certificate that TLS was served with, where it has any. */
  endPoint: Buffer | undefined;
  readonly signal: AbortSignal;
}

/** What a frontend asks for in its first packets. */
export type FrontendRequest = Extract<StartupPacket, { kind: "StartupMessage" | "CancelRequest" }>;

/** Takes in a connection that was accepted. */
export function receiveFrontend(raw: Socket, signal: AbortSignal): Frontend {
  const reader = new SocketReader(raw, MAX_UNREAD);
  // After the reader has let go, an error is followed by a close, which reports it.
  raw.on("error", () => {});
  raw.setNoDelay(true);
  return { raw, socket: raw, reader, endPoint: undefined, signal };
}

/** Reads up to the StartupMessage or CancelRequest; undefined when the peer speaks no PostgreSQL and is closed in silence. */
export async function receiveStartup(
  frontend: Frontend,
  tls: FrontendTls | undefined,
): Promise<FrontendRequest | undefined> {
  const asked = new Set<string>();
  let client: SecuredFrontend["client"] = "not asked";
  let declined: "SSLRequest" | "GSSENCRequest" | undefined;
  for (;;) {
    const taking = frontend.reader.take(readStartupPacket, frontend.signal);
    const packet = await (declined === undefined
      ? taking
      : taking.catch(leftOver(frontend.signal, declined)));
    declined = undefined;
    switch (packet.kind) {
      case "ClientHello":
        if (tls === undefined || asked.size > 0) return undefined;
        asked.add("SSLRequest");
        client = await secure(frontend, tls, true);
        break;
      case "SSLRequest":
      case "GSSENCRequest":
        // A second one is read as a version that does not exist, as PostgreSQL reads it.
        if (asked.has(packet.kind))
          throw violation(unsupported(1234, packet.kind === "SSLRequest" ? 5679 : 5680));
        // They may have been injected on the way (CVE-2021-23214).
        if (frontend.reader.buffered > 0) throw pipelined(packet.kind);
        asked.add(packet.kind);
        if (packet.kind === "SSLRequest" && tls !== undefined) {
          frontend.socket.write("S");
          client = await secure(frontend, tls, false);
        } else {
          frontend.socket.write("N");
          declined = packet.kind;
        }
        break;
      // As PostgreSQL does, also without TLS: libpq 16 and older knows no other way.
      case "CancelRequest":
        return packet;
      case "StartupMessage":
        if (tls?.required === true && frontend.socket === frontend.raw)
          throw noEncryption(frontend, packet.message);
        if (client === "missing" || client === "not trusted") throw noClientCertificate(client);
        return packet;
      case "refused":
        throw refuse(packet);
      case "unsupported version":
        throw unsupportedVersion(packet.major, packet.minor);
      case "junk":
        return undefined;
    }
  }
}

async function secure(
  frontend: Frontend,
  tls: FrontendTls,
  direct: boolean,
): Promise<SecuredFrontend["client"]> {
  const { raw, signal } = frontend;
  const left = frontend.reader.detach();
  if (left.length > 0) raw.unshift(left);
  const secured = await startFrontendTls(raw, tls, { direct, signal });
  frontend.socket = secured.socket;
  frontend.reader = new SocketReader(secured.socket, MAX_UNREAD);
  frontend.endPoint = secured.endPoint;
  return secured.client;
}

// A client that insists on encryption says "server does not support SSL", and nothing to us: it closes the connection.
function leftOver(
  signal: AbortSignal,
  request: "SSLRequest" | "GSSENCRequest",
): (error: unknown) => never {
  return (error) => {
    if (!(error instanceof ConnectionClosed) || signal.aborted) throw error;
    const [what, setting, others] =
      request === "SSLRequest"
        ? ["TLS", "sslmode=disable", ", or start rdsiam proxy with --tls-cert and --tls-key"]
        : ["GSSAPI encryption", "gssencmode=disable", ""];
    throw new HandshakeFailed(`the client requires ${what}, and disconnected`, {
      sqlState: "08004",
      message: `no ${what}`,
      detail: `This proxy does not offer ${what}; the connection to the database always uses TLS.`,
      hint: `Use ${setting} in the client${others}.`,
    });
  };
}

function unsupported(major: number, minor: number): string {
  return `unsupported frontend protocol ${major}.${minor}: server supports 3.0 to 3.${NEWEST_MINOR}`;
}

function unsupportedVersion(major: number, minor: number): FrontendRefused {
  const message = unsupported(major, minor);
  if (major > 2) return refuse({ sqlState: "0A000", message });
  return new FrontendRefused(message, encodeProtocol2Error(message));
}

function pipelined(kind: string): FrontendRefused {
  return violation(
    `received unencrypted data after ${kind === "SSLRequest" ? "SSL" : "GSSAPI encryption"} request`,
    "This could be either a client-software bug or evidence of an attempted man-in-the-middle attack.",
  );
}

function noEncryption({ raw }: Frontend, message: StartupMessage): FrontendRefused {
  const { user, database } = loginNames(message);
  const host = raw.remoteAddress ?? "";
  return refuse({
    sqlState: "28000",
    message: `no pg_hba.conf entry for host "${host}", user "${user}", database "${database}", no encryption`,
    detail: "This is rdsiam's proxy, which accepts only connections with TLS.",
    hint: "Connect with sslmode=require or stricter.",
  });
}

function noClientCertificate(client: "missing" | "not trusted"): FrontendRefused {
  return refuse({
    sqlState: "28000",
    message: "connection requires a valid client certificate",
    detail:
      client === "missing"
        ? "None came."
        : "The client's certificate is not from a CA that rdsiam's proxy accepts, or is not valid now.",
    hint: "Give the tool a certificate and its key: sslcert and sslkey.",
  });
}

/** The StartupMessage as both sides agree on it: version 3.2 at most, without the `_pq_.` options, which no version serves; informs the frontend if that changed something. */
export function negotiateVersion(message: StartupMessage, socket: Socket): StartupMessage {
  const isOption = (name: Buffer): boolean => name.toString("latin1").startsWith("_pq_.");
  const options = message.parameters.map(({ name }) => name).filter(isOption);
  const minor = Math.min(message.minor, NEWEST_MINOR);
  if (message.minor > NEWEST_MINOR || options.length > 0) {
    socket.write(encodeNegotiateProtocolVersion(minor, options));
  }
  return { minor, parameters: message.parameters.filter(({ name }) => !isOption(name)) };
}

/** How a tool proves itself, in the words of pg_hba.conf. */
export type ClientAuth = "scram-sha-256" | "password" | "trust";

/** Demands a proof of a frontend; resolves with what it is to be sent then, and throws FrontendRefused when it fails. */
export type Prove = (frontend: Frontend, message: StartupMessage) => Promise<Buffer | undefined>;

/** The proof that a proxy with this secret demands; `isRandom` when the secret is of random bytes, too many to guess. */
export function proofOf(method: ClientAuth, secret: string, isRandom: boolean): Prove {
  switch (method) {
    case "scram-sha-256": {
      const verifierFor = scramVerifiers(secret, isRandom);
      return (frontend, message) => proveByScram(frontend, message, verifierFor);
    }
    case "password": {
      const expected = digest(secret);
      return (frontend, message) => proveByPassword(frontend, message, expected);
    }
    case "trust":
      return () => Promise.resolve(undefined);
  }
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
  return refuse({
    sqlState: "28P01",
    message: `password authentication failed for user "${loginNames(message).user}"`,
    detail:
      "This is rdsiam's proxy, not the database. It has its own password, and did not ask the database.",
    hint: "Start the tool through rdsiam, or use the password that rdsiam proxy printed, or the one in its --password-file.",
  });
}
