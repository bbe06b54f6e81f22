// Which SQLSTATE a failure has towards the tool; drivers test them.
// https://www.postgresql.org/docs/current/errcodes-appendix.html
import type { Buffer } from "node:buffer";
import { type ErrorCode, RdsIamError } from "../base/errors.ts";
import type { ErrorFields, FatalError } from "../protocol/error-response.ts";

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
  /** Whether an earlier login had the same password. */
  isPasswordReused = false;
  /** Whether the StartupMessage asked for a replication connection. */
  isReplication = false;

  constructor(body: Buffer, fields: ErrorFields, isOfPassword = false) {
    super(fields.get("M") ?? "the server refused the login");
    this.body = body;
    this.fields = fields;
    this.isOfPassword = isOfPassword;
  }

  get sqlState(): string {
    return this.fields.get("C") ?? "";
  }
}

/** A failure as the ErrorResponse that the tool gets; a programmer's mistake shows no more than that it was one. */
export function fatalError(error: unknown): FatalError {
  if (!(error instanceof RdsIamError)) {
    return {
      sqlState: "XX000",
      message: "internal error in rdsiam",
      hint: "Run again with --verbose and report it.",
    };
  }
  return {
    sqlState: SQLSTATES[error.code] ?? UNABLE_TO_CONNECT,
    message: error.message,
    detail: error.detail,
    hint: error.hint,
  };
}
