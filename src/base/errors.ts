// The one error class of rdsiam, shaped as PostgreSQL shapes its own: message, DETAIL, HINT.
// https://www.postgresql.org/docs/current/error-style-guide.html

/** What failed, as a stable word for scripts; main.ts maps it to the exit status. */
export type ErrorCode =
  | "ERR_USAGE"
  | "ERR_CONFIG"
  | "ERR_TARGET"
  | "ERR_CREDENTIALS"
  | "ERR_ASSUME_ROLE"
  | "ERR_MFA"
  | "ERR_REGION"
  | "ERR_ENDPOINT"
  | "ERR_HOST_CHANGED"
  | "ERR_DNS"
  | "ERR_CONNECT"
  | "ERR_VIA"
  | "ERR_TLS"
  | "ERR_CERTIFICATE"
  | "ERR_LOGIN"
  | "ERR_PROTOCOL"
  | "ERR_LIMIT"
  | "ERR_OUTPUT"
  | "ERR_TOOL_NOT_FOUND"
  | "ERR_TOOL_NOT_EXECUTABLE"
  | "ERR_INTERRUPTED"
  | "ERR_INTERNAL";

/** The parts of an RdsIamError next to its message. */
export interface ErrorParts {
  readonly code: ErrorCode;
  /** The cause, as whole sentences: PostgreSQL's DETAIL. */
  readonly detail?: string | undefined;
  /** What to do next, with the command to type: PostgreSQL's HINT. */
  readonly hint?: string | undefined;
  /** The error underneath, for --verbose. */
  readonly cause?: unknown;
}

/**
 * A failure that a person can act on; anything else that is thrown is a programmer's mistake. An option in its texts is
 * written `{--role-arn}`: what reads the error chooses the option's spelling, which is the command line's by default.
 */
export class RdsIamError extends Error {
  readonly code: ErrorCode;
  readonly detail: string | undefined;
  readonly hint: string | undefined;
  readonly #message: string;
  readonly #parts: ErrorParts;

  constructor(message: string, parts: ErrorParts) {
    super(spell(message), parts.cause === undefined ? undefined : { cause: parts.cause });
    this.name = "RdsIamError";
    this.code = parts.code;
    this.detail = parts.detail && spell(parts.detail);
    this.hint = parts.hint && spell(parts.hint);
    this.#message = message;
    this.#parts = parts;
  }

  /** The same error with another spelling of its options; `spelling` takes `--role-arn`. */
  withOptions(spelling: (flag: string) => string): RdsIamError {
    const { detail, hint } = this.#parts;
    return new RdsIamError(spell(this.#message, spelling), {
      ...this.#parts,
      detail: detail && spell(detail, spelling),
      hint: hint && spell(hint, spelling),
    });
  }
}

function spell(text: string, spelling = (flag: string): string => flag): string {
  return text.replaceAll(/\{(--[a-z-]+)\}/g, (_whole, flag: string) => spelling(flag));
}
