// The configuration of a relay: its file (settings, databases, and who may reach which), and its settings, each of which is
// an option, else an environment variable, else a key of the file, else a default.
// Pure. An unknown section or key is an error, since in this file a misspelled word would open or shut a door.

import { isIP } from "node:net";
import type { TagPattern } from "../aws/tags.ts";
import { readDuration } from "../base/duration.ts";
import { RdsIamError } from "../base/errors.ts";
import { type HostPort, readAuthority } from "../base/host-port.ts";
import { nearestName } from "../base/nearest-name.ts";
import type { CertificateFiles } from "../base/server-certificate.ts";
import { type OptionName, type Options, optionValue } from "../cli/options.ts";
import { whereIs } from "../config/aws-ini.ts";
import { optionFlag } from "../config/names.ts";
import { DNS_SERVERS } from "../config/value-types.ts";
import type { OwnSection } from "../config/own-file.ts";
import {
  type AccessRule,
  arnPattern,
  certificatePattern,
  type RelayTarget,
  wildcard,
} from "./access.ts";
import { checkNetwork } from "./addresses.ts";

type SectionKeys = Readonly<Record<string, string>>;

/** A relay's file. */
export interface RelayConfig {
  /** The [relay] section as it was written. */
  readonly settings: Readonly<Partial<Record<SettingKey, string>>>;
  /** The Regions to search for databases. */
  readonly discover: readonly string[];
  /** The names of the relay; those of its certificate, but for wildcards, when empty. */
  readonly audience: readonly string[];
  /** The networks that databases must be in, in CIDR notation. */
  readonly networks: readonly string[] | undefined;
  readonly targets: readonly RelayTarget[];
  readonly rules: readonly AccessRule[];
}

interface SettingSpec {
  /** The option that overrides the file, as does its environment variable. */
  readonly option?: OptionName | undefined;
  readonly default?: string | undefined;
}

const SETTINGS = {
  listen: { option: "listen", default: "0.0.0.0:8443" },
  tls_cert: { option: "tlsCert" },
  tls_key: { option: "tlsKey" },
  tls_client_ca: { option: "tlsClientCa" },
  region: { option: "region" },
  health_address: { option: "healthAddress", default: "127.0.0.1" },
  health_port: { option: "healthPort" },
  max_connections: { option: "maxConnections", default: "2000" },
  max_user_connections: { option: "maxUserConnections" },
  session_timeout: { option: "sessionTimeout" },
  // Two minutes less than the hour that the manifests give a relay to end.
  drain_timeout: { option: "drainTimeout", default: "3480" },
  dns_servers: {},
  discover: {},
  audience: {},
  networks: {},
} as const satisfies Record<string, SettingSpec>;

type SettingKey = keyof typeof SETTINGS;

const RELAY_KEYS = Object.keys(SETTINGS) as SettingKey[];
// The others are applied whenever the file changes.
const START_KEYS = RELAY_KEYS.filter((key) => !["discover", "audience", "networks"].includes(key));
const TARGET_KEYS = ["host", "port", "tags", "networks"];
const ALLOW_KEYS = ["arn", "certificate", "targets", "tags", "blocked_tags"];
const MAX_CONNECTIONS = 1_000_000;
const SECTIONS = "The sections are [relay], [target NAME] and [allow NAME].";
const REGION = /^[a-z]{2,8}(-[a-z]+)+-\d{1,2}$/;

/** Checks the sections of a relay's file; throws ERR_CONFIG that names `path`, section and key. */
export function readRelayConfig(file: ReadonlyMap<string, OwnSection>, path: string): RelayConfig {
  const sections = new Map([...file].map(([name, keys]) => [name, plainKeys(keys)]));
  const settings: RelayConfig["settings"] = sections.get("relay") ?? {};
  const place = `${path} [relay]`;
  checkKeys(settings, RELAY_KEYS, place);
  const targets: RelayTarget[] = [];
  const rules: AccessRule[] = [];
  for (const [section, keys] of sections) {
    const at = `${path} [${section}]`;
    const [, kind, name = ""] = /^(target|allow) +(\S.*)$/.exec(section) ?? [];
    if (kind === "target") targets.push(readTarget(name, keys, at));
    else if (kind === "allow") rules.push(readRule(name, keys, at));
    else if (section !== "relay") throw wrong(at, "is an unknown section", SECTIONS);
  }
  const discover = list(settings.discover);
  const bad = discover.find((region) => !REGION.test(region));
  if (bad !== undefined) throw wrong(`${place} discover`, `has "${bad}", not an AWS Region`);
  if (rules.length === 0) throw wrong(path, "admits no client: it has no [allow NAME]", SECTIONS);
  if (targets.length === 0 && discover.length === 0) {
    throw wrong(path, "has no databases: neither a [target NAME] nor discover in [relay]");
  }
  return {
    settings,
    discover,
    audience: list(settings.audience),
    networks: readNetworks(settings.networks, place),
    targets,
    rules,
  };
}

// Who may connect must not depend on a comment that was taken for a part of a value.
function plainKeys(values: OwnSection): SectionKeys {
  for (const [key, value] of values) {
    if (value.isQuoted || !/[;#]/.test(value.text)) continue;
    throw wrong(
      whereIs(value),
      `has a ; or # in ${key}`,
      'Put comments on their own lines, or the value in "...".',
    );
  }
  return Object.fromEntries([...values].map(([key, { text }]) => [key, text]));
}

/** The settings of a relay. */
export interface RelaySettings {
  readonly listen: HostPort;
  readonly tls: CertificateFiles;
  /** The Region of the STS endpoint, where one is set. */
  readonly region: string | undefined;
  /** Undefined without health checks. */
  readonly health: HostPort | undefined;
  readonly maxConnections: number;
  /** Of one identity. */
  readonly maxUserConnections: number | undefined;
  /** Milliseconds that a session may last. */
  readonly sessionTimeout: number | undefined;
  /** Milliseconds for sessions to end by themselves. */
  readonly drainTimeout: number;
  readonly dnsServers: readonly string[];
}

/** Resolves a relay's settings; throws ERR_CONFIG that names the option. */
export function resolveRelaySettings(
  options: Options,
  env: Readonly<Record<string, string | undefined>>,
  { settings }: RelayConfig,
): RelaySettings {
  const read = (key: SettingKey): string | undefined => {
    const spec: SettingSpec = SETTINGS[key];
    const given = spec.option === undefined ? undefined : optionValue(options, env, spec.option);
    return given ?? settings[key] ?? spec.default;
  };
  const integer = (key: SettingKey, most: number, least = 0): number => {
    const value = read(key) ?? "";
    const number = /^\d{1,9}$/.test(value) ? Number(value) : Number.NaN;
    if (number >= least && number <= most) return number;
    throw wrongSetting(key, `must be a whole number from ${least} to ${most}`);
  };
  const duration = (key: SettingKey): number | undefined => {
    const ms = readDuration(read(key) ?? "0");
    if (ms !== undefined) return ms === 0 ? undefined : ms;
    throw wrongSetting(key, "must be a duration up to 24 days, like 90s, 30m or 8h");
  };
  const required = (key: SettingKey): string => {
    const value = read(key);
    if (value !== undefined) return value;
    throw wrongSetting(key, "is needed: a relay always uses TLS");
  };
  const { host = "", port } = readAuthority(read("listen") ?? "", 0) ?? {};
  if (isIP(host) === 0 || port === undefined) throw wrongSetting("listen", "must be ADDRESS:PORT");
  const dnsServers = read("dns_servers");
  const problem = dnsServers === undefined ? undefined : DNS_SERVERS.problem(dnsServers);
  if (problem !== undefined) throw wrongSetting("dns_servers", problem);
  const hasHealth = read("health_port") !== undefined;
  const address = options.healthAddress ?? settings.health_address;
  if (address !== undefined && !hasHealth)
    throw wrongSetting("health_port", "is needed for --health-address");
  return {
    listen: { host, port },
    tls: {
      cert: required("tls_cert"),
      key: required("tls_key"),
      clientCa: read("tls_client_ca"),
    },
    region: read("region"),
    health: hasHealth
      ? { host: read("health_address") ?? "", port: integer("health_port", 65_535) }
      : undefined,
    maxConnections: integer("max_connections", MAX_CONNECTIONS, 1),
    maxUserConnections:
      read("max_user_connections") === undefined
        ? undefined
        : integer("max_user_connections", MAX_CONNECTIONS, 1),
    sessionTimeout: duration("session_timeout"),
    drainTimeout: integer("drain_timeout", 86_400) * 1_000,
    dnsServers: list(dnsServers),
  };
}

/** The keys of [relay] that differ from those that it was started with, and are read at the start alone. */
export function changedStartKeys(started: RelayConfig, now: RelayConfig): readonly string[] {
  return START_KEYS.filter((key) => now.settings[key] !== started.settings[key]);
}

function readTarget(name: string, keys: SectionKeys, place: string): RelayTarget {
  checkKeys(keys, TARGET_KEYS, place);
  const host = (keys["host"] ?? "").toLowerCase().replace(/\.$/, "");
  if (!/^[a-z0-9_]([a-z0-9._-]*[a-z0-9_])?$/.test(host)) {
    throw wrong(place, "has no valid host", "Write host = ENDPOINT, as in the RDS console.");
  }
  const port = Number(keys["port"] ?? 5432);
  if (!Number.isInteger(port) || port < 1 || port > 65_535) {
    throw wrong(`${place} port`, "must be a whole number from 1 to 65535");
  }
  const tags = readTags(keys["tags"], `${place} tags`).map(({ key, value = "" }) => [key, value]);
  const networks = readNetworks(keys["networks"], place);
  return { name, host, port, tags: [Object.fromEntries(tags)], networks };
}

function readRule(name: string, keys: SectionKeys, place: string): AccessRule {
  checkKeys(keys, ALLOW_KEYS, place);
  const arns = (keys["arn"] ?? "").split(/[\s,]+(?=arn:)|[\s,]+$/).filter(Boolean);
  const rule = {
    name,
    arns: arns.map((text) => arnPattern(text, `${place} arn`)),
    certificates: list(keys["certificate"]).map((text) =>
      certificatePattern(text, `${place} certificate`),
    ),
    targets: list(keys["targets"]).map((text) => wildcard(text.toLowerCase(), ".*")),
    tags: readTags(keys["tags"], `${place} tags`),
    blockedTags: readTags(keys["blocked_tags"], `${place} blocked_tags`),
  };
  if (rule.arns.length + rule.certificates.length === 0) {
    throw wrong(place, "admits no client", "Write arn = ..., certificate = ..., or both.");
  }
  if (rule.targets.length + rule.tags.length === 0) {
    throw wrong(
      place,
      "has no databases",
      "Write targets = NAME, ... (* for all), tags = KEY=VALUE, ..., or both.",
    );
  }
  return rule;
}

function readTags(text: string | undefined, place: string): TagPattern[] {
  return (text ?? "")
    .split(",")
    .map((entry) => entry.trim())
    .filter((entry) => entry !== "")
    .map((entry) => {
      const [, key = "", value] = /^([^=]+?)\s*(?:=\s*(.*))?$/.exec(entry) ?? [];
      if (key === "") throw wrong(place, "must be KEY=VALUE, several with commas");
      return { key, value };
    });
}

function readNetworks(text: string | undefined, place: string): readonly string[] | undefined {
  const networks = list(text);
  for (const network of networks) checkNetwork(network, `${place} networks`);
  return networks.length === 0 ? undefined : networks;
}

function list(text: string | undefined): readonly string[] {
  return (text ?? "").split(/[\s,]+/).filter((entry) => entry !== "");
}

function checkKeys(keys: object, known: readonly string[], place: string): void {
  const bad = Object.keys(keys).find((key) => !known.includes(key));
  if (bad === undefined) return;
  const nearest = nearestName(bad, known);
  const hint =
    nearest === undefined ? `The keys are: ${known.join(", ")}.` : `Did you mean ${nearest}?`;
  throw wrong(place, `has the unknown key ${bad}`, hint);
}

function wrong(place: string, why: string, hint?: string): RdsIamError {
  return new RdsIamError(`${place} ${why}`, { code: "ERR_CONFIG", hint });
}

function wrongSetting(key: SettingKey, why: string): RdsIamError {
  const { option }: SettingSpec = SETTINGS[key];
  const place = "in the [relay] section of the relay's file";
  if (option === undefined) return wrong(key, why, `Correct it ${place}.`);
  const flag = optionFlag(option);
  return wrong(flag, why, `Give ${flag}, or ${key} ${place}.`);
}
