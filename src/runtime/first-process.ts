// Lets signals end rdsiam when it is the first process of a container. The kernel drops each signal that process 1 has not
// installed a handler for, and Node's own handlers of SIGINT and SIGTERM only restore the default and send the signal anew.
// https://man7.org/linux/man-pages/man7/pid_namespaces.7.html
// The end of process 1 ends all others of the container. It does not reap what others leave behind: no runtime lets a program
// wait for a child that it has not started (docker run --init does).
import process from "node:process";

// Each signal that ends a process and that every runtime lets a program listen for. SIGUSR1 is runtime/debuggers.ts's.
const ENDING = [
  "SIGHUP",
  "SIGINT",
  "SIGQUIT",
  "SIGTRAP",
  "SIGABRT",
  "SIGUSR2",
  "SIGALRM",
  "SIGTERM",
  "SIGSTKFLT",
  "SIGXCPU",
  "SIGVTALRM",
  "SIGIO",
  "SIGPWR",
  "SIGSYS",
] as const;

/** Ends this process with 128+n on signal n, where nothing else listens for it; only if it is process 1. */
export function endAsFirstProcess(): void {
  if (process.pid !== 1) return;
  const { signals } = process.getBuiltinModule("node:os").constants;
  for (const name of ENDING) {
    process.on(name, () => {
      if (process.listenerCount(name) === 1) process.exit(128 + signals[name]);
    });
  }
}
