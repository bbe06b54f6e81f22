// The rounds: every row for every subject in turn, in another order each time, so that what the machine does meanwhile
// spoils all alike. A run during which others had too much of the machine is left out and done again.
import { setTimeout as delay } from "node:timers/promises";
import { cpuSeconds, foreignShare, markCpu, memoryBytes, resetPeak } from "./processes.ts";
import type { Subject } from "./subjects.ts";
import type { Bench, Work } from "./work.ts";

const ATTEMPTS = 4;
const FAILURES = 2; // after which a subject is not asked to do a row again
const QUIET_INTERVAL = 1000; // ms
const QUIET_LIMIT = 20; // intervals that are waited for a quiet one

/** One run that counts. */
export interface Run {
  readonly round: number;
  readonly work: string;
  readonly subject: string;
  readonly values: Readonly<Record<string, number>>;
  /** CPU seconds of the process in between. */
  readonly cpuSeconds?: number;
  /** Its memory at its highest, in bytes. */
  readonly peakBytes?: number;
  /** The part of the machine that others had. */
  readonly foreign: number;
}

/** What the rounds brought. */
export interface Outcome {
  readonly runs: readonly Run[];
  /** Runs that others' work spoilt, and that were done again. */
  readonly leftOut: number;
  /** Runs that count although the machine did not get quiet. */
  readonly noisy: number;
  /** Rows that a subject could not do, with the reason. */
  readonly failures: Readonly<Record<string, string>>;
}

/** What is to be measured. */
export interface Plan {
  readonly bench: Bench;
  readonly works: readonly Work[];
  readonly subjects: readonly Subject[];
  readonly rounds: number;
  /** The part of the machine that others may have. */
  readonly maxForeign: number;
  readonly progress: (round: number, what: string) => void;
}

/** Goes through all rounds. */
export async function runRounds(plan: Plan): Promise<Outcome> {
  const runs: Run[] = [];
  const failures: Record<string, string> = {};
  const failed = new Map<string, number>();
  let leftOut = 0;
  for (let round = 1; round <= plan.rounds; round += 1) {
    await renewTokens(plan);
    for (const work of plan.works) {
      if (round > (work.rounds ?? round)) continue;
      for (const subject of shuffled(plan.subjects.filter(work.appliesTo))) {
        const what = `${work.id}, ${subject.name}`;
        if ((failed.get(what) ?? 0) >= FAILURES) continue;
        plan.progress(round, what);
        try {
          const tried = await runQuietly(plan, { work, subject, round });
          runs.push(tried.run);
          leftOut += tried.leftOut;
        } catch (error) {
          failures[what] = firstLineOf(error);
          failed.set(what, (failed.get(what) ?? 0) + 1);
        }
      }
    }
  }
  const noisy = runs.filter(({ foreign }) => foreign > plan.maxForeign).length;
  return { runs, leftOut, noisy, failures };
}

// A token lives for 15 minutes, a round a few.
async function renewTokens({ bench, subjects }: Plan): Promise<void> {
  const token = await bench.scene.makeToken();
  for (const subject of subjects) await subject.renew?.(token);
}

interface Turn {
  readonly work: Work;
  readonly subject: Subject;
  readonly round: number;
}

async function runQuietly(plan: Plan, turn: Turn): Promise<{ run: Run; leftOut: number }> {
  for (let leftOut = 0; ; leftOut += 1) {
    const run = await runOnce(plan.bench, turn);
    if (run.foreign <= plan.maxForeign || leftOut + 1 >= ATTEMPTS) return { run, leftOut };
    await untilQuiet(plan.maxForeign);
  }
}

async function runOnce(bench: Bench, { round, subject, work }: Turn): Promise<Run> {
  const pid = work.inBetween === true ? subject.pid : undefined;
  const pids = pid === undefined ? [] : [pid];
  if (pid !== undefined) await resetPeak(pid);
  const before = await cpuSeconds(pids);
  const mark = await markCpu();
  const values = await work.run(bench, subject);
  const foreign = await foreignShare(mark);
  const run = { round, work: work.id, subject: subject.name, values, foreign };
  if (pid === undefined) return run;
  const used = (await cpuSeconds(pids)) - before;
  return { ...run, cpuSeconds: used, peakBytes: await memoryBytes(pid, "VmHWM") };
}

async function untilQuiet(maxForeign: number): Promise<void> {
  for (let waited = 0; waited < QUIET_LIMIT; waited += 1) {
    const mark = await markCpu();
    await delay(QUIET_INTERVAL);
    if ((await foreignShare(mark)) <= maxForeign / 2) return;
  }
}

/** The first line of what an error says. */
export function firstLineOf(error: unknown): string {
  const [line = ""] = (error instanceof Error ? error.message : String(error)).split("\n", 1);
  return line;
}

function shuffled<T>(items: readonly T[]): readonly T[] {
  const keyed = items.map((item) => ({ item, key: Math.random() }));
  return keyed.toSorted((a, b) => a.key - b.key).map(({ item }) => item);
}
