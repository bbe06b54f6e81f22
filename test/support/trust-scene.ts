// The place where an impostor is met: a home directory with one profile per server, a DNS server that sends the
// database's name to loopback, and the certificates that are right and wrong.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { type Certificate, makeAuthority, makeLeaf } from "../../src/demo/certificates.ts";
import { type DnsStandIn, startDns } from "../../src/demo/dns.ts";
import { appendProfile, makeEnvironment, makeHome, type StandInKeys } from "../../src/demo/home.ts";
import { type Finished, rdsiam, without } from "./program.ts";

export const HOST = "orders.cluster-c1a2b3c4d5e6.eu-west-1.rds.amazonaws.com";
export const LOOKALIKE = `${HOST}.example.com`;
const DAY = 86_400_000;

/** The certificates of the tests, each for the right name unless it says otherwise. */
export interface Certificates {
  readonly root: Certificate;
  readonly otherRoot: Certificate;
  readonly good: Certificate;
  /** Issued by `intermediate`, which a server should send with it. */
  readonly deep: Certificate;
  readonly intermediate: Certificate;
  readonly selfSigned: Certificate;
  readonly expired: Certificate;
  readonly notYetValid: Certificate;
  readonly wrongName: Certificate;
  /** The right name is in the subject alone, which the subjectAltName overrules. */
  readonly nameInSubject: Certificate;
  readonly lookalike: Certificate;
  readonly wrongRoot: Certificate;
}

/** Makes them all. */
export async function makeCertificates(): Promise<Certificates> {
  const root = await makeAuthority({ subject: "CN=Test Root CA" });
  const otherRoot = await makeAuthority({ subject: "CN=Interception CA" });
  const intermediate = await makeAuthority({ subject: "CN=Test Intermediate CA", issuer: root });
  const leaf = { subject: `CN=${HOST}`, names: [HOST], issuer: root };
  const other = { ...leaf, names: ["other.example.com"] };
  const ago = (days: number): Date => new Date(Date.now() - days * DAY);
  return {
    root,
    otherRoot,
    intermediate,
    good: await makeLeaf(leaf),
    deep: await makeLeaf({ ...leaf, issuer: intermediate }),
    selfSigned: await makeLeaf({ ...leaf, issuer: undefined }),
    expired: await makeLeaf({ ...leaf, notBefore: ago(9), notAfter: ago(1) }),
    notYetValid: await makeLeaf({ ...leaf, notBefore: ago(-1), notAfter: ago(-9) }),
    wrongName: await makeLeaf({ ...other, subject: "CN=other.example.com" }),
    nameInSubject: await makeLeaf(other),
    lookalike: await makeLeaf({ ...leaf, subject: `CN=${LOOKALIKE}`, names: [LOOKALIKE] }),
    wrongRoot: await makeLeaf({ ...leaf, issuer: otherRoot }),
  };
}

/** The running scene. */
export interface TrustScene extends AsyncDisposable {
  readonly certificates: Certificates;
  readonly dns: DnsStandIn;
  /** PEM files of the two roots. */
  readonly rootFile: string;
  readonly otherRootFile: string;
  /** Logs in through rdsiam to a server on `port`, with the tool's own report of it. */
  readonly logIn: (port: number, how?: LogIn) => Promise<Finished>;
}

/** What a login has otherwise than the rest. */
export interface LogIn {
  readonly settings?: StandInKeys | undefined;
  readonly env?: Readonly<Record<string, string>> | undefined;
}

/** Starts it. */
export async function startTrustScene(): Promise<TrustScene> {
  const directory = await mkdtemp(join(tmpdir(), "rdsiam-trust-"));
  const home = await makeHome(directory);
  const certificates = await makeCertificates();
  const dns = await startDns({ [HOST]: { a: ["127.0.0.1"] }, [LOOKALIKE]: { a: ["127.0.0.1"] } });
  const rootFile = join(directory, "root.pem");
  const otherRootFile = join(directory, "other-root.pem");
  await writeFile(rootFile, certificates.root.cert);
  await writeFile(otherRootFile, certificates.otherRoot.cert);
  let profiles = 0;
  const logIn = async (port: number, how: LogIn = {}): Promise<Finished> => {
    const name = `server-${(profiles += 1)}`;
    const settings = { ...SETTINGS, rds_port: port, rds_dns_servers: dns.address };
    const all = { ...settings, rds_sslrootcert: rootFile, ...how.settings };
    const given = Object.entries(all).filter(([, value]) => value !== "");
    await appendProfile(home, name, Object.fromEntries(given));
    const env = { ...makeEnvironment(home, { sts: "http://127.0.0.1:1" }), ...how.env };
    return rdsiam(["exec", name, ...TOOL], { env });
  };
  const dispose = async (): Promise<void> => {
    await dns[Symbol.asyncDispose]();
    await rm(directory, { recursive: true, force: true });
  };
  return { certificates, dns, rootFile, otherRootFile, logIn, [Symbol.asyncDispose]: dispose };
}

const SETTINGS = {
  region: "eu-west-1",
  // The keys of AWS's own documentation: nobody's.
  aws_access_key_id: "AKIAIOSFODNN7EXAMPLE",
  aws_secret_access_key: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
  rds_host: HOST,
  rds_user: "app",
};

// Without psql, the tests' own driver says the same three lines.
const DRIVER = `
import pg from "pg";
const client = new pg.Client();
client.on("error", () => {});
client.connect().then(() => process.exit(0), (error) => {
  process.stderr.write(\`FATAL:  \${error.message}\\nDETAIL:  \${error.detail}\\nHINT:  \${error.hint}\\n\`);
  process.exit(2);
});`;
const TOOL: readonly string[] = without("psql")
  ? [process.execPath, "--input-type=module", "--eval", DRIVER]
  : ["psql", "--no-psqlrc", "-c", ""];
