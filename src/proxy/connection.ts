// One connection of the tool, from its first byte to its last. The only catch of the proxy is here.
import { Buffer } from "node:buffer";
import type { Socket } from "node:net";
import { encodeAuthenticationOk } from "../protocol/authentication.ts";
import { addDetailAndHint, encodeFatalError } from "../protocol/error-response.ts";
import { loginNames } from "../protocol/startup-packet.ts";
import type { PasswordProvider } from "./backend-authentication.ts";
import { type Backend, connectBackend } from "./backend.ts";
import {
  type BackendLogin,
  type BackendSession,
  loginToBackend,
  passLogin,
  startupFor,
  withFreshPassword,
} from "./backend-login.ts";
import { forwardCancel } from "./cancel.ts";
import { closesWithin, deadline } from "../base/deadline.ts";
import {
  type AddedFields,
  BackendRefusal,
  fatalError,
  type Redact,
  FrontendRefused,
  HandshakeFailed,
  refuse,
} from "./failure.ts";
import { negotiateVersion, type Prove, receiveFrontend, receiveStartup } from "./frontend-login.ts";
import type { FrontendTls } from "./frontend-tls.ts";
import { endInTime, type SessionTimeouts } from "./session-timeouts.ts";
import { copy, type SessionSockets } from "./copy.ts";
import { type DialectReport, DsqlDialect } from "./dsql-dialect.ts";
import type { ProxyEvent } from "./proxy-options.ts";
import type { Sessions } from "./sessions.ts";
import { ConnectionClosed } from "../base/socket-reader.ts";
import type { BackendConnections } from "./warm-connection.ts";

const FLUSH_TIMEOUT = 1_000; // ms that a refused frontend gets to read why

/** A login of ours: a proof from the tool, an auth token or a password for the server. */
export interface OwnLogin {
  readonly prove: Prove;
  readonly passwords: PasswordProvider;
  readonly connections: BackendConnections;
}

/** What every connection of a proxy shares. */
export interface ConnectionContext {
  readonly backend: Backend;
  readonly tls: FrontendTls | undefined;
  /** How a user's tool proves itself to us, and we prove ourselves to the server; or both leave us out of it. */
  readonly loginOf: (user: string) => OwnLogin | "pass-through";
  readonly sessions: Sessions;
  /** Whether the server has refused the backend's parameters in a StartupMessage. */
  readonly startup: { isRefused: boolean };
  /** Milliseconds from the first byte to the proof. */
  readonly loginTimeout: number;
  /** A tool has proven itself, and waits for its session. */
  readonly onProven: () => void;
  readonly timeouts: SessionTimeouts;
  /** DETAIL and HINT for a login that the server refused. */
  readonly explain: (user: string, refusal: BackendRefusal) => AddedFields;
  readonly redact: Redact;
  readonly onEvent: (event: ProxyEvent) => void;
}

/** Serves a connection to its end; never rejects. */
export async function serveConnection(raw: Socket, context: ConnectionContext): Promise<void> {
  const connection: Connection = { raw, socket: raw, user: "" };
  try {
    // An async function holds whatever it has had in its hands for as long as it waits. So the login has one of its own, and
    // the session none: 1,000 idle sessions would hold as many readers, time limits and greetings.
    await begin(connection, context).then((session) =>
      session === undefined ? undefined : serveSession(session, context),
    );
  } catch (error) {
    await answerFailure(connection, error, context);
  } finally {
    context.sessions.leave(raw);
    connection.socket.destroy();
    raw.destroy();
  }
}

interface Connection {
  /** As it was accepted. */
  readonly raw: Socket;
  /** That of TLS once that stands. */
  socket: Socket;
  user: string;
}

interface Session {
  readonly user: string;
  readonly ends: Omit<SessionSockets, "traffic" | "filters">;
  /** Ends what lets a CancelRequest name it. */
  readonly unregister: (() => void) | undefined;
}

// Reads what the frontend asks for, and logs in; undefined for what is not a login.
async function begin(
  connection: Connection,
  context: ConnectionContext,
): Promise<Session | undefined> {
  using limit = deadline(
    context.loginTimeout,
    () => new ConnectionClosed("the login took too long"),
  );
  const { raw } = connection;
  const { backend, sessions, onEvent } = context;
  const frontend = receiveFrontend(raw, limit.signal);
  sessions.arrive(raw);
  try {
    const request = await receiveStartup(frontend, context.tls);
    if (request?.kind !== "StartupMessage") {
      if (request !== undefined) await forwardCancel(frontend.socket, request, context);
      else onEvent({ kind: "unauthenticated", reason: "no PostgreSQL frontend" });
      return undefined;
    }
    const { user, database } = loginNames(request.message);
    connection.user = user;
    if (sessions.isDraining) throw shuttingDown();
    const own = context.loginOf(user);
    const { message, ignored } = startupFor(backend, request.message);
    for (const statement of ignored) onEvent({ kind: "ignored", user, statement });
    let session: BackendSession;
    let started: number;
    if (own === "pass-through") {
      limit[Symbol.dispose]();
      started = performance.now();
      const admit = (): void => sessions.authenticate(raw, user);
      session = await withParameters(context, async (late) => {
        const dialed = await frontend.reader.whileThere((gone) => connectBackend(backend, gone));
        return passLogin(frontend, dialed, { backend, message, late, admit });
      });
    } else {
      const agreed = negotiateVersion(message, frontend.socket);
      const proof = await own.prove(frontend, agreed);
      limit[Symbol.dispose]();
      sessions.authenticate(raw, user);
      context.onProven();
      if (proof !== undefined) frontend.socket.write(proof);
      started = performance.now();
      const login = { backend, message: agreed, passwords: own.passwords };
      session = await withParameters(context, (late) =>
        frontend.reader.whileThere((gone) => logIn({ ...login, late }, own.connections, gone)),
      );
    }
    const { cancelKey: key, address } = session;
    const unregister = key && sessions.register({ key, address });
    const milliseconds = Math.round(performance.now() - started);
    onEvent({ kind: "login", user, database, address: address.address, milliseconds });
    const before = own === "pass-through" ? [] : [encodeAuthenticationOk()];
    const fromFrontend = frontend.reader.detach();
    const fromBackend = Buffer.concat([...before, session.read]);
    const ends = { frontend: frontend.socket, backend: session.socket, fromFrontend, fromBackend };
    return { user, ends, unregister };
  } finally {
    connection.socket = frontend.socket;
  }
}

// RDS Proxy (0A000) and pgbouncer (08P01) refuse startup parameters that they do not know, before they ask for a password. Then
// ours are set after the login, for this session and all that follow.
// https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-proxy.html#rds-proxy.limits-pgsql
async function withParameters<T>(
  { backend, startup }: ConnectionContext,
  login: (late: boolean) => Promise<T>,
): Promise<T> {
  try {
    return await login(startup.isRefused);
  } catch (error) {
    const hasOwn = Object.keys(backend.parameters ?? {}).length > 0;
    const isRefusal = error instanceof BackendRefusal && /^(?:0A000|08P01)$/.test(error.sqlState);
    if (startup.isRefused || !hasOwn || !isRefusal) throw error;
    const session = await login(true);
    startup.isRefused = true;
    return session;
  }
}

function logIn(
  login: BackendLogin,
  connections: BackendConnections,
  gone: AbortSignal,
): Promise<BackendSession> {
  return withFreshPassword(async (fresh) => {
    const connection = await connections.take(gone);
    const loggingIn = loginToBackend(connection, { ...login, fresh }, gone);
    connections.loggingIn();
    const session = await loggingIn;
    connections.loggedIn();
    return session;
  });
}

function serveSession(session: Session, context: ConnectionContext): Promise<void> {
  const { user, ends, unregister } = session;
  const { backend } = ends;
  let timeout: "idle" | "session" | undefined;
  endInTime(ends, context.timeouts, (which) => (timeout = which));
  const { traffic } = context.sessions;
  const filters = context.backend.dialect && new DsqlDialect(reportTo(context.onEvent, user));
  return copy({ ...ends, traffic, filters })
    .then(() => context.onEvent({ kind: "closed", user, timeout }))
    .finally(() => {
      unregister?.();
      backend.destroy();
    });
}

function reportTo(onEvent: ConnectionContext["onEvent"], user: string): DialectReport {
  return {
    ignored: (statement) => onEvent({ kind: "ignored", user, statement }),
    expired: () => onEvent({ kind: "expired", user }),
  };
}

// Sends the ErrorResponse, if the frontend is still there; never rejects.
async function answerFailure(
  { socket, user }: Connection,
  error: unknown,
  { explain, redact, onEvent }: ConnectionContext,
): Promise<void> {
  if (error instanceof HandshakeFailed)
    return onEvent({ kind: "unauthenticated", reason: error.message, error: error.error });
  if (error instanceof ConnectionClosed || socket.destroyed) return;
  let answer: Buffer;
  if (error instanceof FrontendRefused) {
    onEvent({ kind: "unauthenticated", reason: error.message, error: error.error });
    answer = error.answer;
  } else if (error instanceof BackendRefusal) {
    const { sqlState, message, fields, body } = error;
    const added = explain(user, error);
    const detail = fields.get("D") ?? added.detail;
    const hint = fields.get("H") ?? added.hint;
    onEvent({
      kind: "refused",
      user,
      error: { sqlState, message, detail, hint },
      cause: undefined,
    });
    answer = addDetailAndHint(body, added);
  } else {
    const fatal = fatalError(error, redact);
    onEvent({ kind: "refused", user, error: fatal, cause: error });
    answer = encodeFatalError(fatal);
  }
  socket.end(answer);
  await closesWithin(socket, FLUSH_TIMEOUT);
}

// PostgreSQL's own words while it shuts down.
function shuttingDown(): FrontendRefused {
  return refuse({
    sqlState: "57P03",
    message: "the proxy is shutting down",
    detail: "It waits for open sessions, and accepts no new ones.",
  });
}
