// Commands, options and command lines that were read: their types, and the lookup of options. Splitter, cac, help texts, man page,
// reference and completions are made from these tables and from the table of commands.
import type { Environment, RunContext } from "../base/context.ts";
import { RdsIamError } from "../base/errors.ts";
import { nearestName } from "../base/nearest-name.ts";
import { type OptionValues, SETTING_NAMES, SETTINGS } from "../config/keys.ts";
import { isYes, optionFlag, ownVariable, variableOf } from "../config/names.ts";
import type { Setting, SettingOption } from "../config/setting.ts";
import { GENERAL_OPTIONS, type OptionSpec, OWN_OPTIONS, PROXY_OPTIONS } from "./option-table.ts";
import { RELAY_OPTIONS, SERVE_OPTIONS } from "./serve-options.ts";

type OwnOption =
  | (typeof OWN_OPTIONS)[number]
  | (typeof PROXY_OPTIONS)[number]
  | (typeof SERVE_OPTIONS)[number]
  | (typeof RELAY_OPTIONS)[number]
  | (typeof GENERAL_OPTIONS)[number];
type Valued = Extract<OwnOption, { readonly value: string }>["name"];
type Flag = Exclude<OwnOption, { readonly value: string }>["name"];

/** What was given of each option, in camelCase: strings as typed, and flags. */
export type Options = OptionValues & {
  readonly [N in Valued]?: string | undefined;
} & { readonly [N in Flag]?: boolean | undefined };

type NameOf<T> = {
  [N in keyof Options]-?: Options[N] extends T | undefined ? N : never;
}[keyof Options];

/** The options that take a value. */
export type OptionName = NameOf<string>;

/** The options that are on or off. */
export type FlagName = NameOf<boolean>;

/** One command. The table of all is commands/command-table.ts; it is handed in, because cli/ lies below commands/. */
export interface CommandSpec {
  readonly name: string;
  /** What it is for: a heading of `rdsiam --help`. */
  readonly group: "Connect" | "Hand over" | "Set up" | "Serve" | "Try it out";
  readonly usage: string;
  readonly summary: string;
  /** Which of the words that follow belong to a wrapped tool. */
  readonly tail: "after target" | "demo" | "targets" | "none";
  /** Whether a word may follow that names something new; it arrives in the target's place. */
  readonly takesName?: boolean | undefined;
  /** Whether a TARGET may be named. */
  readonly takesTarget: boolean;
  /** The word that follows the command's name: `update` in `ca update`. */
  readonly verb?: string | undefined;
  /** The words of which one may follow: the shells of `completion`. It arrives in the target's place. */
  readonly choices?: readonly string[] | undefined;
  readonly examples: readonly string[];
  /** Whole sentences that the summary has no room for; for --help --verbose and the man page. */
  readonly details?: readonly string[] | undefined;
  /** Loads the modules that only this command needs. */
  readonly load: () => Promise<RunCommand>;
}

/** Runs a command; resolves with the exit status. */
export type RunCommand = (context: RunContext, invocation: Invocation) => Promise<number>;

/** A command line, read. */
export interface Invocation {
  /** Undefined when none is named. */
  readonly command: CommandSpec | undefined;
  readonly options: Options;
  /** Every value of the options that were given, for the repeatable ones. */
  readonly values: Readonly<Partial<Record<OptionName, readonly string[]>>>;
  readonly target: string | undefined;
  /** Every target, of a command that takes several. */
  readonly targets: readonly string[];
  /** The wrapped tool's words, as they were typed. */
  readonly tail: readonly string[];
  /** Whether the tail came behind `--`. */
  readonly dashes: boolean;
}

/** Options under one heading of the help texts. */
export interface OptionGroup {
  readonly title: string;
  readonly options: readonly OptionSpec[];
}

/** Every option, in the groups and in the order of the help texts. */
export const OPTION_GROUPS: readonly OptionGroup[] = [
  { title: "Options", options: OWN_OPTIONS },
  { title: "Proxy", options: PROXY_OPTIONS },
  { title: "Serve", options: SERVE_OPTIONS },
  { title: "Relay", options: RELAY_OPTIONS },
  { title: "Database", options: settingOptions("Database") },
  { title: "AWS", options: settingOptions("AWS") },
  { title: "General", options: GENERAL_OPTIONS },
];

/** Every option. */
export const OPTIONS: readonly OptionSpec[] = OPTION_GROUPS.flatMap(({ options }) => options);

/** Every variable of rdsiam: those of the options, of the settings without an option, and two of the configuration itself. */
export const VARIABLES: readonly string[] = [
  ...OPTIONS.flatMap((option) => optionVariable(option) ?? []),
  ...SETTING_NAMES.filter((name) => {
    const { option, noVariable }: Setting = SETTINGS[name];
    return typeof option === "string" && noVariable === undefined;
  }).map(variableOf),
  "RDSIAM_TARGET",
  "RDSIAM_CONFIG_FILE",
];

/** The environment variable of an option; --help, --version and what only `rdsiam init` takes have none. */
export function optionVariable({ name }: OptionSpec): string | undefined {
  return /^(?:help|version|sso[A-Z]\w*)$/.test(name) ? undefined : variableOf(name);
}

function settingOptions(group: SettingOption["group"]): OptionSpec[] {
  return SETTING_NAMES.flatMap((name) => {
    const { summary, option }: Setting = SETTINGS[name];
    if (typeof option === "string" || option.group !== group) return [];
    const { group: _, ...rest } = option;
    return [{ ...rest, name: option.name ?? name, summary }];
  });
}

/** The options that a command knows; those of every command when none is named. */
export function optionsOf(command: string | undefined): readonly OptionSpec[] {
  return OPTIONS.filter((option) => isOptionOf(option, command));
}

/** The long options that a command knows, as a command line has them: `--via ...`, `--read-only`. */
export function longOptions(command: string): readonly string[] {
  return optionsOf(command).map(({ name, value, bare }) =>
    value === undefined || bare !== undefined ? optionFlag(name) : `${optionFlag(name)} ...`,
  );
}

/** Whether a command knows an option. */
export function isOptionOf(
  { commands }: Pick<OptionSpec, "commands">,
  command: string | undefined,
): boolean {
  return commands === undefined || (command !== undefined && commands.includes(command));
}

/** An option's value, else its environment variable's; set to nothing is not set, and a yes is the option without a value. */
export function optionValue(
  options: Options,
  env: Environment,
  name: OptionName,
): string | undefined {
  const given = options[name];
  if (given !== undefined) return given;
  const variable = variableOf(name);
  const value = ownVariable(env, variable);
  const spec = OPTIONS.find(({ name: own, choices, bare }) => own === name && (choices ?? bare));
  if (value !== undefined && spec !== undefined) checkChoice(spec, value, variable);
  return spec?.bare !== undefined && isYes(value) ? spec.bare : value;
}

/** The values of a repeatable option, else of its environment variable, with commas between them in either. */
export function optionList(
  { values }: Pick<Invocation, "values">,
  env: Environment,
  name: OptionName,
): readonly string[] {
  const given = values[name] ?? [ownVariable(env, variableOf(name)) ?? ""];
  return given.flatMap((value) => value.split(",")).filter((value) => value !== "");
}

/** Whether a flag is on, or its environment variable is 1 (or yes, on, true). */
export function isOn(options: Options, env: Environment, name: FlagName): boolean {
  if (options[name] !== undefined) return options[name];
  return isYes(env[variableOf(name)]);
}

/** Throws ERR_USAGE for a value that is none of an option's choices; `from` is where it was given. */
export function checkChoice(
  { choices }: Pick<OptionSpec, "choices">,
  value: string,
  from: string,
): void {
  if (choices === undefined || choices.includes(value)) return;
  const nearest = nearestName(value, choices);
  const all = `Take one of: ${choices.join(", ")}.`;
  throw new RdsIamError(`${from} cannot be "${value}"`, {
    code: "ERR_USAGE",
    hint: nearest === undefined ? all : `Did you mean ${nearest}? ${all}`,
  });
}
