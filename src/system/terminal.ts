// The terminal of this process, whatever stdin and stderr are: its device, and the program that reads a line of it.
// https://pubs.opengroup.org/onlinepubs/9799919799/basedefs/V1_chap11.html
// https://learn.microsoft.com/windows/console/console-handles
import type { Buffer } from "node:buffer";
import { closeSync, openSync } from "node:fs";
import process from "node:process";
import type { Environment } from "../base/context.ts";
import { windowsProgram } from "./directories.ts";
import { SHELL, type SpawnWords } from "./program.ts";

/** POSIX's name of it. */
export const TERMINAL = "/dev/tty";

const CONSOLE = { input: String.raw`\\.\CONIN$`, output: String.raw`\\.\CONOUT$` };
const READ_LINE = `exec 3<>${TERMINAL} || exit 1; printf %s "$1" >&3; IFS= read -r line <&3 || exit 1; printf %s "$line"`;
const ANSWER = "ANSWER";

/** Opens the terminal for a piece of work; whether there is one, and the work was done. */
export function withTerminal(direction: "input" | "output", use: (fd: number) => void): boolean {
  try {
    const fd = openSync(process.platform === "win32" ? CONSOLE[direction] : TERMINAL, "r+");
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

/** Whether this process has a controlling terminal. */
export function hasTerminal(): boolean {
  return withTerminal("input", () => {});
}

/** A program that reads a line of the terminal and prints it. */
export interface LineReader extends SpawnWords {
  /** The line in what it has printed; undefined at the end of input. */
  readonly lineOf: (printed: Buffer, status: number | null) => string | undefined;
}

/**
 * The program that asks a question on the terminal. It leaves the terminal's settings alone. On Windows the question is to be
 * written before: what cmd.exe writes itself, it reads for its own signs first.
 */
export function lineReader(
  question: string,
  env: Environment,
  platform = process.platform,
): LineReader {
  if (platform !== "win32") {
    return {
      file: SHELL,
      args: ["-c", READ_LINE, "sh", question],
      lineOf: (printed, status) => (status === 0 ? printed.toString("utf8") : undefined),
    };
  }
  return {
    file: windowsProgram(env, "cmd.exe"),
    // /u: what it prints is UTF-16. An empty line is an error for it, and leaves the variable unset.
    args: ["/d", "/u", "/v:off", "/s", "/c", `"set /p ${ANSWER}=<con&&set ${ANSWER}"`],
    windowsVerbatimArguments: true,
    lineOf: (printed) =>
      new RegExp(`^${ANSWER}=(.*?)\r?\n`, "s").exec(printed.toString("utf16le"))?.[1] ?? "",
  };
}
