// Reads connection strings, in both of libpq's forms. A word of ours in them, `rdsiam=NAME`, says which token source makes the
// password; the gem pg-aws_rds_iam has a longer one for it, which is read too.
// No error repeats the text: there may be a password in it.
// https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING
import { RdsIamError } from "../base/errors.ts";
import type { ConnectionRequest, PlainConnectionOptions } from "./public.ts";

/** The parameters of a connection string by libpq's names. */
export type Parameters = ReadonlyMap<string, string>;

const SOURCE_NAMES = ["rdsiam", "aws_rds_iam_auth_token_generator"];

/** Reads postgresql://USER:PASSWORD@HOST:PORT/DATABASE?NAME=VALUE. */
export function readUrl(text: string): Parameters {
  if (!isUrl(text)) throw unreadable("it does not begin with postgresql:// or postgres://");
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw unreadable("it is not a valid URL with one host");
  }
  const parts = {
    host: url.hostname.replace(/^\[(.*)\]$/, "$1"),
    port: url.port,
    user: decode(url.username),
    password: decode(url.password),
    dbname: decode(url.pathname.slice(1)),
  };
  const parameters = new Map(Object.entries(parts).filter(([, value]) => value !== ""));
  for (const [name, value] of url.searchParams) {
    // libpq has both: what stands before the question mark is overridden by what stands behind it.
    if (value !== "") parameters.set(name, value);
  }
  return parameters;
}

/** Whether a connection string is a URL. */
export function isUrl(text: string): boolean {
  return /^postgres(?:ql)?:\/\//.test(text);
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw unreadable("a % in it is not followed by two hexadecimal digits");
  }
}

// NAME = VALUE, where a value may be in quotes and a backslash takes the next character as it is.
const PAIR =
  /\s*([^\s=]+)\s*=\s*(?:'((?:[^'\\]|\\[^])*)'(?=\s|$)|((?:[^\s'\\]|\\[^])(?:[^\s\\]|\\[^])*)?)\s*/y;

/** Reads `host=HOST user=USER dbname='a b'`. */
export function readKeywords(text: string): Parameters {
  const parameters = new Map<string, string>();
  PAIR.lastIndex = 0;
  while (PAIR.lastIndex < text.length) {
    const [, name, quoted, bare = ""] = PAIR.exec(text) ?? [];
    if (name === undefined) throw unreadable("it is not a sequence of NAME=VALUE");
    const value = (quoted ?? bare).replaceAll(/\\([^])/g, "$1");
    if (value !== "") parameters.set(name, value);
  }
  return parameters;
}

function unreadable(why: string): RdsIamError {
  return new RdsIamError(`the connection string cannot be read: ${why}`, {
    code: "ERR_USAGE",
    hint: "Write postgresql://USER@HOST:PORT/DATABASE?rdsiam=default",
  });
}

/** The name of the token source; undefined where the string asks for none. */
export function sourceIn(parameters: Parameters): string | undefined {
  return SOURCE_NAMES.map((name) => parameters.get(name)).find((name) => name !== undefined);
}

// Those that are read below, and those that say nothing here: the token is the password, TLS is verified in any case.
const KNOWN = [
  ...SOURCE_NAMES,
  "host",
  "port",
  "user",
  "dbname",
  "sslrootcert",
  "application_name",
  "connect_timeout",
  "password",
  "sslmode",
  "channel_binding",
  "gssencmode",
];

/** What the string asks for, beside the given options, which are for what it cannot say. */
export function requestIn(parameters: Parameters, options: ConnectionRequest): ConnectionRequest {
  if (parameters.get("sslmode") === "disable") {
    throw new RdsIamError("sslmode=disable cannot be combined with an auth token", {
      code: "ERR_USAGE",
      detail: "A token is only ever sent over TLS that is verified.",
      hint: "Leave sslmode out.",
    });
  }
  for (const name of parameters.keys()) {
    if (KNOWN.includes(name)) continue;
    options.onWarning?.({ message: `the connection string's ${name} is not used` });
  }
  const port = parameters.get("port");
  const timeout = parameters.get("connect_timeout");
  return {
    ...options,
    rdsiam: sourceIn(parameters),
    host: parameters.get("host") ?? options.host,
    port: port === undefined ? options.port : Number(port),
    user: parameters.get("user") ?? options.user,
    database: parameters.get("dbname") ?? options.database,
    sslrootcert: parameters.get("sslrootcert") ?? options.sslrootcert,
    applicationName: parameters.get("application_name") ?? options.applicationName,
    connectTimeout: timeout === undefined ? options.connectTimeout : Number(timeout),
  };
}

/** A string that asks for no token, for the driver to make what it can of it. */
export function plainOptions(text: string, parameters: Parameters): PlainConnectionOptions {
  const { host, port, user, dbname: database, password, sslmode } = Object.fromEntries(parameters);
  return {
    ...(isUrl(text) ? { connectionString: text } : {}),
    ...(host === undefined ? {} : { host }),
    ...(port === undefined ? {} : { port: Number(port) }),
    ...(user === undefined ? {} : { user }),
    ...(database === undefined ? {} : { database }),
    ...(password === undefined ? {} : { password }),
    ...(sslmode === undefined ? {} : { ssl: sslmode !== "disable" }),
  };
}
