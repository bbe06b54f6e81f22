// The tool's environment: every PG* variable that leads to the proxy, and none that leads past it.
// A variable is deleted and never blanked: lib/pq panics on an empty PGSERVICE, and postgres.js prefers PGUSERNAME to PGUSER.
// What is neither set nor deleted here is the user's own and stays as it is (PGOPTIONS, PGTZ, PSQLRC, PAGER, ...).
// https://www.postgresql.org/docs/current/libpq-envars.html

/** Where the proxy listens and who logs in, for childEnvironment(). */
export interface ChildEnvironmentOptions {
  /** The environment that rdsiam itself was started with. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The literal address of the proxy: with a name, another process on the name's other address would be asked. */
  readonly host: "127.0.0.1";
  readonly port: number;
  readonly user: string;
  readonly dbname: string;
  /** The secret of this run, never an auth token. */
  readonly password: string;
  /** The target's name; undefined when the host came from an option alone. */
  readonly target: string | undefined;
  /** The canonical host of the database. */
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

/** The environment for the tool, as a new object. */
export function childEnvironment(options: ChildEnvironmentOptions): Record<string, string> {
  const environment: Record<string, string> = {};
  for (const [name, value] of Object.entries(options.env)) {
    if (value !== undefined && !DELETED.has(name)) environment[name] = value;
  }
  environment["PGHOST"] = options.host;
  environment["PGPORT"] = String(options.port);
  environment["PGUSER"] = options.user;
  environment["PGDATABASE"] = options.dbname;
  environment["PGPASSWORD"] = options.password;
  environment["PGSSLMODE"] = "disable";
  environment["PGGSSENCMODE"] = "disable";
  environment["PGCHANNELBINDING"] = "disable";
  environment["PGREQUIREAUTH"] = "scram-sha-256";
  environment["RDSIAM_HOST"] = options.rdsHost;
  // It worked once, and would be refused to a nested rdsiam.
  delete environment["RDSIAM_MFA_CODE"];
  // A target that came from an outer rdsiam would name the wrong database.
  delete environment["RDSIAM_TARGET"];
  if (options.target !== undefined) environment["RDSIAM_TARGET"] = options.target;
  if (options.applicationName !== undefined) environment["PGAPPNAME"] ??= options.applicationName;
  return environment;
}
