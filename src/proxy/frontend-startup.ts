// The tool's first packets, up to its StartupMessage or CancelRequest, with TLS where it is served. We are the backend here,
// and answer what PostgreSQL would answer.
// https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-START-UP
import type { Buffer } from "node:buffer";
import type { Socket } from "node:net";
import { type CancelKey, encodeNegotiateProtocolVersion } from "../protocol/authentication.ts";
import { encodeProtocol2Error, type FatalError } from "../protocol/error-response.ts";
import {
  readStartupPacket,
  type StartupMessage,
  startupParameter,
} from "../protocol/startup-packet.ts";
import { FrontendRefused, refuse, violation } from "./frontend-refused.ts";
import { type FrontendTls, type SecuredFrontend, startFrontendTls } from "./frontend-tls.ts";
import { SocketReader } from "./socket-reader.ts";

const NEWEST_MINOR = 2; // protocol 3.2, PostgreSQL 18
const MAX_UNREAD = 64 * 1024; // bytes held of a frontend that is still logging in; a StartupMessage has 10,004 at most

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
export type FrontendRequest =
  | { readonly kind: "login"; readonly message: StartupMessage }
  | { readonly kind: "cancel"; readonly key: CancelKey };

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
  for (;;) {
    const packet = await frontend.reader.take(readStartupPacket, frontend.signal);
    switch (packet.kind) {
      case "ClientHello":
        if (tls === undefined || asked.size > 0) return undefined;
        asked.add("SSLRequest");
        client = await secure(frontend, tls, true);
        break;
      case "SSLRequest":
      case "GSSENCRequest":
        if (asked.has(packet.kind)) throw askedTwice(packet.kind);
        // They may have been injected on the way (CVE-2021-23214).
        if (frontend.reader.buffered > 0) throw pipelined(packet.kind);
        asked.add(packet.kind);
        if (packet.kind === "SSLRequest" && tls !== undefined) {
          frontend.socket.write("S");
          client = await secure(frontend, tls, false);
        } else frontend.socket.write("N");
        break;
      // As PostgreSQL does, also without TLS: libpq 16 and older knows no other way.
      case "CancelRequest":
        return { kind: "cancel", key: packet };
      case "StartupMessage":
        if (tls?.required === true && frontend.socket === frontend.raw)
          throw noEncryption(frontend, packet.message);
        if (client === "missing" || client === "not trusted") throw noClientCertificate(client);
        return { kind: "login", message: packet.message };
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

function unsupported([major, minor]: readonly [number, number]): string {
  return `unsupported frontend protocol ${major}.${minor}: server supports 3.0 to 3.${NEWEST_MINOR}`;
}

// A second SSLRequest or GSSENCRequest is read as a version that does not exist, as PostgreSQL reads it.
function askedTwice(kind: "SSLRequest" | "GSSENCRequest"): FrontendRefused {
  return violation(unsupported([1234, kind === "SSLRequest" ? 5679 : 5680]));
}

function unsupportedVersion(major: number, minor: number): FrontendRefused {
  const message = unsupported([major, minor]);
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
  const text = (name: string): string | undefined =>
    startupParameter(message, name)?.toString("utf8");
  const user = text("user");
  const host = raw.remoteAddress ?? "";
  return refuse({
    sqlState: "28000",
    message: `no pg_hba.conf entry for host "${host}", user "${user}", database "${text("database") ?? user}", no encryption`,
    detail: "This is rdsiam's proxy, which takes connections with TLS only.",
    hint: "Connect with sslmode=require or stricter.",
  });
}

function noClientCertificate(client: "missing" | "not trusted"): FrontendRefused {
  const error: FatalError = {
    sqlState: "28000",
    message: "connection requires a valid client certificate",
    detail:
      client === "missing"
        ? "None came."
        : "The one that came is not of the CA that rdsiam's proxy asks for, or not valid now.",
    hint: "Give the tool a certificate and its key: sslcert and sslkey.",
  };
  return refuse(error);
}

/** The StartupMessage as both sides agree on it: version 3.2 at most, without the `_pq_.` options, which no version serves; tells the frontend if that changed something. */
export function negotiateVersion(message: StartupMessage, socket: Socket): StartupMessage {
  const isOption = (name: Buffer): boolean => name.toString("latin1").startsWith("_pq_.");
  const options = message.parameters.map(({ name }) => name).filter(isOption);
  const minor = Math.min(message.minor, NEWEST_MINOR);
  if (message.minor > NEWEST_MINOR || options.length > 0) {
    socket.write(encodeNegotiateProtocolVersion(minor, options));
  }
  return { minor, parameters: message.parameters.filter(({ name }) => !isOption(name)) };
}
