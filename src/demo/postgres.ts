// A real PostgreSQL server for the stand-in: found, started, asked, stopped, and gone when we are.
// https://www.postgresql.org/docs/current/runtime.html
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";

import type { Client, QueryResult } from "pg";

import type { Guarded } from "./guard.ts";
import { makePgClient } from "./pg-client.ts";
import { findAccount } from "./postgres-account.ts";
import { findServer, prepareEmbedded } from "./postgres-binaries.ts";
import type { PostgresBinaries } from "./postgres-binaries.ts";
import {
  makeServerDirectory,
  PORT,
  SOCKET_NAME,
  startServer,
  stopServer,
  SUPERUSER,
} from "./postgres-server.ts";
import type { PostgresOptions } from "./postgres-server.ts";

/** Finds, makes and starts a server; settles when it accepts connections. */
export async function startPostgres(options: PostgresOptions): Promise<Postgres> {
  const account = findAccount(options.env);
  const found = await findServer(options);
  const directory = await makeServerDirectory(options.temporaryDirectory, account);
  try {
    const shared = account !== undefined;
    const binaries = found.embedded
      ? await prepareEmbedded(found, { target: directory, shared })
      : found;
    const server = await startServer({ account, binaries, directory, options });
    return new Postgres({ binaries, directory, server });
  } catch (error) {
    await rm(directory, { recursive: true, force: true });
    throw error;
  }
}

/** The running server, with a superuser's connection to it. */
export class Postgres {
  readonly directory: string;
  readonly binaries: PostgresBinaries;
  readonly superuser = SUPERUSER;
  readonly port = PORT;
  /** The postmaster's process id. */
  readonly pid: number;
  readonly #server: Guarded;
  #client: Promise<Client> | undefined;
  #last: Promise<unknown> = Promise.resolve();
  #stopped: Promise<void> | undefined;

  constructor(parts: {
    readonly binaries: PostgresBinaries;
    readonly directory: string;
    readonly server: Guarded;
  }) {
    this.directory = parts.directory;
    this.binaries = parts.binaries;
    this.pid = parts.server.pid;
    this.#server = parts.server;
  }

  /** The unix socket that it listens on. */
  get socketPath(): string {
    return join(this.directory, SOCKET_NAME);
  }

  /** The server's own log so far. */
  async readLog(): Promise<string> {
    return await readFile(join(this.directory, "log"), "utf8");
  }

  /** A new superuser's client of one database, not connected yet. */
  makeClient(database: string): Client {
    return makePgClient({ host: this.directory, port: PORT, user: SUPERUSER, database });
  }

  /** Runs a statement as superuser in the database postgres, on a connection that is kept. */
  async query(sql: string, values: readonly unknown[] = []): Promise<QueryResult> {
    // One after the other: node-postgres warns of queries that wait inside the client.
    const asked = this.#last.then(async () => {
      this.#client ??= this.#connect();
      const client = await this.#client;
      return await client.query(sql, [...values]);
    });
    this.#last = asked.catch(() => undefined);
    return await asked;
  }

  /** Whether a user is in rds_iam, directly or through other roles. */
  async isIamUser(user: string): Promise<boolean> {
    const { rows } = await this.query(
      `WITH RECURSIVE roles(oid) AS (
         SELECT oid FROM pg_roles WHERE rolname = $1
         UNION SELECT m.roleid FROM pg_auth_members m JOIN roles ON m.member = roles.oid)
       SELECT 1 FROM roles JOIN pg_roles r USING (oid) WHERE r.rolname = 'rds_iam'`,
      [user],
    );
    return rows.length > 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped ??= this.#stop();
    await this.#stopped;
  }

  async #connect(): Promise<Client> {
    const client = this.makeClient("postgres");
    client.on("end", () => {
      this.#client = undefined;
    });
    try {
      await client.connect();
    } catch (error) {
      this.#client = undefined;
      throw error;
    }
    return client;
  }

  async #stop(): Promise<void> {
    const client = await this.#client?.catch(() => undefined);
    await client?.end().catch(() => undefined);
    await stopServer(this.#server);
    await rm(this.directory, { recursive: true, force: true });
  }
}
