// What every tunnel shares: its interface, its errors, and the TCP connection to a tunnel's own port.

import { once } from "node:events";
import { connect, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { Environment } from "../base/context.ts";
import { errorCode } from "../base/errno.ts";
import { RdsIamError } from "../base/errors.ts";
import { type HostPort, showHostPort } from "../base/host-port.ts";

/** Where a connection through a tunnel ends. */
export interface Destination {
  /** The database's name, for messages. */
  readonly host: string;
  readonly port: number;
  /** What the far end dials: an address, or a name that it looks up itself. */
  readonly address: string;
  /** For a cancel request: a few bytes that must not wait. */
  readonly isBrief?: boolean | undefined;
}

/** A running tunnel (`--via`): it opens connections, and is closed with the run. */
export interface Tunnel extends AsyncDisposable {
  /** Opens a connection; rejects with ERR_VIA or the signal's reason. If the tunnel breaks later, the stream fails with ERR_VIA. */
  readonly open: (destination: Destination, signal: AbortSignal) => Promise<Duplex>;
  /** Gets ready for a connection that is expected; absent where opening one takes no longer than dialing. */
  readonly prepare?: ((destination: Destination) => void) | undefined;
  /** The address at the end of a connection, where the far end reports it. */
  readonly addressOf?: ((connection: Duplex) => string | undefined) | undefined;
}

/** What a tunnel needs of the run. */
export interface TunnelOptions {
  /** The environment of the programs that a tunnel runs. */
  readonly env: Environment;
  /** Milliseconds for what is done before the tool starts. */
  readonly connectTimeout: number;
  /** The file of a program on PATH; rejects where there is none. */
  readonly findProgram: (name: string) => Promise<string>;
  /** Logs a step, with --verbose. */
  readonly note: (line: string) => void;
  /** Warns, always. */
  readonly warn: (line: string) => void;
  /** Called with the reason when an established connection broke. */
  readonly onBroken: (error: RdsIamError) => void;
}

/** An ERR_VIA: a tunnel could not be opened, or broke. */
export function tunnelError(
  message: string,
  parts: { readonly detail: string; readonly hint: string; readonly cause?: unknown },
): RdsIamError {
  return new RdsIamError(message, { code: "ERR_VIA", ...parts });
}

const REASONS: ReadonlyMap<string, string> = new Map([
  ["ECONNREFUSED", "Nothing listens there: the connection was refused"],
  ["ENOTFOUND", "Its name does not exist"],
  ["EAI_AGAIN", "Its name cannot be looked up now"],
  ["ETIMEDOUT", "It does not answer"],
  ["EHOSTUNREACH", "There is no route to it"],
  ["ENETUNREACH", "No network is reachable"],
]);

/**
 * Connects to a tunnel's own port; rejects with an ERR_VIA that names `what` (`the tunnel`), or the signal's reason. The name
 * is looked up by the system, not by dns_servers: those know the database's network, and this host is on our side of it.
 */
export async function connectTcp(
  address: HostPort,
  { what, hint }: { readonly what: string; readonly hint: string },
  signal: AbortSignal,
): Promise<Socket> {
  signal.throwIfAborted();
  const { host, port } = address;
  const socket = connect({
    host,
    port,
    noDelay: true,
    allowHalfOpen: true,
    autoSelectFamily: true,
  });
  try {
    await once(socket, "connect", { signal });
    return socket;
  } catch (cause) {
    socket.destroy();
    signal.throwIfAborted();
    const { code = "no error code" } = cause as NodeJS.ErrnoException;
    const detail = `${REASONS.get(code) ?? `The system reports ${code}`}.`;
    throw tunnelError(`could not connect to ${what} at ${showHostPort(address)}`, {
      detail,
      hint,
      cause,
    });
  }
}

/** What is known of a tunnel's own server: its name, and the remedies for a certificate that is not trusted, or has other names. */
export interface TunnelTls {
  readonly host: string;
  readonly hint: string;
  readonly nameHint?: string | undefined;
}

/** Why TLS with a tunnel's own server failed, and the remedy. */
export function tlsFailure(
  cause: Error,
  { host, hint, nameHint = "Use a name that is in the certificate." }: TunnelTls,
): { readonly detail: string; readonly hint: string } {
  const code = errorCode(cause, "a closed connection");
  switch (code) {
    case "ERR_TLS_CERT_ALTNAME_INVALID":
      return {
        detail: `Its certificate is for other names than ${host}.`,
        hint: nameHint,
      };
    case "CERT_HAS_EXPIRED":
      return {
        detail: "Its certificate has expired.",
        hint: "Check this machine's clock with: date -u. If it is right, its operators have to renew the certificate.",
      };
    case "CERT_NOT_YET_VALID":
      return {
        detail: "Its certificate is not valid yet.",
        hint: "Check this machine's clock with: date -u.",
      };
    default:
      return { detail: `It ended with ${code}.`, hint };
  }
}
