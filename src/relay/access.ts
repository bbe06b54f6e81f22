// The access rules of a relay: which callers may reach which databases. What no rule allows is refused.
// Within a key of a rule any of its values is enough; all keys of a rule have to match, so `arn` and `certificate` in one
// rule ask for both.
// STS reports an assumed role without its path and with a session name that the caller chose; so a pattern may name the role
// itself (`role/NAME`), as in aws-iam-authenticator. An account is always spelled out: `*` there would admit everyone who
// has an AWS account.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-arns

import type { PeerCertificate } from "node:tls";
import { hasTag, type TagPattern, type Tags } from "../aws/tags.ts";
import { RdsIamError } from "../base/errors.ts";

/** A database that the relay may open connections to. */
export interface RelayTarget {
  /** Its name in the relay's file, or RDS's identifier. */
  readonly name: string;
  /** In lower case, without a final dot. */
  readonly host: string;
  readonly port: number;
  readonly tags: Tags;
  /** The networks that its addresses must be in, in CIDR notation; the relay's own when absent. */
  readonly networks?: readonly string[] | undefined;
}

/** The client of a connection; each part is present only if it was proven. */
export interface Caller {
  /** As in the answer to GetCallerIdentity. */
  readonly arn?: string | undefined;
  /** The names of a verified client certificate: `CN:alice`, `DNS:...`, `URI:...`, `email:...`. */
  readonly certificate?: readonly string[] | undefined;
}

/** Whether a name matches. */
export type NamePattern = (name: string) => boolean;

/** One rule: its callers, and their databases. */
export interface AccessRule {
  readonly name: string;
  /** Empty where the rule asks for no AWS identity; the same for certificates. Never both. */
  readonly arns: readonly NamePattern[];
  readonly certificates: readonly NamePattern[];
  /** Patterns for a database's name in lower case or its host; empty for all that have the tags. */
  readonly targets: readonly NamePattern[];
  readonly tags: readonly TagPattern[];
  readonly blockedTags: readonly TagPattern[];
}

/** The first rule that lets a caller reach a database; undefined if none does. */
export function allowingRule(
  rules: readonly AccessRule[],
  caller: Caller,
  target: RelayTarget,
): AccessRule | undefined {
  return rules.find((rule) => matchesCaller(rule, caller) && coversTarget(rule, target));
}

/** Whether a proven AWS identity could change the answer for a caller without one. */
export function asksForArn(rules: readonly AccessRule[]): boolean {
  return rules.some(({ arns }) => arns.length > 0);
}

function matchesCaller(
  { arns, certificates }: AccessRule,
  { arn, certificate = [] }: Caller,
): boolean {
  const isArn = arn !== undefined && arns.some((matches) => matches(arn));
  const isCertificate = certificates.some((matches) => certificate.some(matches));
  return (arns.length === 0 || isArn) && (certificates.length === 0 || isCertificate);
}

function coversTarget(rule: AccessRule, { host, name, tags }: RelayTarget): boolean {
  const isNamed = rule.targets.some((matches) => matches(name.toLowerCase()) || matches(host));
  return (
    (rule.targets.length === 0 || isNamed) &&
    rule.tags.every((tag) => hasTag(tags, tag)) &&
    // Tags that are not known may be blocked ones.
    !rule.blockedTags.some((tag) => tags === undefined || hasTag(tags, tag))
  );
}

const ARN = /^arn:aws[a-z-]*:(?:iam|sts)::\d{12}:(?:root|[a-z-]+\/[\w+=,.@/-]+)$/;
const ARN_PATTERN = /^arn:aws[a-z-]*:(?:iam|sts)::\d{12}:(?:root|[a-z-]+\/[\w+=,.@/*-]+)$/;
const SAN_ENTRY = /^(?:DNS|URI|email):[^\s",]+$/;

/** Whether a text is the ARN of an AWS identity. */
export function isCallerArn(text: string): boolean {
  return text.length <= 2_048 && ARN.test(text);
}

/** Reads an ARN pattern; `*` stands for any characters but `/`. Throws ERR_CONFIG that names `place`. */
export function arnPattern(text: string, place: string): NamePattern {
  const fail = (why: string, hint: string): never => {
    throw new RdsIamError(`${place}: ${JSON.stringify(text)} ${why}`, { code: "ERR_CONFIG", hint });
  };
  if (!ARN_PATTERN.test(text)) {
    return fail(
      "is not the ARN of a user or a role",
      "Write arn:aws:iam::ACCOUNT:role/NAME, arn:aws:iam::ACCOUNT:user/NAME or arn:aws:sts::ACCOUNT:assumed-role/NAME/SESSION, with the account's twelve digits; * stands for any characters but /.",
    );
  }
  if (/:role\/.*\//.test(text)) {
    return fail(
      "has the role's path, which STS does not report",
      "Write only the role's name: arn:aws:iam::ACCOUNT:role/NAME",
    );
  }
  const matches = wildcard(text, "[^/]*");
  return (arn) => matches(arn) || matches(roleOf(arn) ?? "");
}

/** Reads a pattern for a certificate's names: `CN:alice`, `DNS:*.example.com`, `URI:spiffe://...`, `email:...`. */
export function certificatePattern(text: string, place: string): NamePattern {
  const kind = /^(CN|DNS|URI|email):\S+$/.exec(text)?.[1];
  if (kind === undefined) {
    throw new RdsIamError(`${place}: ${JSON.stringify(text)} is not a certificate's name`, {
      code: "ERR_CONFIG",
      hint: "Write CN:NAME, DNS:NAME, URI:NAME or email:ADDRESS; * stands for any characters but a dot in DNS names, and / elsewhere.",
    });
  }
  return wildcard(text, kind === "DNS" ? "[^.]*" : "[^/]*");
}

/** The names in a verified certificate; ambiguous entries are left out. */
export function certificateNames(certificate: PeerCertificate): readonly string[] {
  const commonName: unknown = certificate.subject?.CN;
  // A quoted entry contains the separator of entries: CVE-2021-44532.
  const entries = (certificate.subjectaltname ?? "").split(", ");
  const names = entries.every((entry) => !entry.includes('"'))
    ? entries.filter((entry) => SAN_ENTRY.test(entry))
    : [];
  return typeof commonName === "string" && /^[^\p{Cc}]+$/u.test(commonName)
    ? [`CN:${commonName}`, ...names]
    : names;
}

/** A caller for messages: its ARN, else its certificate's first name. */
export function describeCaller({ arn, certificate }: Caller): string {
  return arn ?? certificate?.[0] ?? "unidentified";
}

/** Makes a pattern from a text in which `*` stands for `any`, a regular expression. */
export function wildcard(text: string, any: string): NamePattern {
  const parts = text.split("*").map((part) => part.replaceAll(/[^\w]/g, String.raw`\$&`));
  const pattern = new RegExp(`^${parts.join(any)}$`);
  return (name) => pattern.test(name);
}

// arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION is a session of arn:aws:iam::ACCOUNT:role/ROLE.
function roleOf(arn: string): string | undefined {
  const [, partition, account, role] =
    /^arn:([a-z-]+):sts::(\d{12}):assumed-role\/([^/]+)\/[^/]+$/.exec(arn) ?? [];
  return role === undefined ? undefined : `arn:${partition}:iam::${account}:role/${role}`;
}
