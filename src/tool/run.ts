// Runs the tool on rdsiam's own terminal and streams, and answers with its exit status as a shell would.
// The proxy lives in this same event loop, so nothing here may block while the tool runs (no spawnSync for it).
// The terminal sends SIGINT, SIGQUIT and SIGTSTP to the whole foreground group: the tool has them already. Nothing shows a program
// where a signal came from, so a SIGINT or SIGQUIT is passed on where it cannot have come from the terminal: without one, and
// outside of its foreground group. One that another window has sent to rdsiam alone in the foreground is taken for the
// terminal's, as two SIGINTs for one Ctrl-C would be worse; SIGTERM and SIGHUP are always passed on.
// https://pubs.opengroup.org/onlinepubs/9799919799/utilities/V3_chap02.html#tag_19_08_02
import type { ChildProcess, StdioOptions } from "node:child_process";
import { fstatSync } from "node:fs";
import { constants } from "node:os";
import process from "node:process";
import type { Environment } from "../base/context.ts";
import { errorCode } from "../base/errno.ts";
import { RdsIamError } from "../base/errors.ts";
import { restoreTerminal, saveTerminal } from "../runtime/deno-terminal.ts";
import { settleStreams } from "../runtime/own-streams.ts";
import { processState } from "../runtime/process-state.ts";
import { startProgram } from "../runtime/start-program.ts";
import { onSignals } from "../runtime/stop-signals.ts";
import { shellCommand } from "../system/shell-word.ts";
import { hasTerminal } from "../system/terminal.ts";

/** What runTool() starts. */
export interface RunToolOptions {
  /** The path of the program, as findTool() answers it. */
  readonly file: string;
  readonly args: readonly string[];
  /** The whole environment of the tool. */
  readonly env: Environment;
  /** Called once the tool has started. */
  readonly started?: (() => void) | undefined;
  /** Ends the tool when aborted: SIGTERM, and SIGKILL five seconds later. */
  readonly signal?: AbortSignal | undefined;
}

/** How the tool ended. */
export interface ToolExit {
  /** The tool's own, or 128+n when signal n ended it. */
  readonly exitStatus: number;
  readonly signal: NodeJS.Signals | undefined;
}

/** Milliseconds from the signal that ends a tool to SIGKILL. */
export const KILL_AFTER_MS = 5_000;
const PASSED_ON = ["SIGINT", "SIGQUIT", "SIGTERM", "SIGHUP"] as const;

let running: Promise<unknown> = Promise.resolve();

const FD_PATH = /\/(?:dev|proc\/self)\/fd\/(\d+)/g;

/** Runs the tool to its end; throws ERR_TOOL_NOT_FOUND or ERR_TOOL_NOT_EXECUTABLE when it cannot be started. */
export async function runTool(options: RunToolOptions): Promise<ToolExit> {
  options.signal?.throwIfAborted();
  settleStreams();
  const terminal = saveTerminal();
  // Installed right before the spawn: until now a Ctrl-C had to end a hanging STS call.
  let child: ChildProcess | undefined;
  const taken = onSignals(PASSED_ON, (signal) => {
    const isKey = signal === "SIGINT" || signal === "SIGQUIT";
    if (!isKey || !isInForeground()) sendSignal(child, signal);
  });
  try {
    child = startTool(options);
    const ending = waitFor(child, options);
    noteRunning(ending);
    options.started?.();
    const ended = await ending;
    if (ended.signal !== undefined) restoreTerminal(terminal);
    return ended;
  } finally {
    // Deno may see the tool's end before the Ctrl-C that caused it, and with the listener gone that would end rdsiam
    // with 130 in place of the tool's own status. There they stay until the end, which is near.
    if (!("deno" in process.versions)) taken[Symbol.dispose]();
  }
}

/** Makes toolEnded() wait for a tool. */
export function noteRunning(ending: Promise<unknown>): void {
  running = Promise.allSettled([running, ending]);
}

/** Resolves when no tool runs; never rejects. */
export async function toolEnded(): Promise<void> {
  await running;
}

function startTool(options: RunToolOptions): ChildProcess {
  try {
    return startProgram(options, {
      env: { ...options.env },
      stdio: toolStdio(options.args),
    });
  } catch (error) {
    throw startError(options.file, error);
  }
}

function waitFor(child: ChildProcess, options: RunToolOptions): Promise<ToolExit> {
  let killTimer: NodeJS.Timeout | undefined;
  const end = (): void => {
    sendSignal(child, "SIGTERM");
    killTimer = setTimeout(() => sendSignal(child, "SIGKILL"), KILL_AFTER_MS);
  };
  options.signal?.addEventListener("abort", end, { once: true });
  return new Promise<ToolExit>((resolve, reject) => {
    child.on("error", (error) => {
      // Only an error without a process is a failed start.
      if (child.pid === undefined) reject(startError(options.file, error));
    });
    child.on("exit", (code, signal) => {
      // Node and Bun end a failed start with a negative status, after 'error'.
      if (child.pid === undefined) return;
      const exitStatus = signal === null ? (code ?? 0) : 128 + constants.signals[signal];
      resolve({ exitStatus, signal: signal ?? undefined });
    });
  }).finally(() => {
    clearTimeout(killTimer);
    options.signal?.removeEventListener("abort", end);
  });
}

// Where /proc does not tell (macOS), any terminal of this process.
function isInForeground(): boolean {
  const own = processState("self");
  return own === undefined ? hasTerminal() : own.terminalGroup === own.group;
}

// Not child.kill(): after it Deno reports the signal that was sent, even of a tool that caught it and exited by itself.
function sendSignal(child: ChildProcess | undefined, signal: NodeJS.Signals): void {
  if (child?.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  try {
    process.kill(child.pid, signal);
  } catch {
    // It has just ended, or runs as another user (sudo) and cannot be signalled.
  }
}

// Bun closes every descriptor from 3 on, so the ones that the arguments name (`psql -f <(generator)`) are handed over.
function toolStdio(args: readonly string[]): StdioOptions {
  const stdio: (number | "inherit" | "ignore")[] = ["inherit", "inherit", "inherit"];
  for (const [, digits] of args.join("\0").matchAll(FD_PATH)) {
    const fd = Number(digits);
    if (fd < 3 || !isOpen(fd)) continue;
    while (stdio.length <= fd) stdio.push("ignore");
    stdio[fd] = fd;
  }
  return stdio;
}

function isOpen(fd: number): boolean {
  try {
    fstatSync(fd);
    return true;
  } catch {
    return false;
  }
}

/** The error for a tool that could not be started. */
export function startError(file: string, error: unknown): RdsIamError {
  if (error instanceof RdsIamError) return error;
  const code = errorCode(error);
  if (code === "ENOENT") {
    return new RdsIamError(`tool "${file}" not found`, {
      code: "ERR_TOOL_NOT_FOUND",
      detail:
        "The file, the interpreter that its first line names, or the current directory is missing.",
      hint: shellCommand`Check it with: head -n 1 ${file}`,
      cause: error,
    });
  }
  return new RdsIamError(`tool "${file}" cannot be executed`, {
    code: "ERR_TOOL_NOT_EXECUTABLE",
    detail: `The operating system answered ${code}.`,
    hint: "Check its permissions and that it is a program for this machine.",
    cause: error,
  });
}
