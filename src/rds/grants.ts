// What the database itself must grant so that a user can log in with an auth token, and the query that shows what it has.
// A member of rds_iam logs in with tokens alone. RDS Proxy asks for the token itself and logs in to the database with the
// user's password from Secrets Manager, for which the user must not be a member; only its end-to-end IAM authentication
// passes a token on.
// https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAMDBAuth.DBAccounts.html#UsingWithRDS.IAMDBAuth.DBAccounts.PostgreSQL

/** A user and the database that it logs in to. */
export interface Grantee {
  readonly user: string;
  readonly dbname: string;
  /** Whether RDS Proxy stands before the database. */
  readonly isProxied: boolean;
}

/** The statements that allow a user's logins; for an administrator. */
export function grantStatements({ user, dbname, isProxied }: Grantee): readonly string[] {
  const who = identifier(user);
  const member = `GRANT rds_iam TO ${who};`;
  return [
    `CREATE USER ${who} WITH LOGIN;  -- unless it is there`,
    isProxied ? `-- ${member}  only with the proxy's end-to-end IAM authentication` : member,
    `GRANT CONNECT ON DATABASE ${identifier(dbname)} TO ${who};`,
  ];
}

/** Comments on what else a user needs, once it is in. */
export function exampleGrants({ user }: Pick<Grantee, "user">): readonly string[] {
  const who = identifier(user);
  return [
    "-- What it may do in there is up to you; to read everything in the schema public, for example:",
    `-- GRANT USAGE ON SCHEMA public TO ${who};`,
    `-- GRANT SELECT ON ALL TABLES IN SCHEMA public TO ${who};`,
  ];
}

/** The query that shows whether a user may log in with a token, and to the database. */
export function checkStatement({ user, dbname }: Omit<Grantee, "isProxied">): string {
  const database = `(SELECT oid FROM pg_database WHERE datname = ${literal(dbname)})`;
  return (
    `SELECT rolcanlogin, rolvaliduntil, pg_has_role(oid, 'rds_iam', 'MEMBER') AS rds_iam, ` +
    `has_database_privilege(oid, ${database}, 'CONNECT') AS connect ` +
    `FROM pg_roles WHERE rolname = ${literal(user)};`
  );
}

function identifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

// An E string means the same whatever standard_conforming_strings is.
function literal(text: string): string {
  const quoted = text.replaceAll("'", "''");
  return text.includes("\\") ? `E'${quoted.replaceAll("\\", "\\\\")}'` : `'${quoted}'`;
}
