// One connection of the tool, from its first byte to its last. The only catch of the proxy is here.
import { Buffer } from "node:buffer";
import type { Socket } from "node:net";
import { type CancelKey, encodeAuthenticationOk } from "../protocol/authentication.ts";
import {
  addDetailAndHint,
  encodeFatalError,
  type ErrorFields,
  type FatalError,
} from "../protocol/error-response.ts";
import { type StartupMessage, startupParameter } from "../protocol/startup-packet.ts";
import {
  type Backend,
  type BackendSession,
  connectBackend,
  loginToBackend,
} from "./backend-login.ts";
import { sendCancel } from "./cancel.ts";
import { closesWithin, deadline } from "./deadline.ts";
import { BackendRefusal, fatalError } from "./failure.ts";
import {
  type Frontend,
  FrontendRefused,
  negotiateVersion,
  proveSecret,
  receiveStartup,
} from "./frontend-login.ts";
import { relay } from "./relay.ts";
import type { ScramVerifier } from "./scram.ts";
import type { Sessions } from "./sessions.ts";
import { ConnectionClosed, SocketReader } from "./socket-reader.ts";

const MAX_UNREAD = 64 * 1024; // bytes held of a frontend that is still logging in; a StartupMessage has 10,004 at most
const WRONG_CANCEL_DELAY = 1_000; // ms; with 64 sockets at most, 64 guesses a second at 2^64 keys
const FLUSH_TIMEOUT = 1_000; // ms that a refused frontend gets to read why

/** An auth token; `reused` when an earlier login had it too. */
export interface Token {
  readonly token: string;
  readonly reused: boolean;
}

/** DETAIL and HINT to add where the server gave none. */
export interface Explanation {
  readonly detail?: string | undefined;
  readonly hint?: string | undefined;
}

/** What happened on a connection; never holds a secret. */
export type ProxyEvent =
  | {
      readonly kind: "login";
      readonly user: string;
      readonly database: string;
      readonly address: string;
      readonly milliseconds: number;
    }
  | {
      readonly kind: "refused";
      readonly user: string;
      readonly error: FatalError;
      readonly cause: unknown;
    }
  | { readonly kind: "stranger"; readonly reason: string }
  | {
      readonly kind: "cancel";
      readonly found: boolean;
      /** Why the server was not told. */
      readonly failed?: FatalError;
    }
  | { readonly kind: "closed"; readonly user: string };

/** What every connection of a proxy shares. */
export interface ConnectionContext {
  readonly backend: Backend;
  readonly verifier: ScramVerifier;
  readonly sessions: Sessions;
  /** Milliseconds from the first byte to the proof. */
  readonly loginTimeout: number;
  readonly authToken: (user: string, how: { readonly renew: boolean }) => Promise<Token>;
  readonly explain: (user: string, refusal: ErrorFields) => Explanation;
  readonly onEvent: (event: ProxyEvent) => void;
}

/** Serves a connection to its end; never rejects. */
export async function serveConnection(socket: Socket, context: ConnectionContext): Promise<void> {
  const reader = new SocketReader(socket, MAX_UNREAD);
  // After the reader has let go, an error is told by the close that follows it.
  socket.on("error", () => {});
  socket.setNoDelay(true);
  context.sessions.arrive(socket);
  let user = "";
  try {
    using limit = deadline(
      context.loginTimeout,
      () => new ConnectionClosed("the login took too long"),
    );
    const frontend = { socket, reader, signal: limit.signal };
    const request = await receiveStartup(frontend);
    if (request?.kind === "cancel") return await forwardCancel(frontend, request.key, context);
    if (request === undefined)
      return context.onEvent({ kind: "stranger", reason: "no PostgreSQL frontend" });
    user = startupParameter(request.message, "user")?.toString("utf8") ?? "";
    const message = negotiateVersion(request.message, socket);
    const proof = await proveSecret(frontend, context.verifier, user);
    limit[Symbol.dispose]();
    context.sessions.authenticate(socket);
    socket.write(proof);
    await serveSession({ socket, reader, message, user }, context);
  } catch (error) {
    await answerFailure(socket, { error, user }, context);
  } finally {
    context.sessions.leave(socket);
    socket.destroy();
  }
}

interface Authenticated {
  readonly socket: Socket;
  readonly reader: SocketReader;
  readonly message: StartupMessage;
  readonly user: string;
}

async function serveSession(
  authenticated: Authenticated,
  context: ConnectionContext,
): Promise<void> {
  const { socket, reader, user } = authenticated;
  const started = Date.now();
  const session = await openSession(authenticated, context);
  const { cancelKey: key, address } = session;
  const unregister = key === undefined ? () => {} : context.sessions.register({ key, address });
  try {
    const database = startupParameter(authenticated.message, "database")?.toString("utf8") ?? user;
    context.onEvent({
      kind: "login",
      user,
      database,
      address: address.address,
      milliseconds: Date.now() - started,
    });
    const fromFrontend = reader.detach();
    const fromBackend = Buffer.concat([encodeAuthenticationOk(), session.greeting, session.rest]);
    await relay({ frontend: socket, backend: session.socket, fromFrontend, fromBackend });
    context.onEvent({ kind: "closed", user });
  } finally {
    unregister();
    session.socket.destroy();
  }
}

// Ends the login towards the backend as soon as the tool is gone. A token that an earlier login had may have been
// refused for its age: then one more try with a new one.
async function openSession(
  authenticated: Authenticated,
  context: ConnectionContext,
): Promise<BackendSession> {
  const { reader, message, user } = authenticated;
  const gone = new AbortController();
  const watch = new AbortController();
  void reader
    .ended(watch.signal)
    .then(() => gone.abort(new ConnectionClosed("the tool closed the connection")));
  let reused = false;
  const login = async (renew: boolean): Promise<BackendSession> => {
    const connection = await connectBackend(context.backend, gone.signal);
    const authToken = async (): Promise<string> => {
      const made = await context.authToken(user, { renew });
      reused = made.reused;
      return made.token;
    };
    return loginToBackend(
      connection,
      { backend: context.backend, message, authToken },
      gone.signal,
    );
  };
  try {
    return await login(false);
  } catch (error) {
    if (!(error instanceof BackendRefusal) || error.sqlState !== "28000" || !reused) throw error;
    return await login(true);
  } finally {
    watch.abort();
  }
}

async function answerFailure(
  socket: Socket,
  failed: { error: unknown; user: string },
  context: ConnectionContext,
): Promise<void> {
  const { error, user } = failed;
  if (error instanceof ConnectionClosed || socket.destroyed) return;
  if (error instanceof FrontendRefused) {
    context.onEvent({ kind: "stranger", reason: error.message });
    return flush(socket, error.answer);
  }
  if (error instanceof BackendRefusal) {
    const added = context.explain(user, error.fields);
    const detail = error.fields.get("D") ?? added.detail;
    const hint = error.fields.get("H") ?? added.hint;
    const told = { sqlState: error.sqlState, message: error.message, detail, hint };
    context.onEvent({ kind: "refused", user, error: told, cause: undefined });
    return flush(socket, addDetailAndHint(error.body, added));
  }
  const answer = fatalError(error);
  context.onEvent({ kind: "refused", user, error: answer, cause: error });
  return flush(socket, encodeFatalError(answer));
}

async function flush(socket: Socket, answer: Buffer): Promise<void> {
  socket.end(answer);
  await closesWithin(socket, FLUSH_TIMEOUT);
}

// A key that no session has never leaves this machine. The frontend's connection stays until the server has acted, which is what libpq waits for.
async function forwardCancel(
  frontend: Frontend,
  key: CancelKey,
  context: ConnectionContext,
): Promise<void> {
  const session = context.sessions.find(key);
  if (session === undefined) {
    context.onEvent({ kind: "cancel", found: false });
    await closesWithin(frontend.socket, WRONG_CANCEL_DELAY);
    return;
  }
  try {
    await sendCancel(context.backend, session.address, key);
    context.onEvent({ kind: "cancel", found: true });
  } catch (error) {
    // A CancelRequest has no answer, not even this one.
    context.onEvent({ kind: "cancel", found: true, failed: fatalError(error) });
  }
}
