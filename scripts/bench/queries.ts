// Queries and logins with pgbench: transactions per second, and what each costs the process in between.
// https://www.postgresql.org/docs/current/pgbench.html
import { availableParallelism } from "node:os";
import { cpuSeconds } from "./processes.ts";
import { runTool } from "./run-tool.ts";
import { DATABASE, type Scene, USER } from "./scene.ts";
import type { Subject } from "./subjects.ts";
import { type Bench, type Figure, servesTools, type Work } from "./work.ts";

const CURVE_ROUNDS = 3;

/** The numbers of clients that the curve is made of. */
export const CURVE = [1, 4, 16, 64] as const;

interface PgbenchWork {
  readonly id: string;
  readonly title: string;
  readonly clients: number;
  readonly words: readonly string[];
  readonly unit?: "tps" | "logins/s";
  readonly rounds?: number;
}

/** Makes pgbench's tables. */
export async function preparePgbench(scene: Scene, scale: number): Promise<void> {
  const { port, socketDirectory } = scene.server;
  await runTool({
    words: ["pgbench", "-i", "-I", "dtGvp", "-q", "-s", String(scale)],
    env: { PGHOST: socketDirectory, PGPORT: String(port), PGUSER: USER, PGDATABASE: DATABASE },
  });
}

/** The rows. */
export const QUERY_WORKS: readonly Work[] = [
  ...CURVE.map((clients) =>
    pgbench({
      id: `simple-${clients}`,
      title: `pgbench -S, simple, ${clientsText(clients)}`,
      clients,
      words: ["-S", "-M", "simple"],
      // The points in between are for the picture alone.
      ...(clients === 1 || clients === 16 ? {} : { rounds: CURVE_ROUNDS }),
    }),
  ),
  ...[1, 16].map((clients) =>
    pgbench({
      id: `prepared-${clients}`,
      title: `pgbench -S, prepared, ${clientsText(clients)}`,
      clients,
      words: ["-S", "-M", "prepared"],
    }),
  ),
  pgbench({ id: "tpcb", title: "pgbench, TPC-B, 4 clients", clients: 4, words: [] }),
  ...[1, 8].map((clients) =>
    pgbench({
      id: `logins-${clients}`,
      title: `logins, ${clientsText(clients)}`,
      clients,
      words: ["-S", "-C"],
      unit: "logins/s",
    }),
  ),
];

/** The name of the figure that says what a query of a row costs the process in between. */
export function cpuFigure(id: string): string {
  return `${id}-cpu`;
}

function pgbench(work: PgbenchWork): Work {
  const { id, title, unit = "tps" } = work;
  const what = unit === "tps" ? "transaction" : "login";
  const figures: readonly Figure[] = [
    { id, title, unit, more: true },
    { id: cpuFigure(id), title: `${title}: CPU per ${what}`, unit: "µs", more: false },
  ];
  return {
    id,
    figures,
    appliesTo: servesTools,
    inBetween: true,
    run: (bench, subject) => runPgbench(bench, subject, work),
    ...(work.rounds === undefined ? {} : { rounds: work.rounds }),
  };
}

async function runPgbench(
  { size }: Bench,
  subject: Subject,
  work: PgbenchWork,
): Promise<Record<string, number>> {
  const { id, unit } = work;
  const { seconds } = size;
  // pgbench's time runs while it logs in. What that takes, of time and of CPU, a run of one transaction for each client says.
  const start = unit === "logins/s" ? NOTHING : await ran(subject, work, ["-t", "1"]);
  const time = seconds + Math.round(start.seconds);
  const { tps, transactions, cpu } = await ran(subject, work, ["-T", String(time)]);
  const each = (cpu - start.cpu) / (transactions - start.transactions);
  return subject.pid === undefined ? { [id]: tps } : { [id]: tps, [cpuFigure(id)]: each * 1e6 };
}

interface Ran {
  readonly seconds: number;
  /** Seconds of the process in between. */
  readonly cpu: number;
  readonly transactions: number;
  readonly tps: number;
}

const NOTHING: Ran = { seconds: 0, cpu: 0, transactions: 0, tps: 0 };

async function ran(
  subject: Subject,
  { clients, unit, words }: PgbenchWork,
  limit: readonly string[],
): Promise<Ran> {
  // pgbench logs in within a thread one client after the other.
  const threads = unit === "logins/s" ? clients : Math.min(clients, availableParallelism());
  const load = ["-n", "-c", String(clients), "-j", String(threads), ...limit];
  const pids = subject.pid === undefined ? [] : [subject.pid];
  const before = await cpuSeconds(pids);
  const { stdout, whole } = await runTool({
    words: ["pgbench", ...load, ...words],
    env: subject.env ?? {},
  });
  const cpu = (await cpuSeconds(pids)) - before;
  const failed = readNumber(stdout, /^number of failed transactions: (\d+)/m);
  if (failed > 0) throw new Error(`pgbench: ${failed} failed transactions`);
  const transactions = readNumber(stdout, /^number of transactions actually processed: (\d+)/m);
  return { seconds: whole / 1000, cpu, transactions, tps: readNumber(stdout, /^tps = ([\d.]+)/m) };
}

function readNumber(text: string, pattern: RegExp): number {
  const found = pattern.exec(text)?.[1];
  if (found === undefined) throw new Error(`pgbench does not say ${pattern.source}`);
  return Number(found);
}

function clientsText(clients: number): string {
  return clients === 1 ? "1 client" : `${clients} clients`;
}
