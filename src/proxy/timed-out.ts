// The errors for the time limits of a login: dialing and TLS, the login, the password.
import { RdsIamError } from "../base/errors.ts";

/** The backend and its limits in milliseconds, as the texts need them. */
export interface TimedBackend {
  readonly host: string;
  readonly port: number;
  readonly way?: string;
  readonly connectTimeout: number;
  readonly loginTimeout: number;
}

/** The error for a backend that did not answer the dialing or TLS. */
export function connectTimedOut(backend: TimedBackend): RdsIamError {
  return new RdsIamError(
    `could not connect to ${backend.host} port ${backend.port} in ${backend.connectTimeout / 1000} s`,
    {
      code: "ERR_CONNECT",
      detail: `The connection${backend.way === undefined ? "" : ` through ${backend.way}`} was not refused; nothing answered in time.`,
      hint: timeoutHint(backend),
    },
  );
}

function timeoutHint({ way }: TimedBackend): string {
  return way === undefined
    ? "Check the VPN, the security group and the route to the database, or raise rds_connect_timeout; a private database is reached with --via."
    : `Check that ${way} works and may reach the database (security group, network ACL), or raise rds_connect_timeout.`;
}

/** The error for one that went silent after TLS. */
export function loginTimedOut(backend: TimedBackend): RdsIamError {
  return new RdsIamError(
    `${backend.host} did not answer the login in ${backend.loginTimeout / 1000} s`,
    {
      code: "ERR_CONNECT",
      detail: "The connection and TLS stood, then the server went silent.",
      hint: "Try again; if it stays so, look at the database's load and its log.",
    },
  );
}

/** The error for an auth token or a password that did not come in time. */
export function passwordTimedOut(
  kind: "auth token" | "password",
  backend: TimedBackend,
): RdsIamError {
  const isToken = kind === "auth token";
  return new RdsIamError(`no ${kind} for ${backend.host} in ${backend.loginTimeout / 1000} s`, {
    code: "ERR_CREDENTIALS",
    detail: isToken
      ? "The server asked for it; the credentials that sign it did not come in time."
      : "The server asked for it; the command that prints it was not done in time.",
    hint: isToken
      ? "Check that AWS STS, or whatever gives the credentials, can be reached."
      : "Run the password command by hand, and see what it waits for.",
  });
}
