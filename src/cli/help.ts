// The help texts, made from the tables of commands and options. `--help` fits a screen: groups of options without room for
// explanations are folded to their names, shared groups first; with --verbose every option is explained.
import { optionFlag } from "../config/keys.ts";
import type { OptionSpec } from "./option-table.ts";
import { type CommandSpec, isOptionOf, OPTION_GROUPS } from "./options.ts";
import { PLAIN, type Style } from "../base/style.ts";

/** The size of a screen; a text for it leaves a line to the prompt. Commands with many options of their own get a tall one. */
export const SCREEN = { columns: 80, rows: 24, tallRows: 40 };

/** How a help text is made. */
export interface HelpOptions {
  readonly commands: readonly CommandSpec[];
  /** Whether every option is explained, however long that gets. */
  readonly all: boolean;
  readonly style?: Style;
}

type HelpSection = readonly string[];

interface Look {
  readonly style: Style;
  /** The groups whose options are named without explanations. */
  readonly folded: readonly string[];
}

const INDENT = 30; // columns in front of an option's summary
const FOLDED_FIRST = ["General", "AWS", "Database"];

/** The help of a command, or of the program. */
export function helpText(spec: CommandSpec | undefined, options: HelpOptions): string {
  const { all, commands, style = PLAIN } = options;
  const make = (folded: readonly string[]): HelpSection[] =>
    spec === undefined
      ? programHelp(commands, { style, folded })
      : commandHelp(spec, { style, folded });
  if (all) return spaced([...make([]), ...detailSections(spec)]);
  const foldings = [0, 1, 2, 3].map((count) => make(FOLDED_FIRST.slice(0, count)));
  const tries = foldings.flatMap((sections) => [spaced(sections), dense(sections)]);
  const fitting = tries.find((text) => rowsOf(text) < SCREEN.rows);
  if (fitting !== undefined) return fitting;
  const tall = dense(make(FOLDED_FIRST));
  return rowsOf(tall) < SCREEN.tallRows
    ? tall
    : dense(make(OPTION_GROUPS.map(({ title }) => title)));
}

/** How an option is written: `-U, --user USER`, `--database-url[=NAME]`. */
export function optionSyntax(option: OptionSpec): string {
  const short = option.short === undefined ? "" : `-${option.short}, `;
  return `${short}${optionFlag(option.name)}${valueSyntax(option)}`;
}

function valueSyntax({ value, bare }: OptionSpec): string {
  if (value === undefined) return "";
  return bare === undefined ? ` ${value}` : `[=${value}]`;
}

function spaced(sections: readonly HelpSection[]): string {
  return sections.map((lines) => lines.join("\n")).join("\n\n");
}

function dense(sections: readonly HelpSection[]): string {
  return sections.flat().join("\n");
}

function rowsOf(text: string): number {
  return text.split("\n").length;
}

function programHelp(commands: readonly CommandSpec[], look: Look): HelpSection[] {
  const { style } = look;
  const width = Math.max(...commands.map(({ name }) => name.length)) + 2;
  const summaries = commands.map(({ name, summary }) => `  ${name.padEnd(width)}${summary}`);
  const examples = commands.slice(0, 1).flatMap(({ examples: all }) => all.slice(0, 1));
  return [
    [`${style("heading", "Usage:")} rdsiam COMMAND [options] [TARGET] [arguments of the tool...]`],
    [style("heading", "Commands:"), ...summaries],
    ...groupSections(undefined, look),
    [style("heading", "Examples:"), ...examples.map((example) => `  ${example}`)],
    ["rdsiam COMMAND --help explains a command; man rdsiam explains everything."],
  ];
}

function commandHelp(spec: CommandSpec, look: Look): HelpSection[] {
  const { style, folded } = look;
  const usage = `${style("heading", "Usage:")} ${wrap(`rdsiam ${spec.usage}`, 7).trimStart()}`;
  const examples = spec.examples.map((example) => `  ${example}`);
  const more = [`rdsiam ${spec.name} --help --verbose explains every option.`];
  return [
    [usage, sentence(spec.summary)],
    ...groupSections(spec.name, look),
    [style("heading", "Examples:"), ...examples],
    ...(folded.length > 0 ? [more] : []),
  ];
}

// Folded groups share one section.
function groupSections(command: string | undefined, { style, folded }: Look): HelpSection[] {
  const explained: HelpSection[] = [];
  const named: string[] = [];
  for (const { title, options } of OPTION_GROUPS) {
    const known = options.filter((option) => isOptionOf(option, command));
    if (known.length === 0) continue;
    const heading = style("heading", `${title}:`);
    if (!folded.includes(title)) {
      explained.push([heading, ...known.flatMap(optionLines)]);
      continue;
    }
    const names = wrap(known.map(optionSyntax).join("  "), title.length + 2);
    named.push(`${heading} ${names.trimStart()}`);
  }
  return named.length === 0 ? explained : [...explained, named];
}

function optionLines(option: OptionSpec): string[] {
  const left = `  ${option.short === undefined ? "    " : ""}${optionSyntax(option)}`;
  const lines = wrap(option.summary, INDENT).split("\n");
  if (left.length + 2 > INDENT) return [left, ...lines];
  const [first = "", ...rest] = lines;
  return [left.padEnd(INDENT) + first.trimStart(), ...rest];
}

function detailSections(spec: CommandSpec | undefined): HelpSection[] {
  const variables =
    "Each option can also be set as an environment variable: --role-arn ARN is RDSIAM_ROLE_ARN=ARN, --quiet is RDSIAM_QUIET=1.";
  return [...(spec?.details ?? []), variables].map((text) => [wrap(text, 0)]);
}

// Lines of at most 80 columns, each indented. In a list of options, which two spaces divide, no option is broken.
function wrap(text: string, indent: number): string {
  const gap = text.includes("  ") ? "  " : " ";
  const lines: string[] = [];
  for (const piece of text.split(gap)) {
    const last = lines.at(-1);
    if (last !== undefined && indent + last.length + gap.length + piece.length <= SCREEN.columns)
      lines[lines.length - 1] = `${last}${gap}${piece}`;
    else lines.push(piece);
  }
  return lines.map((line) => " ".repeat(indent) + line).join("\n");
}

/** A summary as a sentence; a name that is written in lower case stays so. */
export function sentence(text: string): string {
  const isName = /^(?:rdsiam|aws|iam)\b/.test(text);
  return `${isName ? text.charAt(0) : text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}
