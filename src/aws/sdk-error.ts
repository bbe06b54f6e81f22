// What is read from an error of the AWS SDK, and how an identity error is worded.
// Only the first line of AWS's own text is kept, with known secrets cut out: the text of a SignatureDoesNotMatch goes
// on with the canonical request, and that has the session token in it.

import { errorCode } from "../base/errno.ts";
import { type ErrorCode, RdsIamError } from "../base/errors.ts";

/** What was being tried when the SDK failed. */
export interface IdentityContext {
  /** The AWS profile that was asked, if one was. */
  readonly profile: string | undefined;
  /** The profile to log in with: the one on the chain that has the SSO or login session. */
  readonly loginProfile?: string | undefined;
  /** `aws sso login` or `aws login`. */
  readonly loginCommand?: string | undefined;
  /** The role of an AssumeRole call. */
  readonly roleArn?: string | undefined;
  /** The external id that was sent. */
  readonly externalId?: string | undefined;
  /** The MFA device whose code was sent. */
  readonly mfaSerial?: string | undefined;
  /** Where STS was called: a host name or URL; or the name of another service. */
  readonly endpoint?: string | undefined;
  /** What to do when that cannot be reached. */
  readonly networkHint?: string | undefined;
  /** Values that must not appear in any text. */
  readonly secrets?: readonly (string | undefined)[] | undefined;
}

/** An SDK error as far as it may be repeated: its name, first line, and system error codes. */
export interface Said {
  readonly name: string;
  readonly text: string;
  readonly codes: readonly string[];
  /** The time that the answer is from, by the clock of who answered. */
  readonly date?: Date | undefined;
}

/** What a row of the table knows better than the SDK's text. */
export interface FailureParts {
  readonly code?: ErrorCode | undefined;
  readonly why?: string | undefined;
  readonly detail?: string | undefined;
  readonly hint?: string | undefined;
}

/** An identity error about a profile, or about a role where one was being assumed. */
export function failure(context: IdentityContext, said: Said, parts: FailureParts): RdsIamError {
  const whose =
    context.profile === undefined
      ? "AWS credentials"
      : `credentials for profile "${context.profile}"`;
  const what =
    context.roleArn === undefined ? `cannot get ${whose}` : `cannot assume ${context.roleArn}`;
  const own: ErrorCode = context.roleArn === undefined ? "ERR_CREDENTIALS" : "ERR_ASSUME_ROLE";
  return new RdsIamError(parts.why === undefined ? what : `${what}: ${parts.why}`, {
    code: parts.code ?? own,
    detail: parts.detail ?? sentence(said.text),
    hint: parts.hint,
  });
}

/** The command that shows whether a profile works. */
export function checkHint(context: IdentityContext): string {
  const profile = context.profile === undefined ? "" : ` --profile ${context.profile}`;
  return `Check with: aws sts get-caller-identity${profile}`;
}

/** The RdsIamError that an error is or wraps. */
export function innermost(error: unknown): RdsIamError | undefined {
  let each = error;
  for (let depth = 0; depth < 5 && each instanceof Error; depth++) {
    if (each instanceof RdsIamError) {
      return each;
    }
    each = each.cause;
  }
  return undefined;
}

const LONGEST_TEXT = 600;

/** Reads an SDK error, with secrets cut out of its text. */
export function readError(error: unknown, secrets: readonly (string | undefined)[]): Said {
  const raw = error instanceof Error ? error : new Error("unknown error");
  const codes: string[] = [];
  const date = answerDate(raw);
  const todo: unknown[] = [raw];
  for (const each of todo.values()) {
    if (!(each instanceof Error) || todo.length > 20) {
      continue;
    }
    codes.push(errorCode(each, ""));
    todo.push(each.cause, ...(each instanceof AggregateError ? each.errors : []));
  }
  let text = String(raw.message).split(/\r?\n/)[0] ?? "";
  for (const secret of secrets) {
    text = secret === undefined || secret.length < 4 ? text : text.replaceAll(secret, "[secret]");
  }
  // Cut last: half of a secret would not be found.
  return { name: raw.name, text: text.slice(0, LONGEST_TEXT), codes, date };
}

// The SDK keeps the HTTP answer in a hidden property.
function answerDate(error: Error): Date | undefined {
  const { $response } = error as { $response?: { headers?: Record<string, string> } };
  const date = new Date($response?.headers?.["date"] ?? Number.NaN);
  return Number.isNaN(date.getTime()) ? undefined : date;
}

/** AWS's own text as a sentence for DETAIL. */
export function sentence(text: string): string | undefined {
  const trimmed = text.trim().replace(/\.$/, "");
  return trimmed === "" ? undefined : `AWS says: ${trimmed}.`;
}
