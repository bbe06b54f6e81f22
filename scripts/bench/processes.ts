// What processes cost, from the kernel: CPU time of a process with all that it has started, memory, and how much of the
// machine others had meanwhile.
// https://docs.kernel.org/filesystems/proc.html
import { execFileSync } from "node:child_process";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import process from "node:process";

const KILOBYTE = 1024;

/** A moment from which CPU time is counted. */
export interface CpuMark {
  readonly at: number;
  readonly own: number;
  readonly busy: number;
}

let ticksPerSecond: number | undefined;

/** CPU seconds of processes with their descendants, those that have ended included. */
export async function cpuSeconds(pids: readonly number[]): Promise<number> {
  if (pids.length === 0) return 0;
  const stats = await readStats();
  const wanted = new Set<number>(pids);
  // A parent may have a higher number than its child, so until nothing is added.
  for (let before = -1; before !== wanted.size;) {
    before = wanted.size;
    for (const { pid, parent } of stats) if (wanted.has(parent)) wanted.add(pid);
  }
  const ticks = stats
    .filter(({ pid }) => wanted.has(pid))
    .reduce((sum, stat) => sum + stat.ticks, 0);
  return ticks / clockTicks();
}

/** Marks this moment. */
export async function markCpu(): Promise<CpuMark> {
  const own = await cpuSeconds([process.pid]);
  return { at: performance.now(), own, busy: await busySeconds() };
}

/** The part of the machine's CPU time since a mark that went to processes that are not ours, or to other machines on the same hardware. */
export async function foreignShare(mark: CpuMark): Promise<number> {
  const now = await markCpu();
  const foreign = now.busy - mark.busy - (now.own - mark.own);
  const seconds = ((now.at - mark.at) / 1000) * availableParallelism();
  return Math.max(0, foreign / seconds);
}

/** Resident memory in bytes: now (VmRSS), or at its highest (VmHWM). */
export async function memoryBytes(pid: number, field: "VmRSS" | "VmHWM"): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, "latin1");
  const kilobytes = new RegExp(`^${field}:\\s+(\\d+) kB$`, "m").exec(status)?.[1];
  if (kilobytes === undefined) throw new Error(`process ${pid} has no ${field}`);
  return Number(kilobytes) * KILOBYTE;
}

/** Lets VmHWM start anew. */
export async function resetPeak(pid: number): Promise<void> {
  await writeFile(`/proc/${pid}/clear_refs`, "5");
}

interface Stat {
  readonly pid: number;
  readonly parent: number;
  readonly ticks: number;
}

async function readStats(): Promise<readonly Stat[]> {
  const names = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const stats = await Promise.all(names.map(readStat));
  return stats.filter((stat) => stat !== undefined);
}

async function readStat(name: string): Promise<Stat | undefined> {
  const text = await readFile(`/proc/${name}/stat`, "latin1").catch(() => undefined);
  if (text === undefined) return undefined;
  // The name of the program is in brackets and may hold anything; the fields after it begin with the third.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
  return { pid: Number(name), parent: Number(fields[1]), ticks };
}

// user, nice, system and steal. Interrupts are left out: those of the loopback network are our own.
async function busySeconds(): Promise<number> {
  const [line = ""] = (await readFile("/proc/stat", "latin1")).split("\n", 1);
  const [user = 0, nice = 0, system = 0, , , , , steal = 0] = line
    .split(/\s+/)
    .slice(1)
    .map(Number);
  return (user + nice + system + steal) / clockTicks();
}

function clockTicks(): number {
  ticksPerSecond ??= Number(execFileSync("getconf", ["CLK_TCK"], { encoding: "latin1" }));
  return ticksPerSecond;
}
