// What the completion scripts are made of: commands, their options, and what an option's value can be.
import { optionFlag } from "../../config/names.ts";
import type { OptionSpec } from "../option-table.ts";
import { type CommandSpec, OPTIONS, optionsOf } from "../options.ts";
import { REGIONS } from "./regions.ts";

/** The shells that there is a completion for. */
export const SHELLS = ["bash", "zsh", "fish", "powershell"] as const;

/** A shell that there is a completion for. */
export type Shell = (typeof SHELLS)[number];

/** The first lines of each script. */
export const HEADER = [
  "# Completion of rdsiam, made from its tables of commands and options: do not edit.",
  "# Targets are read from the configuration files. After the target, the tool's own completion takes over; psql is kept from",
  "# asking a server for databases and users meanwhile, since it would be whichever one listens on this machine.",
];

/** How the values of --via begin. */
export const TUNNELS = [
  "ssm",
  ...[
    "ssh",
    "ssh+eice",
    "ssm",
    "socks5",
    "http",
    "https",
    "relay",
    "kube",
    "kube+relay",
    "rds-auth-proxy",
  ].map((scheme) => `${scheme}://`),
];

/** A piece of shell as it stands, but for \\` and \\${, which are written so for TypeScript's sake. */
export function shell(piece: TemplateStringsArray): string {
  return (piece.raw[0] ?? "").replaceAll("\\`", "`").replaceAll("\\${", "${");
}

/** How an option's value is completed; `words` has the values themselves. */
export type ValueSource =
  | { readonly kind: "words"; readonly words: readonly string[] }
  | { readonly kind: "profile" | "target" | "tunnel" | "file" | "directory" | "host" | "nothing" };

/** What a script has tables of. */
export interface CompletionTables {
  readonly commands: readonly CommandSpec[];
  /** The options of each command. */
  readonly options: readonly { readonly name: string; readonly options: readonly OptionSpec[] }[];
  /** The options of every command. */
  readonly globals: readonly OptionSpec[];
  /** The words of which one follows a command's name. */
  readonly operands: readonly { readonly name: string; readonly words: readonly string[] }[];
  /** The flags whose value is the next word. */
  readonly valued: readonly string[];
  /** The sources of values, each with the flags that have it. */
  readonly values: readonly { readonly source: ValueSource; readonly flags: readonly string[] }[];
  /** The names of commands, with spaces between: those with a tool behind the target, with a target, with several. */
  readonly withTool: string;
  readonly withTarget: string;
  readonly withTargets: string;
}

/** The tables for a script. */
export function completionTables(commands: readonly CommandSpec[]): CompletionTables {
  const names = (condition: (command: CommandSpec) => boolean): string =>
    commands
      .filter(condition)
      .map(({ name }) => name)
      .join(" ");
  const operands = commands.map(({ name, verb, choices = [] }) => ({
    name,
    words: verb === undefined ? choices : [verb],
  }));
  const valued = OPTIONS.filter(({ value, bare }) => value !== undefined && bare === undefined);
  return {
    commands,
    options: commands.map(({ name }) => ({ name, options: optionsOf(name) })),
    globals: optionsOf(undefined),
    operands: operands.filter(({ words }) => words.length > 0),
    valued: [...new Set(valued.flatMap(flagsOf))],
    values: valueSources(),
    withTool: names(({ tail }) => tail === "after target"),
    withTarget: names(({ takesTarget }) => takesTarget),
    withTargets: names(({ tail }) => tail === "targets"),
  };
}

/** The flags of an option: `--user -U`. */
export function flagsOf({ name, short }: OptionSpec): string[] {
  return short === undefined ? [optionFlag(name)] : [optionFlag(name), `-${short}`];
}

function valueSources(): CompletionTables["values"] {
  const byKey = new Map<string, { source: ValueSource; flags: string[] }>();
  for (const option of OPTIONS) {
    const source = sourceOf(option);
    if (source.kind === "nothing") continue;
    const key = JSON.stringify(source);
    const entry = byKey.get(key) ?? { source, flags: [] };
    const added = flagsOf(option).filter((flag) => !entry.flags.includes(flag));
    byKey.set(key, { source, flags: [...entry.flags, ...added] });
  }
  return [...byKey.values()];
}

function sourceOf({ choices, completes }: OptionSpec): ValueSource {
  if (choices !== undefined) return { kind: "words", words: choices };
  if (completes === "region") return { kind: "words", words: REGIONS };
  return { kind: completes ?? "nothing" };
}
