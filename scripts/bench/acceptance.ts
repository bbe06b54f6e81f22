// What rdsiam has to reach, as ratios within a round, and whether it does.
import { ratioOf, type Results, roundsOf, valueIn } from "./results.ts";
import { summarize, type Summary } from "./statistics.ts";

/** One line of the table. */
export interface Verdict {
  readonly work: string;
  readonly ratio: string;
  readonly measured: Summary;
  readonly target: number;
  readonly atMost: boolean;
  readonly reached: boolean;
}

interface Target {
  readonly work: string;
  readonly figure: string;
  /** What the ratio is of: the figure's own value of the other subject, unless `of` makes one. */
  readonly to: string;
  readonly of?: readonly (readonly [figure: string, subject: string])[];
  readonly target: number | Readonly<{ node: number; binary: number }>;
  readonly atMost?: boolean;
}

const OWN = "(own)"; // the very subject that is judged
const BULK_OUT = ["copy-out-text", "copy-out-binary", "pg_dump"];
const BULK = [...BULK_OUT, "copy-in"];

const TARGETS: readonly Target[] = [
  ...BULK.map((figure) => ({ work: figure, figure, to: "direct", target: 0.95 })),
  ...["stunnel", "pgbouncer"].flatMap((to) =>
    BULK_OUT.map((figure) => ({ work: figure, figure, to, target: 1 })),
  ),
  ...["prepared-1", "simple-1"].map((figure) => ({
    work: figure,
    figure,
    to: "stunnel",
    target: { node: 0.9, binary: 1 },
  })),
  ...["prepared-16", "simple-16"].map((figure) => ({
    work: figure,
    figure,
    to: "stunnel",
    target: { node: 1, binary: 1.2 },
  })),
  ...["logins-1", "logins-8"].map((figure) => ({ work: figure, figure, to: "direct", target: 1 })),
  ...["logins-1", "logins-8"].map((figure) => ({
    work: figure,
    figure,
    to: "rdsiam-sslrequest",
    target: 1,
  })),
  {
    work: "psql -c 'select 1'",
    figure: "psql",
    to: "empty program + direct",
    of: [
      ["empty", OWN],
      ["psql", "direct"],
    ],
    target: { node: 1.5, binary: 1.25 },
    atMost: true,
  },
  { work: "psql -c 'select 1'", figure: "psql", to: "aws", target: 0.3, atMost: true },
  ...["version", "list"].map((figure) => ({
    work: figure,
    figure,
    to: "empty program",
    of: [["empty", OWN]] as const,
    target: 1.25,
    atMost: true,
  })),
];

const IDLE_LIMIT = 60; // kB for each session over the first

/** Every line that was measured, of one subject: `rdsiam`, `rdsiam-bun`, `rdsiam-binary` ... */
export function judge(results: Results, subject: string): readonly Verdict[] {
  const verdicts = TARGETS.flatMap((target) => judgeOne(results, subject, target));
  const idle = summarize(
    roundsOf(results).flatMap(
      (round) => valueIn(results, { figure: "idle-each", round, name: subject }) ?? [],
    ),
  );
  if (idle === undefined) return verdicts;
  const last: Verdict = {
    work: "idle sessions",
    ratio: "kB for each session over the first",
    measured: idle,
    target: IDLE_LIMIT,
    atMost: true,
    reached: idle.median <= IDLE_LIMIT,
  };
  return [...verdicts, last];
}

function judgeOne(results: Results, subject: string, of: Target): readonly Verdict[] {
  const { atMost = false, figure, to } = of;
  if (to === subject) return [];
  const measured =
    of.of === undefined
      ? ratioOf(results, { figure, subject, to })
      : sumRatio(results, { figure, name: subject, of: of.of });
  if (measured === undefined) return [];
  const kind = subject === "rdsiam-binary" ? "binary" : "node";
  const target = typeof of.target === "number" ? of.target : of.target[kind];
  const reached = atMost ? measured.median <= target : measured.median >= target;
  return [{ work: of.work, ratio: `${subject} / ${to}`, measured, target, atMost, reached }];
}

function sumRatio(
  results: Results,
  of: { figure: string; name: string; of: NonNullable<Target["of"]> },
): Summary | undefined {
  const ratios = roundsOf(results).flatMap((round) => {
    const value = valueIn(results, { figure: of.figure, round, name: of.name });
    const parts = of.of.map(([figure, subject]) =>
      valueIn(results, { figure, round, name: subject === OWN ? of.name : subject }),
    );
    if (value === undefined || parts.includes(undefined)) return [];
    return [value / parts.reduce<number>((sum, part) => sum + (part ?? 0), 0)];
  });
  return summarize(ratios);
}
