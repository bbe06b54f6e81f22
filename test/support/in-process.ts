// Runs one command in this process, as main.ts would: a test of twenty broken environments need not start a runtime each.
import { readArguments } from "../../src/cli/arguments.ts";
import { COMMANDS } from "../../src/commands/command-table.ts";
import { createLog } from "../../src/base/log.ts";
import type { Invocation } from "../../src/cli/options.ts";
import type { RunContext, Terminal } from "../../src/base/context.ts";
import { PLAIN } from "../../src/base/style.ts";
import { createWaiting } from "../../src/base/waiting.ts";

const NO_TERMINAL: Terminal = {
  isThere: () => false,
  ask: () => Promise.resolve(undefined),
  write: () => {},
  giveAway: () => {},
  isGivenAway: () => false,
};

/** What a command printed, and the status it resolved with. */
export interface CommandRun {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** How a run differs from one in a pipe. */
export interface CommandOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The columns of the terminal that stdout is. */
  readonly width?: number;
}

/** Runs a command's function with a command line; rejects with what it throws. */
export async function runCommand(
  command: (context: RunContext, invocation: Invocation) => Promise<number>,
  args: readonly string[],
  { env, width }: CommandOptions,
): Promise<CommandRun> {
  let [stdout, stderr] = ["", ""];
  const write = (text: string): void => void (stderr += text);
  const context: RunContext = {
    env,
    home: env["HOME"] ?? "/nonexistent",
    log: createLog({ write, verbose: false, notices: false }),
    print: (line) => void (stdout += `${line}\n`),
    style: PLAIN,
    width: () => width,
    terminal: NO_TERMINAL,
    waiting: createWaiting({ write, isOn: false, columns: () => 80 }),
    failed: new AbortController().signal,
  };
  const status = await command(context, readArguments(args, COMMANDS));
  return { status, stdout, stderr };
}
