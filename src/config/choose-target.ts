// Chooses the target of a run, and the AWS profile that goes with it.

import { checked, givenValue, type SettingsInput } from "./given.ts";
import { type HostPort, readHostPort } from "./target-keys.ts";
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
  readonly address: HostPort | undefined;
  /** False when nobody named the target `default`: it was only there. */
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
  const awsProfile = env["AWS_PROFILE"] || undefined;
  const name = awsProfile ?? "default";
  const target = loaded.targets.get(name);
  const usable = target !== undefined && (target.host !== undefined || address !== undefined);
  const broken = target !== undefined && target.problems.length > 0;
  return {
    target: usable || broken ? findTarget(name, loaded) : undefined,
    address,
    named: awsProfile !== undefined,
  };
}

// The child of `rdsiam exec prod` finds RDSIAM_TARGET=prod and RDSIAM_HOST in its environment. Would RDSIAM_HOST alone
// count as --host there, `rdsiam psql other` inside it would go to prod's host in other's name. So RDSIAM_HOST is --host's
// twin only where RDSIAM_TARGET is not set or names the target in use.
function givenAddress(input: SettingsInput, name: string | undefined): HostPort | undefined {
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
  };
  const noWay = {
    host: undefined,
    port: undefined,
    connectTimeout: undefined,
    dnsServers: undefined,
  };
  const file = loaded.aws.paths.configFilepath;
  return {
    name,
    file,
    profile: name,
    applicationName: undefined,
    problems: [],
    ...nothing,
    ...noRole,
    ...noWay,
  };
}

/** Takes --profile, else the target's own, else AWS_PROFILE; undefined for the environment's credentials. */
export function chooseProfile(input: SettingsInput, choice: Choice): string | undefined {
  const given = givenValue(input, "profile", "profile");
  if (given !== undefined) {
    return given;
  }
  const own = choice.target?.profile;
  const keys = own === undefined ? undefined : input.loaded.aws.profiles.get(own);
  const says = keys === undefined || IDENTITY_KEYS.some((key) => keys[key] !== undefined);
  // As in the AWS CLI, [default] wins over the environment's keys only where somebody named it.
  if (own !== undefined && says && choice.named) {
    return own;
  }
  return input.env["AWS_PROFILE"] || undefined;
}
