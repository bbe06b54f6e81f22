// How many iterations a tool's SCRAM exchange has. They make guessing a person's password slow. The 32 random bytes of a run
// cannot be guessed: for those they only cost 4 to 5 ms of the tool's time in each login (libpq with OpenSSL 3). But RFC 7677
// asks for 4096, and some clients refuse fewer (pgjdbc, Bun, lib/pq below 1000). PostgreSQL's own programs take any number
// that scram_iterations can be set to, which is 1 and more. So these alone get one; a secret that a person chose, another
// name or another client-first-message than libpq's means 4096.
// https://www.rfc-editor.org/rfc/rfc7677#section-4, src/interfaces/libpq/fe-auth-scram.c
import { type StartupMessage, startupParameter } from "../protocol/startup-packet.ts";

/** What every client takes (RFC 7677 section 4). */
export const USUAL_ITERATIONS = 4096;

/** What is enough for a secret of 32 random bytes. */
export const FEWEST_ITERATIONS = 1;

// Their fallback_application_name, which is their own name; who has set another with PGAPPNAME is not known here.
const PROGRAMS: ReadonlySet<string> = new Set([
  "clusterdb",
  "createdb",
  "createuser",
  "dropdb",
  "dropuser",
  "oid2name",
  "pg_amcheck",
  "pg_basebackup",
  "pg_dump",
  "pg_dumpall",
  "pg_receivewal",
  "pg_recvlogical",
  "pg_restore",
  "pgbench",
  "psql",
  "reindexdb",
  "vacuumdb",
  "vacuumlo",
]);

// No user name, and a nonce of 18 bytes (SCRAM_RAW_NONCE_LEN); pgjdbc, for one, says `n=*`.
const LIBPQ_CLIENT_FIRST = /^(?:[ny]|p=tls-server-end-point),,n=,r=[A-Za-z0-9+/]{24}$/;

/** Whether a login is that of a program of PostgreSQL's own, which takes any number of iterations. */
export function takesFewIterations(message: StartupMessage, clientFirst: string): boolean {
  const name = startupParameter(message, "application_name")?.toString("latin1") ?? "";
  return PROGRAMS.has(name) && LIBPQ_CLIENT_FIRST.test(clientFirst);
}
