// Runs a tool to its end and times it: as a whole, and until its first byte.
import { Buffer } from "node:buffer";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { open } from "node:fs/promises";
import process from "node:process";

const LAST_WORDS = 600; // characters of stderr in an error

/** What a tool is started with. */
export interface ToolRun {
  readonly words: readonly string[];
  /** Its whole environment, apart from PATH. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** A file for its standard input; nothing when absent. */
  readonly input?: string;
  /** Its output is counted in memory unless it goes here. */
  readonly output?: string;
}

/** How a run went; times in milliseconds. */
export interface ToolRan {
  readonly whole: number;
  /** Until the first byte on stdout; the whole time when there was none. */
  readonly firstByte: number;
  readonly stdout: string;
}

/** Runs a tool; throws when it fails. */
export async function runTool(run: ToolRun): Promise<ToolRan> {
  const input = run.input === undefined ? undefined : await open(run.input, "r");
  const output = run.output === undefined ? undefined : await open(run.output, "w");
  try {
    return await timed(run, [input?.fd ?? "ignore", output?.fd ?? "pipe", "pipe"]);
  } finally {
    await input?.close();
    await output?.close();
  }
}

async function timed(run: ToolRun, stdio: (number | "ignore" | "pipe")[]): Promise<ToolRan> {
  const [file = "", ...args] = run.words;
  const env = { PATH: process.env["PATH"], LC_ALL: "C.UTF-8", ...run.env };
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  let firstByte: number | undefined;
  const started = performance.now();
  const child = spawn(file, args, { env, stdio });
  child.stdout?.on("data", (chunk: Buffer) => {
    firstByte ??= performance.now() - started;
    stdout.push(chunk);
  });
  child.stderr?.on("data", (chunk: Buffer) => stderr.push(chunk));
  const [status, signal] = (await once(child, "close")) as [number | null, string | null];
  const whole = performance.now() - started;
  if (status !== 0) {
    const said = Buffer.concat(stderr).toString().trim().slice(-LAST_WORDS);
    throw new Error(`${run.words.join(" ").slice(0, 200)}: ${signal ?? status}: ${said}`);
  }
  return { whole, firstByte: firstByte ?? whole, stdout: Buffer.concat(stdout).toString() };
}
