// Every variable of the shell that a PostgreSQL tool reads, with a value that would break or redirect the tool if it
// arrived. The second table is what rdsiam leaves alone: odd values that a user may really have.
// https://www.postgresql.org/docs/current/libpq-envars.html
import assert from "node:assert/strict";
import type { StandIn } from "../../src/demo/stand-in.ts";
import { rdsiam } from "./program.ts";

/** What rdsiam sets itself or deletes: none of these values may reach the tool. */
export const HOSTILE: Readonly<Record<string, string>> = {
  PGHOST: "203.0.113.1",
  PGPORT: "1",
  PGUSER: "nobody",
  PGDATABASE: "nowhere",
  PGPASSWORD: "wrong",
  PGSSLMODE: "verify-full",
  PGGSSENCMODE: "require",
  PGCHANNELBINDING: "require",
  PGREQUIREAUTH: "md5",
  PGHOSTADDR: "203.0.113.1",
  PGSERVICE: "elsewhere",
  PGSERVICEFILE: "/nonexistent/file",
  PGSYSCONFDIR: "/nonexistent/file",
  PGPASSFILE: "/nonexistent/file",
  PGREQUIRESSL: "1",
  PGREQUIREPEER: "nobody",
  PGTARGETSESSIONATTRS: "standby",
  PGLOADBALANCEHOSTS: "nonsense",
  PGSSLNEGOTIATION: "direct",
  PGSSLROOTCERT: "/nonexistent/file",
  PGSSLCERT: "/nonexistent/file",
  PGSSLKEY: "/nonexistent/file",
  PGSSLCERTMODE: "require",
  PGSSLCRL: "/nonexistent/file",
  PGSSLCRLDIR: "/nonexistent/file",
  PGSSLSNI: "nonsense",
  PGSSLCOMPRESSION: "1",
  PGSSLMINPROTOCOLVERSION: "TLSv9",
  PGSSLMAXPROTOCOLVERSION: "TLSv1",
  PGSSLPASSWORD: "wrong",
  PGMINPROTOCOLVERSION: "4.0",
  PGKRBSRVNAME: "nobody",
  PGGSSLIB: "nonsense",
  PGGSSDELEGATION: "1",
  PGREALM: "NOWHERE",
  PGAUTHTYPE: "krb4",
  PGTTY: "/nonexistent/file",
  PGUSERNAME: "nobody",
  PGSSL: "1",
  PGOAUTHDEBUG: "UNSAFE",
};

/** What rdsiam keeps: the user's own, which must not stand in the way either. */
export const KEPT: Readonly<Record<string, string>> = {
  PGAPPNAME: "O'Brien's \"shell\"; drop",
  PGOPTIONS: "-c geqo=off -c application_name=a\\ b",
  PGTZ: "Antarctica/Troll",
  PGDATESTYLE: "German",
  PGCLIENTENCODING: "LATIN1",
  PGGEQO: "off",
  PGCONNECT_TIMEOUT: "5",
  PGMAXPROTOCOLVERSION: "latest",
  PGLOCALEDIR: "/nonexistent/file",
  PG_COLOR: "always",
  PG_COLORS: "error=01;31",
  PSQLRC: "/nonexistent/file",
  PSQL_HISTORY: "/nonexistent/file",
  PSQL_EDITOR: "/nonexistent/file",
  PSQL_PAGER: "/nonexistent/file",
  PSQL_WATCH_PAGER: "/nonexistent/file",
  PAGER: "/nonexistent/file",
};

/** One run with each variable, then one with none and one with all of HOSTILE. */
export const ROWS: readonly (readonly [string, Readonly<Record<string, string>>])[] = [
  ["(none)", {}],
  ...Object.entries({ ...HOSTILE, ...KEPT }).map(
    ([name, value]) => [name, { [name]: value }] as const,
  ),
  ["(all)", { ...HOSTILE, ...KEPT }],
];

/** Runs psql on the stand-in in each of these environments: it must print what it prints in none. */
export async function psqlIn(standIn: StandIn, rows: typeof ROWS): Promise<void> {
  const ask = ["psql", "prod", "-Atc", "select current_user, current_database()"];
  const rest = rows.values();
  const worker = async (): Promise<void> => {
    for (const [name, hostile] of rest) {
      const ran = await rdsiam(ask, { env: { ...standIn.env, ...hostile } });
      const printed = [ran.status, ran.stdout, ran.stderr];
      assert.deepEqual(printed, [0, "app_ro|orders\n", ""], name);
    }
  };
  await Promise.all([worker(), worker(), worker()]);
}
