// Verifies an RDS auth token as RDS does: a presigned GET without its scheme, sent as the password.
// The reason of a refusal is for the stand-in's own log; the frontend only ever hears that PAM failed.
// https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAMDBAuth.Connecting.html
import type { AccessKey } from "./keys.ts";
import { parseQuery, verifyPresigned } from "./sigv4.ts";

/** What the token must have been signed for, and the keys and the time it is verified with. */
export interface AuthTokenContext {
  /** The names that RDS has for this database, in lower case. */
  readonly hosts: readonly string[];
  /** The database's own port. */
  readonly port: number;
  readonly region: string;
  /** The user of the StartupMessage. */
  readonly user: string;
  readonly find: (accessKeyId: string) => AccessKey | undefined;
  readonly now: Date;
}

/** Who signed and for which name, or why the token is refused. */
export type AuthTokenVerdict =
  | { readonly ok: true; readonly key: AccessKey; readonly host: string }
  | { readonly ok: false; readonly reason: string };

/** Verifies an auth token against the database and the user that it is used for. */
export function verifyAuthToken(token: string, context: AuthTokenContext): AuthTokenVerdict {
  const match = /^([^/?#\s]+):(\d{1,5})\/\?([^?#\s]+)$/.exec(token);
  if (match === null) return refuse("the password is not an auth token HOST:PORT/?QUERY");
  const [, host = "", port = "", query = ""] = match;
  if (!context.hosts.includes(host)) {
    return refuse(`signed for host ${host} instead of ${context.hosts.join(" or ")}`);
  }
  if (port !== String(context.port)) {
    return refuse(`signed for port ${port} instead of ${context.port}`);
  }
  const verdict = verifyPresigned(
    {
      method: "GET",
      path: "/",
      query,
      headers: new Map([["host", `${host}:${port}`]]),
      body: "",
    },
    { service: "rds-db", region: context.region, find: context.find, now: context.now },
  );
  if (!verdict.ok) return refuse(`${verdict.fault}: ${verdict.reason}`);
  // The verifier has refused a query that cannot be decoded and parameters that occur twice.
  const value = new Map(parseQuery(query));
  if (value.get("Action") !== "connect") return refuse("the Action is not connect");
  const user = value.get("DBUser");
  if (user !== context.user) return refuse(`signed for user ${user} instead of ${context.user}`);
  const { key } = verdict;
  if (key.databaseUsers !== undefined && !key.databaseUsers.includes(user)) {
    return refuse(`${key.arn} may not rds-db:connect as ${user}`);
  }
  return { ok: true, key, host };
}

function refuse(reason: string): AuthTokenVerdict {
  return { ok: false, reason };
}
