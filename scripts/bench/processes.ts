// Processes: a tool that runs to its end and is timed, a program that stays, and what both cost, from the kernel.
// https://docs.kernel.org/filesystems/proc.html
import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import process from "node:process";
import { setTimeout as delay } from "node:timers/promises";
import { startGuarded } from "../../src/demo/guard.ts";

const LAST_WORDS = 600; // characters in an error
const WAIT_LIMIT = 120_000; // ms; a thousand sessions take a while
const END_LIMIT = 10_000; // ms between SIGTERM and SIGKILL
const RETRY_DELAY = 5; // ms
const USER_HZ = 100; // of Linux on every usual processor

/** Variables of a process; PATH is added. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** What a tool is started with. */
export interface ToolRun {
  readonly words: readonly string[];
  readonly env: Environment;
  /** A file for its standard input; nothing when absent. */
  readonly input?: string;
  /** Whether nobody looks at its output. */
  readonly isSilent?: boolean;
}

/** Runs a tool; throws when it fails. Times are in milliseconds. */
export async function runTool({ env, input, isSilent = false, words }: ToolRun) {
  const [file = "", ...args] = words;
  const [stdin, sink] = [openSync(input ?? "/dev/null", "r"), openSync("/dev/null", "w")];
  let [stdout, stderr, firstByte] = ["", "", 0];
  const started = performance.now();
  const stdio = [stdin, isSilent ? sink : "pipe", "pipe"] as const;
  const child = spawn(file, args, { env: withPath(env), stdio: [...stdio] });
  closeSync(stdin);
  closeSync(sink);
  child.stdout?.on("data", (chunk) => {
    firstByte ||= performance.now() - started;
    stdout += String(chunk);
  });
  child.stderr?.on("data", (chunk) => (stderr += String(chunk)));
  const [status, signal] = (await once(child, "close")) as [number | null, string | null];
  const whole = performance.now() - started;
  if (status === 0) return { whole, firstByte: firstByte || whole, stdout };
  const said = stderr.trim().slice(-LAST_WORDS);
  throw new Error(`${words.join(" ").slice(0, 200)}: ${signal ?? status}: ${said}`);
}

/** A process's whole environment. */
export function withPath(env: Environment): Environment {
  return { PATH: process.env["PATH"], LC_ALL: "C.UTF-8", ...env };
}

/** A program that stays until it is disposed of, or we are gone. */
export type Program = Awaited<ReturnType<typeof startProgram>>;

/** Waits for a condition, looking every few milliseconds. */
export async function until(what: string, isReady: () => Promise<boolean>): Promise<void> {
  for (const limit = Date.now() + WAIT_LIMIT; Date.now() < limit; await delay(RETRY_DELAY)) {
    if (await isReady()) return;
  }
  throw new Error(`not in ${WAIT_LIMIT / 1000} s: ${what}`);
}

let count = 0;

/** Starts a program whose log is a file in the directory; it is ready when it has said something, or accepts connections. */
export async function startProgram(
  directory: string,
  words: readonly string[],
  { env = {}, ready }: { readonly env?: Environment; readonly ready: RegExp | number },
) {
  count += 1;
  const log = `${directory}/program-${count}.log`;
  const guarded = await startGuarded({
    // The guard takes the end of its stdout for the program's end.
    command: ["sh", "-c", 'exec "$@" 3>&1 >>"$0" 2>&1', log, ...words],
    env: withPath(env),
    directory,
    log,
    lastSignal: "KILL",
    directories: [log, log],
    removeOnFinish: true,
  });
  const dispose = async (): Promise<void> => {
    const timer = setTimeout(() => process.kill(guarded.pid, "SIGKILL"), END_LIMIT);
    await guarded.finish("TERM");
    clearTimeout(timer);
  };
  let hasEnded = false;
  void guarded.ended.then(() => (hasEnded = true));
  const pattern = typeof ready === "number" ? /^/ : ready;
  let said: readonly string[] = [];
  try {
    await until(words.join(" ").slice(0, 200), async () => {
      const text = await readFile(log, "utf8");
      if (hasEnded) throw new Error(`${words[0]} ended: ${text.slice(-LAST_WORDS)}`);
      said = pattern.exec(text) ?? [];
      return said.length > 0 && (typeof ready !== "number" || (await accepts(ready)));
    });
  } catch (error) {
    await dispose();
    throw error;
  }
  return { pid: guarded.pid, said, [Symbol.asyncDispose]: dispose };
}

function accepts(port: number): Promise<boolean> {
  const socket = connect({ host: "127.0.0.1", port });
  return new Promise<boolean>((resolve) => {
    socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
  }).finally(() => socket.destroy());
}

/** CPU seconds that processes have used. */
export async function cpuSeconds(pids: readonly number[]): Promise<number> {
  let sum = 0;
  for (const pid of pids) {
    const text = await readFile(`/proc/${pid}/stat`, "latin1");
    // The name of the program is in brackets and may hold anything; the fields after it begin with the third.
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    sum += (Number(fields[11]) + Number(fields[12])) / USER_HZ;
  }
  return sum;
}

/** Resident megabytes of processes: now (VmRSS), or at their highest since resetPeak() (VmHWM). */
export async function memory(pids: readonly number[], field: "VmRSS" | "VmHWM"): Promise<number> {
  let sum = 0;
  for (const pid of pids) {
    const status = await readFile(`/proc/${pid}/status`, "latin1");
    sum += Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, "m").exec(status)?.[1]);
  }
  return (sum * 1024) / 1e6;
}

/** Lets VmHWM start anew. */
export async function resetPeak(pids: readonly number[]): Promise<void> {
  for (const pid of pids) await writeFile(`/proc/${pid}/clear_refs`, "5");
}
