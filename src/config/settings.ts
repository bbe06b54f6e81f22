// Settles what a run uses: option, then environment (RDSIAM_<OPTION>), then target, then default.
// The shell's PGUSER, PGDATABASE and the like are never looked at: a development setting must not reach production.

import { RdsIamError } from "../base/errors.ts";
import type { AwsProfile } from "./aws-files.ts";
import {
  chooseConfigProfile,
  chooseProfile,
  chooseTarget,
  environmentProfile,
} from "./choose-target.ts";
import {
  environmentValue,
  givenFlag,
  givenValue,
  type SettingsInput,
  type ValueOption,
} from "./given.ts";
import { readHostPort, type WrittenHost } from "../base/host-port.ts";
import { readDnsServers, readFileName } from "./target-keys.ts";
import { type LoadedTargets, type Target, targetWithoutHost } from "./targets.ts";

export type { OptionValues } from "./given.ts";

/** A way, and where it was named: not every place may name a command, or a password. */
export interface GivenVia {
  readonly text: string;
  readonly source: "option" | "environment" | "target";
}

/** What a run uses. */
export interface Settings {
  /** The target's name, or the host when no target is used: for messages and RDSIAM_TARGET. */
  readonly target: string;
  /** The AWS profile that is meant, or undefined for the environment's credentials. */
  readonly profile: string | undefined;
  /** The profile whose region, ca_bundle and endpoints count for AWS calls; undefined for `default`. */
  readonly configProfile: string | undefined;
  /** The host as it was typed: an alias or an RDS endpoint. */
  readonly host: string;
  readonly port: number;
  /** The host to sign for and to verify, where the user says it outright. */
  readonly signHost: WrittenHost | undefined;
  /** Whether an alias that leads elsewhere than before is an error. */
  readonly strictHost: boolean;
  /** Whether every session starts with default_transaction_read_only. */
  readonly readOnly: boolean;
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
  readonly mfaSerial: string | undefined;
  /** --mfa-code or its twin: six digits, with their zeros. */
  readonly mfaCode: string | undefined;
  /** Whether assumed roles may be kept in the AWS CLI's credential cache. */
  readonly cache: boolean;
  /** A file's name, `system`, or undefined for the built-in certificates. */
  readonly sslrootcert: string | undefined;
  /** Prints the passwords of logins, in the place of auth tokens. */
  readonly passwordCommand: string | undefined;
  /** Seconds. */
  readonly connectTimeout: number;
  /** Seconds for one AWS call with its retries. */
  readonly awsTimeout: number | undefined;
  readonly applicationName: string | undefined;
  /** Empty for the system's resolvers. */
  readonly dnsServers: readonly string[];
  /** How to reach it; may hold a password. Undefined for dialling it directly. */
  readonly via: GivenVia | undefined;
  /** The target's rds_local_port. */
  readonly localPort: number | undefined;
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
  const read = (option: ValueOption, key: string) => givenValue(input, option, key);
  const profile = chooseProfile(input, choice);
  const configProfile = chooseConfigProfile(input, choice, profile);
  const timeout = environmentValue(input.env, "connect_timeout");
  const dnsServers = environmentValue(input.env, "dns_servers");
  return {
    target: target?.name ?? host,
    profile,
    configProfile,
    host,
    port: address?.port ?? target?.port ?? DEFAULT_PORT,
    // A target's sign host goes with its own host, not with another that --host names.
    signHost: givenSignHost(input) ?? (host === target?.host ? target.signHost : undefined),
    strictHost: givenFlag(input, "strictHost", "strict_host") ?? target?.strictHost ?? false,
    readOnly: givenFlag(input, "readOnly", "read_only") ?? target?.readOnly ?? false,
    user: read("user", "user") ?? target?.user,
    dbname: read("dbname", "dbname") ?? target?.dbname,
    region: read("region", "region") ?? target?.region,
    profileRegion:
      regionOf(configProfile ?? "default", input.loaded) ?? regionOf(target?.profile, input.loaded),
    ...readRole(read, target),
    mfaCode: readMfaCode(input),
    cache: isCacheOn(input, target?.cache),
    sslrootcert:
      readFileName(read("sslrootcert", "sslrootcert"), input.home) ?? target?.sslrootcert,
    passwordCommand: read("passwordCommand", "password_command") ?? target?.passwordCommand,
    connectTimeout: integer(timeout) ?? target?.connectTimeout ?? DEFAULT_CONNECT_TIMEOUT,
    awsTimeout: integer(read("awsTimeout", "aws_timeout")) ?? target?.awsTimeout,
    applicationName: environmentValue(input.env, "application_name") ?? target?.applicationName,
    dnsServers: dnsServers === undefined ? (target?.dnsServers ?? []) : readDnsServers(dnsServers),
    via: givenVia(input, target?.via),
    localPort: target?.localPort,
  };
}

/** The database user of the settings; that there is none is an error with the three ways to give one. */
export function requireUser(settings: Settings): string {
  if (settings.user !== undefined) {
    return settings.user;
  }
  throw new RdsIamError(`no database user for "${settings.target}"`, {
    code: "ERR_TARGET",
    detail:
      settings.passwordCommand === undefined
        ? "An auth token is made for one database user; PGUSER is not used for it."
        : "A password is one database user's; PGUSER is not used for it.",
    hint: "Add -U USER before the target, or set rds_user in the target's profile.",
  });
}

function regionOf(profile: string | undefined, loaded: LoadedTargets): string | undefined {
  const keys: AwsProfile | undefined =
    profile === undefined ? undefined : loaded.aws.profiles.get(profile);
  return keys?.["region"];
}

function readRole(
  read: (option: ValueOption, key: string) => string | undefined,
  target: Target | undefined,
): Pick<Settings, "roleArn" | "externalId" | "roleSessionName" | "durationSeconds" | "mfaSerial"> {
  const duration = integer(read("durationSeconds", "duration_seconds"));
  return {
    roleArn: read("roleArn", "role_arn") ?? target?.roleArn,
    externalId: read("externalId", "external_id") ?? target?.externalId,
    roleSessionName: read("roleSessionName", "role_session_name") ?? target?.roleSessionName,
    durationSeconds: duration ?? target?.durationSeconds,
    mfaSerial: read("mfaSerial", "mfa_serial") ?? target?.mfaSerial,
  };
}

// No key of a target: a code that stands in a file is not of the last 30 seconds.
function readMfaCode({ options, env }: SettingsInput): string | undefined {
  const value = options.mfaCode ?? (env["RDSIAM_MFA_CODE"] || undefined);
  if (value === undefined || /^\d{6}$/.test(value)) {
    return value;
  }
  const name = options.mfaCode === undefined ? "RDSIAM_MFA_CODE" : "--mfa-code";
  throw new RdsIamError(`${name} must be the six digits that the MFA device shows`, {
    code: "ERR_USAGE",
    hint: "Write them with their leading zeros.",
  });
}

function isCacheOn({ options, env }: SettingsInput, ofTarget: boolean | undefined): boolean {
  const isOff = options.noCache === true || env["RDSIAM_NO_CACHE"] === "1";
  return !isOff && ofTarget !== false;
}

function givenVia(input: SettingsInput, ofTarget: string | undefined): GivenVia | undefined {
  const text = givenValue(input, "via", "via");
  if (text !== undefined) {
    return { text, source: input.options.via === undefined ? "environment" : "option" };
  }
  return ofTarget === undefined ? undefined : { text: ofTarget, source: "target" };
}

function givenSignHost(input: SettingsInput): WrittenHost | undefined {
  return readHostPort(givenValue(input, "signHost", "sign_host") ?? "");
}

function integer(value: string | undefined): number | undefined {
  return value === undefined ? undefined : Number(value);
}

function noTarget(input: SettingsInput): RdsIamError {
  const profile = environmentProfile(input.env);
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
