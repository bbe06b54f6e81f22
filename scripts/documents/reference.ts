// The text of docs/reference.md, from the tables that the help texts, the man page and the completions are made of.
import { optionSyntax } from "../../src/cli/help.ts";
import {
  type CommandSpec,
  OPTION_GROUPS,
  type OptionSpec,
  variableOf,
} from "../../src/cli/options.ts";
import { COMMANDS } from "../../src/commands/command-table.ts";

const HEAD = `# Reference

Every command and option; \`npm run generate\` makes this page from the tables that \`--help\` and the manual page come from. What an option
says here, its twin in the environment says too: \`RDSIAM_QUIET=1\` is \`--quiet\`. Options come before the target, and the order of what wins is
in [Configuration](configuration.md#what-wins).
`;

/** The whole page. */
export function referenceText(): string {
  return [HEAD, "## Commands\n", ...COMMANDS.map(commandSection), ...groupSections()].join("\n");
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
    const table = ["| option | twin | commands | meaning |", "|---|---|---|---|", ...rows];
    return `## ${heading}\n\n${table.join("\n")}\n`;
  });
}

function optionRow(option: OptionSpec): string {
  const commands = option.commands?.join(", ") ?? "all";
  const cells = [
    `\`${escape(optionSyntax(option))}\``,
    `\`${variableOf(option.name)}\``,
    commands,
    escape(sentence(option.summary)),
  ];
  return `| ${cells.join(" | ")} |`;
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}

// A bar would end the cell, in code as well.
function escape(text: string): string {
  return text.replaceAll("|", "\\|");
}
