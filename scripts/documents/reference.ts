// The text of docs/reference.md, from the tables that the help texts, the man page and the completions are made of.
import { optionSyntax, sentence } from "../../src/cli/help.ts";
import type { OptionSpec } from "../../src/cli/option-table.ts";
import { type CommandSpec, OPTION_GROUPS, optionVariable } from "../../src/cli/options.ts";
import { COMMANDS } from "../../src/commands/command-table.ts";
import { SETTING_NAMES, SETTINGS } from "../../src/config/keys.ts";
import { keyOf, optionFlag, variableOf } from "../../src/config/names.ts";
import type { Setting } from "../../src/config/setting.ts";

const HEAD = `# Reference

This page lists every command, option and key of a target. It is generated from the same tables as \`--help\` and the man page. Each option can also be
set as an environment variable: \`RDSIAM_QUIET=1\` is \`--quiet\`. Options come before the target. For the order of precedence, see
[Configuration](configuration.md#precedence).
`;

/** The whole page. */
export function referenceText(): string {
  return [
    HEAD,
    "## Commands\n",
    ...COMMANDS.map(commandSection),
    ...groupSections(),
    keySection(),
  ].join("\n");
}

function commandSection(spec: CommandSpec): string {
  const details = (spec.details ?? []).join(" ");
  const text = `${sentence(spec.summary)}${details === "" ? "" : ` ${details}`}`;
  return `### rdsiam ${spec.name}\n\n\`${spec.usage}\`\n\n${escape(text)}\n`;
}

function groupSections(): string[] {
  return OPTION_GROUPS.map(({ title, options }) => {
    const heading = title === "Options" ? "Options of one command" : `${title} options`;
    const rows = options.map(optionRow);
    const table = ["| option | variable | commands | meaning |", "|---|---|---|---|", ...rows];
    return `## ${heading}\n\n${table.join("\n")}\n`;
  });
}

function optionRow(option: OptionSpec): string {
  const variable = optionVariable(option);
  const commands = option.commands?.join(", ") ?? "all";
  const cells = [
    `\`${escape(optionSyntax(option))}\``,
    variable === undefined ? "" : `\`${variable}\``,
    commands,
    escape(sentence(option.summary)),
  ];
  return `| ${cells.join(" | ")} |`;
}

function keySection(): string {
  const rows = SETTING_NAMES.flatMap((name) => {
    const { about, noKey, noVariable, option, summary, synonym }: Setting = SETTINGS[name];
    if (noKey !== undefined) return [];
    const keys = [keyOf(name), ...(synonym === undefined ? [] : [synonym])];
    const given = [
      ...(typeof option === "string" ? [] : [optionFlag(option.name ?? name)]),
      ...(noVariable === undefined ? [variableOf(name)] : []),
    ];
    const cells = [quoted(keys.map((key) => `rds_${key}`)), quoted(given)];
    return [`| ${cells.join(" | ")} | ${escape(about ?? sentence(summary))} |`];
  });
  const text =
    "These keys go into an AWS profile. In rdsiam's own file, omit the prefix `rds_`, and add `profile`, the AWS profile for the credentials.";
  const table = ["| key | option and variable | meaning |", "|---|---|---|", ...rows];
  return `## Keys of a target\n\n${text}\n\n${table.join("\n")}\n`;
}

function quoted(names: readonly string[]): string {
  return names.map((name) => `\`${name}\``).join(", ");
}

// A bar would end the cell, in code as well.
function escape(text: string): string {
  return text.replaceAll("|", "\\|");
}
