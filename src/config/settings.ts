// Settles what a run uses: option, then environment (RDSIAM_<OPTION>), then target, then default.
// The shell's PGUSER, PGDATABASE and the like are never looked at: a development setting must not reach production.

import { RdsIamError } from "../errors.ts";
import type { AwsProfile } from "./aws-files.ts";
import { chooseProfile, chooseTarget } from "./choose-target.ts";
import { environmentValue, givenValue, type OptionValues, type SettingsInput } from "./given.ts";
import { readDnsServers, readFileName } from "./target-keys.ts";
import { type LoadedTargets, targetWithoutHost } from "./targets.ts";

export type { OptionValues } from "./given.ts";

/** What a run uses. */
export interface Settings {
  /** The target's name, or the host when no target is used: for messages and RDSIAM_TARGET. */
  readonly target: string;
  /** The AWS profile that is meant, or undefined for the environment's credentials. */
  readonly profile: string | undefined;
  /** The host as it was typed: an alias or an RDS endpoint. */
  readonly host: string;
  readonly port: number;
  readonly user: string | undefined;
  readonly dbname: string | undefined;
  /** --region, RDSIAM_REGION or rds_region: the Region to sign for, whatever the host says. */
  readonly region: string | undefined;
  /** The AWS profile's own region. */
  readonly profileRegion: string | undefined;
  readonly roleArn: string | undefined;
  readonly externalId: string | undefined;
  readonly roleSessionName: string | undefined;
  readonly durationSeconds: number | undefined;
  /** A file's name, `system`, or undefined for the built-in certificates. */
  readonly sslrootcert: string | undefined;
  /** Seconds. */
  readonly connectTimeout: number;
  readonly applicationName: string | undefined;
  /** Empty for the system's resolvers. */
  readonly dnsServers: readonly string[];
}

const DEFAULT_PORT = 5432;
const DEFAULT_CONNECT_TIMEOUT = 10;

/** Merges options, environment, target and defaults; every error names the option or key to set. */
export function resolveSettings(input: SettingsInput): Settings {
  const choice = chooseTarget(input);
  const { target, address } = choice;
  const host = address?.host ?? target?.host;
  if (host === undefined) {
    throw target === undefined ? noTarget(input) : targetWithoutHost(target.name, input.loaded);
  }
  const read = (option: keyof OptionValues, key: string) => givenValue(input, option, key);
  const profile = chooseProfile(input, choice);
  const sslrootcert = read("sslrootcert", "sslrootcert");
  const timeout = environmentValue(input.env, "connect_timeout");
  const dnsServers = environmentValue(input.env, "dns_servers");
  return {
    target: target?.name ?? host,
    profile,
    host,
    port: address?.port ?? target?.port ?? DEFAULT_PORT,
    user: read("user", "user") ?? target?.user,
    dbname: read("dbname", "dbname") ?? target?.dbname,
    region: read("region", "region") ?? target?.region,
    profileRegion:
      regionOf(profile ?? "default", input.loaded) ?? regionOf(target?.profile, input.loaded),
    roleArn: read("roleArn", "role_arn") ?? target?.roleArn,
    externalId: read("externalId", "external_id") ?? target?.externalId,
    roleSessionName: read("roleSessionName", "role_session_name") ?? target?.roleSessionName,
    durationSeconds:
      integer(read("durationSeconds", "duration_seconds")) ?? target?.durationSeconds,
    sslrootcert:
      sslrootcert === undefined ? target?.sslrootcert : readFileName(sslrootcert, input.home),
    connectTimeout: integer(timeout) ?? target?.connectTimeout ?? DEFAULT_CONNECT_TIMEOUT,
    applicationName: environmentValue(input.env, "application_name") ?? target?.applicationName,
    dnsServers: dnsServers === undefined ? (target?.dnsServers ?? []) : readDnsServers(dnsServers),
  };
}

/** The database user of the settings; that there is none is an error with the three ways to give one. */
export function requireUser(settings: Settings): string {
  if (settings.user !== undefined) {
    return settings.user;
  }
  throw new RdsIamError(`no database user for "${settings.target}"`, {
    code: "ERR_TARGET",
    detail: "An auth token is made for one database user; PGUSER is not used for it.",
    hint: "Add -U USER before the target, or set rds_user in the target's profile.",
  });
}

function regionOf(profile: string | undefined, loaded: LoadedTargets): string | undefined {
  const keys: AwsProfile | undefined =
    profile === undefined ? undefined : loaded.aws.profiles.get(profile);
  return keys?.["region"];
}

function integer(value: string | undefined): number | undefined {
  return value === undefined ? undefined : Number(value);
}

function noTarget(input: SettingsInput): RdsIamError {
  const profile = input.env["AWS_PROFILE"] || undefined;
  const known = [...input.loaded.targets.keys()].slice(0, 10);
  const told =
    profile === undefined ? "there is no default one" : `AWS_PROFILE "${profile}" has no rds_host`;
  return new RdsIamError(`no target was given and ${told}`, {
    code: "ERR_TARGET",
    detail:
      known.length === 0 ? "No target is configured." : `The targets are: ${known.join(", ")}.`,
    hint: `Name a target, or make one: aws configure set rds_host HOST --profile ${profile ?? "NAME"}`,
  });
}
