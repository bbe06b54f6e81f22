// Asks a question on the terminal itself, whatever stdin and stderr are: the answer must not be taken from the tool's input.
// A shell (on Windows cmd.exe) reads the line. It shares our process group, so that Ctrl-C and Ctrl-Z work as ever, it leaves the terminal's
// settings alone, and it does so under every runtime: Deno and Bun cannot wait for a line of a terminal that is not stdin,
// and Node would not end before a read of it has ended.
// https://pubs.opengroup.org/onlinepubs/9799919799/basedefs/V1_chap11.html
import { Buffer } from "node:buffer";
import type { ChildProcess } from "node:child_process";
import { writeSync } from "node:fs";
import process from "node:process";
import type { Offer, Environment, Terminal } from "../base/context.ts";
import { RdsIamError } from "../base/errors.ts";
import { printable } from "../base/printable.ts";
import { styleFor } from "../base/style.ts";
import { isTerminal, writeText } from "../runtime/stdio.ts";
import { onSignals } from "../runtime/stop-signals.ts";
import { hasTerminal, lineReader, withTerminal } from "../system/terminal.ts";

const isWindows = process.platform === "win32";

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
    ask: (question) => askOnTerminal(question, env),
    chooser: () => {
      // Of a program without a terminal of its own, another program's is the one that the process belongs to.
      const isAttended = isTerminal(0) || isTerminal(2);
      const canMove = isWindows || (Boolean(env["TERM"]) && env["TERM"] !== "dumb");
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

async function chooseOnTerminal(
  env: Environment,
  message: string,
  choices: readonly Offer[],
): Promise<string> {
  const answer = await (isWindows ? byNumber() : byKeys());
  if (answer === undefined) throw interrupted();
  return answer;

  async function byKeys(): Promise<string | undefined> {
    const { pick } = await import("./terminal-picker.ts");
    const style = styleFor({ isTTY: true }, env);
    return pick({ message, choices, style, path: env["PATH"], write: writeTerminal });
  }

  async function byNumber(): Promise<string | undefined> {
    const { chooseByNumber } = await import("./terminal-list.ts");
    const ask = (question: string) => askOnTerminal(question, env);
    return chooseByNumber(message, choices, { ask, write: writeTerminal });
  }
}

function interrupted(): RdsIamError {
  return new RdsIamError("interrupted at the terminal's question", { code: "ERR_INTERRUPTED" });
}

async function askOnTerminal(question: string, env: Environment): Promise<string | undefined> {
  const { startProgram } = await import("../runtime/start-program.ts");
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
    // What has come on Windows is the end of the console, which no process can send to itself.
    process.kill(process.pid, isWindows ? "SIGTERM" : signal);
  });
  if (isWindows) writeTerminal(prompt);
  // An empty environment: ENV and the like must not make the shell read files.
  const { lineOf, ...words } = lineReader(prompt, env);
  asking.child = startProgram(words, { env: {}, stdio: ["ignore", "pipe", "ignore"] });
  const answer = await readAnswer(asking.child);
  ends[Symbol.dispose]();
  if (isInterrupted || answer.signal === "SIGINT") {
    // The listener stays: our own SIGINT may come after the shell has ended, and must not end us before this is reported.
    writeTerminal("\n");
    throw interrupted();
  }
  interrupts[Symbol.dispose]();
  const line = lineOf(answer.printed, answer.status);
  if (line === undefined) writeTerminal("\n");
  return line;
}

function writeTerminal(text: string): void {
  // The runtime writes Unicode to a console; the bytes of a descriptor are read in its code page.
  if (isWindows && isTerminal(2)) writeText(2, text);
  else withTerminal("output", (fd) => void writeSync(fd, text));
}

interface TypedLine {
  readonly printed: Buffer;
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
}

function readAnswer(child: ChildProcess): Promise<TypedLine> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    child.stdout?.on("data", (chunk: Buffer) => void chunks.push(chunk));
    child.once("error", reject);
    child.once("close", (status, signal) => {
      resolve({ printed: Buffer.concat(chunks), status, signal });
    });
  });
}
