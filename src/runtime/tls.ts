// TLS as a client, verified in full, with the traps of the runtimes in one place. Nothing here is left to a default:
// NODE_TLS_REJECT_UNAUTHORIZED=0 would otherwise connect to anyone.
import type { Buffer } from "node:buffer";
import { isIP } from "node:net";
import type { Duplex } from "node:stream";
import {
  checkServerIdentity,
  connect,
  type ConnectionOptions,
  type SecureContext,
  type TLSSocket,
} from "node:tls";
import { carrierOf } from "./deno-gate.ts";

/** The TLS connection to make. */
export interface TlsClientOptions {
  readonly socket: Duplex;
  /** The name or address that the certificate must have; a name is sent as SNI. */
  readonly host: string;
  /** The trusted CAs; the runtime's own, and TLS 1.2 or newer, when absent. */
  readonly secureContext?: SecureContext | undefined;
  readonly ALPNProtocols?: ConnectionOptions["ALPNProtocols"];
  /** A session with this very host to resume, whose certificate was verified. */
  readonly session?: Buffer | undefined;
  /** Called with the TLS socket before its handshake. */
  readonly prepare?: ((secured: TLSSocket) => void) | undefined;
  /** The error to reject with; the cause has no code when the connection was closed. */
  readonly failed: (cause: Error) => Error;
}

/** Resolves once the peer is verified; rejects with what `failed` makes of the cause, or the signal's reason, with both sockets destroyed. */
export function connectTls(options: TlsClientOptions, signal: AbortSignal): Promise<TLSSocket> {
  const { socket, failed } = options;
  return new Promise((resolve, reject) => {
    // tls.connect() can throw within a data event; the promise catches that too.
    const carrier = carrierOf(socket);
    const secured = openTls({ ...options, socket: carrier.stream });
    carrier.attach(secured);
    options.prepare?.(secured);
    // An error after the outcome, on either layer, is followed by a close, which reports it.
    secured.on("error", ignore);
    const settle = (): void => {
      signal.removeEventListener("abort", onAbort);
      secured.off("close", onClose).off("error", onError);
    };
    const fail = (error: Error): void => {
      settle();
      secured.destroy();
      socket.destroy();
      reject(error);
    };
    const onAbort = (): void => fail(signal.reason as Error);
    const onClose = (): void => fail(failed(new Error("closed")));
    const onError = (error: Error): void => fail(failed(error));
    if (signal.aborted) return onAbort();
    signal.addEventListener("abort", onAbort, { once: true });
    secured.once("close", onClose);
    secured.once("error", onError);
    secured.once("secureConnect", () => {
      if (!secured.authorized) return fail(failed(unauthorized(secured.authorizationError)));
      settle();
      resolve(secured);
    });
  });
}

function openTls(options: TlsClientOptions): TLSSocket {
  const { host, secureContext, ALPNProtocols, session } = options;
  const secured = connect({
    socket: options.socket,
    // An address has no place in SNI (RFC 6066); Bun, Deno and Node 26 throw.
    ...(isIP(host) === 0 ? { servername: host } : {}),
    ...(secureContext === undefined ? { minVersion: "TLSv1.2" } : { secureContext }),
    ...(ALPNProtocols === undefined ? {} : { ALPNProtocols }),
    ...(session === undefined ? {} : { session }),
    rejectUnauthorized: true,
    // Without servername Node and Deno check the name "localhost", and Bun the peer's address.
    checkServerIdentity: (_name, certificate) => checkServerIdentity(host, certificate),
  });
  return secured;
}

// The types say Error; the runtimes have the code.
function unauthorized(reason: unknown): Error {
  const code = typeof reason === "string" ? reason : "CERT_UNTRUSTED";
  return Object.assign(new Error("not authorized"), { code });
}

function ignore(): void {}
