// Results as lines of text: a table of every figure, what was left out, and what had to be reached.
import { judge, type Verdict } from "./acceptance.ts";
import { type Cell, cellsOf, type Results, subjectsOf } from "./results.ts";
import type { Figure } from "./work.ts";
import { WORKS } from "./works.ts";

const MEGABYTE = 1e6;

/** A table: its heading and its lines, all of text. */
export interface Table {
  readonly heading: readonly string[];
  readonly lines: readonly (readonly string[])[];
}

/** Everything as text for a terminal. */
export function reportText(results: Results): string {
  const parts = [
    headText(results),
    alignTable(figureTable(results)),
    notes(results).join("\n"),
    alignTable(acceptanceTable(results)),
  ];
  return `${parts.join("\n\n")}\n`;
}

/** What it was measured on, in one paragraph. */
export function headText(results: Results): string {
  const { date, machine, megabytes, programs, rounds, version } = results;
  const versions = Object.entries(programs).map(([name, text]) => `${name} ${text}`);
  const memory = (machine.memoryBytes / 2 ** 30).toFixed(0);
  const lines = [
    `rdsiam ${version}, ${date.slice(0, 10)}, ${rounds} interleaved rounds, table of ${megabytes} MB`,
    `${machine.processors} processors (${machine.model}), ${memory} GiB, ${machine.system}`,
    versions.join(", "),
  ];
  return lines.join("\n");
}

/** Every figure of every subject. */
export function figureTable(results: Results): Table {
  const lines = WORKS.flatMap(({ figures }) => figures).flatMap((figure) =>
    cellsOf(results, figure.id).map((cell, index) => cellLine(figure, cell, index)),
  );
  const heading = ["row", "subject", "median", "quartiles", "/ direct", "CPU s", "peak MB"];
  return { heading, lines };
}

function cellLine(figure: Figure, cell: Cell, index: number): readonly string[] {
  const { cpuSeconds, peakBytes, ratio, subject, summary } = cell;
  const range = summary.count > 1 ? `${digits(summary.low)} to ${digits(summary.high)}` : "";
  return [
    index === 0 ? `${figure.title} (${figure.unit})` : "",
    subject,
    digits(summary.median),
    range,
    ratio === undefined || subject === "direct" ? "" : ratio.median.toFixed(2),
    cpuSeconds === undefined || subject === "direct" ? "" : cpuSeconds.toFixed(2),
    peakBytes === undefined ? "" : (peakBytes / MEGABYTE).toFixed(0),
  ];
}

/** What a reader has to know of how the figures came about, a sentence each. */
export function notes(results: Results): readonly string[] {
  const { failures, leftOut, missing, noisy } = results;
  const lines = [
    `${leftOut} runs were left out and done again, because others had too much of the machine meanwhile.`,
  ];
  if (noisy > 0) lines.push(`${noisy} runs count although the machine did not get quiet.`);
  for (const [name, reason] of Object.entries(missing)) lines.push(`${name}: ${reason}`);
  for (const [what, reason] of Object.entries(failures)) lines.push(`${what}: failed: ${reason}`);
  return lines;
}

/** What had to be reached, of every rdsiam that was measured. */
export function acceptanceTable(results: Results): Table {
  const own = subjectsOf(results).filter((name) => /^rdsiam(-\w+)?$/.test(name));
  const verdicts = own.flatMap((subject) => judge(results, subject));
  const heading = ["work", "ratio", "measured", "quartiles", "target", "reached"];
  return { heading, lines: verdicts.map(verdictLine) };
}

function verdictLine(verdict: Verdict): readonly string[] {
  const { atMost, measured, ratio, reached, target, work } = verdict;
  return [
    work,
    ratio,
    fixed(measured.median),
    `${fixed(measured.low)} to ${fixed(measured.high)}`,
    `${atMost ? "at most" : "at least"} ${target}`,
    reached ? "yes" : "NO",
  ];
}

function fixed(value: number): string {
  return value >= 10 ? value.toFixed(0) : value.toFixed(2);
}

function digits(value: number): string {
  if (value >= 100) return value.toFixed(0);
  return value.toPrecision(3);
}

/** A table with columns that line up; numbers to the right. */
export function alignTable({ heading, lines }: Table): string {
  const all = [heading, ...lines];
  const widths = heading.map((_, at) => Math.max(...all.map((line) => line[at]?.length ?? 0)));
  const text = all.map((line) =>
    line
      .map((cell, at) => (at < 2 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0)))
      .join("  ")
      .trimEnd(),
  );
  return text.join("\n");
}
