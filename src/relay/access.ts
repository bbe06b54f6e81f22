// The access rules of a relay: which callers may reach which databases. What no rule allows is refused.
// Within a key any of its values is enough; the keys of a rule all have to hold, so `arn` and `certificate` in one rule
// ask for both.

import type { Caller, NamePattern } from "./caller.ts";

/** A database that the relay may open connections to. */
export interface RelayTarget {
  /** Its name in the relay's file, or RDS's identifier. */
  readonly name: string;
  /** In lower case, without a final dot. */
  readonly host: string;
  readonly port: number;
  readonly tags: Readonly<Record<string, string>>;
  /** The networks that its addresses must be in, in CIDR notation; the relay's own when absent. */
  readonly networks?: readonly string[] | undefined;
}

/** A tag that a database must have, with any value when there is none here. */
export interface WantedTag {
  readonly key: string;
  readonly value: string | undefined;
}

/** One rule: who, and which databases. */
export interface AccessRule {
  readonly name: string;
  /** Empty where no AWS identity is asked for; the same for certificates. Never both. */
  readonly arns: readonly NamePattern[];
  readonly certificates: readonly NamePattern[];
  /** Patterns for a database's name in lower case or its host; empty for all that have the tags. */
  readonly targets: readonly NamePattern[];
  readonly tags: readonly WantedTag[];
  readonly blockedTags: readonly WantedTag[];
}

/** The first rule that lets a caller reach a database; undefined where none does. */
export function allowingRule(
  rules: readonly AccessRule[],
  caller: Caller,
  target: RelayTarget,
): AccessRule | undefined {
  return rules.find((rule) => isMeant(rule, caller) && isCovered(rule, target));
}

/** Whether an AWS identity, were it proven, could change the answer for a caller that has none yet. */
export function asksForArn(rules: readonly AccessRule[]): boolean {
  return rules.some(({ arns }) => arns.length > 0);
}

function isMeant({ arns, certificates }: AccessRule, { arn, certificate = [] }: Caller): boolean {
  const isArn = arn !== undefined && arns.some((matches) => matches(arn));
  const isCertificate = certificates.some((matches) => certificate.some(matches));
  return (arns.length === 0 || isArn) && (certificates.length === 0 || isCertificate);
}

function isCovered(rule: AccessRule, { host, name, tags }: RelayTarget): boolean {
  const isNamed = rule.targets.some((matches) => matches(name.toLowerCase()) || matches(host));
  return (
    (rule.targets.length === 0 || isNamed) &&
    rule.tags.every((tag) => hasTag(tags, tag)) &&
    !rule.blockedTags.some((tag) => hasTag(tags, tag))
  );
}

function hasTag(own: RelayTarget["tags"], { key, value }: WantedTag): boolean {
  return Object.hasOwn(own, key) && (value === undefined || own[key] === value);
}
