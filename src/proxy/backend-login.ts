// The database's side of a login: dial, TLS, StartupMessage, then an auth token or a password of ours, or whatever the tool and
// the server agree on. We are the frontend here. Nothing goes out before TLS is verified.
// https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-START-UP
import { Buffer } from "node:buffer";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { SecureContext } from "node:tls";
import { errorCode } from "../base/errno.ts";
import { RdsIamError } from "../base/errors.ts";
import {
  type CancelKey,
  encodeAuthenticationSasl,
  readAuthenticationName,
  readAuthenticationSasl,
  readBackendKeyData,
} from "../protocol/authentication.ts";
import { readErrorFields } from "../protocol/error-response.ts";
import { type Message, MessageError, readMessage } from "../protocol/message.ts";
import {
  encodeStartupMessage,
  loginNames,
  replaceParameters,
  type StartupMessage,
  startupParameter,
} from "../protocol/startup-packet.ts";
import { encodeQuery } from "../protocol/query.ts";
import { authenticate, loginLimit, type PasswordProvider } from "./backend-authentication.ts";
import { startBackendTls } from "./backend-tls.ts";
import { deadline, unlessAborted } from "../base/deadline.ts";
import type { Address } from "../base/address.ts";
import { dial, type DialedConnection, watchBreak } from "./dial.ts";
import {
  BackendRefusal,
  connectTimedOut,
  loginTimedOut,
  passwordTimedOut,
  violation,
} from "./failure.ts";
import type { Frontend } from "./frontend-login.ts";
import { ConnectionClosed, SocketReader } from "../base/socket-reader.ts";

const MAX_LOGIN_BYTES = 1024 * 1024; // what a verified server may send before ReadyForQuery
const MAX_PASSED_BYTES = 256 * 1024; // what a tool may send before ReadyForQuery; four times what PostgreSQL takes for a password
const SILENCE = 3_000; // ms after which a connected server that says nothing is worth a line
const PLUS = "SCRAM-SHA-256-PLUS";

/** What a backend's certificate is verified with. */
export interface Verification {
  /** Made when it is first needed: the first one of a process takes 25 ms on Node 20. */
  readonly secureContext: () => SecureContext;
  /** What is trusted, for messages. */
  readonly trust: string;
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
  /** That tunnel, for messages: `ssh to bastion.example.com`. */
  readonly tunnel?: string | undefined;
  /** A server in between that ends TLS and logs in for us: who it must prove to be, and the message that hands it the token. */
  readonly middleman?: Pick<Backend, "host" | "verification"> & {
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

/** A TLS connection to the backend on which nothing has been sent yet. */
export interface BackendConnection {
  readonly socket: Socket;
  readonly address: Address;
  /** Why the tunnel to the backend broke, where its dialer knows. */
  readonly brokenBy: () => RdsIamError | undefined;
}

/** A login that the server accepted, read up to its first ReadyForQuery. */
export interface BackendSession {
  readonly socket: Socket;
  readonly address: Address;
  readonly cancelKey: CancelKey | undefined;
  /** What was read and not passed on yet: the messages after AuthenticationOk, NoticeResponses from before it first. */
  readonly read: Buffer;
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

interface TlsOptions {
  readonly direct: boolean;
  readonly only: Address | undefined;
  readonly onDialed: () => void;
}

async function openTls(
  backend: Backend,
  { direct, only, onDialed }: TlsOptions,
  signal: AbortSignal,
): Promise<BackendConnection> {
  // The certificates are read while the packets travel.
  const { host, verification } = backend.middleman ?? backend;
  const verifying = Promise.resolve(verification());
  verifying.catch(() => {});
  const { socket: carrier, address } = await dialBackend(backend, signal, only);
  const brokenBy = watchBreak(carrier);
  onDialed();
  const { resume } = backend;
  const silence = resume && setTimeout(resume.onSilence, SILENCE);
  try {
    const identity = { host, direct, secret: backend.secret, ...(await verifying) };
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

/** A login to make. */
export interface BackendLogin {
  readonly backend: Backend;
  readonly message: StartupMessage;
  readonly passwords: PasswordProvider;
  /** Whether the password must be one that no earlier login had. */
  readonly fresh?: boolean | undefined;
  /** Whether the backend's parameters are set after the login, since the server refuses them in a StartupMessage. */
  readonly late?: boolean | undefined;
}

/** Logs in; the password is asked for once the server asks. */
export async function loginToBackend(
  connection: BackendConnection,
  { backend, message, passwords, fresh = false, late = false }: BackendLogin,
  parent: AbortSignal,
): Promise<BackendSession> {
  using limit = deadline(backend.loginTimeout, () => loginTimedOut(backend), parent);
  const { socket, address } = connection;
  const reader = new SocketReader(socket, MAX_LOGIN_BYTES);
  const { user, database } = loginNames(message);
  let isReused = false;
  const password = async (): Promise<string> => {
    const issuing = passwords.get({ user, database }, { fresh });
    const issued = await unlessAborted(issuing, limit.signal, () =>
      parent.aborted ? (parent.reason as Error) : passwordTimedOut(passwords.kind, backend),
    );
    isReused = issued.reused;
    return issued.password;
  };
  try {
    const own = late ? message : replaceParameters(message, backend.parameters ?? {});
    const first = backend.middleman?.startup(own, await password()) ?? own;
    socket.write(encodeStartupMessage(first));
    const login = { host: backend.host, user, kind: passwords.kind, password };
    const greeting = await authenticate(
      login,
      () => reader.take((bytes) => readMessage(bytes, loginLimit), limit.signal),
      (bytes) => void socket.write(bytes),
    );
    const cancelKey = await readGreeting(reader, limit.signal, ({ bytes }) => greeting.push(bytes));
    await setParameters({ reader, socket, signal: limit.signal }, greeting, { backend, late });
    const read = Buffer.concat([...greeting, reader.detach()]);
    backend.negotiation?.worked(read);
    return { socket, address, cancelKey, read };
  } catch (error) {
    reader.detach();
    socket.destroy();
    if (error instanceof BackendRefusal) {
      error.isPasswordReused = isReused;
      error.isReplication = startupParameter(message, "replication") !== undefined;
    }
    throw connection.brokenBy() ?? brokenOff(error, backend);
  }
}

/**
 * Leaves a login to the tool and the server: every message goes on as it came (SCRAM, MD5, a cleartext password), and what the
 * server sends is read up to its ReadyForQuery, for the key of CancelRequests. No auth token, no secret of ours. `admit` is
 * called before AuthenticationOk goes on, and throws when there is no room for the session. Rejects with BackendRefusal when
 * the server refuses.
 */
export async function passLogin(
  frontend: Frontend,
  connection: BackendConnection,
  {
    backend,
    message,
    late = false,
    admit,
  }: Omit<BackendLogin, "passwords"> & { admit: () => void },
): Promise<BackendSession> {
  using limit = deadline(backend.loginTimeout, () => loginTimedOut(backend));
  const reader = new SocketReader(connection.socket, MAX_LOGIN_BYTES);
  const startup = late ? message : replaceParameters(message, backend.parameters ?? {});
  connection.socket.write(encodeStartupMessage(startup));
  const pumping = pump(frontend, connection, limit.signal).catch(limit.abort);
  try {
    const greeting: Buffer[] = [];
    let isAdmitted = false;
    const cancelKey = await readGreeting(reader, limit.signal, (answer) => {
      if (isAdmitted) return void greeting.push(answer.bytes);
      if (answer.type === "R" && readAuthenticationName(answer.body) === "AuthenticationOk") {
        admit();
        isAdmitted = true;
      }
      frontend.socket.write(answer.type === "R" ? withoutChannelBinding(answer) : answer.bytes);
    });
    limit.abort(new Error("the login is over"));
    await pumping;
    const { socket, address } = connection;
    using setting = deadline(backend.loginTimeout, () => loginTimedOut(backend));
    await setParameters({ reader, socket, signal: setting.signal }, greeting, { backend, late });
    return { socket, address, cancelKey, read: Buffer.concat([...greeting, reader.detach()]) };
  } catch (error) {
    reader.detach();
    connection.socket.destroy();
    throw (
      connection.brokenBy() ?? (error === limit.signal.reason ? error : brokenOff(error, backend))
    );
  }
}

async function pump(
  frontend: Frontend,
  { socket }: BackendConnection,
  signal: AbortSignal,
): Promise<void> {
  let passed = 0;
  for (;;) {
    const chunk = await frontend.reader.take(
      (bytes) => (bytes.length === 0 ? undefined : { value: bytes, length: bytes.length }),
      signal,
    );
    passed += chunk.length;
    if (passed > MAX_PASSED_BYTES) throw violation("the login is too long");
    socket.write(chunk);
  }
}

// Only SCRAM-SHA-256-PLUS is taken out of the server's offer: it binds the login to the server's certificate, and the tool sees
// ours or none. https://www.postgresql.org/docs/current/sasl-authentication.html
function withoutChannelBinding({ bytes, body }: Message): Buffer {
  const mechanisms = readAuthenticationSasl(body);
  if (mechanisms?.includes(PLUS) !== true) return bytes;
  return encodeAuthenticationSasl(mechanisms.filter((name) => name !== PLUS));
}

// Hands on each message of the backend up to ReadyForQuery; rejects with BackendRefusal for an ErrorResponse.
async function readGreeting(
  reader: SocketReader,
  signal: AbortSignal,
  onMessage: (message: Message) => void,
): Promise<CancelKey | undefined> {
  let cancelKey: CancelKey | undefined;
  for (;;) {
    const message = await reader.take((bytes) => readMessage(bytes, () => MAX_LOGIN_BYTES), signal);
    if (message.type === "E") throw new BackendRefusal(message.body, readErrorFields(message.body));
    if (message.type === "K") cancelKey = readBackendKeyData(message.body);
    onMessage(message);
    if (message.type === "Z") return cancelKey;
  }
}

interface Conversation {
  readonly reader: SocketReader;
  readonly socket: Socket;
  readonly signal: AbortSignal;
}

// Sets the backend's parameters where they were not in the StartupMessage, and where the server reports another value: a pooler
// may ignore them. The frontend hears nothing of it but what the server reports; a server that does not set them has no session.
async function setParameters(
  { reader, socket, signal }: Conversation,
  greeting: Buffer[],
  { backend, late }: { readonly backend: Backend; readonly late: boolean },
): Promise<void> {
  const parameters = Object.entries(backend.parameters ?? {});
  const ignored = parameters.some(([name, value]) =>
    greeting.some((bytes) => {
      const [reported, text] = bytes.toString("latin1", 5).split("\0");
      return bytes[0] === 0x53 && reported === name && text !== value;
    }),
  );
  if (parameters.length === 0 || (!late && !ignored)) return;
  // ReadyForQuery comes again.
  greeting.pop();
  const statements = parameters.map(([name, value]) => `SET ${name} TO '${value}'`);
  socket.write(encodeQuery(statements.join("; ")));
  let done = 0;
  try {
    await readGreeting(reader, signal, ({ type, bytes }) => {
      if (type === "C") done += 1;
      else greeting.push(bytes);
    });
  } catch (error) {
    throw error instanceof BackendRefusal ? notSet(statements, error.message) : error;
  }
  if (done !== parameters.length) throw notSet(statements, "It set nothing");
}

function notSet(statements: readonly string[], answer: string): RdsIamError {
  return new RdsIamError("the server did not set what every session is to start with", {
    code: "ERR_LOGIN",
    detail: `It was sent ${statements.join("; ")}, and answered: ${answer}.`,
    hint: "Leave out --read-only (rds_read_only), where the database's own rights are enough.",
  });
}

// The error for a connection that failed during the login.
function brokenOff(error: unknown, backend: Backend): unknown {
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
