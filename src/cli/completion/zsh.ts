// The completion for zsh: a file _rdsiam for a directory of fpath, or for `source <(rdsiam completion zsh)`.
// https://zsh.sourceforge.io/Doc/Release/Completion-System.html
import type { OptionSpec } from "../option-table.ts";
import { TARGET_LINES, TARGETS_AWK } from "./targets.ts";
import {
  TUNNELS,
  type CompletionTables,
  flagsOf,
  HEADER,
  shell,
  type ValueSource,
} from "./words.ts";

/** The script for zsh. */
export function zshCompletion(tables: CompletionTables): string {
  return `${["#compdef rdsiam", ...HEADER, ...tableLines(tables), TARGET_LINES, LOGIC].join("\n")}\n`;
}

function tableLines(tables: CompletionTables): string[] {
  const { commands, options, globals, operands, valued, values } = tables;
  return [
    "",
    "# The options of a command; of all commands without one.",
    "_rdsiam_flags() {",
    "  case $1 in",
    ...options.map(({ name, options: own }) => `    ${name}) flags=(${described(own)}) ;;`),
    `    *) flags=(${described(globals)}) ;;`,
    "  esac",
    "}",
    "",
    "# What may follow a command's name, where that is one of a few words.",
    "_rdsiam_operands() {",
    "  case $1 in",
    ...operands.map(({ name, words }) => `    ${name}) compadd ${words.join(" ")} ;;`),
    "  esac",
    "}",
    "",
    "# Whether an option's value is the next word.",
    "_rdsiam_takes_value() {",
    `  [[ " ${valued.join(" ")} " == *" $1 "* ]]`,
    "}",
    "",
    "# The values of an option.",
    "_rdsiam_values() {",
    "  case $1 in",
    ...values.map(({ source, flags }) => `    (${flags.join("|")}) ${reply(source)} ;;`),
    "  esac",
    "}",
    "",
    "_rdsiam_commands() {",
    "  local -a commands=(",
    ...commands.map(({ name, summary }) => `    ${quoted(`${name}:${summary}`)}`),
    "  )",
    "  _describe -t commands command commands",
    "}",
    "",
    `typeset -g _rdsiam_targets_awk='${TARGETS_AWK}'`,
    "",
    `typeset -g _rdsiam_with_tool=" ${tables.withTool} "`,
    `typeset -g _rdsiam_with_target=" ${tables.withTarget} "`,
    `typeset -g _rdsiam_with_targets=" ${tables.withTargets} "`,
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
    case "tunnel":
      return `compadd -S '' ${TUNNELS.join(" ")}`;
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
  local -a lines names
  lines=("\${(@f)$(_rdsiam_target_lines)}")
  lines=("\${(@)lines:#}")
  names=("\${(@)lines%%$'\t'*}")
  lines=("\${(@)lines/$'\t'/  -- }")
  compadd -l -d lines -a names
}

_rdsiam_profiles() {
  local -a profiles
  profiles=(
    "\${(@f)$(sed -n 's/^\[profile[[:space:]]\{1,\}["'\'']\{0,1\}\([^]]*[^]"'\''[:space:]]\)["'\'']\{0,1\}[[:space:]]*\].*/\1/p; s/^\[\(default\)\].*/\1/p' \
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
  local command="" named="" word i operands=0
  local -a flags
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
