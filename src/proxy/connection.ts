// One connection of the tool, from its first byte to its last. The only catch of the proxy is here.
import { Buffer } from "node:buffer";
import type { Socket } from "node:net";
import { encodeAuthenticationOk } from "../protocol/authentication.ts";
import { type StartupMessage, startupParameter } from "../protocol/startup-packet.ts";
import { type Answering, answerFailure } from "./answer.ts";
import { type Backend, type BackendSession, connectBackend } from "./backend-login.ts";
import { openSession, type SessionSource } from "./backend-session.ts";
import { forwardCancel } from "./cancel.ts";
import { type Deadline, deadline } from "./deadline.ts";
import type { Prove } from "./frontend-proof.ts";
import { type FrontendRefused, refuse } from "./frontend-refused.ts";
import {
  type Frontend,
  negotiateVersion,
  receiveFrontend,
  receiveStartup,
} from "./frontend-startup.ts";
import type { FrontendTls } from "./frontend-tls.ts";
import { endWhenIdle } from "./idle.ts";
import { passLogin } from "./pass-through.ts";
import { relay } from "./relay.ts";
import type { Sessions } from "./sessions.ts";
import { ConnectionClosed } from "./socket-reader.ts";

/** A login of ours: a proof from the tool, an auth token or a password for the server. */
export interface OwnLogin extends Omit<SessionSource, "backend"> {
  readonly prove: Prove;
}

/** What every connection of a proxy shares. */
export interface ConnectionContext extends Answering {
  readonly backend: Backend;
  readonly tls: FrontendTls | undefined;
  /** How a user's tool proves itself to us, and we prove ourselves to the server; or both leave us out of it. */
  readonly loginOf: (user: string) => OwnLogin | "pass-through";
  readonly sessions: Sessions;
  /** Milliseconds from the first byte to the proof. */
  readonly loginTimeout: number;
  /** A tool has proven itself, and waits for its session. */
  readonly onProven: () => void;
  /** Milliseconds that a session may wait for a command. */
  readonly idleTimeout: number | undefined;
}

/** Serves a connection to its end; never rejects. */
export async function serveConnection(raw: Socket, context: ConnectionContext): Promise<void> {
  using limit = deadline(
    context.loginTimeout,
    () => new ConnectionClosed("the login took too long"),
  );
  const frontend = receiveFrontend(raw, limit.signal);
  context.sessions.arrive(raw);
  let user = "";
  try {
    const request = await receiveStartup(frontend, context.tls);
    if (request?.kind === "cancel")
      return await forwardCancel(frontend.socket, request.key, context);
    if (request === undefined)
      return context.onEvent({ kind: "stranger", reason: "no PostgreSQL frontend" });
    user = startupParameter(request.message, "user")?.toString("utf8") ?? "";
    const database = startupParameter(request.message, "database")?.toString("utf8") ?? user;
    if (context.sessions.isDraining) throw shuttingDown();
    const login = { frontend, message: request.message, user, database };
    const own = context.loginOf(user);
    const opened = await (own === "pass-through"
      ? passedSession(login, context, limit)
      : ownSession(login, { context, own }, limit));
    await serveSession(login, opened, context);
  } catch (error) {
    await answerFailure(frontend.socket, { error, user }, context);
  } finally {
    context.sessions.leave(raw);
    frontend.socket.destroy();
    raw.destroy();
  }
}

interface Login {
  readonly frontend: Frontend;
  readonly message: StartupMessage;
  readonly user: string;
  readonly database: string;
}

interface Opened {
  readonly session: BackendSession;
  readonly started: number;
  /** What the frontend gets before the server's own bytes. */
  readonly before: Buffer;
}

async function ownSession(
  { frontend, message, user, database }: Login,
  { context, own }: { readonly context: ConnectionContext; readonly own: OwnLogin },
  limit: Deadline,
): Promise<Opened> {
  const { socket, raw } = frontend;
  const agreed = negotiateVersion(message, socket);
  const proof = await own.prove(frontend, agreed);
  limit[Symbol.dispose]();
  context.sessions.authenticate(raw);
  context.onProven();
  if (proof !== undefined) socket.write(proof);
  const started = performance.now();
  const source = { backend: context.backend, ...own };
  const session = await whileThere(frontend, (gone) =>
    openSession(source, { message: agreed, user, database, gone }),
  );
  return { session, started, before: encodeAuthenticationOk() };
}

async function passedSession(
  { frontend, message }: Login,
  { backend, sessions }: ConnectionContext,
  limit: Deadline,
): Promise<Opened> {
  limit[Symbol.dispose]();
  const started = performance.now();
  const connection = await whileThere(frontend, (gone) => connectBackend(backend, gone));
  const admit = (): void => sessions.authenticate(frontend.raw);
  const session = await passLogin(frontend, connection, { backend, message, admit });
  return { session, started, before: Buffer.alloc(0) };
}

async function serveSession(
  { frontend, user, database }: Login,
  { session, started, before }: Opened,
  context: ConnectionContext,
): Promise<void> {
  const { cancelKey: key, address } = session;
  const unregister = key === undefined ? () => {} : context.sessions.register({ key, address });
  try {
    const milliseconds = Math.round(performance.now() - started);
    const { address: dialled } = address;
    context.onEvent({ kind: "login", user, database, address: dialled, milliseconds });
    const fromFrontend = frontend.reader.detach();
    const fromBackend = Buffer.concat([before, session.greeting, session.rest]);
    const ends = { frontend: frontend.socket, backend: session.socket };
    let idle = false;
    if (context.idleTimeout !== undefined)
      endWhenIdle({ ...ends, fromFrontend, fromBackend }, context.idleTimeout, () => (idle = true));
    await relay({ ...ends, fromFrontend, fromBackend, traffic: context.sessions.traffic });
    context.onEvent({ kind: "closed", user, ...(idle ? { idle } : {}) });
  } finally {
    unregister();
    session.socket.destroy();
  }
}

// Ends what is done for a tool as soon as that is gone.
async function whileThere<T>(
  { reader }: Frontend,
  open: (gone: AbortSignal) => Promise<T>,
): Promise<T> {
  const gone = new AbortController();
  const watch = new AbortController();
  void reader
    .ended(watch.signal)
    .then(() => gone.abort(new ConnectionClosed("the tool closed the connection")));
  try {
    return await open(gone.signal);
  } finally {
    watch.abort();
  }
}

// PostgreSQL's own words while it shuts down.
function shuttingDown(): FrontendRefused {
  return refuse({
    sqlState: "57P03",
    message: "the proxy is shutting down",
    detail: "It waits for the sessions that are open, and takes no new ones.",
  });
}
