// Runs tools beside each other: no terminal, an empty stdin, and their output to files or to a function. Each has a process
// group of its own, so that Ctrl-C, SIGTERM and SIGHUP end it with everything that it started.
import type { ChildProcess } from "node:child_process";
import { constants } from "node:os";
import { startProgram } from "../runtime/start-program.ts";
import { watchSignals } from "../runtime/stop-signals.ts";
import { inBackground, signalGroup } from "../system/program.ts";
import {
  KILL_AFTER_MS,
  noteRunning,
  type RunToolOptions,
  startError,
  type ToolExit,
} from "./run.ts";

/** Where one stream of a tool goes: the descriptor of a file, or what takes each chunk and, at the end, nothing. */
export type OutputSink = number | ((chunk: Buffer | undefined) => void);

/** Where a tool's output goes. */
export interface ToolOutput {
  readonly stdout: OutputSink;
  readonly stderr: OutputSink;
}

/** Tools that run beside each other. */
export interface ToolGroup extends Disposable {
  /** Runs one to its end, as runTool() does; throws what `stopped` was aborted with. */
  readonly run: (options: RunToolOptions, output: ToolOutput) => Promise<ToolExit>;
  /** Aborts at the first SIGINT, SIGTERM or SIGHUP; the reason is its name. */
  readonly stopped: AbortSignal;
}

/** Takes the stop signals, until it is disposed, for all tools that it runs; a second one kills them. */
export function openToolGroup(): ToolGroup {
  const signals = watchSignals();
  const [stopping, killing] = [new AbortController(), new AbortController()];
  void signals.first.then((signal) => stopping.abort(signal));
  void signals.second.then(() => killing.abort());
  const { signal: stopped } = stopping;
  return {
    stopped,
    run: async (options, output) => {
      options.signal?.throwIfAborted();
      stopped.throwIfAborted();
      const child = startInGroup(options, output);
      const ending = waitForGroup(child, options, { stopped, killed: killing.signal });
      noteRunning(ending);
      options.started?.();
      return ending;
    },
    [Symbol.dispose]: () => signals[Symbol.dispose](),
  };
}

function startInGroup(
  { file, args, env }: RunToolOptions,
  { stderr, stdout }: ToolOutput,
): ChildProcess {
  const stdio = [stdout, stderr].map((sink) => (typeof sink === "number" ? sink : "pipe"));
  try {
    const child = startProgram(
      { file, args },
      { env: { ...env }, stdio: ["ignore", ...stdio], ...inBackground() },
    );
    for (const [stream, sink] of [
      [child.stdout, stdout],
      [child.stderr, stderr],
    ] as const) {
      if (typeof sink === "number") continue;
      stream?.on("data", sink);
      stream?.once("close", () => sink(undefined));
    }
    return child;
  } catch (error) {
    throw startError(file, error);
  }
}

interface Stops {
  readonly stopped: AbortSignal;
  readonly killed: AbortSignal;
}

function waitForGroup(
  child: ChildProcess,
  { env, file, signal }: RunToolOptions,
  { killed, stopped }: Stops,
): Promise<ToolExit> {
  let killTimer: NodeJS.Timeout | undefined;
  const kill = (): void => signalGroup(child, "SIGKILL", env);
  const end = (name: NodeJS.Signals): void => {
    signalGroup(child, name, env);
    killTimer ??= setTimeout(kill, KILL_AFTER_MS);
  };
  const onStop = (): void => end(stopped.reason as NodeJS.Signals);
  const onFailure = (): void => end("SIGTERM");
  stopped.addEventListener("abort", onStop, { once: true });
  killed.addEventListener("abort", kill, { once: true });
  signal?.addEventListener("abort", onFailure, { once: true });
  return new Promise<ToolExit>((resolve, reject) => {
    child.on("error", (error) => {
      // Only an error without a process is a failed start.
      if (child.pid === undefined) reject(startError(file, error));
    });
    // What the tool has left behind may keep its output open; when all are to end, that ends with it.
    child.on("exit", () => {
      if (killTimer !== undefined) kill();
    });
    child.on("close", (code, name) => {
      if (child.pid === undefined) return;
      const exitStatus = name === null ? (code ?? 0) : 128 + constants.signals[name];
      resolve({ exitStatus, signal: name ?? undefined });
    });
  }).finally(() => {
    clearTimeout(killTimer);
    stopped.removeEventListener("abort", onStop);
    killed.removeEventListener("abort", kill);
    signal?.removeEventListener("abort", onFailure);
  });
}
