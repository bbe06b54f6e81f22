// What the stand-in's database holds: roles as RDS has them, IAM users, and a small shop.
// https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAMDBAuth.DBAccounts.html

import { DSQL_ADMIN } from "../base/dsql.ts";

/** The database that the IAM users log in to. */
export const DATABASE = "orders";

/** The users, by what they can do. */
export const USERS = {
  /** In rds_iam; may read. */
  reader: "app_ro",
  /** In rds_iam, with a name that needs quoting and escaping everywhere. */
  person: "jane.doe+x@corp",
  /** In rds_iam; owns the database, may replicate and create databases. */
  admin: "app_admin",
  /** Not in rds_iam: logs in with a password. */
  legacy: "legacy",
  /** The master user, not in rds_iam; its password is in a secret that RDS manages. */
  master: "postgres",
} as const;

/** The statements for the database of the DSQL cluster, which is the maintenance database. */
export const LEDGER_STATEMENTS = `
CREATE ROLE ${DSQL_ADMIN} LOGIN CREATEROLE IN ROLE rds_iam;
CREATE SCHEMA sys;
CREATE TABLE sys.iam_pg_role_mappings (iam_arn text, pg_role_name text, PRIMARY KEY (iam_arn, pg_role_name));
-- What AWS IAM GRANT is made into.
CREATE FUNCTION sys.aws_iam_grant(role_name text, arn text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
  EXECUTE format('GRANT rds_iam TO %I', role_name);
  INSERT INTO sys.iam_pg_role_mappings VALUES (arn, role_name) ON CONFLICT DO NOTHING;
END $$;
GRANT USAGE ON SCHEMA sys TO PUBLIC;
GRANT SELECT ON sys.iam_pg_role_mappings TO PUBLIC;
GRANT CREATE ON SCHEMA public TO ${DSQL_ADMIN};
SET ROLE ${DSQL_ADMIN};
CREATE TABLE public.entries (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  account text NOT NULL,
  amount numeric(12, 2) NOT NULL,
  booked_at timestamptz NOT NULL
);
CREATE VIEW public.balances AS
  SELECT account, sum(amount) AS balance FROM public.entries GROUP BY account;
INSERT INTO public.entries (account, amount, booked_at)
  SELECT 'account ' || n % 5, n * 1.5 - 20, timestamptz '2026-01-01 00:00:00+00' + n * interval '1 hour'
  FROM generate_series(1, 60) AS n;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO ${USERS.reader};
RESET ROLE;
`;

/** What the analysts of the Redshift stand-in are: the users of two IAM identities, and one that is asked for by name. */
function redshiftStatements(identities: readonly string[]): string {
  const users = [...identities.map((name) => `"${name}"`), "analyst"];
  return users
    .map((user) => `CREATE ROLE ${user} LOGIN IN ROLE rds_iam, ${USERS.reader};`)
    .join("\n");
}

/** The database that knows nothing of IAM yet: `rdsiam setup` makes it ready. */
export const FRESH_DATABASE = "inventory";

/** The statements for the fresh database, whose master user owns it. */
export const FRESH_STATEMENTS = `
SET ROLE ${USERS.master};
CREATE SCHEMA audit;
CREATE TABLE public.items (
  id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name text NOT NULL,
  stock integer NOT NULL
);
CREATE TABLE audit.changes (id bigint PRIMARY KEY, what text NOT NULL);
INSERT INTO public.items (name, stock)
  SELECT 'item ' || n, n * 7 % 50 FROM generate_series(1, 30) AS n;
RESET ROLE;
`;

/** The passwords of the users that have one; they must not need escaping. */
export type SeedPasswords = Readonly<Record<"legacy" | "master", string>>;

/** The statements for the maintenance database. */
export function makeRoleStatements(
  passwords: SeedPasswords,
  redshiftUsers: readonly string[],
): readonly string[] {
  if (!/^\w+ \w+$/.test(`${passwords.legacy} ${passwords.master}`))
    throw new TypeError("a password needs escaping");
  const { admin, legacy, master, person, reader } = USERS;
  return [
    `CREATE ROLE rds_iam NOLOGIN;
     CREATE ROLE rds_superuser NOLOGIN IN ROLE pg_monitor, pg_signal_backend;
     CREATE ROLE ${admin} LOGIN CREATEDB CREATEROLE REPLICATION IN ROLE rds_iam, rds_superuser;
     CREATE ROLE ${reader} LOGIN IN ROLE rds_iam;
     CREATE ROLE "${person}" LOGIN IN ROLE rds_iam;
     CREATE ROLE ${legacy} LOGIN PASSWORD '${passwords.legacy}';
     CREATE ROLE ${master} LOGIN CREATEDB CREATEROLE IN ROLE rds_superuser PASSWORD '${passwords.master}'`,
    redshiftStatements(redshiftUsers),
    // Alone: CREATE DATABASE cannot run inside the transaction that several statements make.
    `CREATE DATABASE ${DATABASE} OWNER ${admin}`,
    `CREATE DATABASE ${FRESH_DATABASE} OWNER ${master}`,
    `REVOKE ALL ON DATABASE ${FRESH_DATABASE} FROM PUBLIC`,
  ];
}

/** The statements for the database itself. */
export const TABLE_STATEMENTS = `
SET ROLE ${USERS.admin};
CREATE SCHEMA shop;
CREATE TABLE public.customers (
  id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name text NOT NULL,
  city text
);
CREATE TABLE public.orders (
  id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  customer_id integer NOT NULL REFERENCES public.customers,
  total numeric(10, 2) NOT NULL CHECK (total >= 0),
  placed_at timestamptz NOT NULL
);
CREATE TABLE shop.events (id bigint PRIMARY KEY, body jsonb, raw bytea);
CREATE VIEW public.revenue AS
  SELECT c.name, sum(o.total) AS total
  FROM public.orders o JOIN public.customers c ON c.id = o.customer_id
  GROUP BY c.name;
INSERT INTO public.customers (name, city) VALUES
  ('Ada', 'London'), ('Grace', 'New York'), ('Zoë', 'Zürich'), ('李雷', NULL);
INSERT INTO public.orders (customer_id, total, placed_at)
  SELECT 1 + n % 4, n * 1.25, timestamptz '2026-01-01 00:00:00+00' + n * interval '1 hour'
  FROM generate_series(1, 200) AS n;
INSERT INTO shop.events
  SELECT n, jsonb_build_object('n', n), decode(md5(n::text), 'hex') FROM generate_series(1, 50) AS n;
GRANT USAGE ON SCHEMA shop TO ${USERS.reader}, "${USERS.person}", ${USERS.legacy};
GRANT SELECT ON ALL TABLES IN SCHEMA public, shop
  TO ${USERS.reader}, "${USERS.person}", ${USERS.legacy};
-- pg_dump reads them too.
GRANT SELECT ON ALL SEQUENCES IN SCHEMA public, shop
  TO ${USERS.reader}, "${USERS.person}", ${USERS.legacy};
`;
