// Turns what the AWS SDK throws about identity into an RdsIamError: the cause, and the command to type.
// Only the first line of AWS's own text is kept, with known secrets cut out: the text of a SignatureDoesNotMatch goes
// on with the canonical request, and that has the session token in it.
// https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html
// https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html#API_AssumeRole_Errors

import { errorCode } from "../base/errno.ts";
import { type ErrorParts, RdsIamError } from "../base/errors.ts";
import { shellCommand } from "../system/shell-word.ts";
import { CERTIFICATE_CODE, NETWORK_REASONS } from "./network-error.ts";

/** What was being tried when the SDK failed. */
export interface IdentityContext {
  /** The AWS profile that was used, if one was. */
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
  /** What to say where the cause is not the identity, for a call that is not about it. */
  readonly otherwise?: Explanation | undefined;
  /** Values that must not appear in any text. */
  readonly secrets?: readonly (string | undefined)[] | undefined;
}

/** An SDK error as far as it may be repeated: its name, first line, and system error codes. */
export interface SdkError {
  readonly name: string;
  readonly text: string;
  readonly codes: readonly string[];
  /** The time in the answer, by AWS's clock. */
  readonly date?: Date | undefined;
}

/** What a cause knows better than the SDK's text; each part has a default. */
interface Explanation extends Partial<ErrorParts> {
  /** The whole message; `cannot get ...` or `cannot assume ...` when absent. */
  readonly message?: string | undefined;
  /** The end of that default message. */
  readonly why?: string | undefined;
}

/** A cause of failures: every pattern that is given must match. */
interface Cause {
  readonly name?: RegExp;
  readonly text?: RegExp;
  /** Matches the name and the text together. */
  readonly either?: RegExp;
  readonly code?: RegExp;
  readonly onlyWithLogin?: boolean;
  /** Whether it is about the way to the service, and `why` names that. */
  readonly isOfWay?: boolean;
  readonly explain: (context: IdentityContext, error: SdkError) => Explanation;
}

const SSO_LOGIN = "aws sso login";

const UNREADABLE_FILE = /^(?:ENOENT|EACCES|EISDIR|ENOTDIR): ([^,]+), \w+ '?([^']*)'?$/;

// The first one that matches is reported.
const CAUSES: readonly Cause[] = [
  {
    name: /^AccessDenied/,
    text: /MultiFactorAuthentication|MFA/,
    explain: ({ mfaSerial }) => ({
      code: "ERR_MFA",
      why: "the MFA code was refused",
      hint:
        mfaSerial === undefined
          ? "Set mfa_serial, then try again with a fresh code."
          : `Try again with a fresh code of ${mfaSerial}: each code works once. Is mfa_serial the right device?`,
    }),
  },
  {
    text: /SSO session|sso login|aws login|Token is expired|re-?authenticate|Failed to load (a )?token|Token validation failed/i,
    explain: loginMissing,
  },
  // Without a login session this is another service's answer.
  { either: /UnauthorizedException/, onlyWithLogin: true, explain: loginMissing },
  { name: /^AccessDenied(Exception)?$/, explain: accessDenied },
  {
    name: /^(ExpiredToken|RequestExpired)(Exception)?$/,
    explain: (context) => ({
      why: "the credentials for the call have expired",
      hint: `Get new ones (rdsiam login, or the tool that made them), then try again. ${checkHint(context)}`,
    }),
  },
  {
    name: /^InvalidIdentityToken(Exception)?$/,
    explain: () => ({
      why: "the web identity token was not accepted",
      hint: "Check the file in web_identity_token_file: it must be fresh, and from the provider that the role trusts.",
    }),
  },
  {
    name: /^(InvalidClientTokenId|UnrecognizedClient)(Exception)?$/,
    explain: (context) => ({
      why: "AWS does not know the access key",
      hint: `The key was deleted, or belongs to another partition (China, GovCloud) than the Region. ${checkHint(context)}`,
    }),
  },
  {
    name: /^ValidationError(Exception)?$/,
    text: /role chaining/,
    explain: () => ({
      hint: "Set the duration to 3600 seconds or less: a role that was assumed from another role gets no more.",
    }),
  },
  {
    name: /^ValidationError(Exception)?$/,
    text: /durationSeconds/i,
    explain: () => ({
      hint: "Set the duration to 900 seconds or more, and to no more than the role's maximum (3600 by default).",
    }),
  },
  {
    name: /^(SignatureDoesNotMatch|RequestTimeTooSkewed)/,
    either: /expired|not yet current|Skew/i,
    explain: (_context, error) => ({
      why: "this machine's clock and AWS's disagree",
      detail: [clockDifference(error), sentence(error.text)].filter(Boolean).join(" "),
      hint: "Set the clock: timedatectl set-ntp true",
    }),
  },
  {
    name: /^(SignatureDoesNotMatch|RequestTimeTooSkewed)/,
    explain: (context) => ({
      why: "the secret access key is wrong",
      hint: checkHint(context),
    }),
  },
  {
    code: new RegExp(`^(${[...NETWORK_REASONS.keys()].join("|")})$`),
    isOfWay: true,
    explain: notReached,
  },
  { name: /^(TimeoutError|AbortError)$/, isOfWay: true, explain: notReached },
  {
    code: CERTIFICATE_CODE,
    isOfWay: true,
    explain: ({ endpoint = "AWS" }, { codes }) => ({
      why: `the certificate of ${endpoint} cannot be verified`,
      detail: `TLS ended with ${codes.find((code) => CERTIFICATE_CODE.test(code))}.`,
      hint: "If a proxy inspects TLS here, name its CA file in NODE_EXTRA_CA_CERTS.",
    }),
  },
  {
    text: /Deserialization error|Invalid response from STS|Unexpected token|not valid JSON|XML|Unclosed tag/i,
    isOfWay: true,
    explain: ({ endpoint = "AWS" }) => ({
      why: `the reply of ${endpoint} did not come from AWS`,
      detail: "Something in between, such as a captive portal or a proxy, answered in its place.",
      hint: "Open a web page in a browser, log in to the network, then try again.",
    }),
  },
  {
    text: UNREADABLE_FILE,
    explain: (_context, { text }) => {
      const [, reason, file] = UNREADABLE_FILE.exec(text) ?? [];
      return {
        why: `cannot read ${file === "" ? "a file that it names" : file}`,
        detail: `The system's error: ${reason}.`,
        hint: "Correct web_identity_token_file (AWS_WEB_IDENTITY_TOKEN_FILE), or put the file there.",
      };
    },
  },
];

/** The RdsIamError for an SDK error; one that is an RdsIamError already is returned as it is. */
export function identityError(thrown: unknown, context: IdentityContext): RdsIamError {
  const known = innermost(thrown);
  if (known !== undefined) {
    return known;
  }
  const error = readError(thrown, context.secrets ?? []);
  const cause = CAUSES.find((each) => isCause(each, error, context));
  const parts: Explanation = cause?.explain(context, error) ??
    context.otherwise ?? { hint: checkHint(context) };
  const { profile, roleArn } = context;
  const credentials =
    profile === undefined ? "AWS credentials" : `credentials for profile "${profile}"`;
  const failed = roleArn === undefined ? `cannot get ${credentials}` : `cannot assume ${roleArn}`;
  // A service that is not there for a call of another kind is the whole of it.
  const isApart = cause?.isOfWay === true && context.otherwise !== undefined;
  const message =
    parts.why === undefined ? failed : isApart ? parts.why : `${failed}: ${parts.why}`;
  return new RdsIamError(parts.message ?? message, {
    code: parts.code ?? (roleArn === undefined ? "ERR_CREDENTIALS" : "ERR_ASSUME_ROLE"),
    detail: parts.detail ?? sentence(error.text),
    hint: parts.hint,
  });
}

function isCause(cause: Cause, { name, text, codes }: SdkError, context: IdentityContext): boolean {
  const { code } = cause;
  return (
    (cause.name?.test(name) ?? true) &&
    (cause.text?.test(text) ?? true) &&
    (cause.either?.test(`${name} ${text}`) ?? true) &&
    (code === undefined || codes.some((each) => code.test(each))) &&
    (cause.onlyWithLogin !== true || context.loginProfile !== undefined)
  );
}

function loginMissing(
  context: Pick<IdentityContext, "loginCommand" | "loginProfile" | "profile">,
): Explanation {
  const { loginCommand = SSO_LOGIN, loginProfile: profile = context.profile } = context;
  const [of, suffix] =
    profile === undefined
      ? ["", ""]
      : [` of profile "${profile}"`, shellCommand` --profile ${profile}`];
  const ours = loginCommand === SSO_LOGIN ? `, or: rdsiam login${suffix}` : "";
  return {
    message: `the AWS login${of} is missing or has expired`,
    code: "ERR_CREDENTIALS",
    hint: `Run: ${loginCommand}${suffix}${ours}`,
  };
}

/** The error for a profile whose login with IAM Identity Center is missing or has expired. */
export function missingLogin(profile: string, detail: string): RdsIamError {
  const { message = "", hint } = loginMissing({ profile });
  return new RdsIamError(message, { code: "ERR_CREDENTIALS", detail, hint });
}

function accessDenied(context: IdentityContext, { text }: SdkError): Explanation {
  if (context.roleArn === undefined) {
    return { hint: checkHint(context) };
  }
  const caller = /arn:[\w-]+:(?:sts|iam)::[^\s]+/.exec(text)?.[0];
  const sent = [
    context.externalId === undefined ? "no external id" : `external id "${context.externalId}"`,
    context.mfaSerial === undefined ? "no MFA code" : `a code of ${context.mfaSerial}`,
  ].join(" and ");
  return {
    why: caller === undefined ? undefined : `AWS refused it to ${caller}`,
    hint:
      `The trust policy of the role must allow that caller with ${sent}, and the caller's own policy sts:AssumeRole ` +
      `on the role. ${checkHint(context)}`,
  };
}

function notReached(context: IdentityContext, { codes }: SdkError): Explanation {
  const known = codes.find((code) => NETWORK_REASONS.has(code)) ?? "ETIMEDOUT";
  return {
    why: `${context.endpoint ?? "AWS"} cannot be reached`,
    detail: `AWS was called, and ${NETWORK_REASONS.get(known)}.`,
    hint: context.networkHint ?? "Check the network, the VPN and AWS_ENDPOINT_URL.",
  };
}

// "Signature expired: 20261121T000000Z is now earlier than ...": the time that was signed; the answer has AWS's own.
function clockDifference({ text, date }: SdkError): string | undefined {
  const match = /(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z/.exec(text);
  if (match === null || date === undefined) {
    return undefined;
  }
  const [, year, month, day, hour, minute, second] = match;
  const signed = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  const seconds = Math.round((signed - date.getTime()) / 1_000);
  return `The clock here is ${Math.abs(seconds)} seconds ${seconds < 0 ? "behind" : "ahead of"} AWS's.`;
}

/** The command that shows whether a profile works. */
function checkHint({ profile }: IdentityContext): string {
  const suffix = profile === undefined ? "" : shellCommand` --profile ${profile}`;
  return `Check with: aws sts get-caller-identity${suffix}`;
}

// The one MFA failure that another code can mend: a wrong device stays wrong.
const REFUSED_CODE = /invalid MFA one time pass code/;

/** Whether STS refused the MFA code itself, so that another one may do. */
export function isRefusedMfaCode(error: unknown): error is RdsIamError {
  return (
    error instanceof RdsIamError &&
    error.code === "ERR_MFA" &&
    REFUSED_CODE.test(error.detail ?? "")
  );
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
export function readError(error: unknown, secrets: readonly (string | undefined)[]): SdkError {
  const raw = error instanceof Error ? error : new Error("unknown error");
  const codes: string[] = [];
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
  // The SDK keeps the HTTP answer in a hidden property.
  const { $response } = raw as { $response?: { headers?: Record<string, string> } };
  const date = new Date($response?.headers?.["date"] ?? Number.NaN);
  return {
    name: raw.name,
    // Cut last: half of a secret would not be found.
    text: text.slice(0, LONGEST_TEXT),
    codes,
    date: Number.isNaN(date.getTime()) ? undefined : date,
  };
}

/** AWS's own text as a sentence for DETAIL. */
export function sentence(text: string): string | undefined {
  const trimmed = text.trim().replace(/\.$/, "");
  return trimmed === "" ? undefined : `AWS says: ${trimmed}.`;
}
