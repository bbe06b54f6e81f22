// The rows, and the rounds: every row for every subject in turn, in another order each time, so that what the machine does
// meanwhile spoils all alike.
import process from "node:process";
import type { Run } from "./results.ts";
import { firstRowOf, proxyOf, SOAK } from "./scale.ts";
import type { Subject } from "./subjects.ts";
import { type Bench, bulk, CANCEL, FIRST_ROW, idle, pgbench, type Row, start } from "./work.ts";

const FAILURES = 2; // after which a subject is not asked to do a row again

/** Every row, in the order in which a round goes through them. */
export const ROWS: readonly Row[] = [
  start("empty", []),
  start("version", ["--version"]),
  start("list", ["list", "--names"]),
  FIRST_ROW,
  bulk("copy-out-text", ["psql", "-Xqc", "copy bulk to stdout"]),
  bulk("copy-out-binary", ["psql", "-Xqc", "copy bulk to stdout (format binary)"]),
  bulk("copy-in", ["psql", "-Xqc", "copy bulk_in from stdin"]),
  bulk("pg_dump", ["pg_dump", "--table=bulk"]),
  CANCEL,
  ...[1, 16].map((clients) => pgbench("simple", clients)),
  ...[1, 16].map((clients) => pgbench("prepared", clients)),
  ...[1, 8].map((clients) => pgbench("logins", clients)),
  ...[1, 100, 1000].map(idle),
  ...[64, 256, 1000].map((clients) => asked(pgbench("simple", clients))),
  ...[4, 16, 64].map((clients) => asked(pgbench("logins", clients))),
  ...[1, 100, 1000, 5000].map(firstRowOf),
  ...[1, 100, 1000].map(proxyOf),
  SOAK,
];

function asked(row: Row): Row {
  return { ...row, extra: "scale", rounds: 3 };
}

/** The rows that are named, whole or up to a hyphen; all that need not be asked for when none is. */
export function chooseRows(
  wanted: readonly string[],
  { extra, most }: { readonly extra: readonly string[]; readonly most: number },
): readonly Row[] {
  const isNamed = (word: string, { id }: Row): boolean => id === word || id.startsWith(`${word}-`);
  const unknown = wanted.find((word) => !ROWS.some((row) => isNamed(word, row)));
  if (unknown !== undefined) {
    throw new TypeError(`no row ${unknown}: there are ${ROWS.map(({ id }) => id).join(", ")}`);
  }
  return ROWS.filter((row) => {
    if (Number(/\d+$/.exec(row.id)?.[0] ?? 0) > most) return false;
    if (wanted.length > 0) return wanted.some((word) => isNamed(word, row));
    return row.extra === undefined || extra.includes(row.extra);
  });
}

/** Goes through all rounds; what a subject could not do has its reason. */
export async function runRounds(
  bench: Bench,
  rounds: number,
  rows: readonly Row[],
  subjects: readonly Subject[],
) {
  const runs: Run[] = [];
  const failures = new Map<string, readonly string[]>();
  for (let round = 1; round <= rounds; round += 1) {
    for (const row of rows) {
      if (round > (row.rounds ?? rounds)) continue;
      for (const subject of shuffled(subjects.filter(row.applies))) {
        const what = `${row.id}, ${subject.name}`;
        const failed = failures.get(what) ?? [];
        if (failed.length >= FAILURES) continue;
        process.stderr.write(`round ${round} of ${rounds}: ${what}\n`);
        try {
          const values = Object.entries(await row.run(bench, subject));
          const one = { round, subject: subject.name };
          runs.push(...values.map(([figure, value]) => ({ ...one, figure, value })));
        } catch (error) {
          failures.set(what, [...failed, firstLineOf(error)]);
        }
      }
    }
  }
  return { runs, failures: [...failures].map(([what, [why]]) => `${what}: failed: ${why}`) };
}

/** The first line of what an error says. */
export function firstLineOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split("\n", 1).join("");
}

function shuffled<T>(items: readonly T[]): readonly T[] {
  const keyed = items.map((item) => ({ item, key: Math.random() }));
  return keyed.toSorted((a, b) => a.key - b.key).map(({ item }) => item);
}
