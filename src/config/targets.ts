// Finds targets: the sections of rdsiam's own file first, then the AWS profiles that have rds_* keys.
// Loading never fails because of one bad target: its problems are kept with it and thrown when it is used, so that `rdsiam list`
// and every other target still work.

import { RdsIamError } from "../base/errors.ts";
import type { Environment } from "../base/context.ts";
import { type AwsFiles, loadAwsFiles } from "./aws-files.ts";
import { nearestName } from "../base/nearest-name.ts";
import { loadOwnFile, LONGEST_KEY, type OwnFile } from "./own-file.ts";
import {
  keyOf,
  KEYS,
  type PartialValues,
  type SettingName,
  SETTINGS,
  valueProblem,
} from "./keys.ts";

/** One database, as an AWS profile or a section of rdsiam's own file describes it. */
export interface Target extends Omit<PartialValues, "host"> {
  readonly name: string;
  /** The file that it was read from. */
  readonly file: string;
  readonly host?: string | undefined;
  /** Whole sentences; a target with problems cannot be used. */
  readonly problems: readonly string[];
}

/** The whole configuration, from every file. */
export interface LoadedTargets {
  readonly targets: ReadonlyMap<string, Target>;
  readonly aws: AwsFiles;
  readonly ownFile: string;
  /** One sentence each, for stderr. */
  readonly warnings: readonly string[];
}

/** Loads every target from our own file and from the AWS files. */
export async function loadTargets(options: {
  readonly env: Environment;
  readonly home: string;
}): Promise<LoadedTargets> {
  const own = loadOwnFile(options.env, options.home);
  const aws = await loadAwsFiles(options.env, options.home);
  const targets = new Map<string, Target>();
  const warnings = [...aws.warnings];
  const drafts = [...ownDrafts(own, warnings), ...awsDrafts(aws, warnings)];
  for (const draft of drafts) {
    if (!targets.has(draft.name)) targets.set(draft.name, targetFrom(draft, options.home));
  }
  return { targets, aws, ownFile: own.path, warnings };
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
  const own = loaded.targets.get(name)?.file === loaded.ownFile;
  return new RdsIamError(
    `${own ? "target" : "profile"} "${name}" has no ${own ? "host" : "rds_host"}`,
    {
      code: "ERR_TARGET",
      detail: "rdsiam does not know which database to connect to.",
      hint: own
        ? `Add a line to [${name}] in ${loaded.ownFile}: host = HOST`
        : `Run: aws configure set rds_host HOST --profile ${name}`,
    },
  );
}

/** A target as its file has it. */
interface Draft {
  readonly name: string;
  readonly file: string;
  readonly profile: string | undefined;
  /** The known keys as written, without the prefix, and their values. */
  readonly keys: ReadonlyMap<string, string>;
  /** The prefix of keys in this file: `rds_`, or nothing. */
  readonly prefix: string;
}

function ownDrafts({ path: file, sections }: OwnFile, warnings: string[]): Draft[] {
  return [...sections].map(([name, { profile, ...section }]) => {
    const keys = new Map<string, string>();
    for (const [key, value] of Object.entries(section)) {
      if (KEYS.has(key)) {
        keys.set(key, value);
        continue;
      }
      const nearest = nearestName(key.replace(/^rds_/, ""), [...KEYS.keys(), "profile"]);
      warnings.push(unknownKey(key, `[${name}] of ${file}`, nearest));
    }
    return { name, file, profile: profile || undefined, keys, prefix: "" };
  });
}

function awsDrafts({ paths, profiles }: AwsFiles, warnings: string[]): Draft[] {
  const prefix = "rds_";
  const drafts = [...profiles].map(([name, profile]) => {
    const keys = new Map<string, string>();
    for (const [key, value] of Object.entries(profile)) {
      if (!key.startsWith(prefix) || value === undefined) continue;
      const bare = key.slice(prefix.length);
      if (KEYS.has(bare)) {
        keys.set(bare, value);
        continue;
      }
      const nearest = nearestName(bare, KEYS.keys());
      warnings.push(unknownKey(key, `profile "${name}"`, nearest && `${prefix}${nearest}`));
    }
    return { name, file: paths.configFilepath, profile: name, keys, prefix };
  });
  return drafts.filter(({ keys }) => keys.size > 0);
}

function unknownKey(key: string, place: string, nearest: string | undefined): string {
  // What is longer than any key may be a secret that was pasted here.
  const shown = key.length > LONGEST_KEY ? `of ${key.length} characters` : key;
  return `unknown key ${shown} in ${place}${nearest === undefined ? "" : `; did you mean ${nearest}?`}`;
}

function targetFrom({ name, file, profile, keys, prefix }: Draft, home: string): Target {
  const problems: string[] = [];
  const texts = new Map<SettingName, string>();
  for (const [key, text] of keys) {
    const setting = KEYS.get(key);
    if (setting === undefined) continue;
    const problem = valueProblem(setting, text);
    const other = texts.get(setting);
    if (problem !== undefined) {
      problems.push(`${prefix}${key} ${problem}.`);
    } else if (other !== undefined && other !== text) {
      problems.push(`${prefix}${key} and ${prefix}${keyOf(setting)} are one key and disagree.`);
    } else {
      texts.set(setting, text);
    }
  }
  const read = [...texts].map(([setting, text]) => [
    setting,
    SETTINGS[setting].type.read(text, home),
  ]);
  const { host: address, ...values }: PartialValues = Object.fromEntries(read);
  const { port } = values;
  if (address?.port !== undefined && port !== undefined && address.port !== port) {
    problems.push(`${prefix}host has port ${address.port}, ${prefix}port is ${port}.`);
  }
  return {
    ...values,
    name,
    file,
    profile,
    host: address?.host,
    port: address?.port ?? port,
    problems,
  };
}

function unknownTarget(name: string, loaded: LoadedTargets): RdsIamError {
  if (loaded.aws.profiles.has(name)) return targetWithoutHost(name, loaded);
  const nearest =
    nearestName(name, loaded.targets.keys()) ?? nearestName(name, loaded.aws.profiles.keys());
  const { configFilepath, filepath } = loaded.aws.paths;
  return new RdsIamError(`unknown target "${name}"`, {
    code: "ERR_TARGET",
    detail: `Neither ${loaded.ownFile} nor ${configFilepath} nor ${filepath} has it.`,
    hint:
      nearest === undefined
        ? "See the targets with: rdsiam list. Make one with: aws configure set rds_host HOST --profile " +
          name
        : `Did you mean "${nearest}"? See the targets with: rdsiam list`,
  });
}
