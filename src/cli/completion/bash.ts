// The completion for bash 3.2 and newer. It works without the bash-completion package too, then without the tools' own.
// Names from files are never given to `compgen -W`, which would run the $(...) in them.
// https://www.gnu.org/software/bash/manual/html_node/Programmable-Completion.html
import { BASH_LOGIC } from "./bash-logic.ts";
import { TARGET_LINES, TARGETS_AWK } from "./targets.ts";
import { TUNNELS, type CompletionTables, flagsOf, HEADER, type ValueSource } from "./words.ts";

/** The script for bash. */
export function bashCompletion(tables: CompletionTables): string {
  const lint = "# shellcheck shell=bash disable=SC2016,SC2046,SC2086,SC2317";
  return `${[...HEADER, lint, ...tableLines(tables), TARGET_LINES, BASH_LOGIC].join("\n")}\n`;
}

function tableLines(tables: CompletionTables): string[] {
  const { commands, options, globals, operands, valued, values } = tables;
  return [
    "",
    "# The options of a command; of all commands without one.",
    "_rdsiam_flags() {",
    "  case $1 in",
    ...options.map(
      ({ name, options: own }) => `    ${name}) echo "${own.flatMap(flagsOf).join(" ")}" ;;`,
    ),
    `    *) echo "${globals.flatMap(flagsOf).join(" ")}" ;;`,
    "  esac",
    "}",
    "",
    "# What may follow a command's name, where that is one of a few words.",
    "_rdsiam_operands() {",
    "  case $1 in",
    ...operands.map(({ name, words }) => `    ${name}) echo "${words.join(" ")}" ;;`),
    "  esac",
    "}",
    "",
    "# Whether an option's value is the next word.",
    "_rdsiam_takes_value() {",
    "  case $1 in",
    `    ${valued.join(" | ")}) return 0 ;;`,
    "  esac",
    "  return 1",
    "}",
    "",
    "# The values of an option.",
    "_rdsiam_values() {",
    "  case $1 in",
    ...values.map(({ source, flags }) => `    ${flags.join(" | ")}) ${reply(source)} ;;`),
    "  esac",
    "}",
    "",
    `_rdsiam_targets_awk='${TARGETS_AWK}'`,
    "",
    `_rdsiam_commands="${commands.map(({ name }) => name).join(" ")}"`,
    `_rdsiam_with_tool=" ${tables.withTool} "`,
    `_rdsiam_with_target=" ${tables.withTarget} "`,
    `_rdsiam_with_targets=" ${tables.withTargets} "`,
  ];
}

function reply(source: ValueSource): string {
  switch (source.kind) {
    case "words":
      return `_rdsiam_reply ${source.words.join(" ")}`;
    case "tunnel":
      // What is behind the colon is a word of its own to readline.
      return `[[ $cur == *:* ]] || { _rdsiam_reply ${TUNNELS.join(" ")}; type compopt &>/dev/null && compopt -o nospace 2>/dev/null; }`;
    case "profile":
      return "_rdsiam_reply_lines < <(_rdsiam_profiles)";
    case "target":
      return "_rdsiam_reply_lines < <(_rdsiam_target_lines)";
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
