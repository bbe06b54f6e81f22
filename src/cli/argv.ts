// Cuts rdsiam's own words from the wrapped tool's before cac sees any: cac would swallow and reorder the tool's options,
// and turns `--mfa-code 012345` into 12345. Every value goes to cac behind a sentinel, which keeps it a string.
import { type CommandName, COMMANDS, type CommandSpec } from "./command-table.ts";
import { RdsIamError } from "../base/errors.ts";
import { nearestName } from "../base/nearest-name.ts";
import { checkChoice, optionFlag, optionsOf, type OptionSpec } from "./options.ts";

/** Precedes every value in the words for cac; cli.ts strips it. */
export const SENTINEL = "\u0001";

/** The words of a command line, cut. */
export interface Cut {
  readonly command: CommandName | undefined;
  /** rdsiam's options for cac, `--name` or `--name=SENTINEL value` each. */
  readonly words: readonly string[];
  readonly target: string | undefined;
  /** Every target, of a command that takes several. */
  readonly targets?: readonly string[];
  /** The wrapped tool's words, as they were typed. */
  readonly tail: readonly string[];
  /** Whether the tail came behind `--`. */
  readonly dashes: boolean;
}

interface OwnWords {
  readonly words: string[];
  readonly rest: readonly string[];
}

/** Cuts the arguments of a command line (without runtime and script); ERR_USAGE for an unknown command or option. */
export function cutArgv(args: readonly string[]): Cut {
  const before = takeOptions(args, undefined);
  const [name, ...after] = before.rest;
  if (name === undefined)
    return { command: undefined, words: before.words, target: undefined, tail: [], dashes: false };
  // `rdsiam help exec` is `rdsiam exec --help`.
  if (name === "help") return cutArgv([...args.slice(0, -before.rest.length), "--help", ...after]);
  const command = COMMANDS.find((spec) => spec.name === name) ?? unknownCommand(name);
  const cut =
    command.tail === "none" || command.tail === "targets"
      ? cutWithoutTool(after, command)
      : cutWithTool(after, command);
  return { ...cut, command: command.name, words: [...before.words, ...cut.words] };
}

type Rest = Omit<Cut, "command">;

function cutWithTool(args: readonly string[], command: CommandSpec): Rest {
  const { words, rest } = takeOptions(args, command);
  const [target, ...tail] = rest;
  if (target === undefined) return { words, target: undefined, tail: [], dashes: false };
  if (target === "--") return { words, target: undefined, tail, dashes: true };
  if (!command.takesTarget) return { words, target: undefined, tail: rest, dashes: false };
  const dashes = tail[0] === "--";
  return { words, target, tail: dashes ? tail.slice(1) : tail, dashes };
}

function cutWithoutTool(args: readonly string[], command: CommandSpec): Rest {
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
  if (command.verb !== undefined) {
    checkVerb(command.name, command.verb, { words, operands });
    return { words, target: undefined, tail: [], dashes: false };
  }
  const [target, surplus] = operands;
  if (command.tail === "targets")
    return { words, target, targets: operands, tail: [], dashes: false };
  const { choices } = command;
  if (choices !== undefined && target !== undefined)
    checkChoice({ choices }, target, `rdsiam ${command.name}`);
  const unexpected = command.takesTarget || choices !== undefined ? surplus : target;
  if (unexpected !== undefined) {
    throw usageError(
      `unexpected argument "${unexpected}"`,
      `see rdsiam ${command.name} --help; this command runs no tool`,
    );
  }
  return { words, target, tail: [], dashes: false };
}

function checkVerb(
  name: string,
  verb: string,
  { words, operands }: { readonly words: readonly string[]; readonly operands: readonly string[] },
): void {
  const [given, ...surplus] = operands;
  const isQuestion = words.some((word) => word === "--help" || word === "--version");
  if ((given === verb || (given === undefined && isQuestion)) && surplus.length === 0) return;
  const message =
    given === undefined
      ? `${name} what?`
      : `unexpected argument "${given === verb ? surplus[0] : given}"`;
  throw usageError(message, `write rdsiam ${name} ${verb}`);
}

// Takes options up to the first operand or `--`. For `demo`, an option that is not rdsiam's begins psql's words.
function takeOptions(args: readonly string[], command: CommandSpec | undefined): OwnWords {
  const words: string[] = [];
  let index = 0;
  while (index < args.length) {
    const word = args[index] ?? "";
    if (word === "--" || word === "-" || !word.startsWith("-")) break;
    const taken = takeOption(word, args[index + 1], command);
    if (taken === undefined) break;
    words.push(...taken.words);
    index += taken.count;
  }
  return { words, rest: args.slice(index) };
}

interface Taken {
  readonly words: string[];
  readonly count: number;
}

function takeOption(
  word: string,
  next: string | undefined,
  command: CommandSpec | undefined,
): Taken | undefined {
  const known = optionsOf(command?.name);
  return word.startsWith("--")
    ? takeLong(word, next, { known, command })
    : takeShort(word, next, { known, command });
}

interface Known {
  readonly known: readonly OptionSpec[];
  readonly command: CommandSpec | undefined;
}

function takeLong(
  word: string,
  next: string | undefined,
  { known, command }: Known,
): Taken | undefined {
  const equals = word.indexOf("=");
  const flag = equals < 0 ? word : word.slice(0, equals);
  const option = known.find((spec) => optionFlag(spec) === flag);
  if (option === undefined) return unknownOption(flag, { known, command });
  if (option.value === undefined) {
    if (equals >= 0) throw usageError(`option ${flag} takes no value`, `write ${flag} alone`);
    return { words: [flag], count: 1 };
  }
  if (equals < 0 && option.bare !== undefined)
    return { words: [valued(option, option.bare)], count: 1 };
  const value = equals < 0 ? next : word.slice(equals + 1);
  return { words: [valued(option, value)], count: equals < 0 ? 2 : 1 };
}

// `-qv` is two flags, `-Uapp` and `-U app` are a value.
function takeShort(
  word: string,
  next: string | undefined,
  { known, command }: Known,
): Taken | undefined {
  const words: string[] = [];
  for (const [index, letter] of [...word].slice(1).entries()) {
    const option = known.find((spec) => spec.short === letter);
    if (option === undefined) return unknownOption(word, { known, command });
    if (option.value !== undefined) {
      const attached = [...word].slice(index + 2).join("");
      words.push(valued(option, attached === "" ? next : attached));
      return { words, count: attached === "" ? 2 : 1 };
    }
    words.push(optionFlag(option));
  }
  return { words, count: 1 };
}

function valued(option: OptionSpec, value: string | undefined): string {
  const flag = optionFlag(option);
  if (value === undefined || value === "--")
    throw usageError(`option ${flag} needs a value`, `write ${flag} ${option.value}`);
  if (value === "")
    throw usageError(
      `the value of option ${flag} is empty`,
      `write ${flag} ${option.value}, or leave the option out`,
    );
  checkChoice(option, value, flag);
  return `${flag}=${SENTINEL}${value}`;
}

function unknownCommand(name: string): never {
  const nearest = nearestName(
    name,
    COMMANDS.map((command) => command.name),
  );
  const hint = nearest === undefined ? "see rdsiam --help" : `did you mean "rdsiam ${nearest}"?`;
  throw usageError(`unknown command "${name}"`, hint);
}

function unknownOption(flag: string, { known, command }: Known): undefined {
  if (command?.tail === "demo") return undefined;
  const nearest = nearestName(flag, known.map(optionFlag));
  const where = command === undefined ? "rdsiam" : `rdsiam ${command.name}`;
  const own =
    command?.tail === "after target"
      ? `; options of the tool come after the target: ${where} TARGET ${flag} ...`
      : "";
  const hint =
    nearest === undefined
      ? `see ${where} --help${own}`
      : `did you mean ${nearest}?${own.replace("; o", " O")}`;
  throw usageError(
    `unknown option ${flag} before the target`.replace(
      command?.takesTarget ? "" : " before the target",
      "",
    ),
    hint,
  );
}

function usageError(message: string, hint: string): RdsIamError {
  const sentence = `${hint.charAt(0).toUpperCase()}${hint.slice(1)}`;
  return new RdsIamError(message, {
    code: "ERR_USAGE",
    hint: /[.?]$/.test(sentence) ? sentence : `${sentence}.`,
  });
}
