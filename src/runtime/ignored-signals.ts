// Signals that were ignored when rdsiam was started stay ignored, for rdsiam and for the tool, as they do across exec(2): nohup,
// a shell's `trap '' INT`, and a script's background jobs, which ignore SIGINT and SIGQUIT.
// https://pubs.opengroup.org/onlinepubs/9799919799/utilities/V3_chap02.html#tag_19_11 and #tag_19_12
// Bun and Deno leave them ignored, and /proc/self/status shows them. Node resets them before any script runs (PlatformInit in
// src/node.cc), and Deno handles SIGHUP and others itself when it has not kept the program in compiled form. There the answer is
// put together from what else can be seen:
//  - nohup: it leaves no terminal on 0 to 2, and GNU's replaces a terminal on stdin with /dev/null opened for writing only;
//    bash and zsh also name the program that they start in the variable _, and the text of `sh -c` names nohup.
//  - What the parent ignores. Its SIGHUP is believed of any program in the same session. SIGINT and the others are believed of
//    shells alone: system(3) and tmux ignore SIGINT themselves and not for their children. A shell with job control
//    ignores SIGTERM and more for itself; it also gives each job a group of its own. bash, zsh and busybox ignore SIGQUIT
//    for themselves always. bash's background subshells ignore SIGINT and do not pass that on, which looks like a trap.
//  - A background job of a shell without job control has /dev/null on stdin, and its shell does not wait for it: the shell is
//    gone, or not in wait4(2), or has started another program since. bash in `wait` cannot be told from bash that runs
//    `rdsiam </dev/null`, and is taken for the latter, so that Ctrl-C works.
import { readlinkSync } from "node:fs";
import { basename } from "node:path";
import process from "node:process";
import { processState, type ProcessState, readProc } from "./process-state.ts";
import { isTerminal } from "./stdio.ts";

const NAMES = [
  "SIGHUP",
  "SIGINT",
  "SIGQUIT",
  "SIGUSR1",
  "SIGUSR2",
  "SIGALRM",
  "SIGTERM",
  "SIGTSTP",
] as const;

type Names = ReadonlySet<NodeJS.Signals>;

const SHELL = /^(?:(?:ba|da|z|[lm]?k|mk|a)?sh|ksh93|busybox)$/;
// Those that wait for a program in the foreground in wait4(2); others do so in sigsuspend(2), as for one in the background.
const WAITS_IN_WAIT4 = /^(?:(?:ba|da|a)sh|busybox)$/;
const HIDES_SIGQUIT = /^(?:bash|zsh|busybox)$/;

let ignored: Names = new Set();

/** Finds out which signals were ignored at the start, and keeps them ignored; to be called before anything else listens. */
export function keepIgnored(env: Readonly<Record<string, string | undefined>>): void {
  const isBun = "bun" in process.versions;
  const isDeno = "deno" in process.versions;
  const isShown = process.platform === "linux" && (isBun || isDeno);
  const isIntact = isShown && !signalsOf("self", "SigCgt").has("SIGHUP");
  ignored = isIntact ? signalsOf("self", "SigIgn") : tracesOfIgnored(env);
  // Bun ignores them still. Deno takes all that end a process as soon as there is a listener for one.
  for (const name of ignored) process.on(name, () => {});
}

/** Whether the signal was ignored at the start; then nothing may listen for it. */
export function isIgnored(name: NodeJS.Signals): boolean {
  return ignored.has(name);
}

/** The signals that were ignored at the start. */
export function ignoredAtStart(): readonly NodeJS.Signals[] {
  return [...ignored];
}

// Ignored (SigIgn) or caught (SigCgt).
function signalsOf(pid: number | "self", mask: "SigIgn" | "SigCgt"): Names {
  const line = new RegExp(`^${mask}:\\s*([\\da-f]+)$`, "m");
  const digits = line.exec(readProc(pid, "status") ?? "")?.[1] ?? "0";
  const { signals } = process.getBuiltinModule("node:os").constants;
  const bits = BigInt(`0x${digits}`);
  return new Set(NAMES.filter((name) => (bits >> BigInt(signals[name] - 1)) & 1n));
}

function tracesOfIgnored(env: Readonly<Record<string, string | undefined>>): Names {
  const found = new Set<NodeJS.Signals>();
  if (isUnderNohup(env)) found.add("SIGHUP");
  const own = processState("self");
  if (own === undefined) return found;
  const parent = processState(own.parent);
  if (parent?.session === own.session) {
    const shell = shellOf(own.parent);
    const isSameJob = shell !== undefined && parent.group === own.group;
    for (const name of signalsOf(own.parent, "SigIgn")) {
      if (name === "SIGHUP" || (name === "SIGINT" && shell !== undefined)) found.add(name);
      else if (isSameJob && !(name === "SIGQUIT" && HIDES_SIGQUIT.test(shell))) found.add(name);
    }
  }
  if (isBackgroundJob(own, parent)) found.add("SIGINT").add("SIGQUIT");
  return found;
}

function isUnderNohup({ _: started = "" }: Readonly<Record<string, string | undefined>>): boolean {
  if (isTerminal(0) || isTerminal(1) || isTerminal(2)) return false;
  if (basename(started) === "nohup" || (isNullDevice(0) && accessOf(0) === 1)) return true;
  const [, option, text = ""] = (readProc(process.ppid, "cmdline") ?? "").split("\0");
  return option === "-c" && /\bnohup\b/.test(text);
}

function isBackgroundJob(own: ProcessState, parent: ProcessState | undefined): boolean {
  if (parent === undefined || !isNullDevice(0) || accessOf(0) !== 0) return false;
  // Only a process whose parent has gone is in another session than its parent without having begun it.
  if (parent.session !== own.session) return own.group !== own.pid;
  const shell = shellOf(own.parent);
  if (shell === undefined || parent.group !== own.group) return false;
  if (hasYoungerSibling(own)) return true;
  const place = readProc(own.parent, "wchan") ?? "0";
  return WAITS_IN_WAIT4.test(shell) && parent.state === "S" && place !== "0" && place !== "do_wait";
}

// One that reads our output is the next program of a pipeline.
function hasYoungerSibling({ parent, pid: own }: ProcessState): boolean {
  const children = (readProc(parent, `task/${parent}/children`) ?? "").trim().split(" ");
  const younger = children.slice(children.indexOf(String(own)) + 1);
  const outputs = new Set([linkOf("self/fd/1"), linkOf("self/fd/2")]);
  return younger.length > 0 && !younger.some((pid) => outputs.has(linkOf(`${pid}/fd/0`)));
}

function shellOf(pid: number): string | undefined {
  const name = basename(linkOf(`${pid}/exe`) ?? "");
  return SHELL.test(name) ? name : undefined;
}

function isNullDevice(fd: number): boolean {
  return linkOf(`self/fd/${fd}`) === "/dev/null";
}

// 0 for reading, 1 for writing, 2 for both. https://man7.org/linux/man-pages/man5/proc_pid_fdinfo.5.html
function accessOf(fd: number): number | undefined {
  const flags = /^flags:\s*\d*([0-7])$/m.exec(readProc("self", `fdinfo/${fd}`) ?? "")?.[1];
  return flags === undefined ? undefined : Number(flags) & 3;
}

function linkOf(path: string): string | undefined {
  try {
    return readlinkSync(`/proc/${path}`);
  } catch {
    return undefined;
  }
}
