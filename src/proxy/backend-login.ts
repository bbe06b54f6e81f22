// RDS's side of a login: dial, TLS, StartupMessage, auth token. We are the frontend here.
// The token goes out only over verified TLS and only to AuthenticationCleartextPassword.
// https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-START-UP
import { Buffer } from "node:buffer";
import type { Socket } from "node:net";
import type { SecureContext } from "node:tls";
import { RdsIamError } from "../errors.ts";
import {
  type CancelKey,
  encodePasswordMessage,
  readAuthenticationName,
  readBackendKeyData,
} from "../protocol/authentication.ts";
import { readErrorFields } from "../protocol/error-response.ts";
import { type Message, MessageError, readMessage } from "../protocol/message.ts";
import {
  encodeStartupMessage,
  type StartupMessage,
  startupParameter,
} from "../protocol/startup-packet.ts";
import { startBackendTls } from "./backend-tls.ts";
import { deadline, unlessAborted } from "./deadline.ts";
import { type Address, dial, type Dialled, dialled, watchBreak } from "./dial.ts";
import { BackendRefusal } from "./failure.ts";
import { ConnectionClosed, SocketReader } from "./socket-reader.ts";
import { connectTimedOut, loginTimedOut, tokenTimedOut } from "./timed-out.ts";

const MAX_LOGIN_BYTES = 1024 * 1024; // what a verified server may send before ReadyForQuery
const MAX_AUTHENTICATION_LENGTH = 2_000; // fe-connect.c, PQconnectPoll: CONNECTION_AWAITING_RESPONSE
const MAX_ERROR_LENGTH = 30_000; // MAX_ERRLEN, fe-connect.c

/** The database to log in to. */
export interface Backend {
  /** The canonical host: what the certificate must name. */
  readonly host: string;
  readonly port: number;
  readonly secureContext: () => SecureContext;
  readonly trust: string;
  /** The addresses to dial, asked anew for each login. */
  readonly addresses: (signal: AbortSignal) => Promise<readonly Address[]>;
  /** Dials some other way than to those addresses, or to the one address that is asked for. */
  readonly dial?: (signal: AbortSignal, only?: Address) => Promise<Dialled>;
  /** That other way, for messages: `ssh to bastion.example.com`. */
  readonly way?: string;
  /** Milliseconds for addresses, dialling and TLS together. */
  readonly connectTimeout: number;
  /** Milliseconds for the server's answers after that. */
  readonly loginTimeout: number;
}

/** A TLS connection to the backend on which nothing has been sent yet. */
export interface BackendConnection {
  readonly socket: Socket;
  readonly address: Address;
  /** Why the way to the backend broke, where who dialled can tell. */
  readonly brokenBy: () => RdsIamError | undefined;
}

/** A login that the server accepted, read up to its first ReadyForQuery. */
export interface BackendSession {
  readonly socket: Socket;
  readonly address: Address;
  readonly cancelKey: CancelKey | undefined;
  /** The server's messages after AuthenticationOk, in order, NoticeResponses from before it first. */
  readonly greeting: Buffer;
  readonly rest: Buffer;
}

/** Dials the given addresses, or the backend's own, and brings TLS up. */
export async function connectBackend(
  backend: Backend,
  signal: AbortSignal,
  only?: Address,
): Promise<BackendConnection> {
  using limit = deadline(backend.connectTimeout, () => connectTimedOut(backend), signal);
  const { socket: carrier, address } = await dialBackend(backend, limit.signal, only);
  const brokenBy = watchBreak(carrier);
  try {
    const identity = {
      host: backend.host,
      trust: backend.trust,
      secureContext: backend.secureContext(),
    };
    const socket = await startBackendTls(carrier, identity, limit.signal);
    socket.once("close", () => carrier.destroy());
    return { socket, address, brokenBy };
  } catch (error) {
    carrier.destroy();
    throw brokenBy() ?? brokenOff(error, backend);
  }
}

async function dialBackend(
  backend: Backend,
  signal: AbortSignal,
  only: Address | undefined,
): Promise<Dialled> {
  if (backend.dial !== undefined) return backend.dial(signal, only);
  const addresses =
    only === undefined ? await unlessAborted(backend.addresses(signal), signal) : [only];
  return dialled(await dial({ host: backend.host, port: backend.port, addresses }, signal));
}

/** Logs in with `message` and the token that `authToken` makes once the server asks for it. */
export async function loginToBackend(
  connection: BackendConnection,
  login: {
    readonly backend: Backend;
    readonly message: StartupMessage;
    readonly authToken: () => Promise<string>;
  },
  parent: AbortSignal,
): Promise<BackendSession> {
  const { backend, message, authToken } = login;
  using limit = deadline(backend.loginTimeout, () => loginTimedOut(backend), parent);
  const reader = new SocketReader(connection.socket, MAX_LOGIN_BYTES);
  try {
    connection.socket.write(encodeStartupMessage(message));
    const take = (): Promise<Message> =>
      reader.take((bytes) => readMessage(bytes, loginLimit), limit.signal);
    const token = (): Promise<string> =>
      unlessAborted(authToken(), limit.signal, () =>
        parent.aborted ? (parent.reason as Error) : tokenTimedOut(backend),
      );
    const user = startupParameter(message, "user")?.toString("utf8") ?? "";
    const { socket } = connection;
    const notices = await authenticate({ take, authToken: token, backend, user, socket });
    const greeting = await readGreeting(reader, limit.signal);
    const rest = reader.detach();
    return {
      socket,
      address: connection.address,
      cancelKey: greeting.cancelKey,
      greeting: Buffer.concat([...notices, ...greeting.messages]),
      rest,
    };
  } catch (error) {
    reader.detach();
    connection.socket.destroy();
    throw connection.brokenBy() ?? brokenOff(error, backend);
  }
}

// Message types that may come before AuthenticationOk, with the most bytes that each may have.
function loginLimit(type: string): number {
  if (type === "R" || type === "v") return MAX_AUTHENTICATION_LENGTH;
  return type === "E" || type === "N" ? MAX_ERROR_LENGTH : 0;
}

interface Authentication {
  readonly take: () => Promise<Message>;
  readonly authToken: () => Promise<string>;
  readonly backend: Backend;
  readonly user: string;
  readonly socket: Socket;
}

async function authenticate({
  take,
  authToken,
  backend,
  user,
  socket,
}: Authentication): Promise<Buffer[]> {
  const notices: Buffer[] = [];
  const seen = new Set<string>();
  for (;;) {
    const message = await take();
    if (message.type === "E") throw new BackendRefusal(message.body, readErrorFields(message.body));
    if (message.type === "N") {
      notices.push(message.bytes);
      continue;
    }
    const step = message.type === "v" ? "v" : readAuthenticationName(message.body);
    if (step === "AuthenticationOk") return notices;
    if (seen.has(step)) throw new MessageError(`${step} came twice`);
    seen.add(step);
    if (step === "v") continue;
    if (step !== "AuthenticationCleartextPassword") throw otherMethod(backend, user, step);
    socket.write(encodePasswordMessage(await authToken()));
  }
}

function otherMethod(backend: Backend, user: string, step: string): RdsIamError {
  return new RdsIamError(`${backend.host} does not take an IAM auth token for this user`, {
    code: "ERR_LOGIN",
    detail: `It asked for ${step}, not AuthenticationCleartextPassword. The user has not been granted rds_iam, or does not exist. No auth token was sent.`,
    hint: `As an administrator of the database: GRANT rds_iam TO "${user.replaceAll('"', '""')}";`,
  });
}

async function readGreeting(
  reader: SocketReader,
  signal: AbortSignal,
): Promise<{ messages: Buffer[]; cancelKey: CancelKey | undefined }> {
  const messages: Buffer[] = [];
  let cancelKey: CancelKey | undefined;
  for (;;) {
    const message = await reader.take((bytes) => readMessage(bytes, () => MAX_LOGIN_BYTES), signal);
    if (message.type === "E") throw new BackendRefusal(message.body, readErrorFields(message.body));
    messages.push(message.bytes);
    if (message.type === "K") cancelKey = readBackendKeyData(message.body);
    if (message.type === "Z") return { messages, cancelKey };
  }
}

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
    detail: `The server or something on the way closed it (${(error as NodeJS.ErrnoException).code ?? "end of stream"}).`,
    hint: "Try again; if it stays so, look at the database's log and the network on the way.",
    cause: error,
  });
}
