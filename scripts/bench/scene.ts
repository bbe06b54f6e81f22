// Everything that a benchmark stands on: the server with its data, the AWS profile that leads to it, and a token for the
// programs that make none themselves. All in one directory, in memory where the machine has room; closing leaves nothing.
import { Buffer } from "node:buffer";
import { timingSafeEqual } from "node:crypto";
import { chmod, cp, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { Signer } from "@aws-sdk/rds-signer";
import { verifyAuthToken } from "../../src/demo/sigv4.ts";
import { type Certificate, makeAuthority, makeLeaf } from "../../src/demo/certificates.ts";
import { startDns } from "../../src/demo/dns.ts";
import { appendProfile, makeEnvironment, makeHome } from "../../src/demo/home.ts";
import { type AccessKey, KeyStore } from "../../src/demo/keys.ts";
import { roomyDirectory } from "../scratch.ts";
import { type Ldap, startLdap } from "./ldap.ts";
import { type Server, startServer } from "./server.ts";

const REGION = "eu-west-1";

/** The database, its owner and the name that its certificate has. */
export const DATABASE = "bench";
export const USER = "bench_user";
export const HOST = `bench.c1a2b3c4d5e6.${REGION}.rds.amazonaws.com`;
/** The AWS profile that is a target. */
export const TARGET = "bench";

/** The running scene. */
export interface Scene extends AsyncDisposable {
  readonly directory: string;
  readonly server: Server;
  readonly caFile: string;
  /** The server's. */
  readonly certificate: Certificate;
  readonly keys: KeyStore;
  /** What rdsiam and the AWS CLI need in their environment. */
  readonly awsEnvironment: Readonly<Record<string, string>>;
  readonly region: string;
  /** A copy of the built program, which a build meanwhile does not change. */
  readonly bundle: string;
  /** A new auth token. */
  readonly makeToken: () => Promise<string>;
}

/** Starts everything; settles when the database can be logged in to. */
export async function startScene(): Promise<Scene> {
  const directory = await mkdtemp(join(roomyDirectory(), "rdsiam-bench-"));
  const closers: (() => PromiseLike<unknown>)[] = [
    () => rm(directory, { recursive: true, force: true }),
  ];
  const close = async (): Promise<void> => {
    for (let closer = closers.pop(); closer !== undefined; closer = closers.pop()) await closer();
  };
  const keep = <T extends AsyncDisposable>(part: T): T => {
    closers.push(() => part[Symbol.asyncDispose]());
    return part;
  };
  try {
    return { ...(await startParts(directory, keep)), [Symbol.asyncDispose]: close };
  } catch (error) {
    await close();
    throw error;
  }
}

type Keep = <T extends AsyncDisposable>(part: T) => T;

async function startParts(
  directory: string,
  keep: Keep,
): Promise<Omit<Scene, typeof Symbol.asyncDispose>> {
  const keys = new KeyStore();
  const key = keys.createStaticKey({ arn: "arn:aws:iam::123456789012:user/bench" });
  // Set as soon as the server has one; nobody logs in before.
  const place = { port: 0 };
  const ldap = keep(await startJudge(keys, place));
  const authority = await makeAuthority({
    subject: `CN=Amazon RDS ${REGION} Root CA ECC256 G1 (rdsiam bench), O=rdsiam bench`,
  });
  const names = [HOST, "127.0.0.1"];
  const certificate = await makeLeaf({ subject: `CN=${HOST}`, names, issuer: authority });
  // PostgreSQL and pgbouncer run as another account when we are root, and have to get through.
  await chmod(directory, 0o711);
  const server = keep(await startServer({ parent: directory, certificate, ldapPort: ldap.port }));
  place.port = server.port;
  const caFile = join(directory, "ca.pem");
  await writeFile(caFile, authority.cert);
  await server.query([
    `create role rds_iam nologin; create role ${USER} login in role rds_iam`,
    `create database ${DATABASE} owner ${USER}`,
  ]);
  const dns = keep(await startDns({ [HOST]: { a: ["127.0.0.1"] } }));
  const awsEnvironment = await furnish({ directory, key, caFile, server, dnsServers: dns.address });
  const bundle = await copyProgram(directory);
  const { accessKeyId, secretAccessKey } = key;
  const credentials = { accessKeyId, secretAccessKey };
  const signed = { hostname: HOST, port: server.port, region: REGION, username: USER, credentials };
  const makeToken = (): Promise<string> => new Signer(signed).getAuthToken();
  const whole = { directory, server, caFile, certificate, keys, awsEnvironment };
  return { ...whole, region: REGION, bundle, makeToken };
}

// A token that was verified once is known from then on, so that a login costs the server the same whoever made it.
function startJudge(keys: KeyStore, place: { readonly port: number }): Promise<Ldap> {
  const known = new Map<string, Buffer>();
  return startLdap((user, password) => {
    const given = Buffer.from(password);
    const before = known.get(user);
    if (before?.length === given.length && timingSafeEqual(before, given)) return true;
    const verdict = verifyAuthToken(password, {
      hosts: [HOST],
      port: place.port,
      region: REGION,
      user,
      find: (id) => keys.find(id),
      now: new Date(),
    });
    if (verdict.ok) known.set(user, given);
    return verdict.ok;
  });
}

interface Furniture {
  readonly directory: string;
  readonly key: AccessKey;
  readonly caFile: string;
  readonly server: Server;
  readonly dnsServers: string;
}

async function furnish(parts: Furniture): Promise<Readonly<Record<string, string>>> {
  const { caFile, directory, dnsServers, key, server } = parts;
  const homeDirectory = join(directory, "home");
  await mkdir(homeDirectory);
  const home = await makeHome(homeDirectory);
  const settings = {
    region: REGION,
    rds_host: HOST,
    rds_port: server.port,
    rds_user: USER,
    rds_dbname: DATABASE,
    rds_sslrootcert: caFile,
    rds_dns_servers: dnsServers,
  };
  await appendProfile(home, TARGET, settings, key);
  // Nobody listens there: static keys need no STS.
  return { ...makeEnvironment(home, { sts: "http://127.0.0.1:9" }) };
}

async function copyProgram(directory: string): Promise<string> {
  const root = resolve(import.meta.dirname, "../..");
  await cp(join(root, "dist"), join(directory, "dist"), { recursive: true });
  await cp(join(root, "package.json"), join(directory, "package.json"));
  return join(directory, "dist/rdsiam.js");
}
