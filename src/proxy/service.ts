// What serves the connections of a proxy: its sessions, its connections to the backend, and how both sides log in.
import { Redactor } from "../base/redact.ts";
import type { Socket } from "node:net";
import { type ConnectionContext, serveConnection } from "./connection.ts";
import { proofOf, type Prove } from "./frontend-login.ts";
import type { ProxyOptions } from "./proxy-options.ts";
import { Sessions } from "./sessions.ts";
import { BackendConnections } from "./warm-connection.ts";

const MAX_UNAUTHENTICATED = 64;
const LOGIN_TIMEOUT = 10_000; // ms

/** A proxy without its listener. */
export interface Service {
  readonly sessions: Sessions;
  /** Serves a connection to its end. */
  readonly serve: (socket: Socket) => void;
  /** Connects to the backend ahead of a login that is expected at once. */
  readonly prepare: () => void;
  /** Ends every connection; resolves when none is left. */
  readonly close: () => Promise<void>;
}

/** Makes what serves connections; `secret` is what tools have to know. */
export function openService(options: ProxyOptions, secret: string): Service {
  const sessions = new Sessions({
    unauthenticated: MAX_UNAUTHENTICATED,
    sessions: options.maxSessions,
    userSessions: options.maxUserSessions,
  });
  const connections = new BackendConnections(options.backend, { ahead: options.ahead ?? false });
  const { login: passwords, onlyUser, clientAuth = "scram-sha-256" } = options;
  let proof: Prove | undefined;
  const known = (): Prove => (proof ??= proofOf(clientAuth, secret, options.secret === undefined));
  const own =
    passwords === "pass-through"
      ? passwords
      : { passwords, connections, prove: ((...login) => known()(...login)) satisfies Prove };
  const context: ConnectionContext = {
    backend: options.backend,
    tls: options.tls,
    startup: { isRefused: false },
    loginOf: (user) => (onlyUser === undefined || user === onlyUser ? own : "pass-through"),
    sessions,
    loginTimeout: options.loginTimeout ?? LOGIN_TIMEOUT,
    timeouts: { idleTimeout: options.idleTimeout, sessionTimeout: options.sessionTimeout },
    explain: options.explain ?? (() => ({})),
    redact: options.redact ?? ((text) => new Redactor().strike(text)),
    onProven: options.onProven ?? (() => {}),
    onEvent: options.onEvent ?? (() => {}),
  };
  const serving = new Set<Promise<void>>();
  return {
    sessions,
    serve: (socket) => {
      const served = serveConnection(socket, context).finally(() => serving.delete(served));
      serving.add(served);
    },
    prepare: () => {
      connections.prepare();
      setImmediate(known);
    },
    close: async () => {
      connections[Symbol.dispose]();
      sessions.destroyAll();
      await Promise.all(serving);
    },
  };
}
