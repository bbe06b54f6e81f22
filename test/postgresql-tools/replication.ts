// The two tools that speak the replication protocol: pg_basebackup with WAL streaming, and pg_recvlogical, which must
// show every row once, also those that were written while it was away.
// https://www.postgresql.org/docs/current/protocol-replication.html

import type { ChildProcess } from "node:child_process";
import { readFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { setTimeout as delay } from "node:timers/promises";
import { type Finished, rdsiam } from "../support/program.ts";
import { type Bench, type Check, secondsSince } from "./bench.ts";

const DATABASE = "decoded";
const WRITTEN = "written";
const SLOT = "rdsiam_slot";
const TRANSACTIONS = 50;
const LIMIT_MS = 60_000;

/** The checks of replication. */
export const REPLICATION_CHECKS: readonly Check[] = [
  { name: "pg_basebackup", tools: ["pg_basebackup", "pg_verifybackup"], run: backUp },
  { name: "pg_recvlogical", tools: ["pg_recvlogical"], run: decode },
];

async function backUp(bench: Bench): Promise<string> {
  const directory = join(bench.directory, "backup");
  const start = performance.now();
  // Rows written meanwhile are what the streamed WAL is for.
  await bench.query("postgres", `create database ${WRITTEN}`);
  await bench.query(WRITTEN, "create table written (n int)");
  let running = true;
  const write = async (): Promise<number> => {
    let count = 0;
    for (; running; count += 1) {
      await bench.query(WRITTEN, `insert into written select generate_series(1, 100)`);
      await delay(20);
    }
    return count;
  };
  const writer = write();
  try {
    const words = ["-X", "stream", "-c", "fast", "--no-sync", "-D", directory];
    await bench.through("postgres", ["pg_basebackup", ...words]);
  } finally {
    running = false;
    await writer;
  }
  const seconds = secondsSince(start);
  const { stdout } = await bench.direct("postgres", ["pg_verifybackup", directory]);
  const manifest = await stat(join(directory, "backup_manifest"));
  await rm(directory, { recursive: true });
  return `${stdout.trim()} (manifest of ${manifest.size} bytes), ${seconds}`;
}

async function decode(bench: Bench): Promise<string> {
  const { rows } = bench.size;
  const file = join(bench.directory, "decoded.txt");
  await bench.query("postgres", `create database ${DATABASE}`);
  await bench.query(DATABASE, "create table t (n int primary key, body text)");
  const slot = ["pg_recvlogical", "-d", DATABASE, "-S", SLOT];
  await bench.through(DATABASE, [...slot, "--create-slot", "-P", "test_decoding"]);
  // The first half arrives while it is written, the rest was written while nobody listened.
  const half = Math.floor(rows / 2);
  await receiveWhile(bench, {
    words: [...slot, "--start", "-f", file, "-F", "1", "-s", "1"],
    work: async () => {
      await insert(bench, { from: 1, to: half });
      await waitForRow(file, half);
      await waitForConfirmation(bench);
    },
  });
  await insert(bench, { from: half + 1, to: rows });
  const [lsn] = await bench.query(DATABASE, "select pg_current_wal_lsn()::text as it");
  const rest = join(bench.directory, "rest.txt");
  const end = ["--start", "-f", rest, "--endpos", String(lsn?.["it"])];
  await bench.through(DATABASE, [...slot, ...end]);
  await bench.through(DATABASE, [...slot, "--drop-slot"]);
  const first = readRows(await readFile(file, "utf8"));
  const second = readRows(await readFile(rest, "utf8"));
  const seen = new Set([...first, ...second]);
  if (seen.size !== rows || first.length !== half || second.length !== rows - half) {
    throw new Error(`${first.length} and ${second.length} rows, ${seen.size} of ${rows} seen`);
  }
  return `${rows} rows, ${first.length} live and ${second.length} after a break, 0 lost, 0 repeated`;
}

// Ends it with SIGTERM to rdsiam, which passes it on.
async function receiveWhile(
  bench: Bench,
  job: { readonly words: readonly string[]; readonly work: () => Promise<void> },
): Promise<Finished> {
  const PATH = `${bench.standIn.postgres.binaries.directory}:${process.env["PATH"] ?? ""}`;
  let child: ChildProcess | undefined;
  const started = (one: ChildProcess): void => {
    child = one;
  };
  const env = { ...bench.standIn.env, PATH };
  const ended = rdsiam(["exec", "-d", DATABASE, "admin", ...job.words], { env, started });
  try {
    await job.work();
  } finally {
    child?.kill("SIGTERM");
  }
  const ran = await ended;
  if (ran.status === 0 || ran.status === 143) return ran;
  throw new Error(`pg_recvlogical: status ${ran.status}: ${ran.stderr}`);
}

async function insert(
  bench: Bench,
  range: { readonly from: number; readonly to: number },
): Promise<void> {
  const step = Math.ceil((range.to - range.from + 1) / TRANSACTIONS);
  for (let at = range.from; at <= range.to; at += step) {
    const last = Math.min(at + step - 1, range.to);
    await bench.query(
      DATABASE,
      // The server's own default here is off: then the position asked for afterwards may lie before the last commit.
      `set synchronous_commit = on;
       insert into t select n, repeat(md5(n::text), 8) from generate_series(${at}, ${last}) as n`,
    );
  }
}

async function waitForRow(file: string, row: number): Promise<void> {
  for (const limit = performance.now() + LIMIT_MS; performance.now() < limit; await delay(100)) {
    const text = await readFile(file, "utf8").catch(() => "");
    if (text.includes(`INSERT: n[integer]:${row} `) && text.endsWith("\n")) return;
  }
  throw new Error(`row ${row} did not arrive`);
}

// What the tool says it has written goes the other way, within the same COPY: until then the server would repeat it.
async function waitForConfirmation(bench: Bench): Promise<void> {
  const [lsn] = await bench.query(DATABASE, "select pg_current_wal_lsn()::text as it");
  const ask = `select confirmed_flush_lsn >= '${String(lsn?.["it"])}' as it
    from pg_replication_slots where slot_name = '${SLOT}'`;
  for (const limit = performance.now() + LIMIT_MS; performance.now() < limit; await delay(100)) {
    const [row] = await bench.query(DATABASE, ask);
    if (row?.["it"] === true) return;
  }
  throw new Error("the server did not hear what was written");
}

function readRows(text: string): readonly number[] {
  return [...text.matchAll(/^table public\.t: INSERT: n\[integer\]:(\d+) /gm)].map(([, n]) =>
    Number(n),
  );
}
