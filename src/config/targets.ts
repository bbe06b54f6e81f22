// Finds targets: the sections of our own file first, then the AWS profiles that have rds_* keys.
// Loading never fails because of one bad target: its problems are kept with it and raised when somebody asks for it, so
// that `rdsiam list` and every other target still work.

import { RdsIamError } from "../base/errors.ts";
import { type AwsFiles, type Environment, loadAwsFiles } from "./aws-files.ts";
import { readHostPort } from "../base/host-port.ts";
import { nearestName } from "../base/nearest-name.ts";
import { loadOwnFile, LONGEST_KEY, type OwnFile } from "./own-file.ts";
import type { Target } from "./target.ts";
import {
  canonicalKey,
  isTargetKey,
  readDnsServers,
  readFileName,
  TARGET_KEY_NAMES,
  valueProblem,
} from "./target-keys.ts";

export type { Target } from "./target.ts";

/** All that the configuration says, from every file. */
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
    if (!targets.has(draft.name)) {
      targets.set(draft.name, targetFrom(draft, options.home));
    }
  }
  return { targets, aws, ownFile: own.path, warnings };
}

/** Finds a target by name; one that is unknown or has problems is an error that says what to do. */
export function findTarget(name: string, loaded: LoadedTargets): Target {
  const target = loaded.targets.get(name);
  if (target === undefined) {
    throw unknownTarget(name, loaded);
  }
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

interface Draft {
  readonly name: string;
  readonly file: string;
  readonly profile: string | undefined;
  /** Keys as written and their values, with the prefix taken off. */
  readonly keys: ReadonlyMap<string, string>;
  /** What stands before a key in this file: `rds_`, or nothing. */
  readonly prefix: string;
}

function ownDrafts(own: OwnFile, warnings: string[]): Draft[] {
  const drafts: Draft[] = [];
  for (const [name, section] of own.sections) {
    const keys = new Map<string, string>();
    for (const [key, value] of Object.entries(section)) {
      if (isTargetKey(key)) {
        keys.set(key, value);
      } else if (key !== "profile") {
        const nearest = nearestName(key.replace(/^rds_/, ""), [...TARGET_KEY_NAMES, "profile"]);
        warnings.push(unknownKey(key, `[${name}] of ${own.path}`, nearest));
      }
    }
    drafts.push({
      name,
      file: own.path,
      profile: section["profile"] || undefined,
      keys,
      prefix: "",
    });
  }
  return drafts;
}

function awsDrafts(aws: AwsFiles, warnings: string[]): Draft[] {
  const drafts: Draft[] = [];
  const file = aws.paths.configFilepath;
  for (const [name, profile] of aws.profiles) {
    const keys = new Map<string, string>();
    for (const [key, value] of Object.entries(profile)) {
      if (!key.startsWith("rds_") || value === undefined) {
        continue;
      }
      if (isTargetKey(key.slice(4))) {
        keys.set(key.slice(4), value);
        continue;
      }
      const nearest = nearestName(key.slice(4), TARGET_KEY_NAMES);
      warnings.push(unknownKey(key, `profile "${name}"`, nearest && `rds_${nearest}`));
    }
    if (keys.size > 0) {
      drafts.push({ name, file, profile: name, keys, prefix: "rds_" });
    }
  }
  return drafts;
}

function unknownKey(key: string, place: string, nearest: string | undefined): string {
  // What is longer than any key may be a secret that was pasted here.
  const shown = key.length > LONGEST_KEY ? `of ${key.length} characters` : key;
  return `unknown key ${shown} in ${place}${nearest === undefined ? "" : `; did you mean ${nearest}?`}`;
}

function targetFrom(draft: Draft, home: string): Target {
  const problems: string[] = [];
  const values = checkedValues(draft, problems);
  const address = readHostPort(values.get("host") ?? "");
  const port = integer(values.get("port"));
  if (address?.port !== undefined && port !== undefined && address.port !== port) {
    problems.push(
      `${draft.prefix}host says port ${address.port}, ${draft.prefix}port says ${port}.`,
    );
  }
  const dnsServers = values.get("dns_servers");
  return {
    name: draft.name,
    file: draft.file,
    profile: draft.profile,
    host: address?.host,
    port: address?.port ?? port,
    signHost: readHostPort(values.get("sign_host") ?? ""),
    strictHost: yesOrNo(values.get("strict_host")),
    readOnly: yesOrNo(values.get("read_only")),
    user: values.get("user"),
    dbname: values.get("dbname"),
    region: values.get("region"),
    roleArn: values.get("role_arn"),
    externalId: values.get("external_id"),
    roleSessionName: values.get("role_session_name"),
    durationSeconds: integer(values.get("duration_seconds")),
    mfaSerial: values.get("mfa_serial"),
    cache: values.has("cache") ? values.get("cache") === "on" : undefined,
    sslrootcert: readFileName(values.get("sslrootcert"), home),
    passwordCommand: values.get("password_command"),
    connectTimeout: integer(values.get("connect_timeout")),
    awsTimeout: integer(values.get("aws_timeout")),
    applicationName: values.get("application_name"),
    dnsServers: dnsServers === undefined ? undefined : readDnsServers(dnsServers),
    via: values.get("via"),
    localPort: integer(values.get("local_port")),
    problems,
  };
}

function checkedValues(draft: Draft, problems: string[]): Map<string, string> {
  const values = new Map<string, string>();
  for (const [written, value] of draft.keys) {
    const key = canonicalKey(written);
    const problem = valueProblem(key, value);
    const other = values.get(key);
    if (problem !== undefined) {
      problems.push(`${draft.prefix}${written} ${problem}.`);
    } else if (other !== undefined && other !== value) {
      problems.push(
        `${draft.prefix}${written} and ${draft.prefix}${key} are one key and disagree.`,
      );
    } else {
      values.set(key, value);
    }
  }
  return values;
}

function yesOrNo(value: string | undefined): boolean | undefined {
  return value === undefined ? undefined : value === "yes";
}

function integer(value: string | undefined): number | undefined {
  return value === undefined ? undefined : Number(value);
}

function unknownTarget(name: string, loaded: LoadedTargets): RdsIamError {
  if (loaded.aws.profiles.has(name)) {
    return targetWithoutHost(name, loaded);
  }
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
