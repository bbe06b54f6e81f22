// What the relay's file says: its own settings, databases, and who may reach which. Pure: sections in, a checked
// configuration out. Whatever is not understood is an error, since in this file a misspelt word would open or shut a door.

import { RdsIamError } from "../base/errors.ts";
import { nearestName } from "../base/nearest-name.ts";
import type { AccessRule, RelayTarget, WantedTag } from "./access.ts";
import { checkNetwork } from "./addresses.ts";
import { arnPattern, certificatePattern, wildcard } from "./caller.ts";

type Keys = Readonly<Record<string, string>>;

/** What the relay's file says. */
export interface RelayConfig {
  /** The keys of [relay] that options and the environment overrule, as they were written. */
  readonly settings: Readonly<Partial<Record<SettingName, string>>>;
  /** The Regions to search for databases. */
  readonly discover: readonly string[];
  /** The names that the relay goes by; those of its certificate where there are none. */
  readonly audience: readonly string[];
  /** The networks that databases must be in, in CIDR notation. */
  readonly networks: readonly string[] | undefined;
  readonly targets: readonly RelayTarget[];
  readonly rules: readonly AccessRule[];
}

const SETTINGS = [
  "listen",
  "tls_cert",
  "tls_key",
  "tls_client_ca",
  "region",
  "health_address",
  "health_port",
  "max_connections",
  "drain_timeout",
  "dns_servers",
] as const;

/** A key of [relay] that holds one value. */
export type SettingName = (typeof SETTINGS)[number];

const RELAY_KEYS: readonly string[] = [...SETTINGS, "discover", "audience", "networks"];
const TARGET_KEYS = ["host", "port", "tags", "networks"];
const ALLOW_KEYS = ["arn", "certificate", "targets", "tags", "blocked_tags"];
const REGION = /^[a-z]{2,8}(-[a-z]+)+-\d{1,2}$/;

/** Checks the sections of a relay's file. */
export function readRelayConfig(sections: ReadonlyMap<string, Keys>, path: string): RelayConfig {
  const relay = sections.get("relay") ?? {};
  checkKeys(relay, RELAY_KEYS, `${path} [relay]`);
  const targets: RelayTarget[] = [];
  const rules: AccessRule[] = [];
  for (const [section, keys] of sections) {
    const place = `${path} [${section}]`;
    const [, kind, name = ""] = /^(target|allow) +(\S.*)$/.exec(section) ?? [];
    if (kind === "target") targets.push(readTarget(name, keys, place));
    else if (kind === "allow") rules.push(readRule(name, keys, place));
    else if (section !== "relay") throw wrong(place, "is no section of a relay's file", SECTIONS);
  }
  const discover = list(relay["discover"]);
  const bad = discover.find((region) => !REGION.test(region));
  if (bad !== undefined) throw wrong(`${path} [relay] discover`, `names "${bad}", no AWS Region`);
  if (rules.length === 0) {
    throw wrong(path, "lets nobody through: it has no [allow NAME]", SECTIONS);
  }
  if (targets.length === 0 && discover.length === 0) {
    throw wrong(path, "has no databases: neither a [target NAME] nor discover in [relay]");
  }
  return {
    settings: Object.fromEntries(SETTINGS.flatMap((key) => given(relay, key))),
    discover,
    audience: list(relay["audience"]).map((name) => name.toLowerCase()),
    networks: networksOf(relay, `${path} [relay]`),
    targets,
    rules,
  };
}

const SECTIONS = "The sections are [relay], [target NAME] and [allow NAME].";

function given(keys: Keys, key: SettingName): (readonly [SettingName, string])[] {
  const value = keys[key];
  return value === undefined ? [] : [[key, value]];
}

function readTarget(name: string, keys: Keys, place: string): RelayTarget {
  checkKeys(keys, TARGET_KEYS, place);
  const host = (keys["host"] ?? "").toLowerCase().replace(/\.$/, "");
  if (!/^[a-z0-9_]([a-z0-9._-]*[a-z0-9_])?$/.test(host)) {
    throw wrong(place, "names no database", "Write host = ENDPOINT, as the RDS console shows it.");
  }
  const port = Number(keys["port"] ?? 5432);
  if (!Number.isInteger(port) || port < 1 || port > 65_535) {
    throw wrong(`${place} port`, "must be a whole number from 1 to 65535");
  }
  const tags = readTags(keys["tags"], `${place} tags`).map(({ key, value = "" }) => [key, value]);
  return { name, host, port, tags: Object.fromEntries(tags), networks: networksOf(keys, place) };
}

function readRule(name: string, keys: Keys, place: string): AccessRule {
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
    throw wrong(
      place,
      "says nobody who is let through",
      "Write arn = ..., certificate = ..., or both.",
    );
  }
  if (rule.targets.length + rule.tags.length === 0) {
    throw wrong(
      place,
      "says no databases",
      "Write targets = NAME, ... (* for all), tags = KEY=VALUE, ..., or both.",
    );
  }
  return rule;
}

function readTags(text: string | undefined, place: string): WantedTag[] {
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

function networksOf(keys: Keys, place: string): readonly string[] | undefined {
  const networks = list(keys["networks"]);
  for (const network of networks) checkNetwork(network, `${place} networks`);
  return networks.length === 0 ? undefined : networks;
}

function list(text: string | undefined): readonly string[] {
  return (text ?? "").split(/[\s,]+/).filter((entry) => entry !== "");
}

function checkKeys(keys: Keys, known: readonly string[], place: string): void {
  const bad = Object.keys(keys).find((key) => !known.includes(key));
  if (bad === undefined) return;
  const nearest = nearestName(bad, known);
  const hint =
    nearest === undefined ? `The keys are: ${known.join(", ")}.` : `Did you mean ${nearest}?`;
  throw wrong(place, `has a key ${bad} that is unknown`, hint);
}

function wrong(place: string, why: string, hint?: string): RdsIamError {
  return new RdsIamError(`${place} ${why}`, { code: "ERR_CONFIG", hint });
}
