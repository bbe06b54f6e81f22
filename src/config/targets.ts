// Finds targets: the sections of rdsiam's own file first, then the AWS profiles that have rds_* keys.
// Loading never fails because of one bad target: its problems are kept with it and thrown when it is used, so that `rdsiam list`
// and every other target still work.

import { defaultPort } from "../base/redshift.ts";
import { RdsIamError } from "../base/errors.ts";
import type { Environment } from "../base/context.ts";
import { type AwsFiles, loadAwsFiles } from "./aws-files.ts";
import { type AwsValue, type AwsValues, whereIs } from "./aws-ini.ts";
import { textOf } from "./aws-profiles.ts";
import { nearestName } from "../base/nearest-name.ts";
import { shellCommand } from "../system/shell-word.ts";
import { loadOwnFile, LONGEST_KEY, type OwnFile } from "./own-file.ts";
import { KEYS, type PartialValues, type SettingName, SETTINGS, valueProblem } from "./keys.ts";
import { keyOf } from "./names.ts";

/** The secret of the master user, which RDS manages. */
export const AUTO_SECRET = "auto";

/** One database, as an AWS profile or a section of rdsiam's own file describes it. */
export interface Target extends Omit<PartialValues, "host"> {
  readonly name: string;
  /** The file that it was read from. */
  readonly file: string;
  readonly host?: string | undefined;
  /** Whether the port stands in the host: the dialed one, which may be a tunnel's. */
  readonly isDialedPort?: boolean | undefined;
  /** Whole sentences; a target with problems cannot be used. */
  readonly problems: readonly string[];
}

/** The whole configuration, from every file. */
export interface LoadedTargets {
  readonly targets: ReadonlyMap<string, Target>;
  readonly aws: AwsFiles;
  readonly own: OwnFile;
}

/** Loads every target from our own file and from the AWS files. */
export function loadTargets({ env, home }: { env: Environment; home: string }): LoadedTargets {
  const own = loadOwnFile(env, home);
  const aws = loadAwsFiles(env, home);
  const targets = new Map<string, Target>();
  for (const [name, values] of own.sections) {
    const profile = textOf(values, "profile") || undefined;
    targets.set(name, targetFrom({ name, file: own.path, profile, values, prefix: "" }, home));
  }
  for (const [name, values] of aws.profiles) {
    const first = targets.has(name) ? undefined : firstKey(values);
    if (first === undefined) continue;
    const { file } = first;
    targets.set(name, targetFrom({ name, file, profile: name, values, prefix: "rds_" }, home));
  }
  return { targets, aws, own };
}

/** Whether a target says which database it is: it has a host, or a secret that may have one. */
export function isPlaced({ host, secret }: Target): boolean {
  return host !== undefined || isNamedSecret(secret);
}

/** Where a target is, for people. */
export function placeOf({
  host,
  port,
  redshift,
  secret,
}: Pick<Target, "host" | "port" | "redshift" | "secret">): string {
  return host === undefined ? `secret ${secret}` : `${host}:${port ?? defaultPort(host, redshift)}`;
}

/** Whether a secret is named, and need not be asked for by the database. */
export function isNamedSecret(secret: string | undefined): boolean {
  return secret !== undefined && secret !== AUTO_SECRET;
}

/** Finds a target by name; one that is unknown or has problems is an error with a hint. */
export function findTarget(name: string, loaded: LoadedTargets): Target {
  const target = loaded.targets.get(name);
  if (target === undefined) throw unknownTarget(name, loaded);
  if (target.problems.length > 0) {
    throw new RdsIamError(`target "${name}" cannot be used as it is configured`, {
      code: "ERR_CONFIG",
      detail: target.problems.join(" "),
      hint: `Correct it in ${target.file}.`,
    });
  }
  return target;
}

/** The error for a target without a host, with the command that gives it one. */
export function targetWithoutHost(name: string, loaded: LoadedTargets): RdsIamError {
  const own = loaded.targets.get(name)?.file === loaded.own.path;
  return new RdsIamError(
    `${own ? "target" : "profile"} "${name}" has no ${own ? "host" : "rds_host"}`,
    {
      code: "ERR_TARGET",
      detail: "rdsiam does not know which database to connect to.",
      hint: own
        ? `Add a line to [${name}] in ${loaded.own.path}: host = HOST`
        : shellCommand`Run: aws configure set rds_host HOST --profile ${name}`,
    },
  );
}

/** A target as its file has it. */
/** A section that may be a target. */
interface Section {
  readonly name: string;
  readonly file: string;
  readonly profile: string | undefined;
  readonly values: AwsValues;
  /** The prefix of our keys in this file: `rds_`, or nothing. */
  readonly prefix: string;
}

/**
 * What is odd in the files, one sentence each: everything, or what concerns some profiles and targets. A slip in one
 * profile must not be reported by a run that uses another.
 */
export function configWarnings(
  { aws, own }: LoadedTargets,
  names: ReadonlySet<string> = new Set([...own.sections.keys(), ...aws.profiles.keys()]),
): string[] {
  const warnings = aws.oddities
    .filter(({ profiles }) => profiles.some((name) => names.has(name)))
    .map((oddity) => `${whereIs(oddity)} ${oddity.problem}`);
  const warn = (key: string, value: AwsValue, prefix: string, place: string): void => {
    const bare = key.slice(prefix.length);
    if (KEYS.has(bare) || !key.startsWith(prefix) || key === "profile") {
      warnings.push(...valueWarning(key, value));
      return;
    }
    const known = prefix === "" ? [...KEYS.keys(), "profile"] : KEYS.keys();
    const near = nearestName(bare.replace(/^rds_/, ""), known);
    warnings.push(unknownKey(key, `${place}, ${whereIs(value)}`, near && `${prefix}${near}`));
  };
  for (const name of names) {
    for (const [key, value] of own.sections.get(name) ?? []) warn(key, value, "", `[${name}]`);
    for (const [key, value] of aws.profiles.get(name) ?? []) {
      warn(key, value, "rds_", `profile "${name}"`);
    }
  }
  return warnings;
}

// Commands, where a # or ; means something else.
const COMMAND_KEY = /process|command|(?:^|_)via$/;

function valueWarning(key: string, value: AwsValue & { readonly isQuoted?: boolean }): string[] {
  const isMeant = COMMAND_KEY.test(key) || value.isQuoted === true;
  const mark = isMeant ? undefined : /\s([#;])/.exec(value.text ?? "")?.[1];
  if (mark === undefined) return [];
  return [
    `${key} (${whereIs(value)}) has " ${mark}" in its value: comments after a value are not supported`,
  ];
}

function unknownKey(key: string, place: string, nearest: string | undefined): string {
  // What is longer than any key may be a secret that was pasted here.
  const shown = key.length > LONGEST_KEY ? `of ${key.length} characters` : key;
  return `unknown key ${shown} in ${place}${nearest === undefined ? "" : `; did you mean ${nearest}?`}`;
}

// The first key of ours in a profile; without one the profile is not a target.
function firstKey(values: AwsValues): AwsValue | undefined {
  for (const [key, value] of values) {
    if (key.startsWith("rds_") && KEYS.has(key.slice(4))) return value;
  }
  return undefined;
}

function targetFrom({ name, file, profile, values, prefix }: Section, home: string): Target {
  const problems: string[] = [];
  const texts: Partial<Record<SettingName, string>> = {};
  // A file may have thousands of targets: nothing is made twice.
  const read: Record<string, unknown> = {};
  for (const [key, value] of values) {
    const setting = key.startsWith(prefix) ? KEYS.get(key.slice(prefix.length)) : undefined;
    if (setting === undefined) continue;
    const { text = "" } = value;
    const problem =
      value.text === undefined ? "is a block of indented lines" : valueProblem(setting, text);
    const other = texts[setting];
    if (problem !== undefined) {
      problems.push(`${key} ${problem} (${whereIs(value)}).`);
    } else if (other !== undefined && other !== text) {
      problems.push(`${key} and ${prefix}${keyOf(setting)} are the same key, but differ.`);
    } else {
      texts[setting] = text;
      read[setting] = SETTINGS[setting].type.read(text, home);
    }
  }
  const { host: address, port }: PartialValues = read;
  if (address?.port !== undefined && port !== undefined && address.port !== port) {
    problems.push(`${prefix}host has port ${address.port}, ${prefix}port is ${port}.`);
  }
  const dialed = address?.port;
  const own = {
    name,
    file,
    profile,
    host: address?.host,
    port: dialed ?? port,
    isDialedPort: dialed !== undefined && port === undefined,
    problems,
  };
  return Object.assign(read, own);
}

function unknownTarget(name: string, loaded: LoadedTargets): RdsIamError {
  if (loaded.aws.profiles.has(name)) return targetWithoutHost(name, loaded);
  const nearest =
    nearestName(name, loaded.targets.keys()) ?? nearestName(name, loaded.aws.profiles.keys());
  const { config, credentials } = loaded.aws.paths;
  const files = [loaded.own.path, config, credentials].filter(Boolean).join(" nor ");
  const passedOver = loaded.aws.oddities
    .filter(({ profiles }) => profiles.includes(name))
    .map((oddity) => ` ${whereIs(oddity)} ${oddity.problem}.`);
  return new RdsIamError(`unknown target "${name}"`, {
    code: "ERR_TARGET",
    detail: `Neither ${files} has it.${passedOver.join("")}`,
    hint:
      nearest === undefined
        ? `See the targets with: rdsiam list. Create one with: ${shellCommand`rdsiam init ${name}`}, or find them with: rdsiam discover`
        : `Did you mean "${nearest}"? See the targets with: rdsiam list`,
  });
}
