// The options of the command line, put together from the tables in options/; the cutter, cac, the help texts, the man page
// and the completions are made from them and from the commands' table. After a change: npm run generate.
import type { RunContext } from "../base/context.ts";
import { RdsIamError } from "../base/errors.ts";
import { nearestName } from "../base/nearest-name.ts";
import { AWS_OPTIONS } from "./options/aws.ts";
import { DATABASE_OPTIONS } from "./options/database.ts";
import { GENERAL_OPTIONS } from "./options/general.ts";
import { OWN_OPTIONS } from "./options/own.ts";
import { PROXY_OPTIONS } from "./options/proxy.ts";
import { RELAY_OPTIONS } from "./options/relay.ts";
import type { OptionSpec } from "./options/spec.ts";

export type { OptionSpec } from "./options/spec.ts";

const TABLES = [
  ...OWN_OPTIONS,
  ...PROXY_OPTIONS,
  ...RELAY_OPTIONS,
  ...DATABASE_OPTIONS,
  ...AWS_OPTIONS,
  ...GENERAL_OPTIONS,
] as const;

type Entry = (typeof TABLES)[number];

/** The options that take a value, in camelCase. */
export type OptionName = Extract<Entry, { readonly value: string }>["name"];

/** The options that are on or off. */
export type FlagName = Exclude<Entry, { readonly value: string }>["name"];

/** What was given of each option. */
export type Options = Partial<Record<OptionName, string>> & Partial<Record<FlagName, boolean>>;

/** One command. The table of all is commands/command-table.ts; it is handed in, because cli/ lies below commands/. */
export interface CommandSpec {
  readonly name: string;
  readonly usage: string;
  readonly summary: string;
  /** Which of the words that follow belong to a wrapped tool. */
  readonly tail: "after target" | "demo" | "targets" | "none";
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

/** Options that belong together, under one heading of the help texts. */
export interface OptionGroup {
  readonly title: string;
  readonly options: readonly OptionSpec[];
}

/** Every option, in the groups and in the order of the help texts. */
export const OPTION_GROUPS: readonly OptionGroup[] = [
  { title: "Options", options: OWN_OPTIONS },
  { title: "Proxy", options: PROXY_OPTIONS },
  { title: "Relay", options: RELAY_OPTIONS },
  { title: "Database", options: DATABASE_OPTIONS },
  { title: "AWS", options: AWS_OPTIONS },
  { title: "General", options: GENERAL_OPTIONS },
];

/** Every option. */
export const OPTIONS: readonly OptionSpec[] = TABLES;

/** The spelling of an option on the command line: roleArn is --role-arn. */
export function optionFlag(name: string): string {
  return `--${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/** An option's twin in the environment: roleArn is RDSIAM_ROLE_ARN. */
export function variableOf(name: string): string {
  return `RDSIAM_${optionFlag(name).slice(2).replaceAll("-", "_").toUpperCase()}`;
}

/** The options that a command knows; those of every command when none is named. */
export function optionsOf(command: string | undefined): readonly OptionSpec[] {
  return OPTIONS.filter((option) => isOptionOf(option, command));
}

/** Whether a command knows an option. */
export function isOptionOf({ commands }: OptionSpec, command: string | undefined): boolean {
  return commands === undefined || (command !== undefined && commands.includes(command));
}

type Environment = Readonly<Record<string, string | undefined>>;

/** An option's value, else its twin's in the environment; set to nothing counts as not set. */
export function valueOrTwin(
  options: Options,
  env: Environment,
  name: OptionName,
): string | undefined {
  const given = options[name];
  if (given !== undefined) return given;
  const twin = variableOf(name);
  const value = env[twin] || undefined;
  const spec = OPTIONS.find((option) => option.name === name && option.choices !== undefined);
  if (value !== undefined && spec !== undefined) checkChoice(spec, value, twin);
  return value;
}

/** Whether a flag is on, or its twin in the environment is 1 (or yes, on, true). */
export function isOn(options: Options, env: Environment, name: FlagName): boolean {
  if (options[name] !== undefined) return options[name];
  return /^(?:1|yes|on|true)$/i.test(env[variableOf(name)] ?? "");
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
