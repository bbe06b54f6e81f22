// Settles what a run uses: option, then environment (RDSIAM_<OPTION>), then target, then default.
// The shell's PGUSER, PGDATABASE and the like are never looked at: a development setting must not reach production.

import { RdsIamError } from "../errors.ts";
import type { AwsProfile, Environment } from "./aws-files.ts";
import {
  canonicalKey,
  readDnsServers,
  readFileName,
  readHostPort,
  valueProblem,
  type HostPort,
} from "./target-keys.ts";
import { findTarget, type LoadedTargets, type Target, targetWithoutHost } from "./targets.ts";

/** The command line's options that say where and who, as the exact strings that were typed. */
export interface OptionValues {
  readonly profile?: string | undefined;
  readonly region?: string | undefined;
  readonly roleArn?: string | undefined;
  readonly roleSessionName?: string | undefined;
  readonly externalId?: string | undefined;
  readonly durationSeconds?: string | undefined;
  /** HOST or HOST:PORT. */
  readonly host?: string | undefined;
  readonly user?: string | undefined;
  readonly dbname?: string | undefined;
  readonly sslrootcert?: string | undefined;
}

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

/** What settings are made of. */
export interface SettingsInput {
  /** The target on the command line, if there is one. */
  readonly targetName: string | undefined;
  readonly options: OptionValues;
  readonly loaded: LoadedTargets;
  readonly env: Environment;
  readonly home: string;
}

const DEFAULT_PORT = 5432;
const DEFAULT_CONNECT_TIMEOUT = 10;

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
    profileRegion: regionOf(profile ?? "default", input.loaded) ?? regionOf(target?.profile, input.loaded),
    roleArn: read("roleArn", "role_arn") ?? target?.roleArn,
    externalId: read("externalId", "external_id") ?? target?.externalId,
    roleSessionName: read("roleSessionName", "role_session_name") ?? target?.roleSessionName,
    durationSeconds: integer(read("durationSeconds", "duration_seconds")) ?? target?.durationSeconds,
    sslrootcert: sslrootcert === undefined ? target?.sslrootcert : readFileName(sslrootcert, input.home),
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

interface Choice {
  readonly target: Target | undefined;
  /** --host or its twin. */
  readonly address: HostPort | undefined;
  /** False when nobody named the target `default`: it was only there. */
  readonly named: boolean;
}

function chooseTarget(input: SettingsInput): Choice {
  const { env, loaded } = input;
  const fromEnvironment = env["RDSIAM_TARGET"] || undefined;
  const explicit = input.targetName ?? fromEnvironment;
  const address = givenAddress(input, explicit);
  const isKnown = explicit !== undefined && (loaded.targets.has(explicit) || loaded.aws.profiles.has(explicit));
  // An outer rdsiam that was started with --host alone calls its target by that host: there is no such section.
  const isOnlyHost = input.targetName === undefined && Boolean(env["RDSIAM_HOST"]) && !isKnown;
  if (explicit !== undefined && !isOnlyHost) {
    // With --host a profile without rds_* keys is a target too: it gives the credentials.
    const bare = address !== undefined && isKnown && !loaded.targets.has(explicit);
    return { target: bare ? bareTarget(explicit, loaded) : findTarget(explicit, loaded), address, named: true };
  }
  const awsProfile = env["AWS_PROFILE"] || undefined;
  const name = awsProfile ?? "default";
  const target = loaded.targets.get(name);
  const usable = target !== undefined && (target.host !== undefined || address !== undefined);
  const broken = target !== undefined && target.problems.length > 0;
  return { target: usable || broken ? findTarget(name, loaded) : undefined, address, named: awsProfile !== undefined };
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
  return readHostPort(checked(value, "host", input.options.host === undefined ? "RDSIAM_HOST" : "--host"));
}

function bareTarget(name: string, loaded: LoadedTargets): Target {
  const nothing = { user: undefined, dbname: undefined, region: undefined, sslrootcert: undefined };
  const noRole = { roleArn: undefined, externalId: undefined, roleSessionName: undefined, durationSeconds: undefined };
  const noWay = { host: undefined, port: undefined, connectTimeout: undefined, dnsServers: undefined };
  const file = loaded.aws.paths.configFilepath;
  return { name, file, profile: name, applicationName: undefined, problems: [], ...nothing, ...noRole, ...noWay };
}

function chooseProfile(input: SettingsInput, choice: Choice): string | undefined {
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

function regionOf(profile: string | undefined, loaded: LoadedTargets): string | undefined {
  const keys: AwsProfile | undefined = profile === undefined ? undefined : loaded.aws.profiles.get(profile);
  return keys?.["region"];
}

function givenValue(input: SettingsInput, option: keyof OptionValues, key: string): string | undefined {
  const value = input.options[option];
  return value === undefined ? environmentValue(input.env, key) : checked(value, key, optionName(option));
}

// An environment variable that is set to nothing counts as not set, as AWS's and PostgreSQL's own do.
function environmentValue(env: Environment, key: string): string | undefined {
  const name = `RDSIAM_${key.toUpperCase()}`;
  const value = env[name] || undefined;
  return value === undefined ? undefined : checked(value, key, name);
}

function checked(value: string, key: string, name: string): string {
  const problem = value === "" ? "is empty" : valueProblem(canonicalKey(key), value);
  if (problem !== undefined) {
    throw new RdsIamError(`${name} ${problem}`, {
      code: "ERR_USAGE",
      detail: value === "" ? undefined : `It is ${JSON.stringify(value)}.`,
    });
  }
  return value;
}

function optionName(option: keyof OptionValues): string {
  return `--${option.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

function integer(value: string | undefined): number | undefined {
  return value === undefined ? undefined : Number(value);
}

function noTarget(input: SettingsInput): RdsIamError {
  const profile = input.env["AWS_PROFILE"] || undefined;
  const known = [...input.loaded.targets.keys()].slice(0, 10);
  const told = profile === undefined ? "there is no default one" : `AWS_PROFILE "${profile}" has no rds_host`;
  return new RdsIamError(`no target was given and ${told}`, {
    code: "ERR_TARGET",
    detail: known.length === 0 ? "No target is configured." : `The targets are: ${known.join(", ")}.`,
    hint: `Name a target, or make one: aws configure set rds_host HOST --profile ${profile ?? "NAME"}`,
  });
}
