// Resolves the settings of a run: option, then environment, then target, then default.

import { RdsIamError } from "../base/errors.ts";
import { nearestName } from "../base/nearest-name.ts";
import {
  chooseConfigProfile,
  chooseProfile,
  chooseTarget,
  environmentProfile,
} from "./choose-target.ts";
import { type GivenText, givenText, type SettingsInput } from "./given.ts";
import { whereIs } from "./aws-ini.ts";
import { SETTING_NAMES, SETTINGS, type SettingValues, valueProblem } from "./keys.ts";
import { isYes } from "./names.ts";
import type { Setting } from "./setting.ts";
import { isNamedSecret, type LoadedTargets, type Target, targetWithoutHost } from "./targets.ts";

/** A tunnel, and where it was named: not every source may name a command, or a password. */
export interface GivenVia {
  readonly text: string;
  readonly source: GivenText["source"] | "target";
}

/** What a run uses. */
export interface Settings extends Omit<SettingValues, "host" | "via"> {
  /** The target's name; undefined where --host alone says where to connect. */
  readonly target?: string | undefined;
  /** The target's name, else the host: for messages and RDSIAM_TARGET. */
  readonly label: string;
  /** The host as it was typed: an alias or an RDS endpoint; empty where the secret is to say. */
  readonly host: string;
  /** The profile whose region, ca_bundle and endpoints apply to AWS calls; undefined for `default`. */
  readonly configProfile?: string | undefined;
  /** The AWS profile's own region; `region` is the one to sign for, whatever the host's name has. */
  readonly profileRegion?: string | undefined;
  /** Whether the port is set, and not the default. */
  readonly hasPort: boolean;
  /** What gave `region`: `{--region}`, RDSIAM_REGION or rds_region; undefined where nothing did. */
  readonly regionSource?: string | undefined;
  /** How to reach the host; may hold a password. Undefined to dial it directly. */
  readonly via?: GivenVia | undefined;
}

/** Merges options, environment, target and defaults; every error names the option or key to set. */
export function resolveSettings(input: SettingsInput): Settings {
  const choice = chooseTarget(input);
  const { target, address } = choice;
  const values = oneSource(input, target, mergedValues(input, target));
  const { secret } = values;
  const host = address?.host ?? target?.host ?? (isNamedSecret(secret) ? "" : undefined);
  if (host === undefined) {
    throw target === undefined ? noTarget(input) : targetWithoutHost(target.name, input.loaded);
  }
  const profile = chooseProfile(input, choice);
  const configProfile = chooseConfigProfile(input, choice, profile);
  const signHost = givenText(input, "signHost");
  return {
    ...values,
    target: target?.name,
    label: target?.name ?? (host || secret || ""),
    profile,
    configProfile,
    profileRegion:
      regionOf(configProfile ?? "default", input.loaded) ?? regionOf(target?.profile, input.loaded),
    regionSource: regionSource(input, target),
    host,
    port: address?.port ?? values.port,
    hasPort: address?.port !== undefined || target?.port !== undefined,
    // A target's sign host belongs to its own host, not to another that --host names.
    signHost:
      signHost === undefined && host !== target?.host
        ? undefined
        : withSignedPort(values, { target, isDialed: address === undefined }),
    cache: values.cache && !isCacheOff(input),
    // So does the cluster behind it.
    redshift: host === target?.host ? values.redshift : undefined,
    via: givenText(input, "via") ?? viaOf(target),
  };
}

// Without a port of its own a sign host has the database's: that of the target, never one that was dialed.
function withSignedPort(
  { signHost, port }: SettingValues,
  { target, isDialed }: { readonly target: Target | undefined; readonly isDialed: boolean },
): SettingValues["signHost"] {
  if (signHost === undefined || signHost.port !== undefined) return signHost;
  const isTunnel = isDialed && target?.isDialedPort === true;
  return { ...signHost, port: isTunnel ? SETTINGS.port.default : port };
}

function mergedValues(input: SettingsInput, target: Target | undefined): SettingValues {
  const values: Record<string, unknown> = {};
  for (const name of SETTING_NAMES) {
    // The host is the choice's: RDSIAM_HOST does not always apply.
    if (name === "host") continue;
    const setting: Setting = SETTINGS[name];
    // --no-cache can only switch it off.
    const given = name === "cache" ? undefined : givenText(input, name);
    values[name] =
      given === undefined
        ? (target?.[name] ?? setting.default)
        : setting.type.read(given.text, input.home);
  }
  return values as SettingValues;
}

/** Where the password of a login comes from instead of IAM; undefined for auth tokens. */
export function passwordSource({
  passwordCommand,
  secret,
}: Pick<Settings, "passwordCommand" | "secret">): "command" | "secret" | undefined {
  if (secret !== undefined) return "secret";
  return passwordCommand === undefined ? undefined : "command";
}

const SOURCES = ["passwordCommand", "secret"] as const;

// Of two sources of the password, the one of the run wins over its environment's, and that over the target's.
function oneSource(
  input: SettingsInput,
  target: Target | undefined,
  values: SettingValues,
): SettingValues {
  const [command, secret] = SOURCES.map((name) => {
    const place = givenText(input, name)?.source ?? (target?.[name] && "target");
    return place === undefined ? -1 : ["target", "environment", "option"].indexOf(place);
  });
  if (command === undefined || secret === undefined || command === -1 || secret === -1)
    return values;
  if (command !== secret) {
    return { ...values, [command > secret ? "secret" : "passwordCommand"]: undefined };
  }
  const names = [
    "rds_password_command and rds_secret",
    "RDSIAM_PASSWORD_COMMAND and RDSIAM_SECRET",
    "{--password-command} and {--secret}",
  ];
  throw new RdsIamError(`${names[secret]} cannot be combined`, {
    code: secret === 0 ? "ERR_CONFIG" : "ERR_USAGE",
    detail: "Each is a source of the password.",
    hint: "Leave one of them out.",
  });
}

/** The database user of the settings; that there is none is an error with the three ways to give one. */
export function requireUser(settings: Settings): string {
  if (settings.user !== undefined) return settings.user;
  throw new RdsIamError(`no database user for "${settings.label}"`, {
    code: "ERR_TARGET",
    detail:
      passwordSource(settings) === undefined
        ? "An auth token is made for one database user; PGUSER is not used for it."
        : "A password is for one database user; PGUSER is not used for it.",
    hint: "Add -U USER before the target, or set rds_user in the target's profile.",
  });
}

// What is not a Region would be signed as it is, or become a part of a host's name.
function regionOf(profile: string | undefined, loaded: LoadedTargets): string | undefined {
  const value = loaded.aws.profiles.get(profile ?? "")?.get("region");
  if (value === undefined) return undefined;
  const problem = valueProblem("region", value.text ?? "");
  if (problem === undefined) return value.text;
  const isCommented = /\s[#;]/.test(value.text ?? "");
  throw new RdsIamError(`region of profile "${profile}" ${problem}`, {
    code: "ERR_CONFIG",
    detail: `It is ${JSON.stringify(value.text ?? "")}, in ${whereIs(value)}.`,
    hint: isCommented
      ? "This file allows no comment after a value: put the comment on its own line."
      : "Correct that line, as in: region = eu-west-1",
  });
}

function regionSource(input: SettingsInput, target: Target | undefined): string | undefined {
  const given = givenText(input, "region");
  if (given !== undefined) return given.source === "option" ? "{--region}" : "RDSIAM_REGION";
  if (target?.region === undefined) return undefined;
  return target.file === input.loaded.own.path ? "region" : "rds_region";
}

function isCacheOff({ options, env }: SettingsInput): boolean {
  return options.noCache ?? isYes(env["RDSIAM_NO_CACHE"]);
}

function viaOf(target: Target | undefined): GivenVia | undefined {
  return target?.via === undefined ? undefined : { text: target.via, source: "target" };
}

function noTarget(input: SettingsInput): RdsIamError {
  const given = givenText(input, "profile")?.text;
  const profile = given ?? environmentProfile(input.env);
  const known = [...input.loaded.targets.keys()];
  const near = profile === undefined ? undefined : nearestName(profile, known);
  const reason =
    profile === undefined
      ? "there is no default one"
      : `${given === undefined ? "AWS_PROFILE" : "profile"} "${profile}" has no rds_host`;
  const listed = known.slice(0, 10).join(", ");
  return new RdsIamError(`no target was given and ${reason}`, {
    code: "ERR_TARGET",
    detail: known.length === 0 ? "No target is configured." : `The targets are: ${listed}.`,
    hint:
      near !== undefined
        ? `Did you mean "${near}"? Or create a target: rdsiam init`
        : known.length === 0
          ? "Create a target: rdsiam init. Or try it without an AWS account: rdsiam demo"
          : "Name a target, or create one: rdsiam init",
  });
}
