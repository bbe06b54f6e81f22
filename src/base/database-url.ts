// A connection URI as libpq and the drivers read it. `postgresql:` and not `postgres:`: SQLAlchemy takes this one alone.
// https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING-URIS
import { showHostPort } from "./host-port.ts";

/** What a URI says; an IPv6 address without its brackets, a directory for a unix socket. */
export interface UrlParts {
  readonly host: string;
  readonly port: number | string;
  readonly user: string;
  readonly dbname: string;
  /** Left out where others can read the URI. */
  readonly password?: string | undefined;
  readonly parameters?: Readonly<Record<string, string>>;
}

/** The URI of a database, every part encoded. */
export function databaseUrl(parts: UrlParts): string {
  const { host, port, user, dbname, password, parameters = {} } = parts;
  const login = [user, ...(password === undefined ? [] : [password])].map(encodePart).join(":");
  const isSocket = host.startsWith("/");
  const place = isSocket ? `:${port}` : showHostPort({ host, port });
  const pairs = Object.entries({ ...(isSocket ? { host } : {}), ...parameters });
  const query = pairs.map(([name, value]) => `${name}=${encodePart(value)}`).join("&");
  return `postgresql://${login}@${place}/${encodePart(dbname)}${query === "" ? "" : `?${query}`}`;
}

/** A part of a URI without its encoding; as it stands where a % in it encodes nothing. */
export function decodePart(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** A part of a URI, percent-encoded: encodeURIComponent leaves !'()* alone, which mean something to a shell. */
export function encodePart(text: string): string {
  return encodeURIComponent(text).replaceAll(
    /[!'()*]/g,
    (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
