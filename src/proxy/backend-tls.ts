// Turns a dialled TCP connection into TLS that is verified in full against the canonical host.
// Nothing here is left to a default: NODE_TLS_REJECT_UNAUTHORIZED=0 would otherwise connect to anybody.
// https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-SSL
import type { Buffer } from "node:buffer";
import type { Socket } from "node:net";
import * as tls from "node:tls";
import { RdsIamError } from "../errors.ts";
import { encodeSslRequest } from "../protocol/startup-packet.ts";
import { carrierOf } from "./deno-gate.ts";
import { SocketReader } from "./socket-reader.ts";

const YES = 0x53; // 'S'

/** Who the backend must prove to be. */
export interface BackendIdentity {
  /** The canonical host: sent as SNI and matched with the certificate. */
  readonly host: string;
  readonly secureContext: tls.SecureContext;
  /** What was trusted, for messages. */
  readonly trust: string;
}

/** Makes the TLS context that every login of a run shares; `ca` are PEM certificates and replace the runtime's own. */
export function backendSecureContext(ca: readonly string[]): tls.SecureContext {
  return tls.createSecureContext({ ca: [...ca], minVersion: "TLSv1.2" });
}

/** Asks for TLS and verifies the answer; rejects with ERR_TLS or ERR_CERTIFICATE. */
export async function startBackendTls(socket: Socket, identity: BackendIdentity, signal: AbortSignal): Promise<tls.TLSSocket> {
  await requestTls(socket, identity.host, signal);
  const secured = await secure(socket, identity, signal);
  if (!secured.authorized) {
    secured.destroy();
    throw certificateError(identity, secured.authorizationError, undefined);
  }
  return secured;
}

// Exactly one byte may follow an SSLRequest: more were stuffed in by somebody else (CVE-2021-23222).
async function requestTls(socket: Socket, host: string, signal: AbortSignal): Promise<void> {
  const reader = new SocketReader(socket, 64 * 1024);
  try {
    socket.write(encodeSslRequest());
    const answer = await reader.take((bytes) => readByte(bytes), signal);
    if (answer !== YES || reader.buffered > 0) throw refusedTls(host, answer, reader.buffered);
  } finally {
    reader.detach();
  }
}

function readByte(bytes: Buffer): { value: number; length: number } | undefined {
  const value = bytes[0];
  return value === undefined ? undefined : { value, length: 1 };
}

function refusedTls(host: string, answer: number, stuffed: number): RdsIamError {
  const answered =
    stuffed > 0 && answer === YES ? "It sent data before TLS had started." : "It answered the SSLRequest with a refusal.";
  return new RdsIamError(`${host} does not offer TLS as PostgreSQL on RDS does`, {
    code: "ERR_TLS",
    detail: `${answered} No auth token was sent.`,
    hint: "Check that the host and the port are those of the database; RDS always offers TLS.",
  });
}

function secure(socket: Socket, identity: BackendIdentity, signal: AbortSignal): Promise<tls.TLSSocket> {
  return new Promise((resolve, reject) => {
    // tls.connect can throw at once inside a data handler's turn; the promise catches that too.
    const carrier = carrierOf(socket);
    const secured = tls.connect({
      socket: carrier.stream,
      servername: identity.host,
      secureContext: identity.secureContext,
      rejectUnauthorized: true,
      ALPNProtocols: ["postgresql"],
      checkServerIdentity: (_name, certificate) => tls.checkServerIdentity(identity.host, certificate),
    });
    carrier.attach(secured);
    // An error that arrives after the verdict, on either layer, is told by the close that follows it.
    secured.on("error", () => {});
    const onAbort = (): void => {
      secured.destroy();
      socket.destroy();
      reject(signal.reason as Error);
    };
    const onClose = (): void => reject(tlsError(identity, new Error("the connection was closed during the TLS handshake")));
    signal.addEventListener("abort", onAbort, { once: true });
    secured.once("close", onClose);
    secured.once("error", (error) => {
      signal.removeEventListener("abort", onAbort);
      socket.destroy();
      reject(tlsError(identity, error));
    });
    secured.once("secureConnect", () => {
      signal.removeEventListener("abort", onAbort);
      secured.off("close", onClose);
      resolve(secured);
    });
  });
}

function tlsError(identity: BackendIdentity, error: NodeJS.ErrnoException): RdsIamError {
  const code = error.code ?? "";
  if (/CERT|ISSUER|SIGNATURE|SELF_SIGNED|ALTNAME/.test(code)) return certificateError(identity, error, code);
  return new RdsIamError(`TLS with ${identity.host} failed`, {
    code: "ERR_TLS",
    detail: `${sentence(error.message)} No auth token was sent.`,
    hint: "TLS 1.2 or newer is needed; check that nothing on the way intercepts or cuts the connection.",
    cause: error,
  });
}

function certificateError(identity: BackendIdentity, error: Error | string | undefined, code: string | undefined): RdsIamError {
  const text = error instanceof Error ? error.message : (error ?? "unknown reason");
  const wrongName = code === "ERR_TLS_CERT_ALTNAME_INVALID";
  return new RdsIamError(`the certificate of ${identity.host} is not trusted`, {
    code: "ERR_CERTIFICATE",
    detail: `${sentence(text)} Trusted were: ${identity.trust}. No auth token was sent.`,
    hint: wrongName
      ? "The server is not the one that the canonical name belongs to; check the DNS answer or the tunnel."
      : "Name the right CA bundle with --sslrootcert FILE or rds_sslrootcert.",
    cause: error,
  });
}

// The text can hold names from a certificate that nobody vouches for yet: printable characters only.
function sentence(text: string): string {
  const clean = text.replaceAll(/[^\x20-\x7e]/g, "?").trim().replace(/\.*$/, "");
  return `${clean.charAt(0).toUpperCase()}${clean.slice(1)}.`;
}
