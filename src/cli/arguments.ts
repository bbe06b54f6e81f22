// Reads the command line. cac reads rdsiam's own options; the splitter before it finds out which words those are.
//
// cac 7 needs the splitter for two reasons. It takes the wrapped tool's options for its own and moves them in front of the
// operands, so that it must never see them. And it turns `--mfa-code 012345` into 12345, `--user 007` into 7 and
// `--role-arn ""` into 0, before any `type` applies: so each value is handed to it sealed, as `--mfa-code=SEAL012345`.
import cac from "cac";
import { RdsIamError } from "../base/errors.ts";
import { nearestName } from "../base/nearest-name.ts";
import { shellWord } from "../system/shell-word.ts";
import { optionFlag } from "../config/names.ts";
import type { OptionSpec } from "./option-table.ts";
import {
  checkChoice,
  type CommandSpec,
  type Invocation,
  type Options,
  optionsOf,
} from "./options.ts";

/** In front of a value it keeps cac from reading a number. */
const SEAL = "\u0001";

/** The words of a command line behind the command's name. */
interface Split {
  /** rdsiam's options for cac, `--name` or `--name=SEALvalue` each. */
  readonly words: readonly string[];
  readonly target?: string | undefined;
  readonly targets?: readonly string[] | undefined;
  readonly tail?: readonly string[] | undefined;
  readonly dashes?: boolean | undefined;
}

/** A word of the command line that is neither a command, an option nor expected where it stands; cli/slips.ts finds out what it may be. */
export class UnexpectedWord extends RdsIamError {
  readonly word: string;
  readonly kind: "command" | "option" | "operand";
  readonly command: CommandSpec | undefined;
  /** The words behind it. */
  readonly rest: readonly string[];

  constructor(
    { word, kind, command, rest }: Pick<UnexpectedWord, "word" | "kind" | "command" | "rest">,
    message: string,
    hint: string,
  ) {
    super(message, { code: "ERR_USAGE", hint });
    this.word = word;
    this.kind = kind;
    this.command = command;
    this.rest = rest;
  }
}

/** Reads the arguments of a command line (without runtime and script); ERR_USAGE for an unknown command or option. */
export function readArguments(
  args: readonly string[],
  commands: readonly CommandSpec[],
): Invocation {
  const before = takeOptions(args, undefined);
  const [name, ...after] = before.rest;
  // `rdsiam help exec` is `rdsiam exec --help`.
  if (name === "help") {
    const own = args.slice(0, -before.rest.length);
    return readArguments([...own, "--help", ...after], commands);
  }
  const command = name === undefined ? undefined : findCommand(name, commands, after);
  const split = command === undefined ? { words: [] } : splitWords(after, command);
  const { target, targets = [], tail = [], dashes = false } = split;
  const given = readOptions([...before.words, ...split.words], command);
  return { command, ...given, target, targets, tail, dashes };
}

function readOptions(
  words: readonly string[],
  command: CommandSpec | undefined,
): Pick<Invocation, "options" | "values"> {
  const program = cac("rdsiam");
  // No more than the command line has: to declare everything takes as long as all else that is done before a command runs.
  const declared =
    command === undefined ? program.globalCommand : program.command(command.name, command.summary);
  const known = optionsOf(command?.name);
  for (const { name, short, value, summary } of known) {
    const flags = `${short === undefined ? "" : `-${short}, `}${optionFlag(name)}`;
    declared.option(value === undefined ? flags : `${flags} <value>`, summary);
  }
  const first = command === undefined ? [] : [command.name];
  const parsed = program.parse(["", "rdsiam", ...first, ...words], { run: false }).options;
  const options: Record<string, string | boolean | undefined> = {};
  const values: Partial<Record<string, readonly string[]>> = {};
  for (const { name, value } of known) {
    // cac takes --no-cache as the opposite of --cache. Of an option that was given twice it makes an array.
    const opposite = /^no([A-Z].*)$/.exec(name)?.[1]?.toLowerCase();
    const given = opposite === undefined ? parsed[name] : parsed[opposite] === false || undefined;
    if (given === undefined) continue;
    const all = [given].flat();
    if (value === undefined) options[name] = true;
    else {
      const texts = all.map((text) => String(text).slice(SEAL.length));
      values[name] = texts;
      options[name] = texts.at(-1);
    }
  }
  return { options: options as Options, values };
}

function splitWords(args: readonly string[], command: CommandSpec): Split {
  if (command.tail === "none" || command.tail === "targets") return splitOperands(args, command);
  const { words, rest } = takeOptions(args, command);
  const [target, ...tail] = rest;
  if (target === undefined) return { words };
  if (target === "--") return { words, tail, dashes: true };
  if (!command.takesTarget) return { words, tail: rest };
  const dashes = tail[0] === "--";
  return { words, target, tail: dashes ? tail.slice(1) : tail, dashes };
}

// Without a tool, options and operands may come in any order.
function splitOperands(args: readonly string[], command: CommandSpec): Split {
  const words: string[] = [];
  const operands: string[] = [];
  let rest = args;
  while (rest.length > 0) {
    const own = takeOptions(rest, command);
    words.push(...own.words);
    const [operand, ...more] = own.rest;
    if (operand !== undefined && operand !== "--") operands.push(operand);
    rest = more;
  }
  const { name, verb, choices, tail, takesName, takesTarget } = command;
  const [first, second] = operands;
  if (verb !== undefined) {
    const isQuestion = words.some((word) => word === "--help" || word === "--version");
    if (first === undefined && !isQuestion) {
      throw usageError(`missing subcommand: rdsiam ${name} ${verb}`);
    }
    const unexpected = first === undefined || first === verb ? second : first;
    if (unexpected !== undefined) {
      throw usageError(`unexpected argument "${unexpected}"`, `Write rdsiam ${name} ${verb}.`);
    }
    return { words };
  }
  if (tail === "targets") return { words, target: first, targets: operands };
  if (choices !== undefined && first !== undefined) {
    checkChoice({ choices }, first, `rdsiam ${name}`);
  }
  const unexpected = takesTarget || takesName || choices !== undefined ? second : first;
  if (unexpected !== undefined) {
    const hint = `See rdsiam ${name} --help; this command runs no tool.`;
    const found = { word: unexpected, kind: "operand", command, rest: [] } as const;
    throw new UnexpectedWord(found, `unexpected argument "${unexpected}"`, hint);
  }
  return { words, target: first };
}

interface OwnWords {
  readonly words: readonly string[];
  readonly rest: readonly string[];
}

// Takes options up to the first operand or `--`. For `demo`, an option that is not rdsiam's begins psql's words.
function takeOptions(args: readonly string[], command: CommandSpec | undefined): OwnWords {
  const words: string[] = [];
  let index = 0;
  while (index < args.length) {
    const word = args[index] ?? "";
    if (word === "--" || word === "-" || !word.startsWith("-")) break;
    const take = word.startsWith("--") ? takeLong : takeShort;
    const taken = take(word, args.slice(index + 1), command);
    if (taken === undefined) break;
    words.push(...taken.words);
    index += taken.count;
  }
  return { words, rest: args.slice(index) };
}

interface Taken {
  readonly words: readonly string[];
  /** How many of the arguments it took. */
  readonly count: 1 | 2;
}

function takeLong(
  word: string,
  rest: readonly string[],
  command: CommandSpec | undefined,
): Taken | undefined {
  const equals = word.indexOf("=");
  const flag = equals < 0 ? word : word.slice(0, equals);
  const option = optionsOf(command?.name).find(({ name }) => optionFlag(name) === flag);
  if (option === undefined) return unknownOption(word, command, rest);
  if (option.value === undefined) {
    if (equals >= 0) throw usageError(`option ${flag} takes no value`, `Write ${flag} alone.`);
    return { words: [flag], count: 1 };
  }
  if (equals >= 0) return { words: [sealed(option, word.slice(equals + 1))], count: 1 };
  if (option.bare !== undefined) return { words: [sealed(option, option.bare)], count: 1 };
  return { words: [sealed(option, rest[0])], count: 2 };
}

// `-qv` is two flags, `-Uapp` and `-U app` are a value.
function takeShort(
  word: string,
  rest: readonly string[],
  command: CommandSpec | undefined,
): Taken | undefined {
  const words: string[] = [];
  const letters = [...word].slice(1);
  for (const [index, letter] of letters.entries()) {
    const option = optionsOf(command?.name).find(({ short }) => short === letter);
    if (option === undefined) return unknownOption(word, command, rest);
    if (option.value !== undefined) {
      const attached = letters.slice(index + 1).join("");
      words.push(sealed(option, attached === "" ? rest[0] : attached));
      return { words, count: attached === "" ? 2 : 1 };
    }
    if (option.name === "help" && command !== undefined) refuseHost(word, rest, command);
    words.push(optionFlag(option.name));
  }
  return { words, count: 1 };
}

function sealed(option: OptionSpec, value: string | undefined): string {
  const flag = optionFlag(option.name);
  const usage = `Write ${flag} ${option.value}`;
  if (value === undefined || value === "--") {
    throw usageError(`option ${flag} needs a value`, `${usage}.`);
  }
  if (value === "") {
    throw usageError(`the value of option ${flag} is empty`, `${usage}, or leave the option out.`);
  }
  checkChoice(option, value, flag);
  return `${flag}=${SEAL}${value}`;
}

// psql's -h is the host: what follows it must not be answered with a help text, and status 0.
function refuseHost(word: string, rest: readonly string[], command: CommandSpec): void {
  const [next = "-"] = rest;
  const isFlags = [...word].slice(1).every((letter) => /[hqvV]/.test(letter));
  if (isFlags && next.startsWith("-")) return;
  const isUrl = next.includes("://");
  const host = isFlags ? next : word.slice(2);
  throw usageError(
    "-h is --help here",
    optionsOf(command.name).some(({ name }) => name === "host")
      ? `The host is --host: rdsiam ${command.name} --host ${isUrl ? "HOST" : shellWord(host)}`
      : `For help: rdsiam ${command.name} --help`,
  );
}

function findCommand(
  name: string,
  commands: readonly CommandSpec[],
  rest: readonly string[],
): CommandSpec {
  const command = commands.find((spec) => spec.name === name);
  if (command !== undefined) return command;
  const nearest = nearestName(
    name,
    commands.map((spec) => spec.name),
  );
  const hint = nearest === undefined ? "See rdsiam --help." : `Did you mean "rdsiam ${nearest}"?`;
  const found = { word: name, kind: "command", command, rest } as const;
  throw new UnexpectedWord(found, `unknown command "${name}"`, hint);
}

function unknownOption(
  word: string,
  command: CommandSpec | undefined,
  rest: readonly string[],
): undefined {
  if (command?.tail === "demo") return undefined;
  const flag = word.startsWith("--") ? word.replace(/=.*/s, "") : word;
  const nearest = nearestName(
    flag,
    optionsOf(command?.name).map(({ name }) => optionFlag(name)),
  );
  const program = command === undefined ? "rdsiam" : `rdsiam ${command.name}`;
  const hint = nearest === undefined ? `See ${program} --help.` : `Did you mean ${nearest}?`;
  const where = command?.tail === "after target" ? " before the target" : "";
  const found = { word, kind: "option", command, rest } as const;
  throw new UnexpectedWord(found, `unknown option ${flag}${where}`, hint);
}

function usageError(message: string, hint?: string): RdsIamError {
  return new RdsIamError(message, { code: "ERR_USAGE", hint });
}
