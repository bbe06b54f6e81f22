// Measures what a COPY costs the proxy in memory: rdsiam is started with copy-tool.ts as its tool, and the peak of its
// resident memory is taken from the kernel, counted from right after the login.
// https://docs.kernel.org/filesystems/proc.html#proc-pid-clear-refs-memory-reset
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import process from "node:process";
import { createInterface, type Interface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import type { StandIn } from "../../src/demo/stand-in.ts";
import { cleanEnvironment } from "../support/program.ts";
import { ROW_LENGTH, ROW_SQL, rowText } from "./copy-tool.ts";

const MB = 1_000_000;
const TOOL = [process.execPath, "--import", "tsx", resolve("test/slow/copy-tool.ts")];

/** What a run is given. */
export interface CopyRun {
  readonly standIn: StandIn;
  /** The words that start rdsiam. */
  readonly command: readonly string[];
  readonly megabytes: number;
  /** Milliseconds that the reader stops for, or that the table stays locked. */
  readonly pause: number;
}

/** What a run showed; memory in MB (10^6 bytes). */
export interface CopyFigures {
  readonly afterLogin: number;
  readonly peak: number;
  readonly growth: number;
  readonly seconds: number;
}

interface Tool {
  readonly next: () => Promise<string>;
  readonly afterLogin: number;
}

/** COPY out to a reader that stops in the middle; throws when a byte is wrong or the server went on meanwhile. */
export async function copyOut(run: CopyRun): Promise<CopyFigures> {
  const rows = Math.ceil((run.megabytes * MB) / ROW_LENGTH);
  const middle = Math.floor((rows * ROW_LENGTH) / 2);
  const sql = `copy (select ${ROW_SQL} from generate_series(1, ${rows}) as i) to stdout`;
  return measure(run, ["out", sql, String(middle), String(run.pause)], async ({ next }) => {
    assert.equal(await next(), "paused");
    assert.equal(await next(), "resumed");
    const figures: unknown = JSON.parse(await next());
    assert.deepEqual(figures, {
      tag: `COPY ${rows}`,
      bytes: rows * ROW_LENGTH,
      sha256: sumOf(rows),
    });
  });
}

/** COPY into a table that another session holds locked for a while; throws when a row is wrong. */
export async function copyIn(run: CopyRun): Promise<CopyFigures> {
  const rows = Math.ceil((run.megabytes * MB) / ROW_LENGTH);
  const { postgres } = run.standIn;
  const locker = postgres.makeClient("orders");
  await locker.connect();
  try {
    await locker.query("create unlogged table public.copied (line text)");
    await locker.query("grant all on public.copied to app_ro");
    await locker.query("begin; lock table public.copied in access exclusive mode");
    return await measure(
      run,
      ["in", "copy public.copied from stdin", String(rows)],
      async ({ next }) => {
        await delay(run.pause);
        await locker.query("commit");
        assert.deepEqual(JSON.parse(await next()), { tag: `COPY ${rows}` });
        const sum = (from: string, line: string): string =>
          `select count(*), sum(hashtextextended(${line}, 0)::numeric) as sum from ${from}`;
        const copied = await locker.query(sum("public.copied", "line"));
        const wanted = await locker.query(sum(`generate_series(1, ${rows}) as i`, ROW_SQL));
        assert.deepEqual(copied.rows, wanted.rows);
      },
    );
  } finally {
    await locker.query("rollback; drop table if exists public.copied");
    await locker.end();
  }
}

async function measure(
  { command, standIn }: CopyRun,
  words: readonly string[],
  work: (tool: Tool) => Promise<void>,
): Promise<CopyFigures> {
  const [file = "", ...args] = [...command, "exec", "prod", ...TOOL, ...words];
  const child = spawn(file, args, {
    env: cleanEnvironment({ ...standIn.env, RDSIAM_QUIET: "1" }),
    stdio: ["pipe", "pipe", "inherit"],
  });
  const ended = once(child, "exit");
  try {
    const next = lineReader(createInterface({ input: child.stdout }), ended);
    assert.equal(await next(), "ready");
    const { pid = 0 } = child;
    const afterLogin = await memory(pid, "VmRSS");
    await writeFile(`/proc/${pid}/clear_refs`, "5");
    const started = performance.now();
    child.stdin.write("go\n");
    await work({ next, afterLogin });
    const seconds = (performance.now() - started) / 1_000;
    const peak = await memory(pid, "VmHWM");
    child.stdin.end();
    assert.deepEqual(await ended, [0, null]);
    return { afterLogin, peak, growth: peak - afterLogin, seconds };
  } finally {
    await end(child, ended);
  }
}

async function end(child: ChildProcess, ended: Promise<unknown>): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill("SIGKILL");
  await ended;
}

function lineReader(lines: Interface, ended: Promise<unknown>): () => Promise<string> {
  const iterator = lines[Symbol.asyncIterator]();
  return async () => {
    const { value, done } = await iterator.next();
    if (done === true) throw new Error(`the tool ended early: ${JSON.stringify(await ended)}`);
    return String(value);
  };
}

async function memory(pid: number, field: "VmRSS" | "VmHWM"): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, "latin1");
  const kilobytes = new RegExp(`^${field}:\\s+(\\d+) kB$`, "m").exec(status)?.[1];
  assert.ok(kilobytes !== undefined, `${field} of ${pid}`);
  return (Number(kilobytes) * 1024) / MB;
}

const sums = new Map<number, string>();

function sumOf(rows: number): string {
  const known = sums.get(rows);
  if (known !== undefined) return known;
  const sum = createHash("sha256");
  for (let i = 1; i <= rows; i += 1) sum.update(rowText(i));
  const made = sum.digest("hex");
  sums.set(rows, made);
  return made;
}
