// Calls GetCallerIdentity. The call needs no permission, so it fails only where the credentials or the network do.
// The answer has AWS's own time: the SDK corrects a wrong clock in silence and tries again, but auth tokens are signed with
// the clock of this machine.
// https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html

import { type StsCalls, stsRegion } from "./assume-role.ts";
import type { Credentials } from "./credentials.ts";
import { signingKeys } from "./keys.ts";
import { stsEndpointOptions } from "./endpoints.ts";
import { identityError } from "./sdk-error.ts";
import { sdkClientOptions } from "./sdk.ts";

/** An AWS identity. */
export interface CallerIdentity {
  readonly arn: string;
  readonly account: string;
}

/** How far the clock here is ahead of AWS's, in ms; negative when it is behind. Exact to about a second. */
export type ClockListener = (ahead: number) => void;

/** Asks STS for the identity of credentials; `onClock` is called with the first answer, even one that is a refusal. */
export async function callerIdentity(
  keys: Credentials,
  calls: StsCalls,
  onClock: ClockListener = () => {},
): Promise<CallerIdentity> {
  const where = stsEndpointOptions(calls);
  const region = stsRegion("", calls);
  const { STSClient, GetCallerIdentityCommand } = await import("@aws-sdk/client-sts");
  const options = await sdkClientOptions(calls);
  const client = new STSClient({ ...options, ...where, region, credentials: signingKeys(keys) });
  try {
    const { Arn, Account } = await client.send(new GetCallerIdentityCommand({}));
    if (!Arn || !Account) throw new Error("Invalid response from STS");
    return { arn: Arn, account: Account };
  } catch (error) {
    throw identityError(error, {
      profile: calls.profile,
      endpoint: where.endpoint ?? `STS in ${region}`,
      secrets: [keys.secretAccessKey, keys.sessionToken],
    });
  } finally {
    const { clockAhead } = options.requestHandler;
    if (clockAhead !== undefined) onClock(clockAhead);
    client.destroy();
  }
}
