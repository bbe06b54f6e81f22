// A real PostgreSQL with its own TLS on a loopback port, and no RDS in front: for logins with passwords.
// https://www.postgresql.org/docs/current/auth-pg-hba-conf.html
import { tmpdir } from "node:os";
import process from "node:process";
import type { Certificate } from "../../src/demo/certificates.ts";
import { startPostgres } from "../../src/demo/postgres.ts";

/** Who may log in, and what the server shows. */
export interface TlsPostgresOptions {
  readonly certificate: Certificate;
  /** Lines of pg_hba.conf for TCP connections. */
  readonly hba: readonly string[];
  /** Run as superuser once it is up. */
  readonly statements: readonly string[];
}

/** The running server. */
export interface TlsPostgres extends AsyncDisposable {
  readonly port: number;
  readonly query: (statement: string) => Promise<readonly Record<string, unknown>[]>;
  /** Its log so far. */
  readonly log: () => Promise<string>;
}

/** Starts a server; settles when it accepts connections. */
export async function startTlsPostgres(options: TlsPostgresOptions): Promise<TlsPostgres> {
  const { certificate, hba, statements } = options;
  const server = await startPostgres({
    env: { PATH: process.env["PATH"] },
    from: [process.cwd()],
    temporaryDirectory: tmpdir(),
    tls: { certificate, hba },
    settings: { log_connections: "on" },
  });
  const dispose = (): Promise<void> => server[Symbol.asyncDispose]();
  const query: TlsPostgres["query"] = async (statement) => (await server.query(statement)).rows;
  try {
    for (const statement of statements) await query(statement);
  } catch (error) {
    await dispose();
    throw error;
  }
  const log = (): Promise<string> => server.readLog();
  return { port: server.port, query, log, [Symbol.asyncDispose]: dispose };
}
