// Calls the RDS API, for what neither a name nor the configuration tells. Whoever needs it imports this file late: the
// SDK's modules come with it. (They are imported by name here, which leaves most of them out of the bundle.)
// A caller who may connect to a database often may not describe it: each failure says which permission is missing.
// https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/Welcome.html

import { RDSClient } from "@aws-sdk/client-rds";
import { RdsIamError } from "../base/errors.ts";
import type { Credentials } from "./credentials.ts";
import { configuredEndpoint } from "./endpoints.ts";
import { identityError, innermost, readError, sentence } from "./sdk-error.ts";
import { type AwsCalls, sdkClientOptions } from "./sdk.ts";

/** Who calls the RDS API, and where. */
export interface RdsCaller {
  readonly credentials: () => Promise<Credentials>;
  readonly region: string;
  readonly calls: AwsCalls;
  /** The AWS profile, for messages. */
  readonly profile: string | undefined;
}

/** Why a call failed, as far as one can tell the cases apart. */
export type RdsFailure = "denied" | "throttled" | "disabled" | "other";

// A throttled API says so until its bucket fills again: more attempts than for STS, within the same time.
const MAX_ATTEMPTS = 6;

/** Makes a client of the RDS API; the caller destroys it. */
export async function rdsClient(caller: RdsCaller): Promise<RDSClient> {
  const endpoint = configuredEndpoint("rds", caller.calls);
  return new RDSClient({
    ...(await sdkClientOptions(caller.calls)),
    maxAttempts: MAX_ATTEMPTS,
    region: caller.region,
    credentials: async () => {
      const { accessKeyId, secretAccessKey, sessionToken, expiration } = await caller.credentials();
      return {
        accessKeyId,
        secretAccessKey,
        ...(sessionToken === undefined ? {} : { sessionToken }),
        ...(expiration === undefined ? {} : { expiration }),
      };
    },
    ...(endpoint === undefined ? {} : { endpoint }),
  });
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
  // What a Region says that the account has not opted in to.
  return /^(InvalidClientTokenId|UnrecognizedClient|OptInRequired|AuthFailure)/.test(name)
    ? "disabled"
    : "other";
}

/** The RdsIamError for a call that failed; `ways` says how to go on without it. */
export function rdsError(
  error: unknown,
  { region, profile }: RdsCaller,
  { action, ways }: { readonly action: string; readonly ways: string },
): RdsIamError {
  const known = innermost(error);
  if (known !== undefined) {
    return known;
  }
  const failed = readError(error, []);
  switch (rdsFailure(error)) {
    case "denied":
      return new RdsIamError(`not allowed to call rds:${action} in ${region}`, {
        code: "ERR_CREDENTIALS",
        detail: sentence(failed.text),
        hint: `Allow rds:${action} in the identity's policy. ${ways}`,
        cause: error,
      });
    case "throttled":
      return new RdsIamError(`AWS throttles rds:${action} in ${region}`, {
        code: "ERR_LIMIT",
        detail: `It was tried ${MAX_ATTEMPTS} times. ${sentence(failed.text) ?? ""}`.trim(),
        hint: `Try again later. ${ways}`,
        cause: error,
      });
    case "disabled":
    case "other":
      return identityError(error, { profile, endpoint: `the RDS API in ${region}` });
  }
}
