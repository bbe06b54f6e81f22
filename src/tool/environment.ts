// The tool's environment: every PG* variable that points to the proxy, and none that points past it.
// A variable is deleted and never blanked: lib/pq panics on an empty PGSERVICE, and postgres.js prefers PGUSERNAME to PGUSER.
// What is neither set nor deleted here is the user's own and stays as it is (PGOPTIONS, PGTZ, PSQLRC, PAGER, ...).
// https://www.postgresql.org/docs/current/libpq-envars.html
import type { Environment } from "../base/context.ts";

/** A proxy of the run, its target, and how a tool logs in there. */
export interface ProxyTarget {
  /** What the names of its variables begin with: `SRC_`, or nothing for the target that the tool uses by itself. */
  readonly prefix: string;
  /** The literal address of the proxy: with a name, another process on the name's other address would be asked. */
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly dbname: string;
  /** The secret of this run, never an auth token. */
  readonly password: string;
  readonly target: string;
  /** The canonical host of the database, with its port where that is not 5432. */
  readonly rdsHost: string;
  /** Used when the user has not set PGAPPNAME. */
  readonly applicationName?: string | undefined;
}

const DELETED: ReadonlySet<string> = new Set([
  // These send the tool elsewhere, or read settings that do.
  "PGHOSTADDR",
  "PGSERVICE",
  "PGSERVICEFILE",
  "PGSYSCONFDIR",
  "PGPASSFILE",
  "PGTARGETSESSIONATTRS",
  "PGLOADBALANCEHOSTS",
  "PGUSERNAME",
  // These make it refuse a loopback connection without TLS.
  "PGREQUIRESSL",
  "PGREQUIREPEER",
  "PGSSL",
  "PGSSLNEGOTIATION",
  "PGSSLROOTCERT",
  "PGSSLCERT",
  "PGSSLKEY",
  "PGSSLCERTMODE",
  "PGSSLCRL",
  "PGSSLCRLDIR",
  "PGSSLSNI",
  "PGSSLCOMPRESSION",
  "PGSSLMINPROTOCOLVERSION",
  "PGSSLMAXPROTOCOLVERSION",
  "PGSSLPASSWORD",
  "PGMINPROTOCOLVERSION",
  // These concern other ways to log in, or are obsolete and make old tools fail.
  "PGKRBSRVNAME",
  "PGGSSLIB",
  "PGGSSDELEGATION",
  "PGREALM",
  "PGAUTHTYPE",
  "PGTTY",
  "PGOAUTHDEBUG",
]);

const PROXY: ReadonlySet<string> = new Set([
  "PGHOST",
  "PGPORT",
  "PGUSER",
  "PGDATABASE",
  "PGPASSWORD",
]);

// libpq's own: with any of them set, lib/pq 1.11 and newer connects nowhere.
// https://github.com/lib/pq/blob/v1.12.3/connector.go (fromEnv)
const LIBPQ = {
  PGGSSENCMODE: "disable",
  PGCHANNELBINDING: "disable",
  PGREQUIREAUTH: "scram-sha-256",
};

/** Whether a variable says where and how a tool connects, so that another value than rdsiam's leads past the proxy. */
export function leadsPastProxy(name: string): boolean {
  return PROXY.has(name) || DELETED.has(name) || name === "PGSSLMODE" || Object.hasOwn(LIBPQ, name);
}

/**
 * The environment for the tool, as a new object; `env` is the one that rdsiam itself was started with. A tool that is known
 * to be made with libpq is told more precisely how to connect.
 */
export function toolEnvironment(
  env: Environment,
  targets: readonly ProxyTarget[],
  isLibpq: boolean,
): Record<string, string> {
  const environment: Record<string, string> = {};
  for (const [name, value] of Object.entries(env)) {
    if (value !== undefined && !DELETED.has(name) && !PROXY.has(name)) environment[name] = value;
  }
  environment["PGSSLMODE"] = "disable";
  for (const [name, value] of Object.entries(LIBPQ)) {
    if (isLibpq) environment[name] = value;
    else delete environment[name];
  }
  // It worked once, and would be refused to a nested rdsiam.
  delete environment["RDSIAM_MFA_CODE"];
  // A target that came from an outer rdsiam would name the wrong database.
  delete environment["RDSIAM_TARGET"];
  delete environment["RDSIAM_HOST"];
  for (const proxy of targets) addTarget(environment, proxy);
  return environment;
}

function addTarget(environment: Record<string, string>, proxy: ProxyTarget): void {
  const { prefix, applicationName } = proxy;
  environment[`${prefix}PGHOST`] = proxy.host;
  environment[`${prefix}PGPORT`] = String(proxy.port);
  environment[`${prefix}PGUSER`] = proxy.user;
  environment[`${prefix}PGDATABASE`] = proxy.dbname;
  environment[`${prefix}PGPASSWORD`] = proxy.password;
  environment[`${prefix}PGSSLMODE`] = "disable";
  if (prefix !== "") return;
  environment["RDSIAM_HOST"] = proxy.rdsHost;
  environment["RDSIAM_TARGET"] = proxy.target;
  if (applicationName !== undefined) environment["PGAPPNAME"] ??= applicationName;
}
