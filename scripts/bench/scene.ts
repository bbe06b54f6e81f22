// Everything that a benchmark stands on: the demo's PostgreSQL with TLS of its own (the demo's gateway would be as slow as what is
// measured), its data, STS and DNS, and the AWS profile that leads there. All in one directory, in memory where there is room.
import { chmod, cp, mkdtemp, rm, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import process from "node:process";
import { Signer } from "@aws-sdk/rds-signer";
import { makeAuthority, makeLeaf } from "../../src/demo/certificates.ts";
import { startDns } from "../../src/demo/dns.ts";
import { appendProfile, type Home, makeEnvironment, makeHome } from "../../src/demo/home.ts";
import { type AccessKey, KeyStore } from "../../src/demo/keys.ts";
import { type Postgres, startPostgres } from "../../src/demo/postgres.ts";
import { verifyAuthToken } from "../../src/demo/sigv4.ts";
import { startSts } from "../../src/demo/sts.ts";
import { roomyDirectory } from "../scratch.ts";
import { startLdap } from "./ldap.ts";
import { type Environment, runTool } from "./processes.ts";

export const REGION = "eu-west-1";
export const DATABASE = "bench";
export const USER = "bench_user";
export const USER_ARN = "arn:aws:iam::123456789012:user/bench";
/** The name that the server's certificate has. */
export const HOST = `bench.c1a2b3c4d5e6.${REGION}.rds.amazonaws.com`;
/** The AWS profile that is a target. */
export const TARGET = "bench";

/** The rest of a psql that shows one row. */
export const SELECT = ["-XAtc", "select 1"];

const ROW_BYTES = 456; // of a row of the table `bulk` as text, with its line feed

// Steady rather than lifelike: nothing is written to disk, and nothing runs by itself in the middle of a measurement.
const SETTINGS = {
  autovacuum: "off",
  jit: "off",
  wal_level: "minimal",
  max_wal_senders: "0",
  max_wal_size: "8GB",
  checkpoint_timeout: "1d",
  max_connections: "1100",
  shared_buffers: "768MB",
  dynamic_shared_memory_type: "mmap",
};

/** Megabytes of the table `bulk`; pgbench's scale, 100,000 accounts each. */
export type SceneSize = Readonly<Record<"megabytes" | "scale", number>>;

/** The running scene. */
export type Scene = Awaited<ReturnType<typeof startScene>>;

/** Starts everything; settles when the database can be logged in to. */
export async function startScene(size: SceneSize) {
  const directory = await mkdtemp(join(roomyDirectory(), "rdsiam-bench-"));
  const parts: AsyncDisposable[] = [];
  const close = async (): Promise<void> => {
    for (const part of parts.reverse()) await part[Symbol.asyncDispose]();
    await rm(directory, { recursive: true, force: true });
  };
  const keep = <T extends AsyncDisposable>(part: T): T => {
    parts.push(part);
    return part;
  };
  try {
    const scene = await startParts(directory, keep);
    await fill(scene, size);
    return { ...scene, [Symbol.asyncDispose]: close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function startParts(directory: string, keep: <T extends AsyncDisposable>(part: T) => T) {
  const keys = new KeyStore();
  const key = keys.createStaticKey({ arn: USER_ARN });
  // A token that was verified once is known from then on, so that a login costs the server the same whoever made it.
  const known = new Set<string>();
  const judge = (user: string, token: string): boolean => {
    if (known.has(user + token)) return true;
    const place = { hosts: [HOST], port: postgres.port, region: REGION };
    const find = (id: string) => keys.find(id);
    const verdict = verifyAuthToken(token, { ...place, user, find, now: new Date() });
    if (verdict.ok) known.add(user + token);
    return verdict.ok;
  };
  const ldap = keep(await startLdap(judge));
  const authority = await makeAuthority({ subject: "CN=rdsiam bench" });
  const names = [HOST, "127.0.0.1", "localhost"];
  const certificate = await makeLeaf({ subject: `CN=${HOST}`, names, issuer: authority });
  const files = {
    caFile: join(directory, "ca.pem"),
    certFile: join(directory, "server.crt"),
    keyFile: join(directory, "server.key"),
    bulkFile: join(directory, "bulk.txt"),
    bundle: join(directory, "dist/rdsiam.js"),
  };
  await writeFile(files.caFile, authority.cert);
  await writeFile(files.certFile, certificate.cert);
  await writeFile(files.keyFile, certificate.key, { mode: 0o600 });
  // PostgreSQL and pgbouncer run as another account when we are root, and have to get through.
  await chmod(directory, 0o711);
  const method = `ldap ldapserver=127.0.0.1 ldapport=${ldap.port} ldapprefix="" ldapsuffix=""`;
  const postgres: Postgres = keep(
    await startPostgres({
      env: { PATH: process.env["PATH"] },
      from: [import.meta.dirname],
      temporaryDirectory: directory,
      alsoRemove: directory,
      tls: { certificate, hba: [`hostssl all +rds_iam 127.0.0.1/32 ${method}`] },
      settings: SETTINGS,
    }),
  );
  const place = { hostname: HOST, port: postgres.port, region: REGION, username: USER };
  const { accessKeyId, secretAccessKey } = key;
  const credentials = { accessKeyId, secretAccessKey };
  const token = await new Signer({ ...place, credentials }).getAuthToken();
  judge(USER, token);
  const dns = keep(await startDns({ [HOST]: { a: ["127.0.0.1"] } }));
  const sts = keep(await startSts({ keys }));
  const database = { host: HOST, port: postgres.port, user: USER, dbname: DATABASE };
  const settings = { ...database, sslrootcert: files.caFile, dns_servers: dns.address };
  // What rdsiam and the AWS CLI need, with so many targets beside `bench`, named target-1 and so on.
  const env = async (targets = 0): Promise<Environment> =>
    makeEnvironment(await furnish(directory, key, settings, targets), { sts: sts.endpoint });
  // A build meanwhile does not change what is measured.
  const root = resolve(import.meta.dirname, "../..");
  await cp(join(root, "dist"), join(directory, "dist"), { recursive: true });
  await cp(join(root, "package.json"), join(directory, "package.json"));
  const query = async (...statements: readonly string[]): Promise<void> => {
    const client = postgres.makeClient(DATABASE);
    await client.connect();
    for (const statement of [`set role ${USER}`, ...statements]) await client.query(statement);
    await client.end();
  };
  return { ...files, directory, token, postgres, dnsServers: dns.address, env, query };
}

// A home directory with the profile `bench`, and sections of the same database.
async function furnish(
  directory: string,
  key: AccessKey,
  settings: Readonly<Record<string, string | number>>,
  targets: number,
): Promise<Home> {
  const home = await makeHome(await mkdtemp(join(directory, "home-")));
  const entries = Object.entries(settings);
  const prefixed = entries.map(([name, value]) => [`rds_${name}`, value] as const);
  await appendProfile(home, TARGET, { region: REGION, ...Object.fromEntries(prefixed) }, key);
  const lines = [["profile", TARGET], ...entries].map(([name, value]) => `${name} = ${value}\n`);
  const sections = Array.from({ length: targets }, (_, at) => `[target-${at + 1}]\n`);
  await writeFile(home.own, sections.map((head) => head + lines.join("")).join("\n"));
  return home;
}

// The tables, and the file that is copied in: rows that cost the server little, so that what is in between shows.
async function fill(
  scene: Awaited<ReturnType<typeof startParts>>,
  { megabytes, scale }: SceneSize,
): Promise<void> {
  const { postgres } = scene;
  await postgres.query("create role rds_iam");
  await postgres.query(`create role ${USER} login in role rds_iam`);
  await postgres.query(`create database ${DATABASE} owner ${USER}`);
  const rows = Math.ceil((megabytes * 1e6) / ROW_BYTES);
  await scene.query(
    `create unlogged table bulk as
       select i as id, repeat(md5(i::text), 14) as line from generate_series(1000001, ${1_000_000 + rows}) as i`,
    "create unlogged table bulk_in (id integer, line text)",
    "vacuum (freeze, analyze) bulk",
  );
  const { directory, port } = postgres;
  const env = { PGHOST: directory, PGPORT: String(port), PGUSER: USER, PGDATABASE: DATABASE };
  const copy = ["psql", "-Xqc", `copy bulk to stdout`, "-o", scene.bulkFile];
  await runTool({ words: copy, env });
  const tables = ["pgbench", "-i", "-I", "dtGvp", "-q", "-s", String(scale)];
  await runTool({ words: tables, env });
  await postgres.query("checkpoint");
}
