// The database server, and a verified TLS connection to it on which nothing has been sent yet.
import type { Buffer } from "node:buffer";
import { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { setImmediate } from "node:timers/promises";
import type { SecureContext } from "node:tls";
import type { Address } from "../base/address.ts";
import { deadline, unlessAborted } from "../base/deadline.ts";
import { errorCode } from "../base/errno.ts";
import { RdsIamError } from "../base/errors.ts";
import { ConnectionClosed } from "../base/socket-reader.ts";
import { MessageError } from "../protocol/message.ts";
import type { StartupMessage } from "../protocol/startup-packet.ts";
import type { PasswordProvider } from "./backend-authentication.ts";
import { startBackendTls } from "./backend-tls.ts";
import { dial, type DialedConnection, watchBreak } from "./dial.ts";
import { connectTimedOut } from "./failure.ts";
import type { Trust } from "./tls-error.ts";

const SILENCE = 3_000; // ms after which a connected server that says nothing is worth a line

/** What a backend's certificate is verified with. */
export interface Verification {
  /** Made when it is first needed: the first one of a process takes 25 ms on Node 20. */
  readonly secureContext: () => SecureContext;
  /** What is trusted, for messages. */
  readonly trust: string;
  readonly hints?: Trust["hints"];
}

/** The database to log in to. */
export interface Backend {
  /** The canonical host: what the certificate must name. */
  readonly host: string;
  readonly port: number;
  /** What it is verified with; asked for each login, made once. */
  readonly verification: () => Verification | Promise<Verification>;
  /** The addresses to dial, asked anew for each login. */
  readonly addresses: (signal: AbortSignal) => Promise<readonly Address[]>;
  /** Dials through a tunnel instead of to those addresses, or to the one address that is asked for. */
  readonly dial?: (signal: AbortSignal, only?: Address) => Promise<DialedConnection>;
  /** Whether a connection through that tunnel costs time alone, so that one may be opened ahead of a login. */
  readonly isDialedAhead?: boolean | undefined;
  /** Gets that tunnel ready for a dial that is expected, where opening one takes long. */
  readonly prepareDial?: (() => void) | undefined;
  /** That tunnel, for messages: `ssh to bastion.example.com`. */
  readonly tunnel?: string | undefined;
  /**
   * A server in between that ends TLS and logs in for us: who it must prove to be, and the message that hands it the token.
   * Without `verification` there is no TLS, which is for a server on this machine.
   */
  readonly middleman?: Pick<Backend, "host"> & {
    readonly verification: Backend["verification"] | undefined;
    readonly startup: (message: StartupMessage, token: string) => StartupMessage;
  };
  /** How TLS begins; after an SSLRequest when absent. */
  readonly negotiation?: TlsNegotiation | undefined;
  /** What logs in, for messages; an auth token when absent. */
  readonly secret?: PasswordProvider["kind"] | undefined;
  /** Settings that every session starts with, whatever the frontend asks for; these win over its `options`. */
  readonly parameters?: Readonly<Record<string, string>>;
  /** What its server does not understand of PostgreSQL's statements and settings; all of them are passed on when absent. */
  readonly dialect?: "dsql" | undefined;
  /** The ID of a DSQL cluster, where the server does not find it in the host name that is verified. */
  readonly clusterId?: string | undefined;
  /** Milliseconds for addresses, dialing and TLS together. */
  readonly connectTimeout: number;
  /** Where the database may be paused: its front takes the connection, and TLS waits until it has resumed. */
  readonly resume?: ResumeOptions | undefined;
  /** Milliseconds for the server's answers after that. */
  readonly loginTimeout: number;
}

/** How TLS with a backend begins: after an SSLRequest, or at once, which saves a round trip. */
export interface TlsNegotiation {
  /** `try` goes back to an SSLRequest once where TLS does not come up. */
  readonly direct: () => "no" | "only" | "try";
  /** Direct TLS did not come up where it was tried. */
  readonly failed: () => void;
  /** A login worked; `parameters` are the server's ParameterStatus messages and all else that was read. */
  readonly worked: (read: Buffer) => void;
}

/** How long a paused database is waited for. */
export interface ResumeOptions {
  /** Milliseconds for TLS, once the connection stands. */
  readonly timeout: number;
  /** Called when it has been silent for some seconds. */
  readonly onSilence: () => void;
}

/** A connection to the backend, with TLS but for a middleman that has none, on which nothing has been sent yet. */
export interface BackendConnection {
  readonly socket: Socket;
  readonly address: Address;
  /** Why the tunnel to the backend broke, where its dialer knows. */
  readonly brokenBy: () => RdsIamError | undefined;
}

/** Dials the given addresses, or the backend's own, and brings TLS up. */
export async function connectBackend(
  backend: Backend,
  signal: AbortSignal,
  only?: Address,
): Promise<BackendConnection> {
  let { connectTimeout } = backend;
  const timedOut = (): RdsIamError => connectTimedOut({ ...backend, connectTimeout });
  using limit = deadline(connectTimeout, timedOut, signal);
  const direct = backend.middleman === undefined ? (backend.negotiation?.direct() ?? "no") : "no";
  const onDialed = (): void => {
    if (backend.resume === undefined) return;
    connectTimeout = backend.resume.timeout;
    limit.restart(connectTimeout);
  };
  try {
    return await openTls(backend, { direct: direct !== "no", only, onDialed }, limit.signal);
  } catch (error) {
    // A certificate that is not trusted is not trusted after an SSLRequest either.
    const isFallback = direct === "try" && error instanceof RdsIamError && error.code === "ERR_TLS";
    if (!isFallback) throw error;
    backend.negotiation?.failed();
    return openTls(backend, { direct: false, only, onDialed }, limit.signal);
  }
}

interface TlsStart {
  readonly direct: boolean;
  readonly only: Address | undefined;
  readonly onDialed: () => void;
}

async function openTls(
  backend: Backend,
  { direct, only, onDialed }: TlsStart,
  signal: AbortSignal,
): Promise<BackendConnection> {
  const dialing = dialBackend(backend, signal, only);
  dialing.catch(() => {});
  // The certificates are read, and TLS is loaded, while the packets travel.
  const { host, verification } = backend.middleman ?? backend;
  const verifying = setImmediate().then(() => verification?.());
  verifying.catch(() => {});
  const { socket: carrier, address } = await dialing;
  const brokenBy = watchBreak(carrier);
  onDialed();
  const { resume } = backend;
  const silence = resume && setTimeout(resume.onSilence, SILENCE);
  try {
    const verified = await verifying;
    if (verified === undefined && carrier instanceof Socket) {
      return { socket: carrier, address, brokenBy };
    }
    if (verified === undefined) throw new TypeError("a tunnel that is not a socket needs TLS");
    const identity = { host, direct, secret: backend.secret, ...verified };
    const socket = await startBackendTls(carrier, identity, signal);
    closeAfter(socket, carrier);
    return { socket, address, brokenBy };
  } catch (error) {
    carrier.destroy();
    throw brokenBy() ?? brokenOff(error, backend);
  } finally {
    clearTimeout(silence);
  }
}

// Alone, so that it holds nothing of the login for as long as the session lasts.
function closeAfter(socket: Socket, carrier: Duplex): void {
  socket.on("close", () => carrier.destroy());
}

async function dialBackend(
  backend: Backend,
  signal: AbortSignal,
  only: Address | undefined,
): Promise<DialedConnection> {
  if (backend.dial !== undefined) return backend.dial(signal, only);
  const addresses =
    only === undefined ? await unlessAborted(backend.addresses(signal), signal) : [only];
  const socket = await dial({ host: backend.host, port: backend.port, addresses }, signal);
  const family = socket.remoteFamily === "IPv6" ? 6 : 4;
  return { socket, address: { address: socket.remoteAddress ?? "", family } };
}

/** The error for a connection that failed during the login. */
export function brokenOff(error: unknown, backend: Backend): unknown {
  if (error instanceof MessageError) {
    return new RdsIamError(`${backend.host} does not speak the PostgreSQL protocol`, {
      code: "ERR_CONNECT",
      detail: `During the login ${error.message}.`,
      hint: "Check that the host and the port are those of the database.",
      cause: error,
    });
  }
  if (
    !(error instanceof ConnectionClosed) &&
    (error as NodeJS.ErrnoException).syscall === undefined
  )
    return error;
  return new RdsIamError(`the connection to ${backend.host} broke during the login`, {
    code: "ERR_CONNECT",
    detail: `The server, or something between here and it, closed it (${errorCode(error, "end of stream")}).`,
    hint: "Try again; if it happens again, look at the database's log and the network in between.",
    cause: error,
  });
}
