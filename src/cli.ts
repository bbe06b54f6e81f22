// The cac program: declares commands and options from the table, shows help, and reads rdsiam's own words.
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
  const program = declare();
  const command = cut.command === undefined ? [] : [cut.command];
  const parsed = program.parse(["", "rdsiam", ...command, ...cut.words], { run: false });
  const options = readOptions(parsed.options);
  const values = readValues(parsed.options);
  const rest = { options, values, target: cut.target, tail: cut.tail, dashes: cut.dashes };
  if (options.version) return { command: "version", ...rest };
  if (options.help || cut.command === undefined) return { command: "help", ...rest };
  return { command: cut.command, ...rest };
}

/** Prints the help of a command, or of the program, on stdout. */
export function printHelp(cut: Cut): void {
  const program = declare();
  program.parse(["", "rdsiam", ...(cut.command === undefined ? [] : [cut.command])], {
    run: false,
  });
  program.outputHelp();
}

function declare(): Program {
  const program = cac("rdsiam");
  program.usage("COMMAND [options] [TARGET] [arguments of the tool...]");
  for (const option of optionsOf(undefined)) add(program.globalCommand, option);
  for (const spec of COMMANDS) {
    const command = program.command(spec.name, spec.summary).usage(spec.usage);
    for (const option of optionsOf(spec.name))
      if (option.commands !== undefined) add(command, option);
    for (const example of spec.examples) command.example(`  ${example}`);
  }
  for (const spec of COMMANDS.slice(0, 3))
    for (const example of spec.examples.slice(0, 1)) program.example(`  ${example}`);
  program.globalCommand.helpCallback = (sections) =>
    sections.filter(({ title, body }) => !title?.startsWith("For more info") && body !== "rdsiam");
  for (const command of program.commands) command.helpCallback = program.globalCommand.helpCallback;
  return program;
}

function add(
  command: Program["globalCommand"] | Program["commands"][number],
  option: OptionSpec,
): void {
  const short = option.short === undefined ? "    " : `-${option.short}, `;
  if (option.value === undefined) {
    command.option(`${short}${optionFlag(option)}`, option.summary);
    return;
  }
  command.option(`${short}${optionFlag(option)} <${option.value}>`, option.summary, {
    type: [strip],
  });
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
