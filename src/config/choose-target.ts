// Chooses the target of a run, and the AWS profile that goes with it.

import type { AwsValues } from "./aws-ini.ts";
import { givenText, type SettingsInput } from "./given.ts";
import { readHostPort, type WrittenHost } from "../base/host-port.ts";
import { findTarget, isPlaced, type Target } from "./targets.ts";

// A profile without any of these has no credentials: it only carries a region and rds_* keys.
const IDENTITY_KEYS = [
  "aws_access_key_id",
  "role_arn",
  "source_profile",
  "credential_source",
  "credential_process",
  "web_identity_token_file",
  "sso_session",
  "sso_start_url",
  "sso_account_id",
  "login_session",
];

/** The target of a run, and how it was chosen. */
export interface Choice {
  readonly target: Target | undefined;
  /** --host or RDSIAM_HOST. */
  readonly address: WrittenHost | undefined;
  /** Whether the command line, RDSIAM_TARGET or RDSIAM_PROFILE names it; false for the one of AWS_PROFILE and for `default`. */
  readonly named: boolean;
}

/** Takes the target that is named, else RDSIAM_TARGET's, else --profile's or AWS_PROFILE's, else `default` where it has a host. */
export function chooseTarget(input: SettingsInput): Choice {
  const { env, loaded } = input;
  const explicit = input.targetName ?? (env["RDSIAM_TARGET"] || undefined);
  const address = givenHost(input, explicit);
  const isKnown =
    explicit !== undefined && (loaded.targets.has(explicit) || loaded.aws.profiles.has(explicit));
  // An outer rdsiam that was started with --host alone calls its target by that host: there is no such section.
  const isOnlyHost = input.targetName === undefined && Boolean(env["RDSIAM_HOST"]) && !isKnown;
  if (explicit !== undefined && !isOnlyHost) {
    // With --host a profile without rds_* keys is a target too: it gives the credentials.
    const isBare = address !== undefined && isKnown && !loaded.targets.has(explicit);
    const bare = { name: explicit, file: loaded.aws.paths.config, profile: explicit };
    const target = isBare ? { ...bare, problems: [] } : findTarget(explicit, loaded);
    return { target, address, named: true };
  }
  const profile = givenText(input, "profile")?.text;
  const ofProfile = profile === undefined ? undefined : loaded.targets.get(profile);
  // Who comes from the AWS CLI names the profile, and the database is in it.
  if (ofProfile?.profile === profile && ofProfile && isPlaced(ofProfile) && address === undefined) {
    return { target: findTarget(ofProfile.name, loaded), address, named: true };
  }
  const name = environmentProfile(env) ?? "default";
  const target = loaded.targets.get(name);
  const isUsable = target !== undefined && (isPlaced(target) || address !== undefined);
  const isBroken = target !== undefined && target.problems.length > 0;
  return {
    target: isUsable || isBroken ? findTarget(name, loaded) : undefined,
    address,
    named: false,
  };
}

// The child of `rdsiam exec prod` finds RDSIAM_TARGET=prod and RDSIAM_HOST in its environment. If RDSIAM_HOST alone stood for
// --host there, `rdsiam psql other` inside it would go to prod's host in other's name. So RDSIAM_HOST applies only where
// RDSIAM_TARGET is not set or names the target in use.
function givenHost(input: SettingsInput, name: string | undefined): WrittenHost | undefined {
  const outer = input.env["RDSIAM_TARGET"] || undefined;
  const isOfOther = outer !== undefined && outer !== name;
  const given = givenText(isOfOther ? { ...input, env: {} } : input, "host");
  return given === undefined ? undefined : readHostPort(given.text);
}

/** The profile that AWS_DEFAULT_PROFILE or AWS_PROFILE names; in this order, as in the AWS CLI. */
export function environmentProfile(env: SettingsInput["env"]): string | undefined {
  return env["AWS_DEFAULT_PROFILE"] || env["AWS_PROFILE"] || undefined;
}

/**
 * Takes --profile, else the named target's, else AWS_PROFILE where the environment has no identity of its own;
 * undefined for the environment's credentials and what comes after them.
 */
export function chooseProfile(input: SettingsInput, choice: Choice): string | undefined {
  const given = givenText(input, "profile")?.text;
  if (given !== undefined) return given;
  // A target that is named is what --profile is to the AWS CLI: nothing of the environment wins over its profile.
  const own = choice.named ? choice.target?.profile : undefined;
  if (own !== undefined && hasCredentials(own, input)) return own;
  const profile = environmentProfile(input.env);
  if (profile === undefined) return undefined;
  // That it is not there is an error whatever else is set, as in the AWS CLI.
  const values = input.loaded.aws.profiles.get(profile);
  if (values === undefined) return profile;
  const isPassedOver = hasEnvironmentIdentity(input.env, values) || !hasCredentials(profile, input);
  return isPassedOver ? undefined : profile;
}

/** The profile whose region, ca_bundle and endpoints apply, wherever the credentials come from. */
export function chooseConfigProfile(
  input: SettingsInput,
  choice: Choice,
  profile: string | undefined,
): string | undefined {
  const own = choice.target?.profile;
  const isThere = own !== undefined && input.loaded.aws.profiles.has(own);
  return profile ?? (isThere ? own : environmentProfile(input.env));
}

/** Whether a profile has a source of credentials. */
export function hasIdentity(values: AwsValues): boolean {
  return IDENTITY_KEYS.some((key) => values.has(key));
}

// A profile that is missing, or of which AWS's tools pass something over, is meant to have some: that it has none is an error.
function hasCredentials(profile: string, { loaded }: SettingsInput): boolean {
  const { oddities, profiles } = loaded.aws;
  const values = profiles.get(profile);
  return (
    values === undefined ||
    hasIdentity(values) ||
    oddities.some((each) => each.profiles.includes(profile))
  );
}

// The AWS CLI's order: the environment's keys, a role of the profile, the environment's web identity, all else of the
// profile (botocore/credentials.py, create_credential_resolver). Half a key is enough, so that the missing half is an error.
function hasEnvironmentIdentity(env: SettingsInput["env"], values: AwsValues): boolean {
  const isRole = values.has("role_arn") && !values.has("web_identity_token_file");
  const hasWebIdentity = Boolean(env["AWS_WEB_IDENTITY_TOKEN_FILE"] && env["AWS_ROLE_ARN"]);
  return Boolean(env["AWS_ACCESS_KEY_ID"]) || (hasWebIdentity && !isRole);
}
