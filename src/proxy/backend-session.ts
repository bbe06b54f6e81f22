// Opens the backend's half of a session: dial, TLS, login, for a frontend that has proven itself.
import type { StartupMessage } from "../protocol/startup-packet.ts";
import type { LoginSecret } from "./backend-authentication.ts";
import { type Backend, type BackendSession, loginToBackend } from "./backend-login.ts";
import { BackendRefusal } from "./failure.ts";
import type { BackendConnections } from "./spare.ts";

/** An auth token; `reused` when an earlier login had it too. */
export interface Token {
  readonly token: string;
  readonly reused: boolean;
}

/** Who logs in, and to which database. */
export interface Who {
  readonly user: string;
  readonly database: string;
}

/** What makes the secrets of our logins. */
export type SecretSource =
  | { readonly authToken: (user: string, how: { readonly renew: boolean }) => Promise<Token> }
  | { readonly password: (who: Who) => Promise<string> };

/** Where to log in, and with what. */
export interface SessionSource {
  readonly backend: Backend;
  readonly connections: BackendConnections;
  readonly secrets: SecretSource;
}

/** Whose session it is to be; `gone` aborts when nobody waits for it any more. */
export interface SessionRequest extends Who {
  readonly message: StartupMessage;
  readonly gone: AbortSignal;
}

/** Logs in to the backend. A token that an earlier login had may have been refused for its age: then once more with a new one. */
export async function openSession(
  source: SessionSource,
  request: SessionRequest,
): Promise<BackendSession> {
  const { backend, secrets } = source;
  const { message, gone } = request;
  let reused = false;
  const get = async (renew: boolean): Promise<string> => {
    if ("password" in secrets) return secrets.password(request);
    const made = await secrets.authToken(request.user, { renew });
    reused = made.reused;
    return made.token;
  };
  const kind: LoginSecret["kind"] = "password" in secrets ? "password" : "auth token";
  const login = async (renew: boolean): Promise<BackendSession> => {
    const connection = await source.connections.take(gone);
    const secret = { kind, get: () => get(renew) };
    const loggingIn = loginToBackend(connection, { backend, message, secret }, gone);
    source.connections.loggingIn();
    const session = await loggingIn;
    source.connections.loggedIn();
    return session;
  };
  try {
    return await login(false);
  } catch (error) {
    if (!(error instanceof BackendRefusal) || error.sqlState !== "28000" || !reused) throw error;
    return login(true);
  }
}
