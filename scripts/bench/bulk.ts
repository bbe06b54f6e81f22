// Bulk: COPY out and in, and pg_dump, of a table whose rows cost the server little, so that what is in between shows.
import { join } from "node:path";
import { DATABASE, type Scene, USER } from "./scene.ts";
import type { Subject } from "./subjects.ts";
import { runTool } from "./run-tool.ts";
import { type Bench, type Figure, type Work } from "./work.ts";

const ROW_BYTES = 456; // as text, with its line feed
const MEGABYTE = 1e6;

/** Makes the tables and the file that is copied in. */
export async function prepareBulk(scene: Scene, megabytes: number): Promise<void> {
  const rows = Math.ceil((megabytes * MEGABYTE) / ROW_BYTES);
  const as = { user: USER, database: DATABASE };
  await scene.server.query(
    [
      `create unlogged table bulk as
         select i as id, repeat(md5(i::text), 14) as line from generate_series(1000001, ${1_000_000 + rows}) as i`,
      "create unlogged table bulk_in (id integer, line text)",
      "vacuum (freeze, analyze) bulk",
    ],
    as,
  );
  const { port, socketDirectory } = scene.server;
  await runTool({
    words: ["psql", "-Xqc", "copy bulk to stdout"],
    env: { PGHOST: socketDirectory, PGPORT: String(port), PGUSER: USER, PGDATABASE: DATABASE },
    output: bulkFile(scene),
  });
}

/** The rows. */
export const BULK_WORKS: readonly Work[] = [
  bulk("copy-out-text", "COPY out, text", (run) => psqlOut(run, "copy bulk to stdout")),
  bulk("copy-out-binary", "COPY out, binary", (run) =>
    psqlOut(run, "copy bulk to stdout (format binary)"),
  ),
  bulk("copy-in", "COPY in", copyIn),
  bulk("pg_dump", "pg_dump", (run) => tool(run, ["pg_dump", "--table=bulk"])),
];

interface Run {
  readonly bench: Bench;
  readonly subject: Subject;
}

function bulk(id: string, title: string, milliseconds: (run: Run) => Promise<number>): Work {
  const figure: Figure = { id, title, unit: "MB/s", more: true };
  return {
    id,
    figures: [figure],
    appliesTo: ({ env }) => env !== undefined,
    inBetween: true,
    run: async (bench, subject) => {
      const took = await milliseconds({ bench, subject });
      return { [id]: bench.size.megabytes / (took / 1000) };
    },
  };
}

function psqlOut(run: Run, sql: string): Promise<number> {
  return tool(run, ["psql", "-Xqc", sql]);
}

async function copyIn(run: Run): Promise<number> {
  const { scene } = run.bench;
  await scene.server.query("truncate bulk_in", { user: USER, database: DATABASE });
  return tool(run, ["psql", "-Xqc", "copy bulk_in from stdin"], bulkFile(scene));
}

async function tool({ subject }: Run, words: readonly string[], input?: string): Promise<number> {
  const { whole } = await runTool({
    words,
    env: subject.env ?? {},
    output: "/dev/null",
    ...(input === undefined ? {} : { input }),
  });
  return whole;
}

function bulkFile(scene: Scene): string {
  return join(scene.directory, "bulk.txt");
}
