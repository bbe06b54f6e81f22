// The part of a session that asks AWS whose the credentials are, and how AWS is called in a run.
import type { CallerIdentity, ClockListener } from "../aws/caller-identity.ts";
import type { Credentials } from "../aws/credentials.ts";
import type { AwsCalls } from "../aws/sdk.ts";
import type { Settings } from "../config/settings.ts";
import type { LoadedTargets } from "../config/targets.ts";
import type { Waiting } from "../base/waiting.ts";

/** What the process edge hands in. */
export interface CallerEdge {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly waiting: Waiting;
}

/** The run that calls AWS. */
export interface CallerRequest {
  readonly settings: Settings;
  readonly loaded: LoadedTargets;
  /** The database's Region, for when nothing else says where STS is. */
  readonly region: string;
}

/** Asks STS whose the credentials are; `onClock` hears how far the clock here is ahead. */
export async function identify(
  edge: CallerEdge,
  request: CallerRequest & { readonly onClock?: ClockListener },
  credentials: Credentials,
): Promise<CallerIdentity> {
  const { callerIdentity } = await import("../aws/caller-identity.ts");
  const calls = await callsOf(edge, request);
  const place = { ...calls, fallbackRegion: request.region, profile: request.settings.profile };
  return edge.waiting.for("STS", callerIdentity(credentials, place, request.onClock));
}

/** How AWS is called in a run. */
export async function callsOf(
  { env }: Pick<CallerEdge, "env">,
  { settings, loaded }: Pick<CallerRequest, "loaded" | "settings">,
): Promise<AwsCalls> {
  const { awsCalls } = await import("../aws/profile-credentials.ts");
  const { awsTimeout, configProfile, profile } = settings;
  return awsCalls(profile, { env, files: loaded.aws, configProfile, awsTimeout });
}
