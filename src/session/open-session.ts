// Opens a session of our own in a database, as a tool's would be opened: tunnel, TLS, login. For what rdsiam itself asks there.
import type { RunContext } from "../base/context.ts";
import { RdsIamError } from "../base/errors.ts";
import { replaceParameters } from "../protocol/startup-packet.ts";
import { connectBackend } from "../proxy/backend.ts";
import { loginToBackend, startupFor, withFreshPassword } from "../proxy/backend-login.ts";
import { BackendRefusal } from "../proxy/failure.ts";
import { endSession, type QueryRow, simpleQuery } from "../proxy/simple-query.ts";
import { openBackend } from "./backend.ts";
import type { IamLogin, PasswordLogin } from "./login.ts";
import { openTunnel } from "./tunnel.ts";

/** A session, for one question after the other. */
export interface OwnSession extends AsyncDisposable {
  /** Asks, and resolves with the rows; a refusal is an ERR_LOGIN with the server's words as its detail. */
  readonly ask: (sql: string, timeout: number) => Promise<readonly QueryRow[]>;
}

/** A user and a database to log in to; `name` is the session's application_name. */
export interface OwnSessionRequest {
  readonly user: string;
  readonly dbname: string;
  readonly name: string;
}

/** Logs in; every failure is an RdsIamError. */
export async function openSession(
  context: RunContext,
  login: IamLogin | PasswordLogin,
  { user, dbname, name }: OwnSessionRequest,
): Promise<OwnSession> {
  const { endpoint } = login;
  // The target's own sessions may be read-only.
  const settings = { ...login.settings, readOnly: false };
  const opened = await openBackend(context, { endpoint, settings });
  const tunnel = await openTunnel(context, login);
  try {
    const secret = login.kind === "iam" ? "auth token" : "password";
    const backend = { ...opened, ...tunnel.backend, secret } as const;
    const parameters = {
      user,
      database: dbname,
      application_name: name,
      client_encoding: "UTF8",
    };
    const { message } = startupFor(
      backend,
      replaceParameters({ minor: 0, parameters: [] }, parameters),
    );
    const { passwords } = login;
    const loggingIn = withFreshPassword(async (fresh) => {
      const connection = await connectBackend(backend, context.failed);
      return loginToBackend(connection, { backend, message, passwords, fresh }, context.failed);
    });
    const session = await context.waiting.for(endpoint.host, loggingIn);
    return {
      ask: (sql, timeout) =>
        context.waiting.for(
          endpoint.host,
          simpleQuery(session, sql, { timeout, signal: context.failed }),
        ),
      [Symbol.asyncDispose]: async () => {
        endSession(session);
        await tunnel[Symbol.asyncDispose]();
      },
    };
  } catch (error) {
    await tunnel[Symbol.asyncDispose]();
    throw error instanceof BackendRefusal ? refused(error, login, user) : error;
  }
}

function refused(
  error: BackendRefusal,
  { endpoint, explain }: IamLogin | PasswordLogin,
  user: string,
): RdsIamError {
  const added = explain(user, error);
  const own = `The server reported ${error.sqlState}: ${error.message}.`;
  return new RdsIamError(`${endpoint.host} refused the login of "${user}"`, {
    code: "ERR_LOGIN",
    detail: [own, error.fields.get("D") ?? added.detail].filter(Boolean).join(" "),
    hint: error.fields.get("H") ?? added.hint,
  });
}
