// `rdsiam demo` in a directory of its own, and what it leaves there.
import assert from "node:assert/strict";
import type { ChildProcess } from "node:child_process";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { after, before } from "node:test";
import { type Finished, rdsiam } from "./program.ts";

/** The directory of one test file's demos. */
export let directory: string;
before(async () => {
  directory = await mkdtemp(join(tmpdir(), "rdsiam-dt-"));
});
after(() => rm(directory, { recursive: true, force: true }));

// TMPDIR is the test's own, so that what is left in it can be seen; every process of the demo knows it.
/** Runs `rdsiam demo` to its end. */
export function demo(
  args: readonly string[],
  started?: (child: ChildProcess) => void,
): Promise<Finished> {
  return rdsiam(["demo", ...args], { env: { TMPDIR: directory }, ...(started && { started }) });
}

/** What there is of files and processes, as lines. */
export async function leftBehind(): Promise<string[]> {
  const files = (await readdir(directory)).filter((name) => name !== "bin");
  return [...files, ...(await processes())];
}

// `PID COMMAND...` of every process whose command line or environment names the directory; Linux alone has /proc.
async function processes(): Promise<string[]> {
  if (process.platform !== "linux") return [];
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const found: string[] = [];
  for (const pid of pids.filter((name) => name !== String(process.pid))) {
    const read = (file: string): Promise<string> =>
      readFile(`/proc/${pid}/${file}`, "utf8").catch(() => "");
    const words = await read("cmdline");
    if (`${words}\0${await read("environ")}`.includes(directory)) {
      found.push(`${pid} ${words.replaceAll("\0", " ")}`);
    }
  }
  return found;
}

// The guard of the server ends a moment after a killed demo: wait for the condition, not for a time.
/** Fails unless everything is gone in 20 s. */
export async function assertNothingLeft(): Promise<void> {
  const deadline = Date.now() + 20_000;
  let left = await leftBehind();
  while (left.length > 0 && Date.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    left = await leftBehind();
  }
  assert.deepEqual(left, []);
}
