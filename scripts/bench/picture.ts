// The picture of some results: throughput beside the tool alone, start-up in milliseconds, and what a query costs the
// process in between against the number of sessions.
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { $ } from "zx";
import { installTools, TOOLS } from "../tools.ts";
import { CURVE, cpuFigure } from "./queries.ts";
import { cellsOf, ratioOf, type Results, subjectsOf } from "./results.ts";
import { figureOf } from "./works.ts";

const WIDTH = 420;

// Okabe and Ito's colours, which colour-blind people can tell apart. https://jfly.uni-koeln.de/color/
const COLORS = [
  "#999999",
  "#56b4e9",
  "#e69f00",
  "#009e73",
  "#d55e00",
  "#0072b2",
  "#cc79a7",
  "#000",
];

const THROUGHPUT = [
  "copy-out-text",
  "copy-out-binary",
  "pg_dump",
  "copy-in",
  "simple-1",
  "simple-16",
  "prepared-1",
  "prepared-16",
  "tpcb",
  "logins-1",
  "logins-8",
];
const STARTS = ["empty", "version", "list", "token", "psql"];

/** Draws the picture into a file. */
export async function drawPicture(results: Results, file: string): Promise<void> {
  const problem = await installTools();
  if (problem !== undefined) throw new Error(problem);
  const description = JSON.stringify(describePicture(results));
  const drawn = await $({
    quiet: true,
    input: description,
  })`${process.execPath} ${join(TOOLS, "draw-picture.mjs")}`;
  await writeFile(file, drawn.stdout);
}

/** The picture in Vega-Lite's language. */
export function describePicture(results: Results): object {
  const subjects = subjectsOf(results);
  const color = {
    field: "subject",
    type: "nominal",
    title: null,
    scale: { domain: subjects, range: COLORS },
  };
  return {
    $schema: "https://vega.github.io/schema/vega-lite/v6.json",
    background: "white",
    padding: 12,
    config: { font: "sans-serif", view: { stroke: null } },
    vconcat: [
      bars("Throughput beside the tool alone (1 = as without a proxy; higher is better)", {
        values: throughputValues(results),
        axis: "ratio to direct TLS",
        color,
        subjects: subjects.filter((name) => name !== "direct" && name !== "aws"),
      }),
      bars("Start to end of a whole process (lower is better)", {
        values: startValues(results),
        axis: "ms",
        color,
        subjects,
      }),
      curve(curveValues(results), color),
    ],
  };
}

interface Value {
  readonly subject: string;
  readonly row: string;
  readonly median: number;
  readonly low: number;
  readonly high: number;
}

interface Bars {
  readonly values: readonly Value[];
  readonly axis: string;
  readonly color: object;
  /** From top to bottom. */
  readonly subjects: readonly string[];
}

function bars(title: string, chart: Bars) {
  const axis = { labelLimit: 260, ticks: false };
  const scale = { paddingInner: 0.35 };
  const y = { field: "row", type: "nominal", sort: null, title: null, axis, scale };
  const yOffset = { field: "subject", type: "nominal", scale: { domain: chart.subjects } };
  return {
    title: { text: title, anchor: "start" },
    data: { values: chart.values },
    width: WIDTH,
    height: { step: 8, for: "offset" },
    encoding: { y, yOffset },
    layer: [
      {
        mark: { type: "bar" },
        encoding: {
          x: { field: "median", type: "quantitative", title: chart.axis },
          color: chart.color,
        },
      },
      {
        mark: { type: "rule", color: "black", strokeWidth: 1 },
        encoding: { x: { field: "low", type: "quantitative" }, x2: { field: "high" } },
      },
    ],
  };
}

function curve(values: readonly object[], color: object) {
  return {
    title: {
      text: "CPU of the process in between, by sessions (lower is better)",
      anchor: "start",
    },
    data: { values },
    width: WIDTH,
    height: 160,
    mark: { type: "line", point: true },
    encoding: {
      x: {
        field: "clients",
        type: "quantitative",
        scale: { type: "log", base: 2 },
        title: "sessions that query at once",
        axis: { values: [...CURVE] },
      },
      y: { field: "cpu", type: "quantitative", title: "µs per query" },
      color,
    },
  };
}

function throughputValues(results: Results): readonly Value[] {
  return THROUGHPUT.flatMap((figure) =>
    cellsOf(results, figure).flatMap(({ subject }) => {
      const ratio = ratioOf(results, { figure, subject, to: "direct" });
      if (ratio === undefined || subject === "direct") return [];
      return value(figure, subject, ratio);
    }),
  );
}

function startValues(results: Results): readonly Value[] {
  return STARTS.flatMap((figure) =>
    cellsOf(results, figure).map(({ subject, summary }) => value(figure, subject, summary)),
  );
}

function value(
  figure: string,
  subject: string,
  { median, low, high }: { median: number; low: number; high: number },
): Value {
  return { subject, row: figureOf(figure)?.title ?? figure, median, low, high };
}

function curveValues(results: Results): readonly object[] {
  return CURVE.flatMap((clients) =>
    cellsOf(results, cpuFigure(`simple-${clients}`)).map(({ subject, summary }) => ({
      subject,
      clients,
      cpu: summary.median,
    })),
  );
}
