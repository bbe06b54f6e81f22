// The environment of a tool that connects to the database by itself, without the proxy, as libpq reads it.
// The server's name is in PGHOST, for SNI, the certificate and the password file; where it is, in PGHOSTADDR.
// https://www.postgresql.org/docs/current/libpq-envars.html
import { environmentWithoutPlace } from "./environment.ts";

/** Where the database is, who logs in, and the files that a login needs. */
export interface DirectPlace {
  /** The environment that rdsiam itself was started with. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The canonical host: what the certificate must name. */
  readonly host: string;
  /** Its addresses, or those of a tunnel to it. */
  readonly addresses: readonly string[];
  readonly port: number;
  readonly user: string;
  readonly dbname: string;
  readonly passwordFile: string;
  readonly rootCertificates: string;
  /** Seconds, where the user has set none. */
  readonly connectTimeout: number;
  readonly target: string;
  readonly rdsHost: string;
  readonly applicationName?: string | undefined;
}

/** The environment for the tool, as a new object. */
export function directEnvironment(place: DirectPlace): Record<string, string> {
  const { addresses, applicationName } = place;
  const environment = environmentWithoutPlace(place.env);
  // libpq wants as many names as addresses, and tries one after the other.
  environment["PGHOST"] = addresses.map(() => place.host).join(",");
  environment["PGHOSTADDR"] = addresses.join(",");
  environment["PGPORT"] = String(place.port);
  environment["PGUSER"] = place.user;
  environment["PGDATABASE"] = place.dbname;
  environment["PGPASSFILE"] = place.passwordFile;
  environment["PGSSLMODE"] = "verify-full";
  environment["PGSSLROOTCERT"] = place.rootCertificates;
  // An auth token goes out as a cleartext password within TLS, and in no other way.
  environment["PGREQUIREAUTH"] = "password";
  environment["PGCONNECT_TIMEOUT"] ??= String(place.connectTimeout);
  environment["RDSIAM_HOST"] = place.rdsHost;
  environment["RDSIAM_TARGET"] = place.target;
  if (applicationName !== undefined) environment["PGAPPNAME"] ??= applicationName;
  return environment;
}
