// Describes the certificate that was verified: its name, the root behind it, and how long both are good.
// The verification itself is TLS's; here the chain is only read again, by names, since some runtimes show more of it than others.

import { X509Certificate } from "node:crypto";

const DAY = 86_400_000; // ms
const LONGEST_CHAIN = 10;

/** A certificate as TLS shows it; a root shows itself as its own issuer. */
export interface ShownCertificate {
  readonly raw?: Uint8Array | undefined;
  readonly issuerCertificate?: ShownCertificate | undefined;
}

/** What a person wants to know of a verified certificate. */
export interface CertificateFacts {
  readonly name: string;
  /** Whole days until it ends. */
  readonly days: number;
  /** Undefined where the runtime keeps the chain to itself. */
  readonly root: { readonly name: string; readonly days: number } | undefined;
}

/** Reads a verified certificate; undefined where the runtime does not show it. */
export function certificateFacts(
  shown: ShownCertificate | undefined,
  trusted: readonly string[],
  now: number,
): CertificateFacts | undefined {
  const leaf = parse(shown?.raw);
  if (leaf === undefined) return undefined;
  const root = findRoot(shown, trusted);
  return {
    name: commonName(leaf.subject),
    days: daysLeft(leaf, now),
    root: root && { name: commonName(root.subject), days: daysLeft(root, now) },
  };
}

function findRoot(
  shown: ShownCertificate | undefined,
  trusted: readonly string[],
): X509Certificate | undefined {
  const roots = trusted.flatMap((pem) => parse(pem) ?? []);
  let current = shown;
  for (let depth = 0; depth < LONGEST_CHAIN && current !== undefined; depth++) {
    const certificate = parse(current.raw);
    const root = roots.find(({ subject }) => subject === certificate?.issuer);
    if (root !== undefined) return root;
    current = current.issuerCertificate;
  }
  return undefined;
}

function parse(certificate: Uint8Array | string | undefined): X509Certificate | undefined {
  try {
    return certificate === undefined ? undefined : new X509Certificate(certificate);
  } catch {
    return undefined;
  }
}

// A subject is a line for each part: CN=orders.cluster-...
function commonName(subject: string): string {
  return /^CN=(.*)$/m.exec(subject)?.[1] ?? subject.replaceAll("\n", ", ");
}

function daysLeft({ validTo }: X509Certificate, now: number): number {
  return Math.floor((Date.parse(validTo) - now) / DAY);
}
