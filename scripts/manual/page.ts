// The man page, in man(7), made from the tables that the program itself is made from. Only its prose is written here.
// https://man7.org/linux/man-pages/man7/man.7.html, https://mandoc.bsd.lv/man/man.7.html

import { optionSyntax, sentence } from "../../src/cli/help.ts";
import type { OptionSpec } from "../../src/cli/option-table.ts";
import { type CommandSpec, OPTION_GROUPS, optionVariable } from "../../src/cli/options.ts";
import { COMMANDS } from "../../src/commands/command-table.ts";
import { SETTING_NAMES, type SettingName, SETTINGS } from "../../src/config/keys.ts";
import { keyOf } from "../../src/config/names.ts";
import type { Setting } from "../../src/config/setting.ts";

// By hand, when the prose changes: the day of a build would make each build another.
const DATE = "2026-11-30";
const WIDTH = 72; // of a line of the source, before hyphens are escaped

/** The text of rdsiam(1). */
export function manualPage(): string {
  const lines = [
    '.\\" Made by npm run generate from the tables of commands and options: do not edit.',
    `.TH RDSIAM 1 ${DATE} rdsiam "User Commands"`,
    ...section("NAME", [
      "rdsiam \\- PostgreSQL tools on Amazon RDS and Aurora with IAM authentication",
    ]),
    ...section("SYNOPSIS", synopsis()),
    ...section("DESCRIPTION", paragraphs(DESCRIPTION)),
    ...section("COMMANDS", COMMANDS.flatMap(commandEntry)),
    ...section("OPTIONS", [...paragraphs(ABOUT_OPTIONS), ...optionGroups()]),
    ...section("TARGETS", [...paragraphs(ABOUT_TARGETS), ...SETTING_NAMES.flatMap(keyEntry)]),
    ...section("ENVIRONMENT", entries(ENVIRONMENT)),
    ...section(
      "EXIT STATUS",
      EXIT_STATUS.flatMap(([status, text]) => tagged(status, text)),
    ),
    ...section("FILES", entries(FILES)),
    ...section("EXAMPLES", exampleLines(COMMANDS.flatMap(({ examples }) => examples))),
    ...section("SEE ALSO", [".BR psql (1),", ".BR pg_dump (1),", ".BR aws (1),", ".BR ssh (1)"]),
  ];
  return `${lines.join("\n")}\n`;
}

const DESCRIPTION = [
  "rdsiam opens psql, pg_dump or any PostgreSQL tool on an Amazon RDS or Aurora database with IAM authentication. It reads a target from the AWS configuration, gets AWS credentials, follows the host's CNAMEs to the name that RDS itself uses, and starts a PostgreSQL proxy inside its own process, on a loopback port that the system picks. It starts the tool with PG* variables that point to that proxy. For each of the tool's connections, the proxy opens verified TLS to the database and logs in with an auth token. When the tool ends, rdsiam exits with the tool's status, and the proxy is gone.",
  "Options come before the target; everything after the target belongs to the tool. Without a target, rdsiam uses the one in RDSIAM_TARGET, then AWS_PROFILE, then the profile default if it has a host, and then, on a terminal, offers a list to choose from. The shell's own PGUSER and PGDATABASE are never used as defaults.",
];

const ABOUT_OPTIONS = [
  "An option overrides an environment variable, a variable overrides the target's key, and the key overrides the default. Each option can also be set as the environment variable in parentheses; for a flag, set it to 1.",
];

const ABOUT_TARGETS = [
  "A target is a profile in the AWS configuration with the keys below, each with the prefix rds_ (rds_host, ...), or a section of rdsiam's own file with the keys as listed, plus profile, the AWS profile for the credentials. rdsiam looks in its own file first. One command sets up a target: aws configure set rds_host HOST --profile NAME.",
];

const ENVIRONMENT: Readonly<Record<string, string>> = {
  RDSIAM_TARGET: "The target, if none is named. rdsiam sets it to the target in use for the tool.",
  RDSIAM_CONFIG_FILE: "rdsiam's own configuration file.",
  "AWS_PROFILE, AWS_DEFAULT_PROFILE, AWS_ACCESS_KEY_ID, AWS_CONFIG_FILE, ...":
    "As the AWS CLI reads them, and in its order.",
  "HTTPS_PROXY, HTTP_PROXY, NO_PROXY, AWS_CA_BUNDLE":
    "For calls to AWS; the connection to the database never uses them.",
  "NO_COLOR, FORCE_COLOR, TERM": "Whether to use color, as elsewhere.",
  "PGHOST, PGPORT, PGUSER, PGDATABASE, PGPASSWORD, PGSSLMODE":
    "rdsiam sets these for the tool. PGPASSWORD is a random secret of this run, never an auth token. rdsiam removes PG* variables that could send the tool to another server.",
};

const EXIT_STATUS = [
  ["the tool's own", "The tool exited."],
  ["128+n", "Signal n ended the tool."],
  ["125", "rdsiam itself failed."],
  ["126", "The tool cannot be executed."],
  ["127", "The tool was not found."],
] as const;

const FILES: Readonly<Record<string, string>> = {
  "~/.aws/config, ~/.aws/credentials": "AWS's own files, with the rds_ keys in them.",
  "~/.config/rdsiam/config": "Targets as sections, for several databases with one AWS profile.",
  "~/.aws/cli/cache": "The AWS CLI's cache of assumed roles, which rdsiam shares.",
  "~/.local/state/rdsiam/known_hosts": "Where each alias pointed at the last successful login.",
  "~/.local/share/rdsiam": "Root certificates that rdsiam ca update downloaded.",
};

function section(title: string, lines: readonly string[]): string[] {
  return [`.SH ${title.includes(" ") ? `"${title}"` : title}`, ...lines];
}

function paragraphs(texts: readonly string[]): string[] {
  return texts.flatMap((text, index) => (index === 0 ? [prose(text)] : [".PP", prose(text)]));
}

function synopsis(): string[] {
  return COMMANDS.flatMap(({ usage }, index) => {
    const [name = "", ...rest] = usage.split(" ");
    const line = `.B rdsiam ${escape(name)}\n${escape(rest.join(" "))}`;
    return index === 0 ? [line] : [".br", line];
  });
}

function commandEntry({ name, summary, details = [] }: CommandSpec): string[] {
  return [...tagged(name, sentence(summary)), ...details.flatMap((text) => [".IP", prose(text)])];
}

function optionGroups(): string[] {
  return OPTION_GROUPS.flatMap(({ title, options }) => [
    `.SS ${title === "Options" ? '"Options of one command"' : title}`,
    ...options.flatMap(optionEntry),
  ]);
}

function optionEntry(option: OptionSpec): string[] {
  const { summary, commands, choices } = option;
  const of = commands === undefined ? "" : ` Commands: ${commands.join(", ")}.`;
  const name = optionVariable(option);
  const variable = name === undefined ? "" : ` (${name})`;
  const values = choices === undefined ? "" : ` One of ${choices.join(", ")}.`;
  return tagged(optionSyntax(option), `${sentence(summary)}${values}${of}${variable}`);
}

function keyEntry(name: SettingName): string[] {
  const { about, noKey, summary, synonym }: Setting = SETTINGS[name];
  if (noKey !== undefined) return [];
  const text = about ?? sentence(summary);
  return tagged(keyOf(name), synonym === undefined ? text : `${text} Also ${synonym}.`);
}

function entries(texts: Readonly<Record<string, string>>): string[] {
  return Object.entries(texts).flatMap(([name, text]) => tagged(name, text));
}

function tagged(tag: string, text: string): string[] {
  return [".TP", `.B ${escape(tag)}`, prose(text)];
}

function exampleLines(examples: readonly string[]): string[] {
  return [".nf", ...examples.map((line) => `    ${escape(line)}`), ".fi"];
}

// A sentence begins a line, as the format asks for, and no line is long.
function prose(text: string): string {
  const sentences = text.trim().split(/(?<=[.?]) (?=[A-Z(])/);
  return escape(sentences.flatMap(wrap).join("\n"));
}

function wrap(text: string): string[] {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + word.length < WIDTH)
      lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}

// A hyphen would be typeset, and one that is typed must be found by a search; a dot at a line's start is a request.
function escape(text: string): string {
  return text
    .replaceAll("\\", "\\e")
    .replaceAll("-", "\\-")
    .replaceAll("~", "\\(ti")
    .replaceAll("^", "\\(ha")
    .replaceAll("'", "\\(aq")
    .replaceAll(/^([.])/gm, "\\&$1");
}
