// The errors of a connection of the proxy: time limits, refusals by the backend and by us, and the ErrorResponse that the
// frontend gets for each. Drivers test its SQLSTATE.
// https://www.postgresql.org/docs/current/errcodes-appendix.html
import type { Buffer } from "node:buffer";
import { type ErrorCode, RdsIamError } from "../base/errors.ts";
import type { HostPort } from "../base/host-port.ts";
import { encodeFatalError, type ErrorFields, type FatalError } from "../protocol/error-response.ts";
import { ConnectionClosed } from "../base/socket-reader.ts";

/** The backend and its limits in milliseconds, as the texts need them. */
export interface TimedBackend extends HostPort {
  readonly tunnel?: string | undefined;
  readonly connectTimeout: number;
  readonly loginTimeout: number;
}

/** The error for a backend that did not answer the dialing or TLS. */
export function connectTimedOut({ host, port, tunnel, connectTimeout }: TimedBackend): RdsIamError {
  return new RdsIamError(
    `could not connect to ${host} port ${port} in ${connectTimeout / 1000} s`,
    {
      code: "ERR_CONNECT",
      detail: `The connection${tunnel === undefined ? "" : ` through ${tunnel}`} was not refused; nothing answered in time.`,
      hint:
        tunnel === undefined
          ? "Check the VPN, the security group and the route to the database, or raise rds_connect_timeout; a private database is reached with --via."
          : `Check that ${tunnel} works and may reach the database (security group, network ACL), or raise rds_connect_timeout.`,
    },
  );
}

/** The error for one that went silent after TLS. */
export function loginTimedOut(backend: TimedBackend): RdsIamError {
  return new RdsIamError(
    `${backend.host} did not answer the login in ${backend.loginTimeout / 1000} s`,
    {
      code: "ERR_CONNECT",
      detail: "The connection and TLS were up, then the server went silent.",
      hint: "Try again; if it happens again, look at the database's load and its log.",
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
      ? "The server asked for it, but the credentials that sign it did not arrive in time."
      : "The server asked for it, but the password command or Secrets Manager did not answer in time.",
    hint: isToken
      ? "Check that AWS STS, or the source of the credentials, can be reached."
      : "Run the password command by hand, and see what it waits for; or check that AWS can be reached.",
  });
}

const SQLSTATES: Partial<Record<ErrorCode, string>> = {
  ERR_LOGIN: "28000", // invalid_authorization_specification
  ERR_LIMIT: "53300", // too_many_connections
  ERR_PROTOCOL: "08P01", // protocol_violation
  ERR_INTERNAL: "XX000", // internal_error
};
const UNABLE_TO_CONNECT = "08001"; // sqlclient_unable_to_establish_sqlconnection: DNS, dialing, TLS, credentials

/** The server's own ErrorResponse to a login; it goes to the tool byte for byte. */
export class BackendRefusal extends Error {
  override readonly name = "BackendRefusal";
  readonly body: Buffer;
  readonly fields: ErrorFields;
  /** Whether it came as the answer to a password of ours, whatever its text says in which language. */
  readonly isOfPassword: boolean;
  /** Whether it came after AuthenticationOk of a login of ours. */
  isAfterLogin = false;
  /** Whether a fresh password may be accepted where this one was not. */
  isWorthAnother = false;
  /** Whether the StartupMessage asked for a replication connection. */
  isReplication = false;

  constructor(body: Buffer, fields: ErrorFields, isOfPassword: boolean) {
    super(fields.get("M") ?? "the server refused the login");
    this.body = body;
    this.fields = fields;
    this.isOfPassword = isOfPassword;
  }

  get sqlState(): string {
    return this.fields.get("C") ?? "";
  }
}

/** Strikes the secrets of the run out of a text. */
export type Redact = (text: string) => string;

/** A failure as the ErrorResponse that the tool gets; a programmer's mistake shows no more than that it was one. */
export function fatalError(error: unknown, redact: Redact): FatalError {
  if (!(error instanceof RdsIamError)) {
    return {
      sqlState: "XX000",
      message: "internal error in rdsiam",
      hint: "Run again with --verbose and report it.",
    };
  }
  return {
    sqlState: SQLSTATES[error.code] ?? UNABLE_TO_CONNECT,
    message: redact(error.message),
    detail: error.detail && redact(error.detail),
    hint: error.hint && redact(error.hint),
  };
}

/** A frontend that is answered with an ErrorResponse of its own; the message is for the log. */
export class FrontendRefused extends Error {
  override readonly name = "FrontendRefused";
  readonly answer: Buffer;
  /** What it gets, where a login was refused. */
  readonly error: FatalError | undefined;

  constructor(message: string, answer: Buffer, error?: FatalError) {
    super(message);
    this.answer = answer;
    this.error = error;
  }
}

/** The refusal that says what an error says. */
export function refuse(error: FatalError): FrontendRefused {
  return new FrontendRefused(error.message, encodeFatalError(error), error);
}

/** The refusal of a peer that breaks the protocol. */
export function violation(message: string, detail?: string): FrontendRefused {
  const error = { sqlState: "08P01", message, detail };
  return new FrontendRefused(message, encodeFatalError(error));
}

/** TLS with a frontend that failed: nothing can be answered. */
export class HandshakeFailed extends ConnectionClosed {
  /** What the frontend would be answered, for the log. */
  readonly error: FatalError | undefined;

  constructor(message: string, error?: FatalError) {
    super(message);
    this.error = error;
  }
}

/** DETAIL and HINT to add where the server gave none. */
export interface AddedFields {
  readonly detail?: string | undefined;
  readonly hint?: string | undefined;
}
