// What Linux shows of a process in /proc. Elsewhere there is nothing to read, and the answers are undefined.
// https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
import { readFileSync } from "node:fs";

/** A process as /proc/PID/stat shows it; ids that this namespace cannot see are 0. */
export interface ProcessState {
  readonly pid: number;
  /** One letter: S for a process that sleeps. */
  readonly state: string;
  readonly parent: number;
  readonly group: number;
  readonly session: number;
  /** The foreground group of its controlling terminal; -1 without one. */
  readonly terminalGroup: number;
}

/** A process, or this one; undefined when it is gone or hidden. */
export function processState(pid: number | "self"): ProcessState | undefined {
  const text = readProc(pid, "stat");
  if (text === undefined) return undefined;
  // Behind the name, which may have spaces and parentheses in it.
  const [state = "", ...numbers] = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const [parent = 0, group = 0, session = 0, , terminalGroup = -1] = numbers.map(Number);
  return { pid: Number.parseInt(text, 10), state, parent, group, session, terminalGroup };
}

/** A file of /proc/PID; undefined when it cannot be read. */
export function readProc(pid: number | "self", file: string): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8");
  } catch {
    return undefined;
  }
}
