// Who wants through, as AWS or a client certificate says it, and the patterns of the relay's file that name callers.
// STS tells an assumed role without its path and with a session name that the caller chose; so a pattern may name the
// role itself (`role/NAME`), as aws-iam-authenticator does it. An account is always spelled out: `*` there would let in
// everybody who has an AWS account.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-arns

import type { DetailedPeerCertificate, PeerCertificate } from "node:tls";
import { RdsIamError } from "../base/errors.ts";

/** Who wants through; each part is there only if it was proven. */
export interface Caller {
  /** As STS answers GetCallerIdentity. */
  readonly arn?: string | undefined;
  /** The names of a verified client certificate: `CN:alice`, `DNS:...`, `URI:...`, `email:...`. */
  readonly certificate?: readonly string[] | undefined;
}

/** Whether a name is one that a pattern means. */
export type NamePattern = (name: string) => boolean;

const ARN = /^arn:aws[a-z-]*:(?:iam|sts)::\d{12}:(?:root|[a-z-]+\/[\w+=,.@/-]+)$/;
const ARN_PATTERN = /^arn:aws[a-z-]*:(?:iam|sts)::\d{12}:(?:root|[a-z-]+\/[\w+=,.@/*-]+)$/;
const SAN_ENTRY = /^(?:DNS|URI|email):[^\s",]+$/;

/** Whether a text is the ARN of somebody who can call AWS. */
export function isCallerArn(text: string): boolean {
  return text.length <= 2_048 && ARN.test(text);
}

/** Reads an ARN pattern of the relay's file; `*` stands for any characters but `/`. */
export function arnPattern(text: string, place: string): NamePattern {
  const fail = (why: string, hint: string): never => {
    throw new RdsIamError(`${place}: ${JSON.stringify(text)} ${why}`, { code: "ERR_CONFIG", hint });
  };
  if (!ARN_PATTERN.test(text)) {
    return fail(
      "is no ARN of a caller",
      "Write arn:aws:iam::ACCOUNT:role/NAME, arn:aws:iam::ACCOUNT:user/NAME or arn:aws:sts::ACCOUNT:assumed-role/NAME/SESSION, with the account's twelve digits; * stands for any characters but /.",
    );
  }
  if (/:role\/.*\//.test(text)) {
    return fail(
      "names a role with its path, which AWS leaves out when it tells who calls",
      "Write the role's name alone: arn:aws:iam::ACCOUNT:role/NAME",
    );
  }
  const matches = wildcard(text, "[^/]*");
  return (arn) => matches(arn) || matches(roleOf(arn) ?? "");
}

/** Reads a pattern for a certificate's names: `CN:alice`, `DNS:*.example.com`, `URI:spiffe://...`, `email:...`. */
export function certificatePattern(text: string, place: string): NamePattern {
  const kind = /^(CN|DNS|URI|email):\S+$/.exec(text)?.[1];
  if (kind === undefined) {
    throw new RdsIamError(`${place}: ${JSON.stringify(text)} names nobody`, {
      code: "ERR_CONFIG",
      hint: "Write CN:NAME, DNS:NAME, URI:NAME or email:ADDRESS; * stands for any characters but a dot in DNS names, and / elsewhere.",
    });
  }
  return wildcard(text, kind === "DNS" ? "[^.]*" : "[^/]*");
}

/** The names in a verified certificate; entries that could be read in two ways are left out. */
export function certificateNames(
  certificate: PeerCertificate | DetailedPeerCertificate,
): readonly string[] {
  const commonName: unknown = certificate.subject?.CN;
  // A quoted entry has characters in it that separate entries: CVE-2021-44532.
  const entries = (certificate.subjectaltname ?? "").split(", ");
  const names = entries.every((entry) => !entry.includes('"'))
    ? entries.filter((entry) => SAN_ENTRY.test(entry))
    : [];
  return typeof commonName === "string" && /^[^\p{Cc}]+$/u.test(commonName)
    ? [`CN:${commonName}`, ...names]
    : names;
}

/** A caller for people: its ARN, else its certificate's first name. */
export function describeCaller({ arn, certificate }: Caller): string {
  return arn ?? certificate?.[0] ?? "nobody";
}

/** Makes a pattern of a text in which `*` stands for `any`, a regular expression. */
export function wildcard(text: string, any: string): NamePattern {
  const parts = text.split("*").map((part) => part.replaceAll(/[^\w]/g, String.raw`\$&`));
  const pattern = new RegExp(`^${parts.join(any)}$`);
  return (name) => pattern.test(name);
}

// arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION is somebody in arn:aws:iam::ACCOUNT:role/ROLE.
function roleOf(arn: string): string | undefined {
  const [, partition, account, role] =
    /^arn:([a-z-]+):sts::(\d{12}):assumed-role\/([^/]+)\/[^/]+$/.exec(arn) ?? [];
  return role === undefined ? undefined : `arn:${partition}:iam::${account}:role/${role}`;
}
