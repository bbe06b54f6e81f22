// The database server as the proxy's backend: its addresses, its limits, and the certificates that it is verified with.
import type { Buffer } from "node:buffer";
import type { RunContext } from "../base/context.ts";
import { RdsIamError } from "../base/errors.ts";
import { SETTINGS } from "../config/keys.ts";
import type { Settings } from "../config/settings.ts";
import type { Backend, ResumeOptions, TlsNegotiation, Verification } from "../proxy/backend.ts";
import { caDirectory } from "../rds/ca-store.ts";
import { isRedshift, parseEndpoint, unnamedCluster } from "../rds/endpoint.ts";
import type { DatabaseEndpoint } from "./endpoint.ts";

const LOGIN_TIMEOUT = 30_000; // ms that the server gets for each login once TLS stands; a throttled IAM check takes seconds

const FIRST_WITH_DIRECT_TLS = 17; // https://www.postgresql.org/docs/17/release-17.html
const RESUME_SECONDS = 60;
const SERVER_KINDS: ReadonlySet<string> = new Set(["instance", "cluster", "reader"]);

const READ_ONLY = { default_transaction_read_only: "on" };

/** The environment decides where the certificates of `rdsiam ca update` are. */
type BackendContext = Pick<RunContext, "env" | "home" | "log">;

/** A database, and how the user wants it verified. */
export interface BackendRequest {
  readonly settings: Settings;
  readonly endpoint: DatabaseEndpoint;
}

/** The backend of an endpoint. Its certificates are loaded when they are needed; that the user's own can be is found out at once. */
export async function openBackend(
  context: BackendContext,
  request: BackendRequest,
): Promise<Backend> {
  const { settings, endpoint } = request;
  if (settings.readOnly) checkReadOnly(endpoint);
  let verified: Promise<Verification> | undefined;
  const verification = (): Promise<Verification> => (verified ??= verify(context, request));
  await checkCaFiles(settings);
  return {
    host: endpoint.host,
    port: settings.port,
    verification,
    addresses: endpoint.addresses,
    connectTimeout: settings.connectTimeout * 1_000,
    loginTimeout: LOGIN_TIMEOUT,
    clusterId: unnamedCluster(settings.host, endpoint),
    dialect: endpoint.kind === "dsql" && settings.dsqlDialect ? "dsql" : undefined,
    parameters: settings.readOnly ? READ_ONLY : {},
    negotiation: await tlsNegotiation(context, request),
    resume: resumeOptions(context, request),
  };
}

// An error is reported before a tool starts. To parse the certificates takes longer than to read them, and goes on beside its start.
async function checkCaFiles({ sslrootcert }: Settings): Promise<void> {
  if (sslrootcert === undefined || sslrootcert === "system") return;
  const { readCaFiles } = await import("../rds/certificates.ts");
  readCaFiles(sslrootcert);
}

// Aurora Serverless and the express configuration pause; a connection wakes them, and waits meanwhile.
// https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/aurora-serverless-v2-auto-pause.html
function resumeOptions(
  { log }: BackendContext,
  { settings, endpoint }: BackendRequest,
): ResumeOptions | undefined {
  const { connectTimeout } = settings;
  // One who has set less does not want to wait for that.
  const isWaited = connectTimeout >= SETTINGS.connectTimeout.default;
  if (!isWaited || !SERVER_KINDS.has(endpoint.kind)) return undefined;
  const seconds = Math.max(RESUME_SECONDS, connectTimeout);
  let isNoted = false;
  const onSilence = (): void => {
    if (!isNoted) {
      log.notice(
        `${endpoint.host} accepted the connection and is silent: a paused cluster takes up to a minute to resume`,
      );
    }
    isNoted = true;
  };
  return { timeout: seconds * 1_000, onSilence };
}

// TLS at once where the settings say so, where DSQL is, or where an earlier login has shown a PostgreSQL that takes it. What
// was remembered is a shortcut alone: where it is wrong, an SSLRequest follows.
async function tlsNegotiation(
  { env, home }: BackendContext,
  { settings, endpoint }: BackendRequest,
): Promise<TlsNegotiation | undefined> {
  const { tlsNegotiation: wanted } = settings;
  if (wanted === "postgres") return undefined;
  if (wanted === "direct") return { direct: () => "only", failed: () => {}, worked: () => {} };
  const isDsql = endpoint.kind === "dsql";
  // Behind other endpoints a proxy, or PostgreSQL and something else in turn, may answer.
  if (!isDsql && !SERVER_KINDS.has(endpoint.kind)) return undefined;
  const known = await import("../rds/known-hosts.ts");
  const file = known.knownHostsFile(env, home);
  const server = `${endpoint.host}:${endpoint.port}`;
  // A file that cannot be used costs a round trip; an alias's check reports it.
  const attempt = <T>(use: () => T): T | undefined => {
    try {
      return use();
    } catch {
      return undefined;
    }
  };
  const remember = (how: "direct-tls" | "sslrequest"): void =>
    attempt(() => known.rememberTls(file, server, how));
  let isDirect = isDsql || attempt(() => known.isDirectTlsKnown(file, server)) === true;
  let isSettled = isDirect;
  return {
    direct: () => (isDirect ? "try" : "no"),
    failed: () => {
      isDirect = false;
      if (!isDsql) remember("sslrequest");
    },
    worked: (read) => {
      if (isSettled) return;
      isSettled = true;
      if (serverVersion(read) >= FIRST_WITH_DIRECT_TLS) remember("direct-tls");
    },
  };
}

// The major version in the ParameterStatus messages of a login; 0 when there is none.
function serverVersion(read: Buffer): number {
  const at = read.indexOf("server_version\0");
  return at === -1 ? 0 : Number.parseInt(read.toString("latin1", at + 15, at + 18), 10) || 0;
}

/** Throws for a database whose sessions cannot be read-only; one that only promised to be would be worse than none. */
export function checkReadOnly({ host, kind }: Pick<DatabaseEndpoint, "host" | "kind">): void {
  const isDsql = kind === "dsql";
  if (!isDsql && !isRedshift(kind)) return;
  throw new RdsIamError(
    `${host} cannot be opened read-only: it is ${isDsql ? "Aurora DSQL" : "Redshift"}`,
    {
      code: "ERR_USAGE",
      detail: isDsql
        ? "DSQL supports neither default_transaction_read_only nor SET SESSION CHARACTERISTICS."
        : "Redshift does not have default_transaction_read_only.",
      hint: "Leave {--read-only} and rds_read_only out, and log in as a role that may only SELECT.",
    },
  );
}

/** The certificates that are trusted for an endpoint, and what they are. */
export async function trustFor(
  { env, home }: BackendContext,
  { settings, endpoint }: BackendRequest,
) {
  const { trustedCertificates } = await import("../rds/certificates.ts");
  const { kind } = endpoint;
  // A Region that was given wrongly must not look like a forged certificate.
  const region = parseEndpoint(endpoint.host)?.region ?? endpoint.region;
  const storeDirectory = caDirectory(env, home);
  return trustedCertificates({ sslrootcert: settings.sslrootcert, kind, region, storeDirectory });
}

async function verify(context: BackendContext, request: BackendRequest): Promise<Verification> {
  const { backendSecureContext } = await import("../proxy/backend-tls.ts");
  const { certificates, description } = await trustFor(context, request);
  return { secureContext: backendSecureContext(certificates), trust: description };
}
