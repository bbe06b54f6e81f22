// The options of npm run bench.
import { parseArgs } from "node:util";
import type { Size } from "./work.ts";

/** What is asked for. */
export interface BenchOptions {
  readonly only: readonly string[];
  readonly subjects: readonly string[];
  readonly rounds: number;
  readonly runtimes: boolean;
  /** Other builds of rdsiam, by the name that their subject gets. */
  readonly also: Readonly<Record<string, string>>;
  readonly size: Size;
  /** The part of the machine that others may have during a run that counts. */
  readonly maxForeign: number;
  /** Whether rdsiam is built first. */
  readonly build: boolean;
  /** Where rdsiam under Node leaves a CPU profile when it ends. */
  readonly cpuProf: string | undefined;
  readonly from: string | undefined;
  readonly json: string;
  readonly svg: string | undefined;
  readonly docs: string | undefined;
  readonly help: boolean;
  /** The options that say what is measured, as they were typed. */
  readonly words: readonly string[];
}

/** The help text. */
export const BENCH_HELP = `npm run bench [-- OPTION...]

  --only ROW,...       only the rows whose names begin so (version, psql, copy-out, pg_dump, simple-16, logins, idle ...)
  --subjects NAME,...  only these: direct, stunnel, pgbouncer, aws, rdsiam, rdsiam-bun ...; and two that are measured where they are
                       named alone, across a network with round trips of 50 ms: rdsiam-sslrequest, rdsiam-direct (TLS at once)
  --runtimes           rdsiam under current Node, Bun and Deno and as the compiled binary too
  --also NAME=FILE     another build of rdsiam beside this one (FILE is its rdsiam.js), as the subject rdsiam-NAME
  --rounds N           interleaved rounds (default 7)
  --megabytes N        size of the table that is copied (default 320)
  --seconds N          length of each run of pgbench (default 2)
  --quick              everything small, one round, for a smoke run; its figures mean nothing
  --max-foreign N      percent of the machine that other processes may have during a run that counts (default 10)
  --no-build           takes dist/ as it is
  --cpu-prof DIRECTORY rdsiam under Node leaves CPU profiles there; its figures are then a little worse
  --json FILE          writes every single run there (default build/performance.json)
  --from FILE          measures nothing, and reads such a file instead
  --svg FILE           draws the picture
  --docs docs          writes performance.md and performance.svg there
`;

// What becomes of the figures does not change them.
const OUTPUTS = ["json", "svg", "docs", "from", "cpu-prof"];

const FULL: Size = {
  megabytes: 320,
  scale: 10,
  seconds: 2,
  starts: 3,
  sessions: [1, 100, 1000],
  settleMilliseconds: 3000,
};

const QUICK: Size = {
  megabytes: 4,
  scale: 1,
  seconds: 1,
  starts: 1,
  sessions: [1, 10],
  settleMilliseconds: 0,
};

/** Reads the command line; throws on what it does not know. */
export function readBenchOptions(args: readonly string[]): BenchOptions {
  const { tokens, values } = parseArgs({
    args: [...args],
    tokens: true,
    options: {
      only: { type: "string", multiple: true, default: [] },
      subjects: { type: "string", multiple: true, default: [] },
      rounds: { type: "string" },
      megabytes: { type: "string" },
      seconds: { type: "string" },
      also: { type: "string", multiple: true, default: [] },
      runtimes: { type: "boolean", default: false },
      quick: { type: "boolean", default: false },
      "max-foreign": { type: "string", default: "10" },
      "no-build": { type: "boolean", default: false },
      "cpu-prof": { type: "string" },
      from: { type: "string" },
      json: { type: "string", default: "build/performance.json" },
      svg: { type: "string" },
      docs: { type: "string" },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  const base = values.quick ? QUICK : FULL;
  const megabytes = readNumber(values.megabytes, base.megabytes);
  const seconds = readNumber(values.seconds, base.seconds);
  const { docs, from, help, json, runtimes, svg } = values;
  return {
    only: words(values.only),
    subjects: words(values.subjects),
    rounds: readNumber(values.rounds, values.quick ? 1 : 7),
    runtimes,
    also: Object.fromEntries(values.also.map(readPair)),
    size: Object.assign({ ...base }, { megabytes, seconds }),
    maxForeign: values.quick ? 1 : readNumber(values["max-foreign"], 10) / 100,
    build: !values["no-build"],
    cpuProf: values["cpu-prof"],
    from,
    json,
    svg,
    docs,
    help,
    words: tokens.flatMap((token) =>
      token.kind === "option" && !OUTPUTS.includes(token.name)
        ? [token.rawName, token.value ?? []].flat()
        : [],
    ),
  };
}

function words(lists: readonly string[]): readonly string[] {
  return lists.flatMap((list) => list.split(",")).filter((word) => word !== "");
}

function readPair(text: string): readonly [string, string] {
  const [, name, file] = /^(\w+)=(.+)$/.exec(text) ?? [];
  if (name === undefined || file === undefined) throw new TypeError(`not NAME=FILE: ${text}`);
  return [`rdsiam-${name}`, file];
}

function readNumber(text: string | undefined, fallback: number): number {
  if (text === undefined) return fallback;
  const number = Number(text);
  if (!Number.isInteger(number) || number < 1) throw new TypeError(`no such number: ${text}`);
  return number;
}
