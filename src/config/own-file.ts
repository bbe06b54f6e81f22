// Loads rdsiam's own configuration file: sections of keys, for several databases behind one AWS profile.
// The `ini` package drops or changes some lines in silence (comments after a value, a header with a comment or an
// indent, keys given twice, `'123'` as a number). In a file that chooses a database nothing may get lost: such a line
// is an error with its number. Dots in names are escaped before parsing, because ini would nest the sections.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "ini";
import { errorCode } from "../base/errno.ts";
import { RdsIamError } from "../base/errors.ts";
import { type Environment, expandHome } from "./aws-files.ts";

/** No key of ours is longer; the shortest secret of AWS has 40 characters. */
export const LONGEST_KEY = 32;

/** The sections of our own file, in its order, with values as strings. */
export interface OwnFile {
  readonly path: string;
  readonly sections: ReadonlyMap<string, Readonly<Record<string, string>>>;
}

/** Loads our own file; the default path may be missing, a path in RDSIAM_CONFIG_FILE may not. */
export function loadOwnFile(env: Environment, home: string): OwnFile {
  const named = env["RDSIAM_CONFIG_FILE"] || undefined;
  const path =
    named === undefined
      ? join(env["XDG_CONFIG_HOME"] || join(home, ".config"), "rdsiam", "config")
      : expandHome(named, home);
  try {
    return { path, sections: parseOwnFile(readFileSync(path, "utf8"), path) };
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
          ? `Check its permissions: ls -l ${path}`
          : "Check RDSIAM_CONFIG_FILE, or unset it.",
      cause: error,
    });
  }
}

/** Parses the text of our own file; what ini would lose or change is an error that names the line. */
export function parseOwnFile(
  text: string,
  path: string,
): Map<string, Readonly<Record<string, string>>> {
  const lines = text.replace(/^\uFEFF/, "").split(/\r\n|\r|\n/);
  const checked = checkLines(lines, path);
  const parsed: Record<string, Record<string, unknown>> = parse(checked.text);
  const sections = new Map<string, Readonly<Record<string, string>>>();
  for (const [section, keys] of checked.sections) {
    const values: Record<string, string> = {};
    for (const [key, line] of keys) {
      const value = parsed[section]?.[key];
      const written = (lines[line - 1] ?? "").replace(/^[^=]*=/, "").trim();
      if (!isFaithful(written, value)) {
        const hint = `Write it bare or as "..." with JSON's escapes.`;
        throw lost(
          `${path} line ${line}`,
          `the value of ${key} would be read as something else`,
          hint,
        );
      }
      values[key] = String(value);
    }
    sections.set(section, values);
  }
  return sections;
}

interface CheckedLines {
  /** The text with dots in section names escaped. */
  readonly text: string;
  /** Section, then key, then line number. */
  readonly sections: ReadonlyMap<string, ReadonlyMap<string, number>>;
}

function checkLines(lines: readonly string[], path: string): CheckedLines {
  const sections = new Map<string, Map<string, number>>();
  const kept: string[] = [];
  let keys: Map<string, number> | undefined;
  for (const [index, line] of lines.entries()) {
    const place = `${path} line ${index + 1}`;
    if (/^\s*([;#]|$)/.test(line)) {
      kept.push("");
      continue;
    }
    if (line.trimStart().startsWith("[")) {
      const name = sectionName(line, place);
      if (sections.has(name)) {
        throw lost(place, `section [${name}] is there twice`, "Merge the two sections.");
      }
      keys = new Map();
      sections.set(name, keys);
      kept.push(`[${name.replaceAll(".", "\\.")}]`);
      continue;
    }
    if (keys === undefined) {
      throw lost(place, "a key stands before the first [section]", "Put it under a [NAME].");
    }
    const key = keyName(line, place);
    if (keys.has(key)) {
      throw lost(place, `key ${key} is there twice in its section`, "Delete one of the lines.");
    }
    keys.set(key, index + 1);
    kept.push(line);
  }
  return { text: kept.join("\n"), sections };
}

function sectionName(line: string, place: string): string {
  const name = /^\[([^\]]*)\]\s*$/.exec(line)?.[1]?.trim();
  if (name === undefined) {
    const hint = "Write [NAME] alone on its line: no indent, no comment after it.";
    throw lost(place, "this section header would be lost", hint);
  }
  if (name === "" || name === "__proto__" || /["'\\;#]/.test(name)) {
    throw lost(
      place,
      `[${name}] cannot be the name of a section`,
      "Use letters, digits, dots and dashes.",
    );
  }
  return name;
}

function keyName(line: string, place: string): string {
  const [, key, value] = /^\s*([^=]*?)\s*=\s*(.*?)\s*$/.exec(line) ?? [];
  if (key === undefined || value === undefined) {
    throw lost(place, "this line has no value", "Write KEY = VALUE.");
  }
  if (!/^[A-Za-z][\w-]*$/.test(key)) {
    // What is longer than any key may be a secret that was pasted here.
    const what =
      key.length > LONGEST_KEY ? "what stands before = cannot" : `${JSON.stringify(key)} cannot`;
    throw lost(place, `${what} be a key`, "Write KEY = VALUE, as in: host = NAME");
  }
  if (!isQuoted(value) && /^(\\.|[^\\;#])*[;#]/.test(value)) {
    const hint =
      "Put a comment on a line of its own, and a value that has ; or # in double quotes.";
    throw lost(place, `the value of ${key} would be cut at its ; or #`, hint);
  }
  return key;
}

function isQuoted(value: string): boolean {
  return /^(".*"|'.*')$/.test(value);
}

// ini gives a bare true, false or null as JSON, runs 'quoted' values through JSON.parse once the quotes are gone (so
// that '12' is a number), and keeps the quotes of a "value" that is no JSON.
function isFaithful(written: string, value: unknown): boolean {
  if (written.startsWith("'") && written.endsWith("'")) {
    return written.length > 1 && value === written.slice(1, -1);
  }
  if (isQuoted(written)) {
    return typeof value === "string" && value !== written;
  }
  return typeof value === "string" || written === String(value);
}

function lost(place: string, reason: string, hint: string): RdsIamError {
  return new RdsIamError(`${place}: ${reason}`, { code: "ERR_CONFIG", hint });
}
