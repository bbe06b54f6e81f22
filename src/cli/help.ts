// The help texts, made from the tables of commands and options. Everything is explained where there is room; on a terminal that is
// too small for it, rare options are folded to their names first, then whole groups that commands share.
import { optionFlag } from "../config/names.ts";
import type { OptionSpec } from "./option-table.ts";
import { type CommandSpec, isOptionOf, OPTION_GROUPS } from "./options.ts";
import { PLAIN, type Style } from "../base/style.ts";

/** The usual size of a terminal. */
export const SCREEN = { columns: 80, rows: 24 };

/** How a help text is made. */
export interface HelpOptions {
  readonly commands: readonly CommandSpec[];
  /** The height of the terminal, which keeps a line for the prompt; Infinity for the whole text. */
  readonly rows: number;
  readonly style?: Style;
}

type HelpSection = readonly string[];

interface Look {
  readonly style: Style;
  /** How many of FOLDS apply: their options are named without explanations. */
  readonly folds: number;
}

const INDENT = 30; // columns in front of an option's summary
const NAMES_INDENT = 6; // columns in front of options that are only named
const FOLDS: readonly ((option: OptionSpec, title: string) => boolean)[] = [
  ({ rare }) => rare === true,
  ...["Serve", "General", "AWS", "Database"].map(
    (group) => (_: OptionSpec, title: string) => title === group,
  ),
];

/** The help of a command, or of the program: the fullest text that fits, else the shortest. */
export function helpText(spec: CommandSpec | undefined, options: HelpOptions): string {
  const { commands, rows, style = PLAIN } = options;
  const make = (folds: number): HelpSection[] =>
    spec === undefined
      ? programHelp(commands, { style, folds })
      : commandHelp(spec, { style, folds });
  let text = spaced([...make(0), ...detailSections(spec)]);
  const more =
    spec === undefined ? [] : [[`rdsiam ${spec.name} --help --verbose explains everything.`]];
  for (let folds = 0; rowsOf(text) >= rows && folds <= FOLDS.length; folds += 1) {
    const sections = [...make(folds), ...more];
    text = spaced(sections);
    if (rowsOf(text) >= rows) text = sections.flat().join("\n");
  }
  return text;
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

function rowsOf(text: string): number {
  return text.split("\n").length;
}

function programHelp(commands: readonly CommandSpec[], look: Look): HelpSection[] {
  const { style } = look;
  const width = Math.max(...commands.map(({ name }) => name.length)) + 2;
  const groups = [...new Set(commands.map(({ group }) => group))].map((title) => [
    style("heading", `${title}:`),
    ...commands
      .filter(({ group }) => group === title)
      .map(({ name, summary }) => `  ${name.padEnd(width)}${summary}`),
  ]);
  return [
    [
      "rdsiam runs PostgreSQL tools on Amazon RDS and Aurora with IAM authentication.",
      `${style("heading", "Usage:")} rdsiam COMMAND [options] [TARGET] [arguments of the tool...]`,
      "TARGET names a database, its user and its credentials: rdsiam init creates one.",
    ],
    ...groups,
    ...groupSections(undefined, look),
    [
      `${style("heading", "Example:")} ${commands[0]?.examples[0] ?? ""}`,
      "rdsiam COMMAND --help explains a command; man rdsiam explains everything.",
    ],
  ];
}

function commandHelp(spec: CommandSpec, look: Look): HelpSection[] {
  const { style } = look;
  const usage = `${style("heading", "Usage:")} ${wrap(`rdsiam ${spec.usage}`, 7).trimStart()}`;
  const examples = spec.examples.map((example) => `  ${example}`);
  return [
    [usage, sentence(spec.summary)],
    ...groupSections(spec.name, look),
    [style("heading", "Examples:"), ...examples],
  ];
}

// Groups of which all is folded share one section.
function groupSections(command: string | undefined, { style, folds }: Look): HelpSection[] {
  const explained: HelpSection[] = [];
  const named: string[] = [];
  for (const { title, options } of OPTION_GROUPS) {
    const known = options.filter((option) => isOptionOf(option, command));
    const isFolded = (option: OptionSpec): boolean =>
      FOLDS.slice(0, folds).some((fold) => fold(option, title));
    const heading = style("heading", `${title}:`);
    const shown = known.filter((option) => !isFolded(option)).flatMap(optionLines);
    const names = known.filter(isFolded).map(optionSyntax).join("  ");
    if (shown.length > 0) {
      const rest = names === "" ? [] : [wrap(names, NAMES_INDENT)];
      explained.push([heading, ...shown, ...rest]);
    } else if (names !== "") {
      named.push(`${heading} ${wrap(names, title.length + 2).trimStart()}`);
    }
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
  // Those of a database are not taken by init, as its own details say.
  return [...(spec?.details ?? []), ...(spec?.name === "init" ? [] : [variables])].map((text) => [
    wrap(text, 0),
  ]);
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
  return `${isName ? text.charAt(0) : text.charAt(0).toUpperCase()}${text.slice(1)}${text.endsWith(".") ? "" : "."}`;
}
