// What the checks of PostgreSQL's own tools share: a stand-in, the tools that fit its server, and each tool run in two
// ways, through rdsiam and directly over the server's unix socket, as the same user.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import type { Client } from "pg";
import { makePgClient } from "../../src/demo/pg-client.ts";
import type { StandIn } from "../../src/demo/stand-in.ts";
import { type Finished, rdsiam, run, type RunOptions } from "../support/program.ts";
import { startStage } from "../support/stage.ts";

/** How much is done: the command's full size, or the slice's. */
export interface Size {
  /** The rows of the database that is dumped. */
  readonly megabytes: number;
  /** Each run of pgbench. */
  readonly seconds: number;
  /** Rows that are decoded by pg_recvlogical. */
  readonly rows: number;
}

/** The stand-in and the ways to it. */
export interface Bench extends AsyncDisposable {
  readonly size: Size;
  readonly standIn: StandIn;
  /** For the files of the checks. */
  readonly directory: string;
  /** Runs a tool through rdsiam on a database; fails when the tool does, or says anything on stderr. */
  readonly through: (
    database: string,
    tool: readonly string[],
    options?: RunOptions,
  ) => Promise<Finished>;
  /** The same without rdsiam. */
  readonly direct: (database: string, tool: readonly string[]) => Promise<Finished>;
  /** Runs statements directly. */
  readonly query: (database: string, sql: string) => Promise<readonly Record<string, unknown>[]>;
}

/** One check: answers its figures, throws when something is wrong. */
export interface Check {
  readonly name: string;
  readonly tools: readonly string[];
  readonly run: (bench: Bench) => Promise<string>;
}

const USER = "app_admin";

/** Starts the stand-in. */
export async function startBench(size: Size): Promise<Bench> {
  const standIn = await startStage();
  const directory = await mkdtemp(join(tmpdir(), "rdsiam-tools-"));
  const { binaries, directory: socketDirectory, port } = standIn.postgres;
  // The tools beside the server have its version; the npm package has none.
  const PATH = `${binaries.directory}:${process.env["PATH"] ?? ""}`;
  const client = (database: string): Client =>
    makePgClient({ host: socketDirectory, port, user: USER, database });
  return {
    directory,
    size,
    standIn,
    through: async (database, tool, options = {}) => {
      const env = { ...standIn.env, PATH };
      return check(
        tool,
        await rdsiam(["exec", "-d", database, "admin", ...tool], { ...options, env }),
      );
    },
    direct: async (database, tool) => {
      const names = { PGHOST: socketDirectory, PGPORT: String(port), PGUSER: USER };
      return check(tool, await run(tool, { env: { ...names, PGDATABASE: database, PATH } }));
    },
    query: (database, sql) => queryOnce(client(database), sql),
    [Symbol.asyncDispose]: async () => {
      await standIn[Symbol.asyncDispose]();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** Seconds since a moment of performance.now(), as text. */
export function secondsSince(start: number): string {
  return `${((performance.now() - start) / 1000).toFixed(1)} s`;
}

async function queryOnce(client: Client, sql: string): Promise<readonly Record<string, unknown>[]> {
  await client.connect();
  try {
    const { rows } = await client.query<Record<string, unknown>>(sql);
    return rows;
  } finally {
    await client.end();
  }
}

function check(tool: readonly string[], ran: Finished): Finished {
  if (ran.status === 0) return ran;
  const how = ran.signal ?? `status ${ran.status}`;
  throw new Error(`${tool.join(" ").slice(0, 200)}: ${how}: ${ran.stderr.slice(-1000)}`);
}
