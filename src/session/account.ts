// Opens a whole AWS account instead of one target: the credentials that call the RDS API, and the Region.
// No target's own keys apply here: its role is for the database, and may not describe anything.
import { environmentRegions } from "../aws/endpoints.ts";
import type { AwsCaller } from "../aws/rds-client.ts";
import type { OptionValues } from "../config/keys.ts";
import type { LoadedTargets } from "../config/targets.ts";
import { callerOf, openCredentials } from "./credentials.ts";
import { resolveWithWarnings } from "./settings.ts";
import type { RunContext } from "../base/context.ts";

/** An AWS account. */
export interface Account {
  /** The AWS profile that is meant, or undefined for the environment's credentials. */
  readonly profile: string | undefined;
  /** The Region of the environment, else of the profile. */
  readonly region: string | undefined;
  readonly callerIn: (region: string) => AwsCaller;
}

/** Opens the account of --profile and its like; nothing is fetched yet. */
export async function openAccount(
  context: RunContext,
  { options, loaded }: { readonly options: OptionValues; readonly loaded: LoadedTargets },
): Promise<Account> {
  const own = { RDSIAM_TARGET: undefined, RDSIAM_HOST: undefined, RDSIAM_REGION: undefined };
  const env: RunContext["env"] = { ...context.env, ...own };
  const settings = resolveWithWarnings(
    {
      targetName: undefined,
      // Any host will do: it is never connected to.
      options: { ...options, region: undefined, host: "localhost" },
      loaded: { ...loaded, targets: new Map() },
      env,
      home: context.home,
    },
    context.log,
  );
  const { profile } = settings;
  const region = environmentRegions(env)[0] ?? settings.profileRegion;
  const run = { settings, loaded };
  const { credentials } = openCredentials(context, run, region ?? "us-east-1");
  return { profile, region, callerIn: (each) => callerOf({ env }, run, each, credentials) };
}
