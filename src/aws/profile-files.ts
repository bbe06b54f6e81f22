// AWS's two files as far as credentials need them, and the line in them that a message is about. For a line the files are
// read again, and only when something is wrong: the SDK's loader keeps no line numbers.
// https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html

import { readFileSync } from "node:fs";

/** The two AWS files. */
export interface AwsPaths {
  readonly configFilepath: string;
  readonly filepath: string;
}

/** A profile's keys, as they are in AWS's files. */
export type ProfileKeys = Readonly<Record<string, string | undefined>>;

/** The AWS files, as far as credentials need them. */
export interface ProfileFiles {
  readonly paths: AwsPaths;
  readonly profiles: ReadonlyMap<string, ProfileKeys>;
  readonly ssoSessions: ReadonlyMap<string, ProfileKeys>;
  readonly services: ReadonlyMap<string, ProfileKeys>;
}

/** Where a section, or a key in it, is: `PATH, line 12`; the config file's path alone when it is nowhere. */
export function whereIs(section: string, key: string | undefined, paths: AwsPaths): string {
  const places = [
    // A key of the credentials file wins, as in the SDK.
    { path: paths.filepath, headers: [section] },
    {
      path: paths.configFilepath,
      headers: [
        `profile ${section}`,
        ...(/^default$|^sso-session /.test(section) ? [section] : []),
      ],
    },
  ];
  // A profile that is in both files is described in the config file.
  for (const { path, headers } of key === undefined ? places.toReversed() : places) {
    const line = lineOf(path, headers, key);
    if (line !== undefined) {
      return `${path}, line ${line}`;
    }
  }
  return key === undefined ? paths.configFilepath : whereIs(section, undefined, paths);
}

/** The line of a header in a file, or of a key below it; undefined when it is not there. */
export function lineOf(path: string, headers: readonly string[], key?: string): number | undefined {
  let inside = false;
  let found: number | undefined;
  for (const [index, raw] of readLines(path).entries()) {
    const line = raw.split(/(?:^|\s)[;#]/)[0]?.trim() ?? "";
    const header = /^\[(.*)\]$/.exec(line)?.[1];
    if (header !== undefined) {
      inside = headers.includes(header.replaceAll(/["']/g, "").trim().replaceAll(/\s+/g, " "));
      if (inside && key === undefined) {
        return index + 1;
      }
    } else if (inside && key !== undefined && line.split("=")[0]?.trim() === key) {
      // Of a key that is there twice, the last one is used.
      found = index + 1;
    }
  }
  return found;
}

function readLines(path: string): string[] {
  try {
    return readFileSync(path, "utf8").split(/\r?\n/);
  } catch {
    return [];
  }
}
