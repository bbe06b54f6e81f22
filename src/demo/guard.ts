// Runs a program that must not outlive us, even when we are killed and can clean nothing up.
// A small shell is its parent and reads a pipe whose other end only we hold: a line in it is a signal
// to pass on, its end means that we are gone, and then the shell ends the program and removes its
// directories. The program gets a session of its own, so a terminal's Ctrl-C does not reach it.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import process from "node:process";
import type { Environment } from "../base/context.ts";
import { errorCode } from "../base/errno.ts";
import { SHELL } from "../system/program.ts";

// dash, busybox and bash read this alike. `wait` keeps the pid ours, so no stranger is ever signalled.
const SCRIPT = `
signal=$1 finish=$2 first=$3 second=$4
shift 4
if command -v setsid >/dev/null 2>&1; then set -- setsid "$@"; fi
"$@" </dev/null &
pid=$!
# Only now: what is ignored here before would be ignored in the program too.
trap '' HUP INT QUIT TERM TSTP
echo "$pid"
exec >/dev/null 2>&1
if read -r how; then
  kill -s "$how" "$pid"
  wait "$pid"
  status=$?
  if [ "$finish" = remove ]; then rm -rf -- "$first" "$second"; fi
  exit "$status"
fi
kill -s "$signal" "$pid"
wait "$pid"
rm -rf -- "$first" "$second"
`;

/** The program, and what happens when we are gone. */
export interface GuardOptions {
  readonly command: readonly string[];
  /** Its whole environment. */
  readonly env: Environment;
  readonly directory: string;
  /** A file for its standard error. */
  readonly log: string;
  /** The signal that it gets when we are gone, without SIG. */
  readonly lastSignal: "QUIT" | "KILL";
  /** Removed when we are gone. */
  readonly directories: readonly [string, string];
  /** Whether the shell removes them after finish() too: we may be killed before we could. */
  readonly removeOnFinish: boolean;
  /** For spawn itself, where no program can step down from root. */
  readonly account?: { readonly uid: number; readonly gid: number } | undefined;
}

/** A program under guard. */
export interface Guarded {
  /** The program's process id. */
  readonly pid: number;
  /** Settles when the program has ended. */
  readonly ended: Promise<void>;
  /** Sends a signal (none is needed once it has ended), waits, and returns its exit status. */
  readonly finish: (signal: "INT" | "TERM" | "KILL") => Promise<number>;
}

/** Starts a program under guard. */
export async function startGuarded(options: GuardOptions): Promise<Guarded> {
  const log = openSync(options.log, "a", 0o600);
  const finishing = options.removeOnFinish ? "remove" : "keep";
  const words = ["-c", SCRIPT, "sh", options.lastSignal, finishing, ...options.directories];
  const shell = spawn(SHELL, [...words, ...options.command], {
    cwd: options.directory,
    env: { ...options.env },
    detached: true,
    stdio: ["pipe", "pipe", log],
    ...options.account,
  });
  closeSync(log);
  const { stdin, stdout } = shell;
  if (stdin === null || stdout === null) throw new TypeError("the guard has no pipes");
  const exited = new Promise<number>((resolve) => {
    shell.on("exit", (code) => resolve(code ?? 128));
  });
  stdin.on("error", ignore);
  const ended = new Promise<void>((resolve) => {
    stdout.on("end", resolve);
  });
  const [first] = (await Promise.race([once(stdout, "data"), once(shell, "error")])) as unknown[];
  if (first instanceof Error) throw first;
  stdout.resume();
  const finish = async (signal: string): Promise<number> => {
    stdin.end(`${signal}\n`);
    return await exited;
  };
  return { pid: Number.parseInt(String(first), 10), ended, finish };
}

/** Whether a process with this id is there. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return errorCode(error) === "EPERM";
  }
}

function ignore(): void {
  // The guard is gone; its exit reports that.
}
