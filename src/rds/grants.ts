// What the database itself must grant so that a user can log in with an auth token, and the query that shows what it has.
// Aurora DSQL has no rds_iam: it maps IAM identities to its roles, and every identity that may is `admin`.
// https://docs.aws.amazon.com/aurora-dsql/latest/userguide/using-database-and-iam-roles.html
// A member of rds_iam logs in with tokens alone. RDS Proxy asks for the token itself and logs in to the database with the
// user's password from Secrets Manager, for which the user must not be a member; only its end-to-end IAM authentication
// passes a token on.
// https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAMDBAuth.DBAccounts.html#UsingWithRDS.IAMDBAuth.DBAccounts.PostgreSQL

import { DSQL_ADMIN } from "../base/dsql.ts";
import { REDSHIFT_IDENTITY } from "../base/redshift.ts";
import { type EndpointKind, isRedshift } from "./endpoint.ts";

/** A user and the database that it logs in to. */
export interface Grantee {
  readonly user: string;
  readonly dbname: string;
  readonly server: GrantServer;
  /** The ARN of the IAM role or user that logs in, which DSQL maps to the user; a placeholder when absent. */
  readonly iamArn?: string | undefined;
}

/** What stands behind an endpoint, as far as GRANTs go. */
export type GrantServer = "database" | "dsql" | "proxy" | "redshift";

/** The server behind an endpoint of a kind. */
export function grantServer(kind: EndpointKind): GrantServer {
  if (kind === "dsql") return kind;
  if (isRedshift(kind)) return "redshift";
  return kind === "proxy" || kind === "proxy-endpoint" ? "proxy" : "database";
}

/** The statements that allow a user's logins; for an administrator. */
export function grantStatements({ user, dbname, server, iamArn }: Grantee): readonly string[] {
  const who = identifier(user);
  if (server === "dsql") {
    if (user === DSQL_ADMIN) return ["-- none: dsql:DbConnectAdmin is all that admin needs"];
    const arn = literal(iamArn ?? "arn:aws:iam::ACCOUNT:role/NAME");
    return [
      `CREATE ROLE ${who} WITH LOGIN;  -- unless it exists`,
      `AWS IAM GRANT ${who} TO ${arn};`,
    ];
  }
  if (server === "redshift") {
    return user === REDSHIFT_IDENTITY
      ? ["-- none: Redshift creates the IAM identity's user at the first login"]
      : [`CREATE USER ${who} PASSWORD DISABLE;  -- unless it exists`];
  }
  const member = `GRANT rds_iam TO ${who};`;
  return [
    `CREATE USER ${who} WITH LOGIN;  -- unless it exists`,
    server === "proxy"
      ? `-- ${member}  only with the proxy's end-to-end IAM authentication`
      : member,
    `GRANT CONNECT ON DATABASE ${identifier(dbname)} TO ${who};`,
  ];
}

/** Comments on what else a user needs, once it is in. */
export function exampleGrants({ user, server, iamArn }: Omit<Grantee, "dbname">) {
  if (server === "dsql" && user === DSQL_ADMIN) return [];
  const isIdentity = server === "redshift" && user === REDSHIFT_IDENTITY;
  const who = identifier(isIdentity ? redshiftUser(iamArn) : user);
  return [
    "-- What the user may do is up to you; to read everything in the schema public, for example:",
    `-- GRANT USAGE ON SCHEMA public TO ${who};`,
    `-- GRANT SELECT ON ALL TABLES IN SCHEMA public TO ${who};`,
  ];
}

// The user that Redshift makes of a role or an IAM user; of a path only the last part is in it.
function redshiftUser(iamArn = "arn:aws:iam::ACCOUNT:role/NAME"): string {
  const name = iamArn.split("/").at(-1) ?? "";
  return `${iamArn.includes(":role/") ? "IAMR" : "IAM"}:${name}`;
}

/** The query that shows whether a user may log in with a token, and to the database. */
export function checkStatement({ user, dbname, server }: Omit<Grantee, "iamArn">): string {
  if (server === "dsql") {
    return `SELECT * FROM sys.iam_pg_role_mappings WHERE pg_role_name = ${literal(user)};`;
  }
  if (server === "redshift") {
    return `SELECT usename, valuntil FROM pg_user WHERE usename = ${literal(user)};`;
  }
  const database = `(SELECT oid FROM pg_database WHERE datname = ${literal(dbname)})`;
  return (
    `SELECT rolcanlogin, rolvaliduntil, pg_has_role(oid, 'rds_iam', 'MEMBER') AS rds_iam, ` +
    `has_database_privilege(oid, ${database}, 'CONNECT') AS connect ` +
    `FROM pg_roles WHERE rolname = ${literal(user)};`
  );
}

/** A name as an SQL identifier. */
export function identifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** A text as an SQL literal; an E string means the same whatever standard_conforming_strings is. */
export function literal(text: string): string {
  const quoted = text.replaceAll("'", "''");
  return text.includes("\\") ? `E'${quoted.replaceAll("\\", "\\\\")}'` : `'${quoted}'`;
}
