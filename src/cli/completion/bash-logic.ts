// The part of the completion for bash that does not depend on the tables.
import { shell } from "./words.ts";

/** Bash functions that use the tables' own (_rdsiam_flags and others), and the registration. */
export const BASH_LOGIC = shell`
_rdsiam_profiles() {
  sed -n 's/^\[profile[[:space:]]\{1,\}["'\'']\{0,1\}\([^]]*[^]"'\''[:space:]]\)["'\'']\{0,1\}[[:space:]]*\].*/\1/p; s/^\[\(default\)\].*/\1/p' \
    "\${AWS_CONFIG_FILE:-$HOME/.aws/config}" 2>/dev/null
  sed -n 's/^\[\([^]]*\)\].*/\1/p' "\${AWS_SHARED_CREDENTIALS_FILE:-$HOME/.aws/credentials}" 2>/dev/null
}

# What begins as the current word does. Readline replaces what follows the last = alone, where it breaks words there.
_rdsiam_reply() {
  local word
  for word in "$@"; do
    [[ $word == "$cur"* ]] && COMPREPLY+=("$prefix$word")
  done
}

# Where readline breaks words at :, it replaces what follows the last one alone; \`typed\` is what stands before.
_rdsiam_colons() {
  [[ $cur == *:* && $COMP_WORDBREAKS == *:* ]] || return
  typed=\${cur%"\${cur##*:}"} prefix=""
}

_rdsiam_reply_lines() {
  local line quoted typed=""
  _rdsiam_colons
  while IFS= read -r line; do
    line=\${line%%$'\t'*}
    [[ $line == "$cur"* ]] || continue
    printf -v quoted %q "\${line#"$typed"}"
    COMPREPLY+=("$prefix$quoted")
  done
}

_rdsiam_files() {
  local file typed=""
  _rdsiam_colons
  type compopt &>/dev/null && compopt -o filenames 2>/dev/null
  while IFS= read -r file; do COMPREPLY+=("$prefix\${file#"$typed"}"); done < <(compgen "$1" -- "$cur")
}

# Puts the words of the line together again that readline broke at = and :; \`starts\` are their places in COMP_WORDS.
_rdsiam_words() {
  local line=$COMP_LINE i
  words=() starts=()
  for ((i = 0; i <= COMP_CWORD; i++)); do
    if ((i == 0)) || [[ $line == [[:space:]]* ]]; then
      words+=("\${COMP_WORDS[i]}")
      starts+=("$i")
    else
      words[\${#words[@]} - 1]+=\${COMP_WORDS[i]}
    fi
    line=\${line#"\${line%%[![:space:]]*}"}
    line=\${line#"\${COMP_WORDS[i]}"}
  done
}

# Completes the words from the given one of COMP_WORDS on as a command line of their own.
_rdsiam_tool() {
  local offset=$1
  if type _comp_command_offset &>/dev/null; then
    _comp_command_offset "$offset"
  elif type _command_offset &>/dev/null; then
    _command_offset "$offset"
  elif ((COMP_CWORD == offset)); then
    while IFS= read -r word; do COMPREPLY+=("$word"); done < <(compgen -c -- "$cur")
  else
    type compopt &>/dev/null && compopt -o default 2>/dev/null
  fi
}

# The same for psql, whose name is not on the line: it takes the place of the word before its own.
_rdsiam_psql() {
  local index=$(($1 - 1)) head="" rest=$COMP_LINE i
  for ((i = 0; i < index; i++)); do
    while [[ -n $rest && $rest != "\${COMP_WORDS[i]}"* ]]; do head+=\${rest:0:1} rest=\${rest:1}; done
    head+=\${COMP_WORDS[i]} rest=\${rest#"\${COMP_WORDS[i]}"}
  done
  while [[ -n $rest && $rest != "\${COMP_WORDS[index]}"* ]]; do head+=\${rest:0:1} rest=\${rest:1}; done
  ((COMP_POINT += 4 - \${#COMP_WORDS[index]}))
  COMP_LINE=$head""psql\${rest#"\${COMP_WORDS[index]}"}
  COMP_WORDS[index]=psql
  _rdsiam_tool "$index"
}

# While a tool's completion runs, psql answers --help and --version alone.
_rdsiam_without_server() {
  local own
  own=$(declare -f psql)
  function psql { case " $* " in *" --help "* | *" --version "*) command psql "$@" ;; *) return 1 ;; esac; }
  "$@"
  unset -f psql
  [[ -z $own ]] || eval "$own"
}

_rdsiam() {
  local cur prefix="" command="" operands=0 named="" index word words starts
  COMPREPLY=()
  _rdsiam_words
  local last=$((\${#words[@]} - 1))
  cur=\${words[last]}
  for ((index = 1; index < last; index++)); do
    word=\${words[index]}
    [[ $word == --target || $word == --target=* ]] && named=1
    if [[ $word == --help || $word == help ]] && [[ -z $command ]]; then
      continue
    elif [[ $word == -- ]]; then
      case $command in
        psql) _rdsiam_without_server _rdsiam_psql "\${starts[index + 1]}"; return ;;
        exec | demo) _rdsiam_without_server _rdsiam_tool "\${starts[index + 1]}"; return ;;
      esac
    elif [[ $word == -* ]]; then
      if _rdsiam_takes_value "$word"; then
        ((index + 1 == last)) && { _rdsiam_value "$word"; return; }
        ((index++))
      elif [[ $command == demo && " $(_rdsiam_flags demo) " != *" $word "* ]]; then
        _rdsiam_without_server _rdsiam_psql "\${starts[index]}"; return
      fi
    elif [[ -z $command ]]; then
      command=$word
    elif [[ $command == demo ]]; then
      _rdsiam_without_server _rdsiam_psql "\${starts[index]}"; return
    elif [[ $command == exec && -n $named ]]; then
      _rdsiam_without_server _rdsiam_tool "\${starts[index]}"; return
    elif [[ $_rdsiam_with_tool == *" $command "* ]]; then
      [[ \${words[index + 1]} == -- ]] && ((index + 1 < last)) && ((index++))
      if [[ $command == psql ]]; then _rdsiam_without_server _rdsiam_psql "\${starts[index + 1]}"
      else _rdsiam_without_server _rdsiam_tool "\${starts[index + 1]}"
      fi
      return
    else
      ((operands++))
    fi
  done
  _rdsiam_word
}

# Completes a word of rdsiam's own.
_rdsiam_word() {
  if [[ $cur == --*=* ]]; then
    word=\${cur%%=*} cur=\${cur#*=}
    [[ $COMP_WORDBREAKS == *=* ]] || prefix=$word=
    _rdsiam_value "$word"
  elif [[ $cur == -* ]]; then
    _rdsiam_reply $(_rdsiam_flags "$command")
  elif [[ -z $command ]]; then
    _rdsiam_reply $_rdsiam_commands
  elif [[ $command == exec && -n $named ]]; then
    _rdsiam_without_server _rdsiam_tool "\${starts[index]}"
  elif [[ $_rdsiam_with_target == *" $command "* ]]; then
    if ((operands == 0)) || [[ $_rdsiam_with_targets == *" $command "* ]]; then
      _rdsiam_reply_lines < <(_rdsiam_target_lines)
    fi
  elif ((operands == 0)); then
    _rdsiam_reply $(_rdsiam_operands "$command")
  fi
}

# Completes an option's value; of NAME=TARGET the target.
_rdsiam_value() {
  if [[ $1 == --target && $cur == *=* ]]; then
    [[ $COMP_WORDBREAKS == *=* ]] || prefix+=\${cur%%=*}=
    cur=\${cur#*=}
  fi
  _rdsiam_values "$1"
}

complete -F _rdsiam rdsiam`;
