// The stand-in for AWS STS: AssumeRole, AssumeRoleWithWebIdentity and GetCallerIdentity, the conditions on which a role can
// be assumed, and AWS's texts for each. The gateway verifies tokens with the keys that it issues.
// https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
import {
  type Api,
  type ApiAnswer,
  type ApiOptions,
  makeDenial,
  makeFailure,
  makeResult,
  makeUnknownAction,
  makeUnsignedFailure,
  startApi,
} from "./aws-api.ts";
import { type AccessKey, randomId } from "./keys.ts";

const SHORTEST_SESSION = 900; // seconds
const DEFAULT_SESSION = 3600; // seconds; also the most that a chained role gets
const LONGEST_SESSION = 43_200; // seconds
const SECRET_PARAMETERS = new Set(["TokenCode", "WebIdentityToken"]);

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
  /** Codes that work once each, as real ones do: each is removed when it is used. */
  readonly codes?: Set<string> | undefined;
}

/** One request that was answered. */
export interface StsCall {
  readonly action: string;
  /** The parameters, without an MFA code or a web identity token. */
  readonly parameters: Readonly<Record<string, string>>;
  readonly caller: string | undefined;
  readonly status: number;
}

/** The keys and roles of the stand-in; `region` is the only one that requests may be signed for. */
export interface StsOptions extends Pick<ApiOptions, "keys" | "now" | "region"> {
  readonly roles?: Readonly<Record<string, Role>> | undefined;
}

/** The running stand-in: its endpoint, its roles and the requests that it has answered. */
export interface StsStandIn extends Api {
  readonly calls: StsCall[];
  readonly roles: Map<string, Role>;
  /** How often an action was called. */
  readonly count: (action: string) => number;
}

/** Starts the stand-in for STS on a free loopback port. */
export async function startSts({ keys, now, region, ...options }: StsOptions): Promise<StsStandIn> {
  const calls: StsCall[] = [];
  const roles = new Map(Object.entries(options.roles ?? {}));
  // A role keeps its unique id for as long as it lives.
  const roleIds = new Map<string, string>();

  const assumeRole = (parameters: URLSearchParams, caller: AccessKey): ApiAnswer => {
    const arn = parameters.get("RoleArn") ?? "";
    const role = roles.get(arn);
    const duration = Number(parameters.get("DurationSeconds") ?? DEFAULT_SESSION);
    return (
      refuseForm(parameters) ??
      refuseCaller(caller, role, parameters) ??
      refuseDuration(duration, { isChained: caller.sessionToken !== undefined, role }) ??
      issue("AssumeRole", { duration, parameters })
    );
  };

  // The one call that brings its own proof instead of a signature.
  const assumeRoleWithWebIdentity = (action: string, parameters: URLSearchParams): ApiAnswer => {
    const token = roles.get(parameters.get("RoleArn") ?? "")?.webIdentityToken;
    if (token === undefined || parameters.get("WebIdentityToken")?.trim() !== token) {
      const message = "Couldn't retrieve verification key from your identity provider";
      return makeFailure(400, "InvalidIdentityToken", message);
    }
    return issue(action, { duration: DEFAULT_SESSION, parameters });
  };

  const issue = (
    action: string,
    { duration, parameters }: { readonly duration: number; readonly parameters: URLSearchParams },
  ): ApiAnswer => {
    const role = parameters.get("RoleArn") ?? "";
    const session = parameters.get("RoleSessionName") ?? "";
    const [, partition = "aws", , , account = "", path = ""] = role.split(":");
    const roleId = roleIds.get(role) ?? randomId("AROA");
    roleIds.set(role, roleId);
    const expiration = new Date((now?.().getTime() ?? Date.now()) + duration * 1000);
    const key = keys.createSessionKey({
      arn: `arn:${partition}:sts::${account}:assumed-role/${path.split("/").at(-1)}/${session}`,
      userId: `${roleId}:${session}`,
      databaseUsers: roles.get(role)?.databaseUsers,
      expiration,
    });
    return makeResult(action, {
      AssumedRoleUser: { AssumedRoleId: key.userId, Arn: key.arn },
      Credentials: {
        AccessKeyId: key.accessKeyId,
        SecretAccessKey: key.secretAccessKey,
        SessionToken: key.sessionToken ?? "",
        Expiration: expiration.toISOString().replace(/\.\d+/, ""),
      },
    });
  };

  const api = await startApi({
    service: "sts",
    region,
    keys,
    now,
    answer: ({ action, caller, parameters }) => {
      if (caller === undefined) {
        return action === "AssumeRoleWithWebIdentity"
          ? assumeRoleWithWebIdentity(action, parameters)
          : makeUnsignedFailure();
      }
      if (action === "AssumeRole") return assumeRole(parameters, caller);
      if (action !== "GetCallerIdentity") return makeUnknownAction(action);
      const { arn, userId } = caller;
      return makeResult(action, { UserId: userId, Account: arn.split(":")[4] ?? "", Arn: arn });
    },
    onAnswer: ({ action, caller, parameters }, status) => {
      const shown = [...parameters].filter(
        ([name]) => !SECRET_PARAMETERS.has(name) && !/^X-Amz-/i.test(name),
      );
      calls.push({ action, parameters: Object.fromEntries(shown), caller: caller?.arn, status });
    },
  });
  const count = (action: string): number => calls.filter((call) => call.action === action).length;
  return { ...api, calls, roles, count };
}

// Checks the form of an AssumeRole request, before any role is looked up.
function refuseForm(parameters: URLSearchParams): ApiAnswer | undefined {
  const arn = parameters.get("RoleArn") ?? "";
  if (arn.length < 20) {
    return makeInvalid("roleArn", arn, "have length greater than or equal to 20");
  }
  if (!/^arn:[\w-]+:iam::\d{12}:role\/.+$/.test(arn)) {
    return makeFailure(400, "ValidationError", `${arn} is invalid`);
  }
  const name = "roleSessionName";
  const session = parameters.get("RoleSessionName") ?? "";
  if (!/^[\w+=,.@-]*$/.test(session)) {
    return makeInvalid(name, session, "satisfy regular expression pattern: [\\w+=,.@-]*");
  }
  if (session.length < 2) {
    return makeInvalid(name, session, "have length greater than or equal to 2");
  }
  if (session.length > 64) {
    return makeInvalid(name, session, "have length less than or equal to 64");
  }
  return undefined;
}

// Checks the role's trust policy against the caller and the parameters.
function refuseCaller(
  caller: AccessKey,
  role: Role | undefined,
  parameters: URLSearchParams,
): ApiAnswer | undefined {
  const arn = parameters.get("RoleArn") ?? "";
  const { externalId, mfa, trusted } = role ?? {};
  const isTrusted =
    role !== undefined &&
    (trusted === undefined || trusted.includes(caller.arn)) &&
    (externalId === undefined || parameters.get("ExternalId") === externalId) &&
    (mfa === undefined || parameters.get("SerialNumber") === mfa.serialNumber);
  if (!isTrusted) return makeDenial(caller, "sts:AssumeRole", arn);
  const code = parameters.get("TokenCode") ?? "";
  if (mfa === undefined || code === mfa.code || mfa.codes?.delete(code)) return undefined;
  const message = "MultiFactorAuthentication failed with invalid MFA one time pass code. ";
  return makeFailure(403, "AccessDenied", message);
}

function refuseDuration(
  seconds: number,
  { isChained, role }: { readonly isChained: boolean; readonly role: Role | undefined },
): ApiAnswer | undefined {
  const [name, value] = ["durationSeconds", String(seconds)];
  if (!(seconds >= SHORTEST_SESSION)) {
    return makeInvalid(name, value, `have value greater than or equal to ${SHORTEST_SESSION}`);
  }
  if (seconds > LONGEST_SESSION) {
    return makeInvalid(name, value, `have value less than or equal to ${LONGEST_SESSION}`);
  }
  if (isChained && seconds > DEFAULT_SESSION) {
    const message =
      "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining";
    return makeFailure(400, "ValidationError", message);
  }
  if (seconds > (role?.maxSessionDuration ?? DEFAULT_SESSION)) {
    const message =
      "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.";
    return makeFailure(400, "ValidationError", message);
  }
  return undefined;
}

function makeInvalid(name: string, value: string, rule: string): ApiAnswer {
  const message = `1 validation error detected: Value '${value}' at '${name}' failed to satisfy constraint: Member must ${rule}`;
  return makeFailure(400, "ValidationError", message);
}
