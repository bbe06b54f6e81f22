// The database's side of a login, once TLS stands: StartupMessage, then an auth token or a password of ours, or whatever the tool and
// the server agree on. We are the frontend here. Nothing goes out before TLS is verified.
// https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-START-UP
import { Buffer } from "node:buffer";
import type { Socket } from "node:net";
import { RdsIamError } from "../base/errors.ts";
import {
  type CancelKey,
  encodeAuthenticationSasl,
  readAuthenticationName,
  readAuthenticationSasl,
  readBackendKeyData,
} from "../protocol/authentication.ts";
import { readErrorFields } from "../protocol/error-response.ts";
import { type Message, readMessage } from "../protocol/message.ts";
import {
  encodeStartupMessage,
  loginNames,
  replaceParameters,
  type StartupMessage,
  startupParameter,
} from "../protocol/startup-packet.ts";
import { startupForDsql } from "../protocol/dsql-startup.ts";
import { encodeQuery } from "../protocol/query.ts";
import { type Backend, type BackendConnection, brokenOff } from "./backend.ts";
import {
  authenticate,
  type IssuedPassword,
  loginLimit,
  type PasswordProvider,
} from "./backend-authentication.ts";
import { deadline, unlessAborted } from "../base/deadline.ts";
import type { Address } from "../base/address.ts";
import { BackendRefusal, loginTimedOut, passwordTimedOut, violation } from "./failure.ts";
import type { Frontend } from "./frontend-login.ts";
import { SocketReader } from "../base/socket-reader.ts";

const MAX_LOGIN_BYTES = 1024 * 1024; // what a verified server may send before ReadyForQuery
const MAX_PASSED_BYTES = 256 * 1024; // what a tool may send before ReadyForQuery; four times what PostgreSQL takes for a password
const PLUS = "SCRAM-SHA-256-PLUS";

/** A login that the server accepted, read up to its first ReadyForQuery. */
export interface BackendSession {
  readonly socket: Socket;
  readonly address: Address;
  readonly cancelKey: CancelKey | undefined;
  /** What was read and not passed on yet: the messages after AuthenticationOk, NoticeResponses from before it first. */
  readonly read: Buffer;
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

/** A frontend's StartupMessage as a backend takes it, and the settings that are left out. */
export function startupFor(
  { dialect, clusterId }: Pick<Backend, "clusterId" | "dialect">,
  message: StartupMessage,
): { readonly message: StartupMessage; readonly ignored: readonly string[] } {
  if (dialect === undefined && clusterId === undefined) return { message, ignored: [] };
  return startupForDsql(message, { clusterId, isWhole: dialect === undefined });
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
  let issued: IssuedPassword | undefined;
  let isLoggedIn = false;
  const issue = async (): Promise<IssuedPassword> => {
    const issuing = passwords.get({ user, database }, { fresh });
    return await unlessAborted(issuing, limit.signal, () =>
      parent.aborted ? (parent.reason as Error) : passwordTimedOut(passwords.kind, backend),
    );
  };
  const password = async (): Promise<string> => (issued ??= await issue()).password;
  try {
    if (passwords.choosesUser === true) issued = await issue();
    const named = issued?.user === undefined ? {} : { user: issued.user };
    const parameters = { ...(late ? {} : backend.parameters), ...named };
    const own = replaceParameters(message, parameters);
    const first = backend.middleman?.startup(own, await password()) ?? own;
    socket.write(encodeStartupMessage(first));
    const login = {
      host: backend.host,
      user: issued?.user ?? user,
      kind: passwords.kind,
      password,
    };
    const greeting = await authenticate(
      login,
      () => reader.take((bytes) => readMessage(bytes, loginLimit), limit.signal),
      (bytes) => void socket.write(bytes),
    );
    isLoggedIn = true;
    const cancelKey = await readGreeting(reader, limit.signal, ({ bytes }) => greeting.push(bytes));
    await setParameters({ reader, socket, signal: limit.signal }, greeting, { backend, late });
    const read = Buffer.concat([...greeting, reader.detach()]);
    backend.negotiation?.worked(read);
    issued?.accepted?.();
    return { socket, address, cancelKey, read };
  } catch (error) {
    reader.detach();
    socket.destroy();
    if (error instanceof BackendRefusal) {
      // One that an earlier login had may have been refused for its age.
      const isStale = /^28(?:000|P01)$/.test(error.sqlState) && issued?.reused === true;
      error.isWorthAnother = isStale || (error.isOfPassword && issued?.isGuess === true);
      error.isAfterLogin = isLoggedIn;
      error.isReplication = startupParameter(message, "replication") !== undefined;
    }
    throw connection.brokenBy() ?? brokenOff(error, backend);
  }
}

/** Attempts a login; once more with a fresh password where that may be accepted. */
export async function withFreshPassword(
  attempt: (fresh: boolean) => Promise<BackendSession>,
): Promise<BackendSession> {
  try {
    return await attempt(false);
  } catch (error) {
    if (error instanceof BackendRefusal && error.isWorthAnother) return attempt(true);
    throw error;
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
    if (message.type === "E")
      throw new BackendRefusal(message.body, readErrorFields(message.body), false);
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
    hint: "Leave out --read-only (rds_read_only) if the database's own permissions are enough.",
  });
}
