// The part of a session that is about a whole AWS account instead of one target: who calls the RDS API, and in which Region.
// No target's own keys count here: its role is for the database, and may not describe anything.
import type { RdsCaller } from "../aws/rds-client.ts";
import { type OptionValues, resolveSettings } from "../config/settings.ts";
import type { LoadedTargets } from "../config/targets.ts";
import { openIdentity } from "./identity.ts";
import type { RunContext } from "../base/context.ts";

/** An AWS account as somebody of its own sees it. */
export interface Account {
  /** The AWS profile that is meant, or undefined for the environment's credentials. */
  readonly profile: string | undefined;
  /** The Region of the environment, else of the profile. */
  readonly region: string | undefined;
  readonly callerIn: (region: string) => RdsCaller;
}

/** Opens the account of --profile and its like; nothing is fetched yet. */
export async function openAccount(
  context: RunContext,
  { options, loaded }: { readonly options: OptionValues; readonly loaded: LoadedTargets },
): Promise<Account> {
  const { awsCalls } = await import("../aws/profile-credentials.ts");
  const own = { RDSIAM_TARGET: undefined, RDSIAM_HOST: undefined, RDSIAM_REGION: undefined };
  const env: RunContext["env"] = { ...context.env, ...own };
  const settings = resolveSettings({
    targetName: undefined,
    // Any host will do: nobody connects to it.
    options: { ...options, region: undefined, host: "localhost" },
    loaded: { ...loaded, targets: new Map() },
    env,
    home: context.home,
  });
  const { profile, configProfile, awsTimeout } = settings;
  const region = env["AWS_REGION"] || env["AWS_DEFAULT_REGION"] || settings.profileRegion;
  const { credentials } = await openIdentity(context, {
    settings,
    loaded,
    region: region ?? "us-east-1",
  });
  const calls = awsCalls(profile, { env, files: loaded.aws, configProfile, awsTimeout });
  return { profile, region, callerIn: (each) => ({ credentials, region: each, calls, profile }) };
}
