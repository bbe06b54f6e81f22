// The completion for bash 3.2 and newer. It works without the bash-completion package too, then without the tools' own.
// Names from files are never given to `compgen -W`, which would run the $(...) in them.
// https://www.gnu.org/software/bash/manual/html_node/Programmable-Completion.html
import { COMMANDS } from "../command-table.ts";
import { optionsOf } from "../options.ts";
import { BASH_LOGIC } from "./bash-logic.ts";
import {
  commandNames,
  commandsWithOptions,
  flagsOf,
  HEADER,
  operandWords,
  valuedFlags,
  valueSources,
  type ValueSource,
} from "./words.ts";

/** The script for bash. */
export function bashCompletion(): string {
  const lint = "# shellcheck shell=bash disable=SC2046,SC2086,SC2317";
  return `${[...HEADER, lint, ...tables(), BASH_LOGIC].join("\n")}\n`;
}

function tables(): string[] {
  return [...flagsTable(), ...operandsTable(), ...valuedTable(), ...valuesTable(), ...sets()];
}

function flagsTable(): string[] {
  const globals = optionsOf(undefined).flatMap(flagsOf).join(" ");
  return [
    "",
    "# The options of a command; of all commands without one.",
    "_rdsiam_flags() {",
    "  case $1 in",
    ...commandsWithOptions().map(
      ({ command, options }) =>
        `    ${command.name}) echo "${options.flatMap(flagsOf).join(" ")}" ;;`,
    ),
    `    *) echo "${globals}" ;;`,
    "  esac",
    "}",
  ];
}

function operandsTable(): string[] {
  return [
    "",
    "# What follows a command's name, where that is a word of few.",
    "_rdsiam_operands() {",
    "  case $1 in",
    ...COMMANDS.filter((command) => operandWords(command).length > 0).map(
      (command) => `    ${command.name}) echo "${operandWords(command).join(" ")}" ;;`,
    ),
    "  esac",
    "}",
  ];
}

function valuedTable(): string[] {
  return [
    "",
    "# Whether an option's value is the next word.",
    "_rdsiam_takes_value() {",
    "  case $1 in",
    `    ${valuedFlags().join(" | ")}) return 0 ;;`,
    "  esac",
    "  return 1",
    "}",
  ];
}

function valuesTable(): string[] {
  return [
    "",
    "# The values of an option.",
    "_rdsiam_values() {",
    "  case $1 in",
    ...valueSources().map(({ source, flags }) => `    ${flags.join(" | ")}) ${reply(source)} ;;`),
    "  esac",
    "}",
  ];
}

function sets(): string[] {
  return [
    "",
    `_rdsiam_commands="${COMMANDS.map(({ name }) => name).join(" ")}"`,
    `_rdsiam_with_tool=" ${commandNames(({ tail }) => tail === "after target").join(" ")} "`,
    `_rdsiam_with_target=" ${commandNames(({ takesTarget }) => takesTarget).join(" ")} "`,
    `_rdsiam_with_targets=" ${commandNames(({ tail }) => tail === "targets").join(" ")} "`,
  ];
}

function reply(source: ValueSource): string {
  switch (source.kind) {
    case "words":
      return `_rdsiam_reply ${source.words.join(" ")}`;
    case "profile":
      return "_rdsiam_reply_lines < <(_rdsiam_profiles)";
    case "target":
      return "_rdsiam_reply_lines < <(_rdsiam_targets)";
    case "file":
      return "_rdsiam_files -f";
    case "directory":
      return "_rdsiam_files -d";
    case "host":
      return 'type _known_hosts_real &>/dev/null && _known_hosts_real -- "$cur"';
    case "nothing":
      return ":";
  }
}
