// Loads the AWS profiles from ~/.aws/config and ~/.aws/credentials, as the AWS SDK itself reads them.
// The SDK's loader swallows every error and merges into plain objects, so that a profile called "constructor" would
// reach into Object: we read the files ourselves, at once, which is quicker than by way of threads, give it their text, and
// merge by ourselves. It loads no AWS client.
// https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html

import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Environment } from "../base/context.ts";
import { errorCode } from "../base/errno.ts";

/** Where the AWS files are, in the words of the SDK's own loader. */
export interface AwsFilePaths {
  readonly configFilepath: string;
  readonly filepath: string;
}

/** One profile: its keys as they stand in the files, the credentials file winning over the config file. */
export type AwsProfile = Readonly<Record<string, string | undefined>>;

/** The profiles of both files by name, and what was odd about the files. */
export interface AwsFiles {
  readonly paths: AwsFilePaths;
  readonly profiles: ReadonlyMap<string, AwsProfile>;
  /** The [sso-session NAME] sections by name. */
  readonly ssoSessions: ReadonlyMap<string, AwsProfile>;
  /** The [services NAME] sections by name; a nested key is `sts.endpoint_url`. */
  readonly services: ReadonlyMap<string, AwsProfile>;
  readonly warnings: readonly string[];
}

// loadSharedConfigFiles() keeps the sections that are no profiles under "TYPE.NAME".
const OTHER_SECTION = /^(sso-session|services)\.(.*)$/;

/** Loads both AWS files; a missing file is an empty one. */
export async function loadAwsFiles(env: Environment, home: string): Promise<AwsFiles> {
  const paths = awsFilePaths(env, home);
  const warnings: string[] = [];
  const { externalDataInterceptor, loadSharedConfigFiles } =
    await import("@smithy/shared-ini-file-loader");
  for (const path of Object.values(paths)) {
    externalDataInterceptor.interceptFile(path, readText(path, warnings));
  }
  const loading = loadSharedConfigFiles(paths);
  // It has taken them. Whoever asks the SDK for a profile later reads the files as they are then.
  for (const path of Object.values(paths)) delete externalDataInterceptor.getFileRecord()[path];
  const { configFile, credentialsFile } = await loading;
  const profiles = new Map<string, AwsProfile>();
  const ssoSessions = new Map<string, AwsProfile>();
  const services = new Map<string, AwsProfile>();
  for (const [name, keys] of Object.entries(configFile)) {
    const other = OTHER_SECTION.exec(name);
    if (other === null) {
      profiles.set(name, keys);
    } else {
      (other[1] === "services" ? services : ssoSessions).set(other[2] ?? "", keys);
    }
  }
  for (const [name, keys] of Object.entries(credentialsFile)) {
    // The SDK's own order (parseKnownFiles): a key of the credentials file wins.
    profiles.set(name, { ...profiles.get(name), ...keys });
  }
  return { paths, profiles, ssoSessions, services, warnings };
}

/** Says where the AWS files are: AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE, else under ~/.aws. */
export function awsFilePaths(env: Environment, home: string): AwsFilePaths {
  return {
    configFilepath: expandHome(env["AWS_CONFIG_FILE"] || join(home, ".aws", "config"), home),
    filepath: expandHome(
      env["AWS_SHARED_CREDENTIALS_FILE"] || join(home, ".aws", "credentials"),
      home,
    ),
  };
}

/** Replaces a leading `~/` by the home directory, as a shell would have done. */
export function expandHome(path: string, home: string): string {
  return path.startsWith("~/") ? join(home, path.slice(2)) : path;
}

// A missing file is an empty one.
function readText(path: string, warnings: string[]): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    const code = errorCode(error);
    if (code !== "ENOENT" && code !== "ENOTDIR") {
      warnings.push(`cannot read ${path}: ${code}`);
    }
    return "";
  }
}
