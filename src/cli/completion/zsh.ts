// The completion for zsh: a file _rdsiam for a directory of fpath, or for `source <(rdsiam completion zsh)`.
// https://zsh.sourceforge.io/Doc/Release/Completion-System.html
import { COMMANDS } from "../command-table.ts";
import { optionsOf, type OptionSpec } from "../options.ts";
import {
  commandNames,
  commandsWithOptions,
  flagsOf,
  HEADER,
  operandWords,
  shell,
  valuedFlags,
  valueSources,
  type ValueSource,
} from "./words.ts";

/** The script for zsh. */
export function zshCompletion(): string {
  return `${["#compdef rdsiam", ...HEADER, ...tables(), LOGIC].join("\n")}\n`;
}

function tables(): string[] {
  return [
    ...flagsTable(),
    ...operandsTable(),
    ...valuedTable(),
    ...valuesTable(),
    ...commandsTable(),
    ...sets(),
  ];
}

function flagsTable(): string[] {
  return [
    "",
    "# The options of a command; of all commands without one.",
    "_rdsiam_flags() {",
    "  case $1 in",
    ...commandsWithOptions().map(
      ({ command, options }) => `    ${command.name}) flags=(${described(options)}) ;;`,
    ),
    `    *) flags=(${described(optionsOf(undefined))}) ;;`,
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
      (command) => `    ${command.name}) compadd ${operandWords(command).join(" ")} ;;`,
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
    `  [[ " ${valuedFlags().join(" ")} " == *" $1 "* ]]`,
    "}",
  ];
}

function valuesTable(): string[] {
  return [
    "",
    "# The values of an option.",
    "_rdsiam_values() {",
    "  case $1 in",
    ...valueSources().map(({ source, flags }) => `    (${flags.join("|")}) ${reply(source)} ;;`),
    "  esac",
    "}",
  ];
}

function commandsTable(): string[] {
  return [
    "",
    "_rdsiam_commands() {",
    "  local -a commands=(",
    ...COMMANDS.map(({ name, summary }) => `    ${quoted(`${name}:${summary}`)}`),
    "  )",
    "  _describe -t commands command commands",
    "}",
  ];
}

function sets(): string[] {
  return [
    "",
    `typeset -g _rdsiam_with_tool=" ${commandNames(({ tail }) => tail === "after target").join(" ")} "`,
    `typeset -g _rdsiam_with_target=" ${commandNames(({ takesTarget }) => takesTarget).join(" ")} "`,
    `typeset -g _rdsiam_with_targets=" ${commandNames(({ tail }) => tail === "targets").join(" ")} "`,
  ];
}

function described(options: readonly OptionSpec[]): string {
  return options
    .flatMap((option) => flagsOf(option).map((flag) => quoted(`${flag}:${option.summary}`)))
    .join(" ");
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function reply(source: ValueSource): string {
  switch (source.kind) {
    case "words":
      return `compadd ${source.words.join(" ")}`;
    case "profile":
      return "_rdsiam_profiles";
    case "target":
      return "_rdsiam_targets";
    case "file":
      return "_files";
    case "directory":
      return "_files -/";
    case "host":
      return "_hosts";
    case "nothing":
      return ":";
  }
}

const LOGIC = shell`
_rdsiam_targets() {
  local -a targets
  targets=("\${(@f)$("$self" list --names 2>/dev/null </dev/null)}")
  compadd -- \${targets:#}
}

_rdsiam_profiles() {
  local -a profiles
  profiles=(
    "\${(@f)$(sed -n 's/^\[profile[[:space:]]\{1,\}"\{0,1\}\([^]"]*\)"\{0,1\}\].*/\1/p; s/^\[\(default\)\].*/\1/p' \
      "\${AWS_CONFIG_FILE:-$HOME/.aws/config}" 2>/dev/null)}"
    "\${(@f)$(sed -n 's/^\[\([^]]*\)\].*/\1/p' "\${AWS_SHARED_CREDENTIALS_FILE:-$HOME/.aws/credentials}" 2>/dev/null)}"
  )
  compadd -- \${profiles:#}
}

# Completes the words from the given one on as a command line of their own.
_rdsiam_tool() {
  words=("\${(@)words[$1,-1]}")
  ((CURRENT -= $1 - 1))
  _rdsiam_without_server _normal
}

# The same for psql, whose name is not on the line: it takes the place of the word before its own.
_rdsiam_psql() {
  words[$1-1]=psql
  _rdsiam_tool $(($1 - 1))
}

# While a tool's completion runs, psql answers --help and --version alone.
_rdsiam_without_server() {
  local own=\${functions[psql]-}
  functions[psql]='[[ " $* " == (*" --help "*|*" --version "*) ]] && command psql "$@"'
  "$@"
  local ret=$?
  if [[ -n $own ]]; then functions[psql]=$own; else unfunction psql; fi
  return ret
}

_rdsiam() {
  local self=\${(Q)words[1]} command="" named="" word i operands=0
  local -a flags
  self=\${~self}
  for ((i = 2; i < CURRENT; i++)); do
    word=$words[i]
    [[ $word == --target(|=*) ]] && named=1
    if [[ -z $command && ( $word == --help || $word == help ) ]]; then
      continue
    elif [[ $word == -- && $command == psql ]]; then
      _rdsiam_psql $((i + 1)); return
    elif [[ $word == -- && $command == (exec|demo) ]]; then
      _rdsiam_tool $((i + 1)); return
    elif [[ $word == -* ]]; then
      if _rdsiam_takes_value $word; then
        ((i + 1 == CURRENT)) && { _rdsiam_value $word; return }
        ((i++))
      elif [[ $command == demo ]] && ! { _rdsiam_flags demo; ((\${flags[(I)$word:*]})) }; then
        _rdsiam_psql $i; return
      fi
    elif [[ -z $command ]]; then
      command=$word
    elif [[ $command == demo ]]; then
      _rdsiam_psql $i; return
    elif [[ $command == exec && -n $named ]]; then
      _rdsiam_tool $i; return
    elif [[ $_rdsiam_with_tool == *" $command "* ]]; then
      [[ $words[i+1] == -- ]] && ((i + 1 < CURRENT)) && ((i++))
      if [[ $command == psql ]]; then _rdsiam_psql $((i + 1)); else _rdsiam_tool $((i + 1)); fi
      return
    else
      ((operands++))
    fi
  done
  _rdsiam_word
}

# Completes a word of rdsiam's own.
_rdsiam_word() {
  local word=$words[CURRENT]
  if [[ $word == --*=* ]]; then
    compset -P '--[a-z-]#='
    _rdsiam_value \${word%%=*}
  elif [[ $word == -* ]]; then
    _rdsiam_flags $command
    _describe -o -t options option flags
  elif [[ -z $command ]]; then
    _rdsiam_commands
  elif [[ $command == exec && -n $named ]]; then
    _rdsiam_tool $CURRENT
  elif [[ $_rdsiam_with_target == *" $command "* ]]; then
    if ((operands == 0)) || [[ $_rdsiam_with_targets == *" $command "* ]]; then
      _rdsiam_targets
    fi
  elif ((operands == 0)); then
    _rdsiam_operands $command
  fi
}

# Completes an option's value; of NAME=TARGET the target.
_rdsiam_value() {
  [[ $1 == --target ]] && compset -P '[A-Za-z0-9_]#='
  _rdsiam_values $1
}

if [[ \${funcstack[1]} == _rdsiam ]]; then
  _rdsiam "$@"
elif ((\${+functions[compdef]})); then
  compdef _rdsiam rdsiam
fi`;
