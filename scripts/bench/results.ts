// What a benchmark has found, as it is kept in a file, and the ratios that are made of it: always within a round, because
// the machine is not the same in the next.
import type { Outcome, Run } from "./rounds.ts";
import { summarize, type Summary } from "./statistics.ts";

/** The file's contents. */
export interface Results extends Outcome {
  readonly format: 1;
  readonly date: string;
  /** The command line that measured it. */
  readonly command: string;
  readonly version: string;
  readonly machine: Machine;
  /** Versions of what was measured. */
  readonly programs: Readonly<Record<string, string>>;
  readonly rounds: number;
  /** The size of the table that is copied. */
  readonly megabytes: number;
  /** Subjects that are not there, with the reason. */
  readonly missing: Readonly<Record<string, string>>;
}

/** What it was measured on. */
export interface Machine {
  readonly processors: number;
  readonly model: string;
  readonly memoryBytes: number;
  readonly system: string;
}

/** One subject's share of a figure. */
export interface Cell {
  readonly subject: string;
  readonly summary: Summary;
  /** To the tool alone. */
  readonly ratio: Summary | undefined;
  readonly cpuSeconds: number | undefined;
  readonly peakBytes: number | undefined;
}

/** Who was measured: the tool alone first, then the others, then every rdsiam. */
export function subjectsOf({ runs }: Results): readonly string[] {
  return [...new Set(runs.map(({ subject }) => subject))].toSorted(bySubject);
}

/** The subjects that have a figure. */
export function cellsOf(results: Results, figure: string): readonly Cell[] {
  const runs = results.runs.filter(({ values }) => values[figure] !== undefined);
  return subjectsOf(results).flatMap((subject) => {
    const own = runs.filter((run) => run.subject === subject);
    const summary = summarize(own.map(({ values }) => values[figure] ?? 0));
    if (summary === undefined) return [];
    return {
      subject,
      summary,
      ratio: ratioOf(results, { figure, subject, to: "direct" }),
      cpuSeconds: medianOf(own, ({ cpuSeconds }) => cpuSeconds),
      peakBytes: medianOf(own, ({ peakBytes }) => peakBytes),
    };
  });
}

/** A comparison of two subjects. */
export interface Comparison {
  readonly figure: string;
  readonly subject: string;
  readonly to: string;
}

/** How a subject compares with another one, of the rounds that have both. */
export function ratioOf(
  results: Results,
  { figure, subject, to }: Comparison,
): Summary | undefined {
  const ratios = roundsOf(results).flatMap((round) => {
    const [value, other] = [subject, to].map((name) => valueIn(results, { figure, round, name }));
    return value === undefined || !other ? [] : [value / other];
  });
  return summarize(ratios);
}

/** A figure of a subject in a round. */
export function valueIn(
  { runs }: Results,
  of: { readonly figure: string; readonly round: number; readonly name: string },
): number | undefined {
  const run = runs.find(
    ({ round, subject, values }) =>
      round === of.round && subject === of.name && values[of.figure] !== undefined,
  );
  return run?.values[of.figure];
}

/** The rounds that were measured. */
export function roundsOf({ runs }: Results): readonly number[] {
  return [...new Set(runs.map(({ round }) => round))];
}

function medianOf(
  runs: readonly Run[],
  field: (run: Run) => number | undefined,
): number | undefined {
  const values = runs.map(field).filter((value) => value !== undefined);
  return summarize(values)?.median;
}

const ORDER = ["direct", "aws", "stunnel", "pgbouncer", "rdsiam"];

function bySubject(a: string, b: string): number {
  const place = (name: string): number => {
    const at = ORDER.indexOf(name);
    return at < 0 ? ORDER.length : at;
  };
  return place(a) - place(b) || (a < b ? -1 : 1);
}
