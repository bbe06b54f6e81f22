// Loads the AWS profiles from ~/.aws/config and ~/.aws/credentials: both files at once, as botocore reads them.
// What botocore refuses is an ERR_CONFIG with file and line. It loads no AWS client.
// https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html

import { readFileSync, statSync } from "node:fs";
import type { Environment } from "../base/context.ts";
import { errorCode } from "../base/errno.ts";
import { RdsIamError } from "../base/errors.ts";
import { decodeAwsFile, parseAwsIni } from "./aws-ini.ts";
import {
  awsConfigPaths,
  type AwsProfiles,
  awsProfiles,
  type AwsSections,
  expandPath,
  NO_SECTIONS,
  type SdkFile,
  sdkConfigFile,
} from "./aws-profiles.ts";

/** Where the AWS files are; an empty path is that of no file. */
export interface AwsFilePaths {
  readonly config: string;
  readonly credentials: string;
}

/** The profiles of both files, and what is odd about a file as a whole. */
export interface AwsFiles extends AwsProfiles {
  readonly paths: AwsFilePaths;
  readonly warnings: readonly string[];
  /** The same profiles as a config file for the AWS SDK. */
  readonly sdkFile: (profiles: readonly string[]) => SdkFile;
  /** Reads the sections of another file of this format; undefined when there is none. */
  readonly readOther: (path: string) => AwsProfiles["profiles"] | undefined;
}

/** Loads both AWS files; a missing file is an empty one. */
export function loadAwsFiles(env: Environment, home: string): AwsFiles {
  const expansion = { env, home, homeOf };
  const paths = awsConfigPaths(expansion);
  const warnings: string[] = [];
  const config = readSections(paths.config, warnings);
  const credentials = readSections(paths.credentials, warnings);
  const profiles = awsProfiles(config ?? NO_SECTIONS, credentials ?? NO_SECTIONS);
  return {
    ...profiles,
    paths,
    warnings,
    sdkFile: (names) => sdkConfigFile(names, profiles),
    readOther: (path) => {
      const sections = readSections(expandPath(path, expansion), []);
      return sections && new Map([...sections].map(([name, { values }]) => [name, values]));
    },
  };
}

function readSections(path: string, warnings: string[]): AwsSections | undefined {
  if (path === "") return undefined;
  let bytes: Uint8Array;
  try {
    const file = statSync(path);
    if (!file.isFile()) {
      // /dev/null is the usual name for no file.
      if (!file.isCharacterDevice()) {
        warnings.push(`${path} is not a regular file, so that AWS's tools and rdsiam ignore it`);
      }
      return undefined;
    }
    bytes = readFileSync(path);
  } catch (cause) {
    const code = errorCode(cause);
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw new RdsIamError(`cannot read ${path}: ${code}`, {
      code: "ERR_CONFIG",
      detail: "The profiles in it are not known.",
      hint: `Check its permissions: ls -l "${path}"`,
      cause,
    });
  }
  return parseAwsIni(decodeAwsFile(bytes, path), path);
}

// The home directory of another user, for a path like ~jane/config.
function homeOf(user: string): string | undefined {
  try {
    const lines = readFileSync("/etc/passwd", "utf8").split("\n");
    return lines.map((line) => line.split(":")).find(([name]) => name === user)?.[5];
  } catch {
    return undefined;
  }
}
