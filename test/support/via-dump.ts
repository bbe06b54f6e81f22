// pg_dump through a way, compared byte for byte with what is in the database.
import { createHash } from "node:crypto";
import type { StandIn } from "../../src/demo/stand-in.ts";
import { COMMAND, type Finished, run } from "./program.ts";
import type { TestWay } from "./via-scene.ts";

const TABLE = "via_dump";
const ROW = 1_000; // bytes

/** Makes the table that is dumped, and answers the digest of its rows as pg_dump writes them. */
export async function fillTable(standIn: StandIn, megabytes: number): Promise<string> {
  const client = standIn.postgres.makeClient("orders");
  await client.connect();
  const rows = megabytes * (1_000_000 / ROW);
  // 32 digits that differ, 31 times over: cheap to make, and no two rows are alike.
  await client.query(
    `drop table if exists ${TABLE};
     create table ${TABLE} as select n, repeat(md5(n::text), 31) as filling from generate_series(1, ${rows}) n;
     grant select on ${TABLE} to app_admin`,
  );
  const digest = createHash("sha256");
  for (let first = 1; first <= rows; first += 10_000) {
    const { rows: part } = await client.query<{ line: string }>(
      `select n || E'\\t' || filling as line from ${TABLE} where n between $1 and $2 order by n`,
      [first, first + 9_999],
    );
    for (const { line } of part) digest.update(`${line}\n`);
  }
  await client.end();
  return digest.digest("hex");
}

/** What a dump was: its digest over the rows, and the milliseconds that it took. */
export interface Dump extends Finished {
  readonly digest: string;
  readonly milliseconds: number;
}

/** Dumps the table through a way. */
export async function dumpThrough(standIn: StandIn, way: TestWay): Promise<Dump> {
  const start = performance.now();
  // The rows alone: lines that begin with a digit. A pipe, so that nothing is kept of 100 MB.
  const script = `set -o pipefail; "$@" | grep -aE '^[0-9]+\t' | sha256sum`;
  const tool = ["pg_dump", "--data-only", "--table", TABLE];
  const words = ["bash", "-c", script, "bash", ...COMMAND, "exec", ...way.args, "admin", ...tool];
  const ran = await run(words, { env: { ...standIn.env, ...way.env } });
  const digest = ran.stdout.slice(0, 64);
  return { ...ran, digest, milliseconds: performance.now() - start };
}
