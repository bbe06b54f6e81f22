// The cac program: declares commands and options from the tables, and reads rdsiam's own words.
// Values arrive behind a sentinel (see argv.ts) and leave as the strings that were typed.
import cac from "cac";
import { type Cut, SENTINEL } from "./argv.ts";
import { COMMANDS } from "./command-table.ts";
import {
  type Invocation,
  OPTIONS,
  optionFlag,
  optionsOf,
  type Options,
  type OptionSpec,
} from "./options.ts";

type Program = ReturnType<typeof cac>;

/** Reads a cut command line. */
export function readInvocation(cut: Cut): Invocation {
  const program = declare(cut);
  const command = cut.command === undefined ? [] : [cut.command];
  const parsed = program.parse(["", "rdsiam", ...command, ...cut.words], { run: false });
  const options = readOptions(parsed.options);
  const values = readValues(parsed.options);
  const { target, targets = [], tail, dashes } = cut;
  const rest = { options, values, target, targets, tail, dashes };
  if (options.version) return { command: "version", ...rest };
  if (options.help || cut.command === undefined) return { command: "help", ...rest };
  return { command: cut.command, ...rest };
}

// No more than the command line has: to declare everything takes as long as all else that is done before a command runs.
function declare(cut: Cut): Program {
  const program = cac("rdsiam");
  for (const option of optionsOf(undefined)) add(program.globalCommand, option);
  for (const { name, summary } of COMMANDS.filter((spec) => spec.name === cut.command)) {
    const command = program.command(name, summary);
    for (const option of optionsOf(name)) if (option.commands !== undefined) add(command, option);
  }
  return program;
}

function add(
  command: Program["globalCommand"] | Program["commands"][number],
  option: OptionSpec,
): void {
  const short = option.short === undefined ? "" : `-${option.short}, `;
  const flags = `${short}${optionFlag(option)}`;
  if (option.value === undefined) command.option(flags, option.summary);
  else command.option(`${flags} <value>`, option.summary, { type: [strip] });
}

function strip(value: unknown): string {
  return String(value).replace(SENTINEL, "");
}

function readValues(parsed: Readonly<Record<string, unknown>>): Invocation["values"] {
  const values: Partial<Record<string, readonly string[]>> = {};
  for (const { name, value } of OPTIONS) {
    const given = parsed[name];
    if (value !== undefined && given !== undefined) values[name] = [given].flat().map(String);
  }
  return values;
}

function readOptions(parsed: Readonly<Record<string, unknown>>): Options {
  const options: Record<string, string | boolean> = {};
  for (const { name, value } of OPTIONS) {
    // cac takes --no-cache as the opposite of --cache.
    const given = name === "noCache" ? parsed["cache"] === false : parsed[name];
    if (given === undefined || given === false) continue;
    // Given twice, cac answers an array: the last one counts.
    const last: unknown = Array.isArray(given) ? given.at(-1) : given;
    options[name] = value === undefined ? true : String(last);
  }
  return options as Options;
}
