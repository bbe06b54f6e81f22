// Memory of a process in between that holds idle sessions, each time of a process that is new.
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { startLeashed } from "./leash.ts";
import { memoryBytes } from "./processes.ts";
import { DATABASE, type Scene, USER } from "./scene.ts";
import type { Subject } from "./subjects.ts";
import type { Bench, Figure, Work } from "./work.ts";

const ROUNDS = 3;
const SESSIONS_LIMIT = 120_000; // ms until all are logged in
const RETRY_DELAY = 100; // ms
const KILOBYTE = 1000;

/** The numbers of sessions that have a figure. */
export const SESSIONS = [1, 100, 1000] as const;

/** The figure of a number of idle sessions. */
export function idleFigure(sessions: number): string {
  return `idle-${sessions}`;
}

/** The rows. */
export const MEMORY_WORKS: readonly Work[] = [
  {
    id: "idle",
    figures: [
      ...SESSIONS.map((sessions) =>
        memory(idleFigure(sessions), `memory, ${sessions} idle session${sessions > 1 ? "s" : ""}`),
      ),
      memory("idle-each", "memory of each further idle session"),
    ],
    appliesTo: ({ pid }) => pid !== undefined,
    run: measure,
    rounds: ROUNDS,
  },
];

function memory(id: string, title: string): Figure {
  return { id, title, unit: "kB", more: false };
}

async function measure(bench: Bench, subject: Subject): Promise<Record<string, number>> {
  await using fresh = await bench.startAgain(subject);
  const { sessions } = bench.size;
  const figures: Record<string, number> = {};
  let first: number | undefined;
  let last = 0;
  for (const count of sessions) {
    last = await memoryWith(bench, fresh, count);
    first ??= last;
    figures[idleFigure(count)] = last;
  }
  const further = (sessions.at(-1) ?? 0) - (sessions[0] ?? 0);
  figures["idle-each"] = (last - (first ?? 0)) / further;
  return figures;
}

async function memoryWith(bench: Bench, subject: Subject, count: number): Promise<number> {
  const { scene, size } = bench;
  const script = join(scene.directory, "sleep.sql");
  // A query first: pgbouncer logs in at the server no sooner.
  await writeFile(script, "select 1;\n\\sleep 600 s\n");
  const words = ["pgbench", "-n", "-f", script, "-c", String(count), "-t", "1"];
  const tool = await startLeashed(words, subject.env ?? {});
  try {
    await Promise.race([tool.ended, untilSessions(scene, count)]);
    await delay(size.settleMilliseconds);
    return (await memoryBytes(subject.pid ?? 0, "VmRSS")) / KILOBYTE;
  } finally {
    await tool[Symbol.asyncDispose]();
    await untilSessions(scene, 0);
  }
}

async function untilSessions(scene: Scene, wanted: number): Promise<void> {
  const sql = `select count(*)::int as count from pg_stat_activity
    where usename = '${USER}' and datname = '${DATABASE}' and state = 'idle'`;
  for (const limit = Date.now() + SESSIONS_LIMIT; Date.now() < limit; await delay(RETRY_DELAY)) {
    const [row] = await scene.server.query(sql);
    if (row?.["count"] === wanted) return;
  }
  throw new Error(`there are not ${wanted} sessions after ${SESSIONS_LIMIT / 1000} s`);
}
