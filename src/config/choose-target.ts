// Chooses the target of a run, and the AWS profile that goes with it.

import type { AwsProfile } from "./aws-files.ts";
import { checked, givenValue, type SettingsInput } from "./given.ts";
import { readHostPort, type WrittenHost } from "../base/host-port.ts";
import { findTarget, type LoadedTargets, type Target } from "./targets.ts";

// A profile without any of these says nothing about who one is: it only carries a region and rds_* keys.
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

/** The target of a run, and how it came to be. */
export interface Choice {
  readonly target: Target | undefined;
  /** --host or its twin. */
  readonly address: WrittenHost | undefined;
  /** Whether the command line or RDSIAM_TARGET names it; false for the one of AWS_PROFILE and for `default`. */
  readonly named: boolean;
}

/** Takes the target that is named, else RDSIAM_TARGET's, else AWS_PROFILE's, else `default` where it has a host. */
export function chooseTarget(input: SettingsInput): Choice {
  const { env, loaded } = input;
  const fromEnvironment = env["RDSIAM_TARGET"] || undefined;
  const explicit = input.targetName ?? fromEnvironment;
  const address = givenAddress(input, explicit);
  const isKnown =
    explicit !== undefined && (loaded.targets.has(explicit) || loaded.aws.profiles.has(explicit));
  // An outer rdsiam that was started with --host alone calls its target by that host: there is no such section.
  const isOnlyHost = input.targetName === undefined && Boolean(env["RDSIAM_HOST"]) && !isKnown;
  if (explicit !== undefined && !isOnlyHost) {
    // With --host a profile without rds_* keys is a target too: it gives the credentials.
    const bare = address !== undefined && isKnown && !loaded.targets.has(explicit);
    return {
      target: bare ? bareTarget(explicit, loaded) : findTarget(explicit, loaded),
      address,
      named: true,
    };
  }
  const name = environmentProfile(env) ?? "default";
  const target = loaded.targets.get(name);
  const usable = target !== undefined && (target.host !== undefined || address !== undefined);
  const broken = target !== undefined && target.problems.length > 0;
  return {
    target: usable || broken ? findTarget(name, loaded) : undefined,
    address,
    named: false,
  };
}

// The child of `rdsiam exec prod` finds RDSIAM_TARGET=prod and RDSIAM_HOST in its environment. Would RDSIAM_HOST alone
// count as --host there, `rdsiam psql other` inside it would go to prod's host in other's name. So RDSIAM_HOST is --host's
// twin only where RDSIAM_TARGET is not set or names the target in use.
function givenAddress(input: SettingsInput, name: string | undefined): WrittenHost | undefined {
  const outer = input.env["RDSIAM_TARGET"] || undefined;
  const isTwin = outer === undefined || outer === name;
  const value = input.options.host ?? (isTwin ? input.env["RDSIAM_HOST"] || undefined : undefined);
  if (value === undefined) {
    return undefined;
  }
  return readHostPort(
    checked(value, "host", input.options.host === undefined ? "RDSIAM_HOST" : "--host"),
  );
}

function bareTarget(name: string, loaded: LoadedTargets): Target {
  const nothing = { user: undefined, dbname: undefined, region: undefined, sslrootcert: undefined };
  const noRole = {
    roleArn: undefined,
    externalId: undefined,
    roleSessionName: undefined,
    durationSeconds: undefined,
    mfaSerial: undefined,
  };
  const noWay = {
    passwordCommand: undefined,
    host: undefined,
    port: undefined,
    signHost: undefined,
    strictHost: undefined,
    readOnly: undefined,
    connectTimeout: undefined,
    dnsServers: undefined,
    via: undefined,
    localPort: undefined,
  };
  const file = loaded.aws.paths.configFilepath;
  return {
    name,
    file,
    profile: name,
    applicationName: undefined,
    awsTimeout: undefined,
    cache: undefined,
    problems: [],
    ...nothing,
    ...noRole,
    ...noWay,
  };
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
  const given = givenValue(input, "profile", "profile");
  if (given !== undefined) {
    return given;
  }
  // A target that is named is what --profile is to the AWS CLI: nothing of the environment wins over its profile.
  const own = choice.named ? choice.target?.profile : undefined;
  if (own !== undefined && saysWho(own, input)) {
    return own;
  }
  const profile = environmentProfile(input.env);
  if (profile === undefined) {
    return undefined;
  }
  // That it is not there is an error whatever else is set, as in the AWS CLI.
  const keys = input.loaded.aws.profiles.get(profile);
  if (keys === undefined) {
    return profile;
  }
  return hasEnvironmentIdentity(input.env, keys) || !saysWho(profile, input) ? undefined : profile;
}

/** The profile whose region, ca_bundle and endpoints count, whoever the credentials are from. */
export function chooseConfigProfile(
  input: SettingsInput,
  choice: Choice,
  profile: string | undefined,
): string | undefined {
  const own = choice.target?.profile;
  const isThere = own !== undefined && input.loaded.aws.profiles.has(own);
  return profile ?? (isThere ? own : environmentProfile(input.env));
}

// A missing profile says who one wants to be: that it is missing is for the credentials to tell.
function saysWho(profile: string, { loaded }: SettingsInput): boolean {
  const keys = loaded.aws.profiles.get(profile);
  return keys === undefined || IDENTITY_KEYS.some((key) => keys[key] !== undefined);
}

// The AWS CLI's order: the environment's keys, a role of the profile, the environment's web identity, all else of the
// profile (botocore/credentials.py, create_credential_resolver). Half a key counts, so that its other half is missed.
function hasEnvironmentIdentity(env: SettingsInput["env"], keys: AwsProfile): boolean {
  const isRole =
    keys["role_arn"] !== undefined &&
    (keys["source_profile"] ?? keys["credential_source"]) !== undefined;
  const hasWebIdentity = Boolean(env["AWS_WEB_IDENTITY_TOKEN_FILE"] && env["AWS_ROLE_ARN"]);
  return Boolean(env["AWS_ACCESS_KEY_ID"]) || (hasWebIdentity && !isRole);
}
