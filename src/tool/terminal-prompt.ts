// Asks a question on the terminal itself, whatever stdin and stderr are: the answer must not be taken from the tool's input.
// A shell reads the line. It shares our process group, so that Ctrl-C and Ctrl-Z work as ever, it leaves the terminal's
// settings alone, and it does so under every runtime: Deno and Bun cannot wait for a line of a terminal that is not stdin,
// and Node would not end before a read of it has ended.
// https://pubs.opengroup.org/onlinepubs/9799919799/basedefs/V1_chap11.html
import type { ChildProcess } from "node:child_process";
import { closeSync, openSync, writeSync } from "node:fs";
import process from "node:process";
import type { Offer, Environment, Terminal } from "../base/context.ts";
import { RdsIamError } from "../base/errors.ts";
import { printable } from "../base/printable.ts";
import { styleFor } from "../base/style.ts";
import { passIgnored } from "../runtime/ignored-signals.ts";
import { isTerminal } from "../runtime/stdio.ts";
import { onSignals } from "../runtime/stop-signals.ts";

const TERMINAL = "/dev/tty";

const SCRIPT = `exec 3<>${TERMINAL} || exit 1; printf %s "$1" >&3; IFS= read -r line <&3 || exit 1; printf %s "$line"`;

/** What this process is told of its terminal. */
export interface TerminalOptions {
  readonly env: Environment;
  /** Whether nothing may be asked, as with --no-input. */
  readonly isOff: boolean;
}

/** The terminal of this process. */
export function processTerminal({ env, isOff }: TerminalOptions): Terminal {
  let isGivenAway = false;
  const isThere = (): boolean => !isOff && hasTerminal();
  return {
    isThere,
    ask: askOnTerminal,
    chooser: () => {
      // Of a program without a terminal of its own, another program's is the one that the process belongs to.
      const isAttended = isTerminal(0) || isTerminal(2);
      const canMove = Boolean(env["TERM"]) && env["TERM"] !== "dumb";
      return isAttended && canMove && !isGivenAway && isThere()
        ? (message, choices) => chooseOnTerminal(env, message, choices)
        : undefined;
    },
    write: writeTerminal,
    browser: async () => {
      const { browserPlace, openBrowser } = await import("./open-browser.ts");
      return { ...browserPlace(env), open: (page) => openBrowser(page, env) };
    },
    giveAway: () => {
      isGivenAway = true;
    },
    isGivenAway: () => isGivenAway,
  };
}

/** Whether this process has a controlling terminal. */
export function hasTerminal(): boolean {
  return onTerminal(() => {});
}

async function chooseOnTerminal(
  env: Environment,
  message: string,
  choices: readonly Offer[],
): Promise<string> {
  const { pick } = await import("./terminal-picker.ts");
  const style = styleFor({ isTTY: true }, env);
  const answer = await pick({ message, choices, style, path: env["PATH"], write: writeTerminal });
  if (answer === undefined) throw interrupted();
  return answer;
}

function interrupted(): RdsIamError {
  return new RdsIamError("interrupted at the terminal's question", { code: "ERR_INTERRUPTED" });
}

async function askOnTerminal(question: string): Promise<string | undefined> {
  const { spawn } = await import("node:child_process");
  // What is shown comes from a file: it must not move the cursor.
  const prompt = printable(question);
  let isInterrupted = false;
  const asking: { child?: ChildProcess } = {};
  const interrupt = (): void => {
    isInterrupted = true;
    asking.child?.kill("SIGKILL");
  };
  // Before the question can be seen: a Ctrl-C may come at once.
  const interrupts = onSignals(["SIGINT"], interrupt);
  const ends = onSignals(["SIGTERM", "SIGHUP"], (signal) => {
    asking.child?.kill("SIGKILL");
    ends[Symbol.dispose]();
    process.kill(process.pid, signal);
  });
  // An empty environment: ENV and the like must not make the shell read files.
  asking.child = spawn(...passIgnored("/bin/sh", ["-c", SCRIPT, "sh", prompt]), {
    env: {},
    stdio: ["ignore", "pipe", "ignore"],
  });
  const answer = await readAnswer(asking.child);
  ends[Symbol.dispose]();
  if (isInterrupted || answer.signal === "SIGINT") {
    // The listener stays: our own SIGINT may come after the shell has ended, and must not end us before this is reported.
    writeTerminal("\n");
    throw interrupted();
  }
  interrupts[Symbol.dispose]();
  if (answer.status !== 0) {
    writeTerminal("\n");
    return undefined;
  }
  return answer.text;
}

function writeTerminal(text: string): void {
  onTerminal((fd) => void writeSync(fd, text));
}

function readAnswer(
  child: ChildProcess,
): Promise<{ text: string; status: number | null; signal: NodeJS.Signals | null }> {
  return new Promise((resolve, reject) => {
    let text = "";
    child.stdout?.setEncoding("utf8").on("data", (chunk: string) => {
      text += chunk;
    });
    child.once("error", reject);
    child.once("close", (status, signal) => resolve({ text, status, signal }));
  });
}

function onTerminal(use: (fd: number) => void): boolean {
  try {
    const fd = openSync(TERMINAL, "r+");
    try {
      use(fd);
    } finally {
      closeSync(fd);
    }
    return true;
  } catch {
    return false;
  }
}
