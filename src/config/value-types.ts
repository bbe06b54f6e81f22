// The types of settings' values: how a text is checked, and what it is read as.

import { type Color, COLORS } from "../base/style.ts";
import { isIPv6, readHostPort, type WrittenHost } from "../base/host-port.ts";
import { expandHome } from "../system/directories.ts";

/** How the text of a value is checked and read. */
export interface ValueType<T> {
  /** What is wrong with the text, as the end of a sentence; undefined when it is valid. */
  readonly problem: (text: string) => string | undefined;
  /** Reads a valid text. */
  readonly read: (text: string, home: string) => T;
}

/**
 * Any text of one line: a line break comes from a file of secrets or an indented line below the value, and is never meant.
 * AWS's files know no quotes: the SDK would hand them to us as part of the value.
 */
export const TEXT = textType((text) =>
  /[\r\n]/.test(text) ? "has a line break in it" : plainProblem(text),
);

function plainProblem(text: string): string | undefined {
  if (text.includes("\0")) return "has a NUL character in it";
  return /^(".*"|'.*')$/.test(text) ? "has quotes around it; leave them out" : undefined;
}

/** A command for a shell, to which quotes mean something: 'a' 'b' is a command. */
export const COMMAND = textType((text) =>
  /\p{Cc}/u.test(text) ? "has a control character in it" : undefined,
);

/** The ARN or the name of a secret of Secrets Manager, or `auto`. */
export const SECRET = matching(
  /^(?:arn:[\w-]+:secretsmanager:[a-z0-9-]+:\d{12}:secret:[\w/+=.@!-]{1,512}|[\w/+=.@!-]{1,512})$/,
  "must be auto, a secret's name, or its ARN (arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME)",
);

/** A --via, which the room via/ parses. */
export const TUNNEL = textType((text) => COMMAND.problem(text) ?? TEXT.problem(text));

/** HOST or HOST:PORT. */
export const HOST: ValueType<WrittenHost | undefined> = {
  problem: (text) => {
    if (text.includes("://")) return "must be a host name, not a URL";
    if (readHostPort(text) !== undefined) return undefined;
    return "must be HOST or HOST:PORT (port 1 to 65535)";
  },
  read: readHostPort,
};

/** yes or no. */
export const YES_NO: ValueType<boolean> = {
  problem: matches(/^(?:yes|no)$/, "must be yes or no"),
  read: (text) => text === "yes",
};

/** on or off. */
export const ON_OFF: ValueType<boolean> = {
  problem: matches(/^(?:on|off)$/, "must be on or off"),
  read: (text) => text === "on",
};

/** Comma-separated file names, with `~/` expanded. */
export const FILES: ValueType<string> = {
  problem: plainProblem,
  read: (text, home) =>
    text
      .split(",")
      .map((name) => expandHome(name.trim(), home))
      .join(","),
};

/** Addresses of DNS servers, with commas or spaces between. */
export const DNS_SERVERS: ValueType<readonly string[]> = {
  problem: (text) => {
    const servers = words(text);
    const areAddresses = servers.every((server) => {
      const { host = "" } = readHostPort(server) ?? {};
      return isIPv4(host) || isIPv6(host);
    });
    return servers.length > 0 && areAddresses
      ? undefined
      : "must be IP or IP:PORT, comma-separated";
  },
  read: words,
};

/** Tags: KEY=VALUE, or KEY alone, comma-separated. */
export const TAGS: ValueType<readonly string[]> = {
  problem: (text) => {
    const areTags = tagsOf(text).every((tag) => /^[^=]/.test(tag));
    return areTags ? plainProblem(text) : "must be KEY=VALUE, comma-separated";
  },
  read: tagsOf,
};

/** Names, comma-separated. */
export const NAMES: ValueType<readonly string[]> = {
  problem: (text) =>
    tagsOf(text).includes("") ? "must be NAME, comma-separated" : plainProblem(text),
  read: tagsOf,
};

function tagsOf(text: string): readonly string[] {
  return text.split(",").map((tag) => tag.trim());
}

function textType(problem: ValueType<string>["problem"]): ValueType<string> {
  return { problem, read: (text) => text };
}

/** A text that a pattern matches; `otherwise` ends the sentence of the error. */
export function matching(pattern: RegExp, otherwise: string): ValueType<string> {
  return textType(matches(pattern, otherwise));
}

function matches(pattern: RegExp, otherwise: string): ValueType<string>["problem"] {
  return (text) => (pattern.test(text) ? undefined : otherwise);
}

/** The name of a color. */
export const COLOR: ValueType<Color> = {
  problem: (text) => (isColor(text) ? undefined : `must be one of ${COLORS.join(", ")}`),
  read: (text) => (isColor(text) ? text : "white"),
};

function isColor(text: string): text is Color {
  return COLORS.some((color) => color === text);
}

/** A whole number within limits. */
export function integer(least: number, most: number): ValueType<number> {
  return {
    problem: (text) => {
      const number = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
      if (number >= least && number <= most) return undefined;
      return `must be a whole number from ${least} to ${most}`;
    },
    read: Number,
  };
}

function words(text: string): readonly string[] {
  return text.split(/[\s,]+/).filter((word) => word !== "");
}

// Without node:net, which takes 3 ms to load.
function isIPv4(text: string): boolean {
  const byte = "(?:\\d|[1-9]\\d|1\\d\\d|2[0-4]\\d|25[0-5])";
  return new RegExp(`^${byte}(?:\\.${byte}){3}$`).test(text);
}
