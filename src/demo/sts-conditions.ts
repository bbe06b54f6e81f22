// The conditions on which the stand-in for STS lets a role be assumed, with AWS's texts for each.
// https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
import type { AccessKey } from "./keys.ts";
import { makeAccessDenied, makeFailure, makeValidationError } from "./sts-answer.ts";
import type { StsAnswer } from "./sts-answer.ts";

const SHORTEST_SESSION = 900;
/** Seconds; also the most that a chained role gets. */
export const DEFAULT_SESSION = 3600;
const LONGEST_SESSION = 43_200;

/** A role that can be assumed, and on what conditions. */
export interface Role {
  readonly externalId?: string | undefined;
  /** The MFA device that must be used. */
  readonly mfa?: MfaDevice | undefined;
  /** The web identity token that AssumeRoleWithWebIdentity must bring; that call is refused when absent. */
  readonly webIdentityToken?: string | undefined;
  /** Seconds; 3600 when absent, as in IAM. */
  readonly maxSessionDuration?: number | undefined;
  /** The ARNs that the trust policy names; anyone when absent. */
  readonly trusted?: readonly string[] | undefined;
  /** The database users that the role's sessions may connect as; all when absent. */
  readonly databaseUsers?: readonly string[] | undefined;
}

/** An MFA device and its codes. */
export interface MfaDevice {
  readonly serialNumber: string;
  /** A code that always works. */
  readonly code?: string | undefined;
  /** Codes that work once each, as real ones do: each is taken out when it is used. */
  readonly codes?: Set<string> | undefined;
}

/** What is wrong with the form of an AssumeRole request, before any role is looked at. */
export function checkForm(parameters: URLSearchParams): StsAnswer | undefined {
  const arn = parameters.get("RoleArn") ?? "";
  if (arn.length < 20) {
    return makeValidationError(
      "roleArn",
      arn,
      "Member must have length greater than or equal to 20",
    );
  }
  if (!/^arn:[\w-]+:iam::\d{12}:role\/.+$/.test(arn)) {
    return makeFailure(400, "ValidationError", `${arn} is invalid`);
  }
  const session = parameters.get("RoleSessionName") ?? "";
  if (!/^[\w+=,.@-]*$/.test(session)) {
    const rule = "Member must satisfy regular expression pattern: [\\w+=,.@-]*";
    return makeValidationError("roleSessionName", session, rule);
  }
  if (session.length < 2) {
    const rule = "Member must have length greater than or equal to 2";
    return makeValidationError("roleSessionName", session, rule);
  }
  if (session.length > 64) {
    const rule = "Member must have length less than or equal to 64";
    return makeValidationError("roleSessionName", session, rule);
  }
  return undefined;
}

/** What the role's trust policy has against this caller and these parameters. */
export function checkConditions(
  caller: AccessKey,
  role: Role,
  parameters: URLSearchParams,
): StsAnswer | undefined {
  const arn = parameters.get("RoleArn") ?? "";
  const denied = makeAccessDenied(caller.arn, "sts:AssumeRole", arn);
  if (role.trusted !== undefined && !role.trusted.includes(caller.arn)) return denied;
  if (role.externalId !== undefined && parameters.get("ExternalId") !== role.externalId)
    return denied;
  if (role.mfa === undefined) return undefined;
  if (parameters.get("SerialNumber") !== role.mfa.serialNumber) return denied;
  const code = parameters.get("TokenCode") ?? "";
  if (code === role.mfa.code || role.mfa.codes?.delete(code)) return undefined;
  const message = "MultiFactorAuthentication failed with invalid MFA one time pass code. ";
  return makeFailure(403, "AccessDenied", message);
}

/** What is wrong with the length of the session that is asked for. */
export function checkDuration(
  seconds: number,
  context: { readonly chained: boolean; readonly role: Role | undefined },
): StsAnswer | undefined {
  const [name, value] = ["durationSeconds", String(seconds)];
  if (!(seconds >= SHORTEST_SESSION)) {
    return makeValidationError(
      name,
      value,
      `Member must have value greater than or equal to ${SHORTEST_SESSION}`,
    );
  }
  if (seconds > LONGEST_SESSION) {
    return makeValidationError(
      name,
      value,
      `Member must have value less than or equal to ${LONGEST_SESSION}`,
    );
  }
  if (context.chained && seconds > DEFAULT_SESSION) {
    const message =
      "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining";
    return makeFailure(400, "ValidationError", message);
  }
  if (seconds > (context.role?.maxSessionDuration ?? DEFAULT_SESSION)) {
    const message =
      "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.";
    return makeFailure(400, "ValidationError", message);
  }
  return undefined;
}
