// The work of the rows. The name of a row ends with a size where there are several.
// https://www.postgresql.org/docs/current/pgbench.html
import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { setTimeout as delay } from "node:timers/promises";
import {
  cpuSeconds,
  memory,
  resetPeak,
  runTool,
  startProgram,
  type ToolRun,
  until,
  withPath,
} from "./processes.ts";
import { summarize } from "./results.ts";
import { DATABASE, type Scene, type SceneSize, USER } from "./scene.ts";
import type { Subject } from "./subjects.ts";

const STALLED = 40; // looks in a row, after which a server is taken for stalled

/** How much is done: seconds of each run of pgbench and of the long run, starts of which the median counts, and so on. */
export type Size = SceneSize & Readonly<Record<"seconds" | "soak" | "starts" | "settle", number>>;

/** What work is done with. */
export interface Bench {
  readonly scene: Scene;
  readonly size: Size;
  /** Starts a subject once more, as new. */
  readonly start: (name: string) => Promise<Subject>;
}

/** A row: work that is done once for each subject in each round. */
export interface Row {
  readonly id: string;
  readonly applies: (subject: Subject) => boolean;
  /** Answers figures: the row's own by its id, others by the id with a slash and more behind. */
  readonly run: (bench: Bench, subject: Subject) => Promise<Readonly<Record<string, number>>>;
  /** At most so many rounds of it. */
  readonly rounds?: number;
  /** What it has to be asked for by. */
  readonly extra?: "scale" | "soak";
}

/** The median of several attempts. */
export async function median(times: number, attempt: () => Promise<number>): Promise<number> {
  const values: number[] = [];
  while (values.length < times) values.push(await attempt());
  return summarize(values)?.median ?? 0;
}

function servesTools({ env }: Subject): boolean {
  return env !== undefined;
}

/** A whole process of rdsiam, or of its runtime alone. */
export function start(id: string, words: readonly string[]): Row {
  return {
    id,
    applies: ({ launcher }) => launcher !== undefined,
    run: async ({ size }, { launcher }) => {
      const { empty = [], env = {}, words: own = [] } = launcher ?? {};
      const run = { words: id === "empty" ? empty : [...own, ...words], env };
      return { [id]: await median(size.starts, async () => (await runTool(run)).whole) };
    },
  };
}

/** The first row: rdsiam is measured from its own start; proxies that are always on are there already, as in daily use. */
export const FIRST_ROW: Row = {
  id: "first-row",
  applies: () => true,
  run: async ({ size, start: again }, subject) => {
    const attempt = async (): Promise<number> => {
      if (!subject.isFromStart) return (await runTool(subject.firstRow)).firstByte;
      const began = performance.now();
      await using fresh = await again(subject.name);
      const before = performance.now() - began;
      return before + (await runTool(fresh.firstRow)).firstByte;
    };
    return { "first-row": await median(size.starts, attempt) };
  },
};

/** A tool that moves the table. */
export function bulk(id: string, words: readonly string[]): Row {
  return {
    id,
    applies: servesTools,
    run: async ({ scene, size }, { env = {}, pids }) => {
      await scene.query("truncate bulk_in");
      await resetPeak(pids);
      const before = await cpuSeconds(pids);
      const run: ToolRun = { words, env, isSilent: true };
      const { whole } = await runTool(id === "copy-in" ? { ...run, input: scene.bulkFile } : run);
      const cpu = ((await cpuSeconds(pids)) - before) / size.megabytes;
      const value = { [id]: size.megabytes / (whole / 1000) };
      if (pids.length === 0) return value;
      return { ...value, [`${id}/cpu`]: cpu * 1e6, [`${id}/peak`]: await memory(pids, "VmHWM") };
    },
  };
}

/** What still arrives when a COPY is cancelled whose reader takes nothing until the server cannot send any more, or has sent all. */
export const CANCEL: Row = {
  id: "cancel",
  applies: servesTools,
  run: async ({ scene }, { env = {} }) => {
    await untilSessions(scene, 0);
    const words = ["-Xqc", "copy bulk to stdout"];
    const stdio = ["ignore", "pipe", "pipe"] as ["ignore", "pipe", "pipe"];
    const child = spawn("psql", words, { env: withPath(env), stdio });
    try {
      const closed = once(child, "close");
      const asked = once(child.stderr, "data"); // "Cancel request sent"
      await untilSessions(scene, 1, "wait_event in ('ClientWrite', 'ClientRead')", STALLED);
      child.kill("SIGINT");
      await asked;
      let arrived = 0;
      child.stdout.on("data", (chunk: Uint8Array) => (arrived += chunk.length));
      await closed;
      return { cancel: arrived / 1e6 };
    } finally {
      child.kill("SIGKILL");
    }
  },
};

// Waits until so many sessions are as they should be, in several looks in a row.
async function untilSessions(
  { postgres }: Scene,
  count: number,
  where = "state is not null",
  looks = 1,
): Promise<void> {
  const sql = `select count(*)::int as count from pg_stat_activity
    where usename = '${USER}' and datname = '${DATABASE}' and ${where}`;
  let seen = 0;
  await until(`${count} sessions with ${where}`, async () => {
    const { rows } = await postgres.query(sql);
    seen = rows[0]?.["count"] === count ? seen + 1 : 0;
    return seen === looks;
  });
}

const WORDS = {
  simple: ["-S", "-M", "simple"],
  prepared: ["-S", "-M", "prepared"],
  logins: ["-S", "-C"],
};

/** Small queries, or logins with one each. */
export function pgbench(kind: keyof typeof WORDS, clients: number): Row {
  const id = `${kind}-${clients}`;
  return {
    id,
    applies: servesTools,
    run: async ({ size }, subject) => {
      // pgbench's time runs while it logs in. What that takes, of time and of CPU, a run of one transaction for each client says.
      const first = await ran(subject, kind, clients, "-t1");
      const { cpu, seconds, transactions } = kind === "logins" ? NOTHING : first;
      const time = `-T${size.seconds + Math.round(seconds)}`;
      const all = await ran(subject, kind, clients, time);
      if (subject.pids.length === 0) return { [id]: all.tps };
      const each = (all.cpu - cpu) / (all.transactions - transactions);
      return { [id]: all.tps, [`${id}/cpu`]: each * 1e6 };
    },
  };
}

const NOTHING = { cpu: 0, seconds: 0, transactions: 0 };

/** Runs pgbench: what it says, and the CPU seconds of the processes in between. */
export async function ran(
  { env = {}, pids }: Subject,
  kind: keyof typeof WORDS,
  clients: number,
  ...limits: readonly string[]
) {
  // pgbench logs in within a thread one client after the other.
  const threads = kind === "logins" ? clients : Math.min(clients, availableParallelism());
  const words = ["pgbench", "-n", `-c${clients}`, `-j${threads}`, ...limits, ...WORDS[kind]];
  const before = await cpuSeconds(pids);
  const { stdout, whole } = await runTool({ words, env });
  const cpu = (await cpuSeconds(pids)) - before;
  const read = (pattern: RegExp): number => Number(pattern.exec(stdout)?.[1]);
  if (read(/^number of failed transactions: (\d+)/m) > 0) throw new Error("failed transactions");
  const transactions = read(/^number of transactions actually processed: (\d+)/m);
  return { seconds: whole / 1000, cpu, transactions, tps: read(/^tps = ([\d.]+)/m) };
}

/** Memory of processes that are new and hold idle sessions. */
export function idle(sessions: number): Row {
  const id = `idle-${sessions}`;
  return {
    id,
    rounds: 3,
    applies: ({ pids }) => pids.length > 0,
    run: async ({ scene, size, start: again }, { name }) => {
      await untilSessions(scene, 0);
      await using fresh = await again(name);
      const script = `${scene.directory}/sleep.sql`;
      // A query first: pgbouncer logs in at the server no sooner.
      await writeFile(script, "select 1;\n\\sleep 600 s\n");
      const words = ["pgbench", "-n", "-f", script, `-c${sessions}`, "-t1"];
      await using _ = await startProgram(scene.directory, words, {
        env: fresh.env ?? {},
        ready: /^/,
      });
      await untilSessions(scene, sessions, "state = 'idle'");
      await delay(size.settle);
      return { [id]: await memory(fresh.pids, "VmRSS") };
    },
  };
}
