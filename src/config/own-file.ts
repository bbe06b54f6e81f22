// Loads rdsiam's own configuration file: sections of keys, for several databases behind one AWS profile.
// The `ini` package reads the values in quotes. All others are taken as they stand, as in AWS's files: a # or ; in a value begins
// no comment. ini cannot read the file as a whole, where nothing may get lost, because it chooses a database: ini skips a header
// with an indent or a comment, merges what is there twice, nests sections with dots in their names, cuts values at ; and #, and
// has no line numbers for an error. So the lines and sections are kept here.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "ini";
import type { Environment } from "../base/context.ts";
import { errorCode } from "../base/errno.ts";
import { RdsIamError } from "../base/errors.ts";
import { configDirectory, expandHome } from "../system/directories.ts";
import { shellCommand } from "../system/shell-word.ts";
import type { AwsValue } from "./aws-ini.ts";

/** No key of ours is longer; the shortest secret of AWS has 40 characters. */
export const LONGEST_KEY = 32;

/** A value of our own file. */
export interface OwnValue extends AwsValue {
  readonly text: string;
  /** Whether it is written in quotes, so that a # or ; in it is meant. */
  readonly isQuoted: boolean;
}

/** The values of a section by key. */
export type OwnSection = ReadonlyMap<string, OwnValue>;

/** The sections of our own file, in its order. */
export interface OwnFile {
  readonly path: string;
  readonly sections: ReadonlyMap<string, OwnSection>;
}

/** Loads our own file; the default path may be missing, a path in RDSIAM_CONFIG_FILE may not. */
export function loadOwnFile(env: Environment, home: string): OwnFile {
  const named = env["RDSIAM_CONFIG_FILE"] || undefined;
  const path =
    named === undefined ? join(configDirectory(env, home), "config") : expandHome(named, home);
  try {
    return { path, sections: parseOwnFile(decode(readFileSync(path), path), path) };
  } catch (error) {
    if (error instanceof RdsIamError) {
      throw error;
    }
    const code = errorCode(error);
    if (named === undefined && (code === "ENOENT" || code === "ENOTDIR")) {
      return { path, sections: new Map() };
    }
    throw new RdsIamError(`cannot read the configuration file ${path}: ${code}`, {
      code: "ERR_CONFIG",
      hint:
        named === undefined
          ? shellCommand`Check its permissions: ls -l ${path}`
          : "Check RDSIAM_CONFIG_FILE, or unset it.",
      cause: error,
    });
  }
}

// What is not UTF-8 would become another name in silence.
function decode(bytes: Uint8Array, path: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    const [first, second] = bytes;
    const isUtf16 = (first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff);
    const lines = new TextDecoder("utf-8").decode(bytes).split(/\r\n|\r|\n/);
    const place = isUtf16
      ? `${path} is UTF-16, not UTF-8`
      : `${path} line ${lines.findIndex((line) => line.includes("\uFFFD")) + 1}: this line is not UTF-8`;
    const hint = isUtf16
      ? shellCommand`Save it as UTF-8: iconv -f UTF-16 -t UTF-8 ${path}`
      : "Save the file as UTF-8.";
    throw new RdsIamError(place, { code: "ERR_CONFIG", hint, cause });
  }
}

/** Parses the text of rdsiam's own file; a line that ini would lose or change is an ERR_CONFIG with its number. */
export function parseOwnFile(text: string, path: string): Map<string, OwnSection> {
  const sections = new Map<string, Map<string, OwnValue>>();
  let keys: Map<string, OwnValue> | undefined;
  for (const [index, line] of text
    .replace(/^\uFEFF/, "")
    .split(/\r\n|\r|\n/)
    .entries()) {
    if (/^\s*([;#]|$)/.test(line)) continue;
    const refuse: Refuse = (reason, hint) => {
      throw new RdsIamError(`${path} line ${index + 1}: ${reason}`, { code: "ERR_CONFIG", hint });
    };
    if (line.trimStart().startsWith("[")) {
      const name = sectionName(line, refuse);
      if (sections.has(name)) refuse(`section [${name}] occurs twice`, "Merge the two sections.");
      keys = new Map();
      sections.set(name, keys);
      continue;
    }
    const { key, text: value, isQuoted } = readKey(line, refuse);
    if (keys === undefined)
      return refuse("this key is before the first [section]", "Put it under a [NAME].");
    if (keys.has(key)) {
      refuse(`key ${key} occurs twice in its section`, "Delete one of the lines.");
    }
    keys.set(key, { file: path, line: index + 1, text: value, isQuoted });
  }
  return sections;
}

type Refuse = (reason: string, hint: string) => never;

function sectionName(line: string, refuse: Refuse): string {
  const name = /^\[([^\]]*)\]\s*$/.exec(line)?.[1]?.trim();
  if (name === undefined) {
    const hint = "Write [NAME] alone on its line: no indent, no comment after it.";
    return refuse("this section header would be lost", hint);
  }
  if (name === "" || name === "__proto__" || /["'\\;#]/.test(name)) {
    const hint = "Use letters, digits, dots and dashes.";
    return refuse(`[${name}] is not a valid section name`, hint);
  }
  return name;
}

function readKey(
  line: string,
  refuse: Refuse,
): { key: string } & Pick<OwnValue, "isQuoted" | "text"> {
  const [, key, written] = /^\s*([^=]*?)\s*=\s*(.*?)\s*$/.exec(line) ?? [];
  if (key === undefined || written === undefined) {
    return refuse("this line has no value", "Write KEY = VALUE.");
  }
  if (!/^[A-Za-z][\w-]*$/.test(key)) {
    // What is longer than any key may be a secret that was pasted here.
    const shown = key.length > LONGEST_KEY ? "the text before =" : JSON.stringify(key);
    return refuse(`${shown} is not a valid key`, "Write KEY = VALUE, as in: host = NAME");
  }
  const isQuoted = /^(?:'.*'|".*")$/.test(written);
  if (!isQuoted && !/^["'].*["']\s+[;#]/.test(written)) return { key, text: written, isQuoted };
  const value = parse(line)[key];
  if (isQuoted && isFaithful(written, value)) return { key, text: String(value), isQuoted };
  return refuse(
    `the value of ${key} would be cut, or read as something else`,
    `Put comments on their own lines; write a value that begins or ends with a space or a quote as "..." with JSON's escapes.`,
  );
}

// ini runs 'quoted' values through JSON.parse once the quotes are gone (so that '12' is a number), and keeps the quotes of a
// "value" that is not JSON.
function isFaithful(written: string, value: unknown): boolean {
  return written.startsWith("'")
    ? value === written.slice(1, -1)
    : typeof value === "string" && value !== written;
}
