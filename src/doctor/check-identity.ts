// The doctor's steps about the AWS identity: credentials, identity, role, and the clock, which AWS's answer shows.
import type { CallerIdentity } from "../aws/caller-identity.ts";
import { type Credentials, runSource } from "../aws/credentials.ts";
import { MOST_SKEW } from "../aws/sdk.ts";
import type { RunContext } from "../base/context.ts";
import type { Settings } from "../config/settings.ts";
import { parseEndpoint } from "../rds/endpoint.ts";
import {
  type CredentialSettings,
  identify,
  openCredentials,
  type RunCredentials,
} from "../session/credentials.ts";
import { fail, failure, type StepResult, lacking, ok, type Outcome, skip } from "./finding.ts";

const MINUTE = 60_000; // ms
const TOKEN_LIFE = 15 * MINUTE;

/** The credentials of a run. */
export interface FoundCredentials {
  readonly own?: Credentials | undefined;
  /** Those that the run's role could not be assumed with, and why. */
  readonly withoutRole?: { readonly credentials: Credentials; readonly error: unknown } | undefined;
}

/** What STS answered about credentials. */
export interface FoundIdentity {
  /** Undefined where it refused them. */
  readonly caller: CallerIdentity | undefined;
  /** Milliseconds that the clock here is ahead of AWS's. */
  readonly clockAhead: number | undefined;
}

/** Gets the run's credentials. Where only the role on top of them fails, they are reported here, and the role in its step. */
export async function checkCredentials(
  context: RunContext,
  config: CredentialSettings,
  { credentials }: RunCredentials,
): Promise<StepResult<FoundCredentials>> {
  try {
    const own = await credentials();
    return { ...describeCredentials(own), value: { own } };
  } catch (error) {
    const { settings } = config;
    if (assumedRole(context, config) === undefined) throw error;
    const base = { ...config, settings: { ...settings, roleArn: undefined } };
    const isProfiles = settings.roleArn === undefined;
    const region = fallbackRegion(settings);
    const parts = { withoutRole: isProfiles, withoutLogin: true };
    const source = openCredentials(context, base, region, parts);
    const found = await source.credentials().catch(() => undefined);
    if (found === undefined) throw error;
    const value = { withoutRole: { credentials: found, error } };
    return { ...describeCredentials(found), value };
  }
}

function describeCredentials({ accessKeyId, expiration, source }: Credentials): Outcome {
  if (expiration === undefined) {
    const kind = accessKeyId.startsWith("AKIA")
      ? "long-term key"
      : "session that expires at an unknown time";
    return ok(`${source} (${kind})`);
  }
  const left = expiration.getTime() - Date.now();
  if (left <= 0) {
    return fail(`${source}: expired`, {
      cause: `They ended at ${expiration.toISOString()}.`,
      remedy: "Get new ones: rdsiam login, or the tool that made them.",
    });
  }
  const notes =
    left < TOKEN_LIFE ? ["auth tokens expire with them, before their own 15 minutes"] : undefined;
  return ok(`${source}, ${Math.floor(left / MINUTE)} minutes left`, { notes });
}

// The last role of the run: rds_role_arn, or the role of its profile.
function assumedRole({ env }: RunContext, config: CredentialSettings): string | undefined {
  const { loaded, settings } = config;
  if (settings.roleArn !== undefined) return settings.roleArn;
  try {
    const { profile, configProfile } = settings;
    const source = runSource({ profile, configProfile, env, files: loaded.aws });
    return source.method === "assume-role" ? source.roleArn : undefined;
  } catch {
    // What is wrong with the profile is reported with the credentials.
    return undefined;
  }
}

/** Asks STS for the identity of the credentials. */
export async function checkIdentity(
  context: RunContext,
  config: CredentialSettings,
  credentials: Credentials,
): Promise<StepResult<FoundIdentity>> {
  let clockAhead: number | undefined;
  const run = { ...config, region: fallbackRegion(config.settings) };
  try {
    const caller = await identify(context, run, credentials, (ahead) => (clockAhead = ahead));
    return { ...ok(caller.arn), value: { caller, clockAhead } };
  } catch (error) {
    return { ...failure(error), value: { caller: undefined, clockAhead } };
  }
}

/** Reports whether the run's role was assumed. */
export function checkRole(
  context: RunContext,
  config: CredentialSettings,
  credentials: FoundCredentials | undefined,
): Outcome {
  const role = assumedRole(context, config);
  if (role === undefined)
    return skip("no role is configured: the credentials are used as they are");
  if (credentials?.withoutRole !== undefined) return failure(credentials.withoutRole.error);
  return credentials === undefined ? lacking("credentials") : ok(`${role} assumed`);
}

/** Compares the clock with AWS's; `clockAhead` in milliseconds. */
export function checkClock(clockAhead: number | undefined): Outcome {
  if (clockAhead === undefined) return skip("AWS gave no answer to compare the clock with");
  const seconds = Math.abs(clockAhead / 1_000);
  const side = clockAhead < 0 ? "behind" : "ahead of";
  const off = `${seconds.toFixed(seconds < 10 ? 1 : 0)} s ${side} AWS's clock`;
  const remedy =
    "Set the clock: sudo timedatectl set-ntp true (Linux), sudo sntp -sS time.apple.com (macOS)";
  if (Math.abs(clockAhead) < MINUTE) return ok(off);
  if (Math.abs(clockAhead) < MOST_SKEW) return ok(off, { remedy });
  return fail(off, {
    cause: "Auth tokens are signed with this machine's clock, and RDS refuses them if it is wrong.",
    remedy,
  });
}

/** The Region of STS where nothing else names one; the endpoint itself is not known yet. */
export function fallbackRegion({ host, profileRegion, region }: Settings): string {
  return region ?? parseEndpoint(host)?.region ?? profileRegion ?? "us-east-1";
}
