// Calls the RDS API, for what neither a name nor the configuration shows. Import this file late: the SDK's modules come
// with it. (They are imported by name here, which leaves most of them out of the bundle.)
// A caller who may connect to a database often may not describe it: each failure says which permission is missing.
// https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/Welcome.html

import { type DBProxy, RDSClient } from "@aws-sdk/client-rds";
import { RdsIamError } from "../base/errors.ts";
import type { Credentials } from "./credentials.ts";
import { type CalledService, configuredEndpoint } from "./endpoints.ts";
import { signingKeys } from "./keys.ts";
import { identityError, innermost, readError, sentence } from "./sdk-error.ts";
import { type AwsCalls, sdkClientOptions } from "./sdk.ts";

/** With which credentials a service is called, in which Region. */
export interface AwsCaller {
  readonly credentials: () => Promise<Credentials>;
  readonly region: string;
  readonly calls: AwsCalls;
  /** The AWS profile, for messages. */
  readonly profile: string | undefined;
}

/** Why a call failed. */
export type RdsFailure = "denied" | "throttled" | "disabled" | "other";

/** A throttled API refuses until its bucket fills again: more attempts than for STS, within the same time. */
export const MAX_ATTEMPTS = 6;

/** Makes a client of the RDS API; the caller destroys it. */
export async function rdsClient(caller: AwsCaller): Promise<RDSClient> {
  return new RDSClient(await clientOptions("rds", caller));
}

/** The options of a client of a service. */
export async function clientOptions(service: "dsql" | "rds" | "ssm", caller: AwsCaller) {
  const endpoint = configuredEndpoint(service, caller.calls);
  return {
    ...(await sdkClientOptions(caller.calls)),
    maxAttempts: MAX_ATTEMPTS,
    region: caller.region,
    credentials: async () => {
      const keys = await caller.credentials();
      const { expiration } = keys;
      return { ...signingKeys(keys), ...(expiration === undefined ? {} : { expiration }) };
    },
    ...(endpoint === undefined ? {} : { endpoint }),
  };
}

/** What a call is for: the API's name for it, and how to go on without it. */
export interface RdsPurpose {
  /** RDS when absent. */
  readonly service?: CalledService | undefined;
  readonly action: string;
  readonly ways: string;
}

/** Makes calls with a client of its own; every failure is an RdsIamError. */
export async function callRds<T>(
  caller: AwsCaller,
  purpose: RdsPurpose,
  call: (client: RDSClient) => Promise<T>,
): Promise<T> {
  const client = await rdsClient(caller);
  try {
    return await call(client);
  } catch (error) {
    throw rdsError(error, caller, purpose);
  } finally {
    client.destroy();
  }
}

/** What went wrong with a call. */
export function rdsFailure(error: unknown): RdsFailure {
  const { name, text } = readError(error, []);
  if (/^(AccessDenied|UnauthorizedOperation|NotAuthorized)/.test(name)) {
    return "denied";
  }
  if (/Throttl|TooManyRequests|RequestLimitExceeded|SlowDown/i.test(`${name} ${text}`)) {
    return "throttled";
  }
  // What a Region answers that the account has not opted in to.
  return /^(InvalidClientTokenId|UnrecognizedClient|OptInRequired|AuthFailure)/.test(name)
    ? "disabled"
    : "other";
}

const SPELLED: Readonly<Record<string, string>> = {
  redshift: "Redshift",
  "redshift-serverless": "Redshift",
  secretsmanager: "Secrets Manager",
};

/** The RdsIamError for a call that failed. */
export function rdsError(
  error: unknown,
  { region, profile }: AwsCaller,
  { service = "rds", action: name, ways }: RdsPurpose,
): RdsIamError {
  const action = `${service}:${name}`;
  const known = innermost(error);
  if (known !== undefined) {
    return known;
  }
  const failed = readError(error, []);
  switch (rdsFailure(error)) {
    case "denied":
      return new RdsIamError(`not allowed to call ${action} in ${region}`, {
        code: "ERR_CREDENTIALS",
        detail: sentence(failed.text),
        hint: `Allow ${action} in the identity's policy. ${ways}`,
        cause: error,
      });
    case "throttled":
      return new RdsIamError(`AWS throttles ${action} in ${region}`, {
        code: "ERR_LIMIT",
        detail: `It was tried ${MAX_ATTEMPTS} times. ${sentence(failed.text) ?? ""}`.trim(),
        hint: `Try again later. ${ways}`,
        cause: error,
      });
    case "disabled":
    case "other":
      return identityError(error, {
        profile,
        endpoint: `the ${SPELLED[service] ?? service.toUpperCase()} API in ${region}`,
        otherwise: {
          message: `${action} failed in ${region}`,
          code: "ERR_ENDPOINT",
          hint: ways,
        },
      });
  }
}

/** The error for something that the API does not list; `ways` says how to go on without it. */
export function notListed(what: string, { region }: AwsCaller, ways: string): RdsIamError {
  return new RdsIamError(`the RDS API in ${region} returned no ${what}`, {
    code: "ERR_ENDPOINT",
    detail: "It belongs to another account or Region, or it was deleted.",
    hint: ways,
  });
}

/** Whether an RDS Proxy takes auth tokens. */
export function takesIam({ Auth = [], DefaultAuthScheme }: DBProxy): boolean {
  const isOn = Auth.some(({ IAMAuth }) => IAMAuth === "REQUIRED" || IAMAuth === "ENABLED");
  return isOn || DefaultAuthScheme === "IAM_AUTH";
}
