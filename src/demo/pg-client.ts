// A node-postgres client that takes nothing from the process's environment.
// pg reads PGSSLMODE, PGOPTIONS and others by itself, which a developer's shell may have set.
// https://node-postgres.com/apis/client
import pg from "pg";

/** Where to log in and as whom; host may be the directory of a unix socket. */
export interface PgClientOptions {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly database: string;
  readonly password?: string | undefined;
}

/** Makes a client that is not connected yet. */
export function makePgClient(options: PgClientOptions): pg.Client {
  const client = new pg.Client({
    ...options,
    password: options.password ?? "",
    ssl: false,
    connectionTimeoutMillis: 10_000,
  });
  // An idle client whose server goes away emits an error, which would otherwise end the process.
  client.on("error", ignore);
  const { connectionParameters } = client as unknown as {
    connectionParameters: Record<string, unknown>;
  };
  for (const name of ["options", "application_name", "fallback_application_name", "replication"]) {
    connectionParameters[name] = undefined;
  }
  connectionParameters["client_encoding"] = "UTF8";
  return client;
}

function ignore(): void {
  // The next query on this client fails and reports it.
}
