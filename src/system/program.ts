// How a program is named, found and started, and how it is ended with what it has started itself, on POSIX systems and on Windows.
// A .cmd or .bat is run by cmd.exe, which reads its own signs in the arguments (CVE-2024-27980, CVE-2024-24576). They are quoted
// as Rust's standard library does it: in quotes, with a quote doubled, and before each percent sign one with an empty substring of
// %CD%, so that no %NAME% is left. What a line cannot hold is refused.
// https://github.com/rust-lang/rust/blob/1.91.0/library/std/src/sys/args/windows.rs (make_bat_command_line)
// https://learn.microsoft.com/windows-server/administration/windows-commands/cmd
import type { ChildProcess } from "node:child_process";
import { posix, win32 } from "node:path";
import process from "node:process";
import type { Environment } from "../base/context.ts";
import { RdsIamError } from "../base/errors.ts";
import { windowsProgram } from "./directories.ts";

/** POSIX's shell; Windows has none of its kind. */
export const SHELL = "/bin/sh";

/** What is given to spawn() to start a program. */
export interface SpawnWords {
  readonly file: string;
  readonly args: readonly string[];
  /** Whether Windows gets the arguments as they are, with blanks between. */
  readonly windowsVerbatimArguments?: boolean;
}

// What CreateProcess starts by itself, and what cmd.exe runs for it.
const BATCH = /\.(?:bat|cmd)$/i;

/** The name of a program without its directory, and on Windows in small letters without .exe: `psql` for C:\bin\PSQL.EXE. */
export function programName(file: string, platform = process.platform): string {
  if (platform !== "win32") return posix.basename(file);
  return win32
    .basename(file)
    .toLowerCase()
    .replace(/\.(?:com|exe|bat|cmd)$/, "");
}

/** How a program's file is started with its arguments; ERR_USAGE for an argument that a .cmd or .bat cannot be given. */
export function spawnWords(
  program: SpawnWords,
  env: Environment,
  platform = process.platform,
): SpawnWords {
  const { args, file, windowsVerbatimArguments = false } = program;
  if (platform !== "win32" || windowsVerbatimArguments || !BATCH.test(file)) return program;
  const words = args.map((word) => batchWord(file, word));
  // Delayed expansion is off: `!` is a letter.
  const line = [`"${withoutPercent(file)}"`, ...words].join(" ");
  return {
    file: windowsProgram(env, "cmd.exe"),
    args: ["/d", "/e:on", "/v:off", "/s", "/c", `"${line}"`],
    windowsVerbatimArguments: true,
  };
}

function batchWord(file: string, word: string): string {
  if (/[\0\r\n]/.test(word)) {
    throw new RdsIamError(`${file} cannot be given a line break`, {
      code: "ERR_USAGE",
      detail: `cmd.exe runs it, and reads no further than the end of a line: ${JSON.stringify(word.slice(0, 40))}`,
      hint: "Put the text into a file, or run the program itself (.exe) in place of the batch file.",
    });
  }
  // A backslash is one of two only before a quote, and before the one that ends the word.
  const quotes = word.replaceAll(/(\\*)"/g, '$1$1""').replace(/(\\+)$/, "$1$1");
  return /^[\w#$*+./:?@\\-]+$/.test(word) && !word.endsWith("\\")
    ? word
    : `"${withoutPercent(quotes)}"`;
}

function withoutPercent(text: string): string {
  return text.replaceAll("%", "%%cd:~,%");
}

/** How a line is run that the user has written for a shell: by /bin/sh, or by cmd.exe as `cmd /c` does it. */
export function shellWords(
  line: string,
  env: Environment,
  platform = process.platform,
): SpawnWords {
  if (platform !== "win32") return { file: SHELL, args: ["-c", line] };
  return {
    file: windowsProgram(env, "cmd.exe"),
    args: ["/d", "/s", "/c", `"${line}"`],
    windowsVerbatimArguments: true,
  };
}

/**
 * The options of spawn() for a program that the terminal's Ctrl-C is not for: a session of its own, or on Windows a console of its
 * own that is not shown. Windows ends it with this process.
 */
export function inBackground(
  platform = process.platform,
): { readonly detached: true } | { readonly windowsHide: true } {
  return platform === "win32" ? { windowsHide: true } : { detached: true };
}

/** Sends a signal to a background program and all that it has started; on Windows, where there are no signals, it ends them. */
export function signalGroup(child: ChildProcess, signal: NodeJS.Signals, env: Environment): void {
  if (child.pid === undefined) return;
  try {
    if (process.platform !== "win32") process.kill(-child.pid, signal);
    else endTree(child, env);
  } catch {
    // All of it has ended, or runs as another user.
  }
}

// Detached: it goes on when this process has ended. A number whose process has ended may be another's by now.
function endTree(child: ChildProcess, env: Environment): void {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const { spawn } = process.getBuiltinModule("node:child_process");
  const words = ["/pid", String(child.pid), "/t", "/f"];
  const options = { stdio: "ignore", detached: true, windowsHide: true } as const;
  const ending = spawn(windowsProgram(env, "taskkill.exe"), words, options);
  ending.once("error", () => child.kill());
  ending.once("exit", (status) => status === 0 || child.kill());
  ending.unref();
}
