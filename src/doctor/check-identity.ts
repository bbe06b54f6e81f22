// The doctor's steps about who one is in AWS: credentials, identity, role, and the clock, which AWS's answer shows.
import type { Credentials } from "../aws/credentials.ts";
import { identify } from "../session/caller.ts";
import type { Settings } from "../config/settings.ts";
import type { LoadedTargets } from "../config/targets.ts";
import type { Checkup } from "./checkup.ts";
import { fail, failure, lacking, ok, type Outcome, skip } from "./finding.ts";
import { openIdentity } from "../session/identity.ts";
import { parseEndpoint } from "../rds/endpoint.ts";

const MINUTE = 60_000; // ms
const TOKEN_LIFE = 15 * MINUTE;
/**
 * Milliseconds that AWS allows between its clock and the one that signed.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html
 */
export const MOST_SKEW = 5 * MINUTE;

/** Gets the run's credentials. Where only the role on top of them fails, they are told here, and the role in its step. */
export async function checkCredentials(checkup: Checkup): Promise<Outcome> {
  const { context, loaded, settings } = checkup;
  if (loaded === undefined || settings === undefined) return lacking("config");
  const region = regionOf(settings);
  checkup.identity = await openIdentity(context, { settings, loaded, region });
  try {
    checkup.credentials = await checkup.identity.credentials();
    return describeCredentials(checkup.credentials);
  } catch (error) {
    const base = withoutRole(settings, loaded);
    if (base === undefined) throw error;
    const { credentials } = await openIdentity(context, { settings: base, loaded, region });
    const source = await credentials().catch(() => undefined);
    if (source === undefined) throw error;
    checkup.withoutRole = { credentials: source, error };
    return describeCredentials(source);
  }
}

function describeCredentials({ accessKeyId, expiration, source }: Credentials): Outcome {
  if (expiration === undefined) {
    const kind = accessKeyId.startsWith("AKIA") ? "long-term key" : "session of unknown end";
    return ok(`${source} (${kind})`);
  }
  const left = expiration.getTime() - Date.now();
  if (left <= 0) {
    return fail(`${source}: expired`, {
      cause: `They ended at ${expiration.toISOString()}.`,
      remedy: "Get new ones: aws sso login, or whatever made them.",
    });
  }
  const notes =
    left < TOKEN_LIFE ? ["auth tokens end with them, before their own 15 minutes"] : undefined;
  return ok(`${source}, ${Math.floor(left / MINUTE)} minutes left`, { notes });
}

// The same run without its last role: rds_role_arn, or the role of a profile that has a source_profile.
function withoutRole(settings: Settings, loaded: LoadedTargets): Settings | undefined {
  if (settings.roleArn !== undefined) return { ...settings, roleArn: undefined };
  const keys = loaded.aws.profiles.get(settings.profile ?? "");
  const { role_arn, source_profile } = keys ?? {};
  return role_arn === undefined || source_profile === undefined
    ? undefined
    : { ...settings, profile: source_profile };
}

/** Asks STS whose the credentials are. */
export async function checkIdentity(checkup: Checkup): Promise<Outcome> {
  const { context, credentials, loaded, settings } = checkup;
  const keys = credentials ?? checkup.withoutRole?.credentials;
  if (loaded === undefined || settings === undefined || keys === undefined) {
    return lacking("credentials");
  }
  const onClock = (ahead: number): void => void (checkup.clockAhead = ahead);
  const request = { settings, loaded, region: regionOf(settings), onClock };
  checkup.caller = await identify(context, request, keys);
  return ok(checkup.caller.arn);
}

/** Says whether the run's role was assumed. */
export function checkRole({ credentials, loaded, settings, ...checkup }: Checkup): Outcome {
  if (loaded === undefined || settings === undefined) return lacking("config");
  const ofProfile = loaded.aws.profiles.get(settings.profile ?? "")?.["role_arn"];
  const role = settings.roleArn ?? ofProfile;
  if (role === undefined)
    return skip("no role is configured: the credentials are used as they are");
  if (checkup.withoutRole !== undefined) return failure(checkup.withoutRole.error);
  return credentials === undefined ? lacking("credentials") : ok(`${role} assumed`);
}

/** Compares the clock with AWS's. */
export function checkClock({ clockAhead }: Checkup): Outcome {
  if (clockAhead === undefined) return skip("AWS gave no answer to compare the clock with");
  const seconds = Math.abs(clockAhead / 1_000);
  const side = clockAhead < 0 ? "behind" : "ahead of";
  const off = `${seconds.toFixed(seconds < 10 ? 1 : 0)} s ${side} AWS's clock`;
  const remedy =
    "Set the clock: sudo timedatectl set-ntp true (Linux), sudo sntp -sS time.apple.com (macOS)";
  if (Math.abs(clockAhead) < MINUTE) return ok(off);
  if (Math.abs(clockAhead) < MOST_SKEW) return ok(off, { remedy });
  return fail(off, {
    cause:
      "Auth tokens are signed with this machine's clock, and RDS refuses those of another time.",
    remedy,
  });
}

// Where STS is asked for when nothing else says it; the place itself is not known yet.
function regionOf({ host, profileRegion, region }: Settings): string {
  return region ?? parseEndpoint(host)?.region ?? profileRegion ?? "us-east-1";
}
