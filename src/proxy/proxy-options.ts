// What a proxy is started with (where it listens, who may connect, what it logs in to), and the events that it reports.
import type { FatalError } from "../protocol/error-response.ts";
import type { AddedFields, BackendRefusal, Redact } from "./failure.ts";
import type { Backend } from "./backend.ts";
import type { PasswordProvider } from "./backend-authentication.ts";
import type { ClientAuth } from "./frontend-login.ts";
import type { FrontendTls } from "./frontend-tls.ts";
import type { SessionTimeouts } from "./session-timeouts.ts";

/** Where a proxy listens, and who may come in. */
export interface LocalSide extends SessionTimeouts {
  /** An address of this machine; the loopback one when absent. */
  readonly host?: string | undefined;
  /** Local port; 0 lets the system pick one. */
  readonly port?: number | undefined;
  /** A unix socket instead, in a directory that the caller has seen to. */
  readonly socketPath?: string | undefined;
  /** What tools have to know; a random one when absent. */
  readonly secret?: string | undefined;
  /** "scram-sha-256" when absent. */
  readonly clientAuth?: ClientAuth | undefined;
  /** TLS towards the tools. */
  readonly tls?: FrontendTls | undefined;
  readonly maxSessions?: number | undefined;
  /** Sessions of one database user at once; `maxSessions` alone limits them when absent. */
  readonly maxUserSessions?: number | undefined;
  /** A tool has proven itself, and waits for its session. */
  readonly onProven?: (() => void) | undefined;
  readonly onEvent?: ((event: ProxyEvent) => void) | undefined;
}

/** What a proxy is started with. */
export interface ProxyOptions extends LocalSide {
  readonly backend: Backend;
  /** What we log in with; "pass-through" leaves the login to the tool and the server: no secret of ours, no proof. */
  readonly login: PasswordProvider | "pass-through";
  /** The one user whose logins are ours; all others are passed through. */
  readonly onlyUser?: string | undefined;
  /** DETAIL and HINT for a login that the server refused. */
  readonly explain?: ((user: string, refusal: BackendRefusal) => AddedFields) | undefined;
  /** Strikes the run's secrets out of what a tool is answered; what looks like one alone when absent. */
  readonly redact?: Redact | undefined;
  /** Whether a connection to the backend is kept ready for a tool that logs in again and again. */
  readonly ahead?: boolean | undefined;
  /** Milliseconds from a connection's first byte to its proof of the secret. */
  readonly loginTimeout?: number | undefined;
}

/** What happened on a connection, for logs and counters; never holds a secret. */
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
  | {
      readonly kind: "unauthenticated";
      readonly reason: string;
      /** What it was answered, where it was a login that was refused here. */
      readonly error?: FatalError | undefined;
    }
  | {
      readonly kind: "cancel";
      readonly found: boolean;
      /** Why it did not reach the server. */
      readonly failed?: FatalError | undefined;
    }
  | {
      /** A statement, or a setting of the login, that the server does not take and that was left out. */
      readonly kind: "ignored";
      readonly user: string;
      readonly statement: string;
    }
  | {
      /** The server ended a session that had reached its greatest age. */
      readonly kind: "expired";
      readonly user: string;
    }
  | {
      readonly kind: "closed";
      readonly user: string;
      /** The limit that ended it, if one did. */
      readonly timeout?: "idle" | "session" | undefined;
    };
