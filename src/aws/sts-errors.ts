// What STS refuses, in sentences: MFA, trust, lifetimes, keys, clocks.
// https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html#API_AssumeRole_Errors

import { RdsIamError } from "../base/errors.ts";
import { checkHint, failure, type IdentityContext, type Said, sentence } from "./sdk-error.ts";

/** What AWS says about MFA. */
export function mfaRow(said: Said, context: IdentityContext): RdsIamError | undefined {
  if (!/MultiFactorAuthentication|MFA/.test(said.text) || !said.name.startsWith("AccessDenied")) {
    return undefined;
  }
  const serial = context.mfaSerial;
  return failure(context, said, {
    code: "ERR_MFA",
    why: "the MFA code was refused",
    hint:
      serial === undefined
        ? "Set mfa_serial, then try again with a fresh code."
        : `Try again with a fresh code of ${serial}: each code works once. Is mfa_serial the right device?`,
  });
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

/** The error for a role that needs an MFA code where none can be asked for. */
export function mfaNeeded(serial: string, roleArn: string): RdsIamError {
  return new RdsIamError(`${roleArn} needs an MFA code of ${serial}`, {
    code: "ERR_MFA",
    detail: "There is no terminal to ask for the code on.",
    hint: "Add --mfa-code CODE, or set RDSIAM_MFA_CODE.",
  });
}

/** What STS refuses. */
export function stsRow(said: Said, context: IdentityContext): RdsIamError | undefined {
  switch (said.name.replace(/Exception$/, "")) {
    case "AccessDenied":
      return deniedRow(said, context);
    case "ExpiredToken":
    case "RequestExpired":
      return failure(context, said, {
        why: "the credentials that it was asked with have expired",
        hint: `Get new ones (aws sso login, or whatever made them), then try again. ${checkHint(context)}`,
      });
    case "InvalidIdentityToken":
      return failure(context, said, {
        why: "the web identity token was not accepted",
        hint: "Look at the file that web_identity_token_file names: it must be fresh, and from the provider that the role trusts.",
      });
    case "InvalidClientTokenId":
    case "UnrecognizedClient":
      return failure(context, said, {
        why: "AWS does not know the access key",
        hint: `The key was deleted, or belongs to another partition (China, GovCloud) than the Region. ${checkHint(context)}`,
      });
    case "ValidationError":
      return failure(context, said, { hint: validationHint(said.text) });
    default:
      return undefined;
  }
}

function validationHint(text: string): string | undefined {
  if (/role chaining/.test(text)) {
    return "Set the duration to 3600 seconds or less: a role that is assumed with a role gets no more.";
  }
  if (/DurationSeconds|durationSeconds/.test(text)) {
    return "Set the duration to what the role allows (3600 seconds where nobody raised it), and to 900 or more.";
  }
  return undefined;
}

function deniedRow(said: Said, context: IdentityContext): RdsIamError {
  const caller = /arn:[\w-]+:(?:sts|iam)::[^\s]+/.exec(said.text)?.[0];
  const sent = [
    context.externalId === undefined ? "no external id" : `external id "${context.externalId}"`,
    context.mfaSerial === undefined ? "no MFA code" : `a code of ${context.mfaSerial}`,
  ].join(" and ");
  if (context.roleArn === undefined) {
    return failure(context, said, { hint: checkHint(context) });
  }
  return failure(context, said, {
    ...(caller === undefined ? {} : { why: `AWS refused it to ${caller}` }),
    hint:
      `The trust policy of the role must allow that caller with ${sent}, and the caller's own policy sts:AssumeRole ` +
      `on the role. ${checkHint(context)}`,
  });
}

/** Signatures that AWS finds wrong, because of the clock or of the key. */
export function clockRow(said: Said, context: IdentityContext): RdsIamError | undefined {
  if (!/^SignatureDoesNotMatch|^RequestTimeTooSkewed/.test(said.name)) {
    return undefined;
  }
  if (/expired|not yet current|Skew/i.test(said.name + said.text)) {
    const why = "this machine's clock and AWS's disagree";
    const detail = [skewText(said), sentence(said.text)].filter(Boolean).join(" ");
    return failure(context, said, { why, detail, hint: "Set the clock: timedatectl set-ntp true" });
  }
  return failure(context, said, {
    why: "the secret access key is wrong",
    hint: checkHint(context),
  });
}

// "Signature expired: 20261121T000000Z is now earlier than ...": the time that was signed; the answer has AWS's own.
function skewText(said: Said): string | undefined {
  const match = /(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z/.exec(said.text);
  if (match === null || said.date === undefined) {
    return undefined;
  }
  const [, year, month, day, hour, minute, second] = match.map(Number);
  const signed = Date.UTC(year ?? 0, (month ?? 1) - 1, day, hour, minute, second);
  const seconds = Math.round((signed - said.date.getTime()) / 1_000);
  return `The clock here is ${Math.abs(seconds)} seconds ${seconds < 0 ? "behind" : "ahead of"} AWS's.`;
}
