// The table of the keys that a target may have, with their synonyms and the checks of their values.
// `rds_host` in ~/.aws/config and `host` in our own file are one key.

import { isIPv6, readHostPort } from "../base/host-port.ts";
import { expandHome } from "./aws-files.ts";

/** What is wrong with a value, as the end of a sentence, or undefined. */
export type ValueCheck = (value: string) => string | undefined;

const SYNONYMS: Readonly<Record<string, string>> = {
  hostname: "host",
  username: "user",
  database: "dbname",
};

const CHECKS: Readonly<Record<string, ValueCheck>> = {
  host: (value) => hostProblem(value),
  port: integerCheck(1, 65_535),
  user: unquotedCheck,
  dbname: unquotedCheck,
  region: (value) => (/^[a-z]+(-[a-z0-9]+)+$/.test(value) ? undefined : "is no AWS Region"),
  role_arn: (value) =>
    /^arn:[\w-]+:iam::\d{12}:role\/\S+$/.test(value)
      ? undefined
      : "is no role's ARN (arn:aws:iam::ACCOUNT:role/NAME)",
  // https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html gives these three limits.
  external_id: (value) =>
    /^[\w+=,.@:/-]{2,1224}$/.test(value)
      ? undefined
      : "must be 2 to 1224 letters, digits or +=,.@:/-_",
  role_session_name: (value) =>
    /^[\w+=,.@-]{2,64}$/.test(value) ? undefined : "must be 2 to 64 letters, digits or +=,.@-_",
  duration_seconds: integerCheck(900, 43_200),
  mfa_serial: (value) =>
    /^[\w+=/:,.@-]{9,256}$/.test(value)
      ? undefined
      : "is no MFA device (arn:aws:iam::ACCOUNT:mfa/NAME, or a serial number)",
  cache: (value) => (/^(on|off)$/.test(value) ? undefined : "must be on or off"),
  sign_host: (value) => hostProblem(value),
  strict_host: (value) => (/^(yes|no)$/.test(value) ? undefined : "must be yes or no"),
  read_only: (value) => (/^(yes|no)$/.test(value) ? undefined : "must be yes or no"),
  sslrootcert: unquotedCheck,
  // A shell reads it: quotes are its own business, and 'a' 'b' is a command.
  password_command: (value) =>
    /\p{Cc}/u.test(value) ? "has a control character in it" : undefined,
  connect_timeout: integerCheck(1, 3_600),
  aws_timeout: integerCheck(1, 3_600),
  // What it may say is known to the room that goes there.
  via: (value) => (/\p{Cc}/u.test(value) ? "has a control character in it" : unquotedCheck(value)),
  // Of the proxy, on this machine.
  local_port: integerCheck(0, 65_535),
  application_name: unquotedCheck,
  dns_servers: (value) => dnsServersProblem(value),
};

/** Every name that a key of a target may have, without the rds_ prefix. */
export const TARGET_KEY_NAMES: readonly string[] = [
  ...Object.keys(CHECKS),
  ...Object.keys(SYNONYMS),
];

/** The key that a synonym stands for; other names are returned as they are. */
export function canonicalKey(name: string): string {
  return Object.hasOwn(SYNONYMS, name) ? (SYNONYMS[name] ?? name) : name;
}

/** Whether a key is one that this program knows, under its own name or a synonym. */
export function isTargetKey(name: string): boolean {
  return TARGET_KEY_NAMES.includes(name);
}

/** What is wrong with a key's value, as the end of a sentence, or undefined. */
export function valueProblem(key: string, value: string): string | undefined {
  if (value === "") {
    return "is empty";
  }
  return Object.hasOwn(CHECKS, key) ? CHECKS[key]?.(value) : undefined;
}

/** Splits a list of DNS servers at commas and spaces. */
export function readDnsServers(value: string): readonly string[] {
  return value.split(/[\s,]+/).filter((server) => server !== "");
}

/** Expands `~/` in the names of CA files, which commas separate; the word `system` stays. */
export function readFileName(value: string | undefined, home: string): string | undefined {
  return value
    ?.split(",")
    .map((name) => expandHome(name.trim(), home))
    .join(",");
}

function hostProblem(value: string): string | undefined {
  if (value.includes("://")) {
    return "must be a host name, not a URL";
  }
  return readHostPort(value) === undefined
    ? "must be HOST or HOST:PORT (port 1 to 65535)"
    : undefined;
}

function integerCheck(least: number, most: number): ValueCheck {
  return (value) => {
    const number = /^\d{1,9}$/.test(value) ? Number(value) : Number.NaN;
    return number >= least && number <= most
      ? undefined
      : `must be a whole number from ${least} to ${most}`;
  };
}

// AWS's files know no quotes: the SDK would hand them to us as part of the value.
function unquotedCheck(value: string): string | undefined {
  if (value.includes("\0")) {
    return "has a NUL character in it";
  }
  return /^(".*"|'.*')$/.test(value) ? "has quotes around it; leave them out" : undefined;
}

function dnsServersProblem(value: string): string | undefined {
  const servers = readDnsServers(value);
  const bad = servers.find((server) => {
    const parts = readHostPort(server);
    return parts === undefined || !(isIPv4(parts.host) || isIPv6(parts.host));
  });
  return servers.length === 0 || bad !== undefined
    ? "must be IP or IP:PORT, several with commas"
    : undefined;
}

// Without node:net, which takes 3 ms to load.
function isIPv4(value: string): boolean {
  const byte = "(?:\\d|[1-9]\\d|1\\d\\d|2[0-4]\\d|25[0-5])";
  return new RegExp(`^${byte}(?:\\.${byte}){3}$`).test(value);
}
