// A `rdsiam proxy` that runs beside a test: what it has printed, until a text is there, and its end.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { cleanEnvironment, COMMAND } from "./program.ts";

const LIMIT = 30_000; // ms

/** A proxy that is open. */
export interface OpenProxy extends AsyncDisposable {
  readonly child: ChildProcess;
  readonly stdout: () => string;
  readonly stderr: () => string;
  /** The first match on stdout; rejects when the proxy ends before it. */
  readonly printed: (pattern: RegExp) => Promise<RegExpExecArray>;
  /** Ends it with a signal; resolves with its exit status. */
  readonly end: (signal?: NodeJS.Signals) => Promise<number | null>;
}

/** Starts `rdsiam proxy` with the given words. */
export function openProxy(
  words: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): OpenProxy {
  const [file = "", ...args] = [...COMMAND, "proxy", ...words];
  const child = spawn(file, args, {
    env: cleanEnvironment(env),
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  const closed = once(child, "close");
  const printed = async (pattern: RegExp): Promise<RegExpExecArray> => {
    const limit = AbortSignal.timeout(LIMIT);
    for (;;) {
      const found = pattern.exec(stdout);
      if (found !== null) return found;
      if (child.exitCode !== null || child.signalCode !== null)
        throw new Error(`the proxy ended (${child.exitCode}): ${stderr}`);
      await Promise.race([once(child.stdout, "data", { signal: limit }), closed]);
    }
  };
  const end = async (signal: NodeJS.Signals = "SIGTERM"): Promise<number | null> => {
    child.kill(signal);
    await closed;
    return child.exitCode;
  };
  return {
    child,
    stdout: () => stdout,
    stderr: () => stderr,
    printed,
    end,
    [Symbol.asyncDispose]: async () => {
      if (child.exitCode === null && child.signalCode === null) await end("SIGKILL");
    },
  };
}
