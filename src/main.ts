// The process edge: argv, environment, streams, exit status, and the one catch.
import { setMaxListeners } from "node:events";
import process from "node:process";
import { readArguments } from "./cli/arguments.ts";
import { COMMANDS } from "./commands/command-table.ts";
import { guardInspectorSignal, refuseDebuggers } from "./runtime/debuggers.ts";
import { printableLines } from "./base/printable.ts";
import { createLog, type LogOptions } from "./base/log.ts";
import {
  type CommandSpec,
  type Invocation,
  isOn,
  type Options,
  optionValue,
  VARIABLES,
} from "./cli/options.ts";
import { isServiceVariable } from "./config/names.ts";
import { RdsIamError } from "./base/errors.ts";
import { exitStatusOf, problemOf } from "./base/problem.ts";
import type { RunContext } from "./base/context.ts";
import { environmentOf, homeDirectory } from "./system/directories.ts";
import { surviveGoneTerminal } from "./runtime/gone-terminal.ts";
import { keepIgnored } from "./runtime/ignored-signals.ts";
import { isTerminal, writeOutput, writeText } from "./runtime/stdio.ts";
import { type Color, paintLabels, type Style, styleFor } from "./base/style.ts";
import { unlessFailed, watchUncaught } from "./runtime/uncaught.ts";
import { processTerminal } from "./tool/terminal-prompt.ts";
import { createWaiting } from "./base/waiting.ts";
import { fitToTerminal } from "./base/wrap.ts";
import { VERSION } from "./base/version.ts";

const TERMINAL = {
  write: (text: string) => void writeText(2, text),
  columns: () => process.stderr.columns || 80,
};
let waiting = createWaiting({ ...TERMINAL, isOn: false });

async function main(): Promise<number> {
  // The environment as it was given: what a library sets in ours must not reach the tool.
  const env = environmentOf(process.env);
  keepIgnored(env);
  // Node 20 warns of the eleventh listener of a signal, and each connection and run of a tool listens to one.
  setMaxListeners(0);
  surviveGoneTerminal();
  // It would switch off TLS verification in every library that does not override it, STS's included; the tool still gets it.
  delete process.env["NODE_TLS_REJECT_UNAUTHORIZED"];
  const format = env["RDSIAM_LOG_FORMAT"] === "json" ? "json" : "text";
  let log = createLog({ write: writeError, verbose: false, notices: false, format });
  const failed = watchUncaught();
  let invocation: Invocation | undefined;
  try {
    invocation = readArguments(process.argv.slice(2), COMMANDS);
    const { command, options } = invocation;
    const how = logOptions(options, env);
    log = createLog({ write: writeError, ...how });
    waiting = createWaiting({
      ...TERMINAL,
      isOn: how.notices && how.format === "text" && hasEraser(env),
    });
    if (options.version) {
      print(VERSION);
      return 0;
    }
    if (options.help || command === undefined) {
      const { helpText } = await import("./cli/help.ts");
      // The words behind it were meant for a tool, whose output goes to a file.
      const isAside = invocation.target !== undefined && !isTerminal(1);
      const rows = options.verbose ? Infinity : rowsOf(isAside ? 2 : 1);
      const text = helpText(command, { commands: COMMANDS, rows, style: paint });
      if (isAside) writeError(`${text}\n`);
      else print(text);
      // `rdsiam` alone is a usage error that is answered with the help.
      return options.help ? 0 : 125;
    }
    const home = homeDirectory(env);
    const terminal = processTerminal({ env, isOff: isOn(options, env, "noInput") });
    const context = { env, home, log, print, style: paint, width, terminal, waiting, failed };
    return await unlessFailed(run(command, context, invocation), failed, toolEnded);
  } catch (error) {
    const meant = await explained(error, env, invocation);
    log.error(problemOf(meant));
    return exitStatusOf(meant);
  }
}

async function explained(
  error: unknown,
  env: RunContext["env"],
  invocation: Invocation | undefined,
): Promise<unknown> {
  if (!(error instanceof RdsIamError)) return error;
  const { explainSlip } = await import("./cli/slips.ts");
  return explainSlip(error, { invocation, commands: COMMANDS, env, home: homeDirectory(env) });
}

function hasEraser(env: RunContext["env"]): boolean {
  return isTerminal(2) && env["TERM"] !== "dumb" && Boolean(env["TERM"]);
}

function logOptions(options: Options, env: RunContext["env"]): Omit<LogOptions, "write"> {
  const format = optionValue(options, env, "logFormat") === "json" ? "json" : "text";
  const quiet = isOn(options, env, "quiet");
  // A line of JSON is for a machine, which has no terminal.
  const notices = !quiet && (format === "json" || isTerminal(2));
  return { format, verbose: isOn(options, env, "verbose"), notices };
}

async function run(
  command: CommandSpec,
  context: RunContext,
  invocation: Invocation,
): Promise<number> {
  refuseDebuggers(context.env);
  guardInspectorSignal();
  // doctor has a note of each.
  if (command.takesTarget && command.name !== "doctor") await warnOfMistyped(context);
  const runCommand = await command.load();
  return runCommand(context, invocation);
}

// A variable that is misspelled is passed over, and with it what it was to change.
async function warnOfMistyped({ env, log }: RunContext): Promise<void> {
  const unknown = Object.keys(env).filter(
    (name) =>
      name.startsWith("RDSIAM_") &&
      !VARIABLES.includes(name) &&
      !isServiceVariable(name, env[name] ?? ""),
  );
  if (unknown.length === 0) return;
  const { nearestName } = await import("./base/nearest-name.ts");
  // Deno has them in another order at each start.
  for (const name of unknown.toSorted()) {
    const nearest = nearestName(name, VARIABLES);
    if (nearest === undefined) continue;
    log.warning({ message: `unknown variable ${name}; did you mean ${nearest}?` });
  }
}

function print(line: string): void {
  waiting.erase();
  writeOutput(`${printableLines(line, isTerminal(1))}\n`);
}

function writeError(text: string, color?: Color): void {
  waiting.erase();
  const style = styleFor({ isTTY: isTerminal(2) }, process.env);
  const fit = isTerminal(2) ? fitted(text) : text;
  writeText(2, color === undefined ? paintLabels(fit, style) : `${style(color, fit.trimEnd())}\n`);
}

function fitted(text: string): string {
  const home = homeDirectory(environmentOf(process.env));
  return fitToTerminal(text, { columns: TERMINAL.columns(), home });
}

// Most commands print nothing in color, so whether stdout is a terminal is looked up only here.
function paint(...words: Parameters<Style>): string {
  return styleFor({ isTTY: isTerminal(1) }, process.env)(...words);
}

function width(): number | undefined {
  return isTerminal(1) ? process.stdout.columns || 80 : undefined;
}

// Into a pipe or a file there is room for all.
function rowsOf(fd: 1 | 2): number {
  if (!isTerminal(fd)) return Infinity;
  return (fd === 1 ? process.stdout : process.stderr).rows || 24;
}

async function toolEnded(): Promise<void> {
  const { toolEnded: ended } = await import("./tool/run.ts");
  return ended();
}

// A library's open keep-alive connection must not hold the process.
void main().then((status) => process.exit(status));
