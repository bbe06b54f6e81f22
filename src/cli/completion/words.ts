// What the three completion scripts are made of: commands, their options, and what an option's value can be.
import { COMMANDS, type CommandSpec } from "../command-table.ts";
import { OPTIONS, optionFlag, optionsOf, type OptionSpec } from "../options.ts";
import { REGIONS } from "./regions.ts";

/** The shells that there is a completion for. */
export const SHELLS = ["bash", "zsh", "fish"] as const;

/** A shell that there is a completion for. */
export type Shell = (typeof SHELLS)[number];

/** The first lines of each script. */
export const HEADER = [
  "# Completion of rdsiam, made from its tables of commands and options: do not edit.",
  "# Targets come from `rdsiam list --names`. After the target, the tool's own completion takes over; psql is kept from",
  "# asking a server for databases and users meanwhile, since it would be whichever one listens on this machine.",
];

/** A piece of shell as it stands, but for \\` and \\${, which are written so for TypeScript's sake. */
export function shell(piece: TemplateStringsArray): string {
  return (piece.raw[0] ?? "").replaceAll("\\`", "`").replaceAll("\\${", "${");
}

/** How an option's value is completed; `words` has the values themselves. */
export type ValueSource =
  | { readonly kind: "words"; readonly words: readonly string[] }
  | { readonly kind: "profile" | "target" | "file" | "directory" | "host" | "nothing" };

/** The flags of an option: `--user -U`. */
export function flagsOf(option: OptionSpec): string[] {
  const short = option.short === undefined ? [] : [`-${option.short}`];
  return [optionFlag(option), ...short];
}

/** The flags whose value is the next word. */
export function valuedFlags(): string[] {
  const valued = OPTIONS.filter(({ value, bare }) => value !== undefined && bare === undefined);
  return [...new Set(valued.flatMap(flagsOf))];
}

/** The sources of values, each with the flags that have it; COMMAND:FLAG where commands differ. */
export function valueSources(): { readonly source: ValueSource; readonly flags: string[] }[] {
  const byKey = new Map<string, { source: ValueSource; flags: string[] }>();
  for (const option of OPTIONS) {
    const source = sourceOf(option);
    if (source.kind === "nothing") continue;
    const key = JSON.stringify(source);
    const entry = byKey.get(key) ?? { source, flags: [] };
    const new_ = flagsOf(option).filter((flag) => !entry.flags.includes(flag));
    byKey.set(key, { source, flags: [...entry.flags, ...new_] });
  }
  return [...byKey.values()];
}

/** The commands, each with its options. */
export function commandsWithOptions(): {
  readonly command: CommandSpec;
  readonly options: readonly OptionSpec[];
}[] {
  return COMMANDS.map((command) => ({ command, options: optionsOf(command.name) }));
}

/** The words of which one follows a command's name. */
export function operandWords({ verb, choices }: CommandSpec): readonly string[] {
  return verb === undefined ? (choices ?? []) : [verb];
}

/** The names of the commands for which a condition holds. */
export function commandNames(condition: (command: CommandSpec) => boolean): string[] {
  return COMMANDS.filter(condition).map(({ name }) => name);
}

function sourceOf({ choices, completes }: OptionSpec): ValueSource {
  if (choices !== undefined) return { kind: "words", words: choices };
  if (completes === "region") return { kind: "words", words: REGIONS };
  return { kind: completes ?? "nothing" };
}
