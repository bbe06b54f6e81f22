// The tool's environment: every PG* variable that leads to the proxy, and none that leads past it.
// A variable is deleted and never blanked: lib/pq panics on an empty PGSERVICE, and postgres.js prefers PGUSERNAME to PGUSER.
// What is neither set nor deleted here is the user's own and stays as it is (PGOPTIONS, PGTZ, PSQLRC, PAGER, ...).
// https://www.postgresql.org/docs/current/libpq-envars.html

/** Where a proxy listens, and who logs in there. */
export interface ProxyPlace {
  /** The literal address of the proxy: with a name, another process on the name's other address would be asked. */
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly dbname: string;
  /** The secret of this run, never an auth token. */
  readonly password: string;
}

/** Where the proxy listens and who logs in, for childEnvironment(). */
export interface ChildEnvironmentOptions extends ProxyPlace {
  /** The environment that rdsiam itself was started with. */
  readonly env: Readonly<Record<string, string | undefined>>;
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

const PLACE: ReadonlySet<string> = new Set([
  "PGHOST",
  "PGPORT",
  "PGUSER",
  "PGDATABASE",
  "PGPASSWORD",
]);

/** The environment for the tool, as a new object. */
export function childEnvironment(options: ChildEnvironmentOptions): Record<string, string> {
  const environment = environmentWithoutPlace(options.env);
  for (const [name, value] of placeVariables(options)) environment[name] = value;
  environment["RDSIAM_HOST"] = options.rdsHost;
  if (options.target !== undefined) environment["RDSIAM_TARGET"] = options.target;
  if (options.applicationName !== undefined) environment["PGAPPNAME"] ??= options.applicationName;
  return environment;
}

/** An environment that leads to no database: the user's own must not take the place of one that has a name here. */
export function environmentWithoutPlace(
  env: ChildEnvironmentOptions["env"],
): Record<string, string> {
  const environment: Record<string, string> = {};
  for (const [name, value] of Object.entries(env)) {
    if (value !== undefined && !DELETED.has(name) && !PLACE.has(name)) environment[name] = value;
  }
  environment["PGSSLMODE"] = "disable";
  environment["PGGSSENCMODE"] = "disable";
  environment["PGCHANNELBINDING"] = "disable";
  environment["PGREQUIREAUTH"] = "scram-sha-256";
  // It worked once, and would be refused to a nested rdsiam.
  delete environment["RDSIAM_MFA_CODE"];
  // A target that came from an outer rdsiam would name the wrong database.
  delete environment["RDSIAM_TARGET"];
  delete environment["RDSIAM_HOST"];
  return environment;
}

/** The variables that lead to a proxy, with SRC_ in front of each for the prefix `SRC_`. */
export function placeVariables(place: ProxyPlace, prefix = ""): [string, string][] {
  const { host, port, user, dbname, password } = place;
  return [
    [`${prefix}PGHOST`, host],
    [`${prefix}PGPORT`, String(port)],
    [`${prefix}PGUSER`, user],
    [`${prefix}PGDATABASE`, dbname],
    [`${prefix}PGPASSWORD`, password],
    [`${prefix}PGSSLMODE`, "disable"],
  ];
}
