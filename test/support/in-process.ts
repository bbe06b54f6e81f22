// Runs one command in this process, as main.ts would: a test of twenty broken environments need not start a runtime each.
import { readArguments } from "../../src/cli/arguments.ts";
import { COMMANDS } from "../../src/commands/command-table.ts";
import { createLog } from "../../src/base/log.ts";
import type { Invocation } from "../../src/cli/options.ts";
import type { RunContext } from "../../src/base/context.ts";
import { runContext } from "./run-context.ts";

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
  const context = runContext(env, {
    log: createLog({ write, verbose: false, notices: false }),
    print: (line) => void (stdout += `${line}\n`),
    width: () => width,
  });
  const status = await command(context, readArguments(args, COMMANDS));
  return { status, stdout, stderr };
}
