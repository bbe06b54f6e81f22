// What a benchmark has found, as it is kept in a file; the ratios that are made of it, always within a round, because the machine
// is not the same in the next; and the tables.

/** The file's contents. */
export interface Results {
  /** The command line that measured it, on what, and what a reader has to know of it: a line each. */
  readonly head: readonly string[];
  readonly subjects: readonly string[];
  /** Figures by subject and round. */
  readonly runs: readonly Run[];
}

/** One figure. */
export interface Run {
  readonly round: number;
  readonly subject: string;
  readonly figure: string;
  readonly value: number;
}

/** Median and quartiles (R's type 7); undefined of nothing. https://en.wikipedia.org/wiki/Quartile */
export function summarize(values: readonly number[]) {
  if (values.length === 0) return undefined;
  const sorted = values.toSorted((a, b) => a - b);
  const quantile = (part: number): number => {
    const at = (sorted.length - 1) * part;
    const below = sorted[Math.floor(at)] ?? 0;
    return below + ((sorted[Math.ceil(at)] ?? 0) - below) * (at - Math.floor(at));
  };
  return { median: quantile(0.5), low: quantile(0.25), high: quantile(0.75) };
}

type Summary = ReturnType<typeof summarize>;

/** Figures by their name and subject: the value, and its ratio to that of the tool alone. */
export type Found = ReturnType<typeof lookUp>;

/** Summaries of runs. */
export function lookUp({ runs, subjects }: Pick<Results, "runs" | "subjects">) {
  const of = (figure: string, subject: string): readonly Run[] =>
    runs.filter((run) => run.figure === figure && run.subject === subject);
  const value = (figure: string, subject: string): Summary =>
    summarize(of(figure, subject).map((run) => run.value));
  const ratio = (figure: string, subject: string): Summary => {
    const direct = new Map(of(figure, "direct").map((run) => [run.round, run.value]));
    const own = of(figure, subject).filter(({ round }) => direct.has(round));
    return summarize(own.map((run) => run.value / (direct.get(run.round) ?? 0)));
  };
  return { subjects, figures: [...new Set(runs.map(({ figure }) => figure))], value, ratio };
}

const RATIO = "as a ratio to the tool alone, whose own figure is in the first line";

const TABLES = [
  [`Bulk data, ${RATIO} (MB/s)`, "copy-out-text copy-out-binary pg_dump copy-in"],
  [
    `Small queries and logins, ${RATIO} (per second)`,
    "simple-1 simple-16 prepared-1 prepared-16 logins-1 logins-8",
  ],
  ["Whole processes, and the first row of psql (ms)", "empty version list first-row"],
  [
    "CPU time of the processes in between (ms for each GB, µs for each query and login)",
    "copy-out-binary/cpu copy-in/cpu simple-1/cpu simple-16/cpu prepared-1/cpu prepared-16/cpu logins-1/cpu logins-8/cpu",
  ],
  [
    "Memory of the processes in between, and what arrives after Ctrl-C in a stalled COPY (MB)",
    "idle-1 idle-100 idle-1000 copy-out-binary/peak copy-in/peak cancel",
  ],
  [
    `Many sessions, and many logins at once, ${RATIO} (per second)`,
    "simple-64 simple-256 simple-1000 logins-4 logins-16 logins-64",
  ],
  ["First row of psql, by targets in the file (ms)", "row-1 row-100 row-1000 row-5000"],
  [
    "One rdsiam proxy with many targets: until all listen (ms), and its memory then (MB)",
    "proxy-1 proxy-100 proxy-1000 proxy-1/memory proxy-100/memory proxy-1000/memory",
  ],
] as const;

/** Every table that has figures, in Markdown. */
export function tables(found: Found): string {
  const soak = found.figures.filter((figure) => figure.startsWith("soak-")).join(" ");
  const all = [...TABLES, ["Memory in a long run, after so many seconds (MB)", soak] as const];
  return all.map((each) => table(found, each)).join("");
}

function table(found: Found, [title, figures]: readonly [title: string, figures: string]): string {
  const { ratio, subjects, value } = found;
  const cellOf = (figure: string, name: string): string =>
    cell((title.includes(RATIO) && name !== "direct" ? ratio : value)(figure, name));
  const shown = figures
    .split(" ")
    .filter((figure) => subjects.some((name) => cellOf(figure, name)));
  if (shown.length === 0) return "";
  const lines = subjects.map((name) => [name, ...shown.map((figure) => cellOf(figure, name))]);
  const known = lines.filter((line) => line.slice(1).join("") !== "");
  const rows = [["subject", ...shown], ["---", ...shown.map(() => "---:")], ...known];
  const width = (at: number): number => Math.max(...rows.map((row) => row[at]?.length ?? 0));
  const text = rows.map((row) => row.map((each, at) => each.padEnd(width(at))).join(" | "));
  return `\n${title}:\n\n${text.map((line) => `| ${line} |`).join("\n")}\n`;
}

// The median, and half of the distance between the quartiles.
function cell(summary: Summary): string {
  if (summary === undefined) return "";
  const { high, low, median } = summary;
  const digits = median < 10 ? 2 : median < 100 ? 1 : 0;
  return median.toFixed(digits) + (high > low ? ` ± ${((high - low) / 2).toFixed(digits)}` : "");
}
