// The completion for fish 3.1 and newer.
// https://fishshell.com/docs/current/completions.html
import type { OptionSpec } from "../option-table.ts";
import { TARGETS_AWK } from "./targets.ts";
import {
  TUNNELS,
  type CompletionTables,
  flagsOf,
  HEADER,
  shell,
  type ValueSource,
} from "./words.ts";

/** The script for fish. */
export function fishCompletion(tables: CompletionTables): string {
  return `${[...HEADER, ...tableLines(tables), LOGIC].join("\n")}\n`;
}

function tableLines(tables: CompletionTables): string[] {
  const { commands, options, globals, operands, valued, values } = tables;
  return [
    "",
    "# The options of a command; of all commands without one.",
    "function __rdsiam_flags",
    "    switch $argv[1]",
    ...options.flatMap(({ name, options: own }) => [`        case ${name}`, ...described(own)]),
    "        case '*'",
    ...described(globals),
    "    end",
    "end",
    "",
    "# What may follow a command's name, where that is one of a few words.",
    "function __rdsiam_operands",
    "    switch $argv[1]",
    ...operands.flatMap(({ name, words }) => [
      `        case ${name}`,
      `            printf '%s\\n' ${words.join(" ")}`,
    ]),
    "    end",
    "end",
    "",
    "# Whether an option's value is the next word.",
    "function __rdsiam_takes_value",
    `    contains -- $argv[1] ${valued.join(" ")}`,
    "end",
    "",
    "# The values of an option.",
    "function __rdsiam_values",
    "    switch $argv[1]",
    ...values.flatMap(({ source, flags }) => [
      `        case ${flags.join(" ")}`,
      `            ${reply(source)}`,
    ]),
    "    end",
    "end",
    "",
    "function __rdsiam_commands",
    ...commands.map(({ name, summary }) => `    printf '%s\\t%s\\n' ${name} ${quoted(summary)}`),
    "end",
    "",
    `set -g __rdsiam_targets_awk '${TARGETS_AWK}'`,
    "",
    `set -g __rdsiam_with_tool ${tables.withTool}`,
    `set -g __rdsiam_with_target ${tables.withTarget}`,
    `set -g __rdsiam_with_targets ${tables.withTargets}`,
  ];
}

function described(options: readonly OptionSpec[]): string[] {
  return options.flatMap((option) =>
    flagsOf(option).map((flag) => {
      return `            printf '%s\\t%s\\n' ${flag} ${quoted(option.summary)}`;
    }),
  );
}

function quoted(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}

function reply(source: ValueSource): string {
  switch (source.kind) {
    case "words":
      return `printf '%s\\n' ${source.words.join(" ")}`;
    case "tunnel":
      return `printf '%s\\n' ${TUNNELS.join(" ")}`;
    case "profile":
      return "__rdsiam_profiles";
    case "target":
      return "__rdsiam_targets";
    case "file":
      return "__fish_complete_path $argv[2]";
    case "directory":
      return "__fish_complete_directories $argv[2] ''";
    case "host":
      return "__fish_print_hostnames";
    case "nothing":
      return ":";
  }
}

const LOGIC = shell`
function __rdsiam_targets
    set -l own $HOME/.config/rdsiam/config
    test -n "$XDG_CONFIG_HOME"; and set own $XDG_CONFIG_HOME/rdsiam/config
    test -n "$RDSIAM_CONFIG_FILE"; and set own $RDSIAM_CONFIG_FILE
    set -l config $HOME/.aws/config
    set -q AWS_CONFIG_FILE; and set config "$AWS_CONFIG_FILE"
    set -l credentials $HOME/.aws/credentials
    set -q AWS_SHARED_CREDENTIALS_FILE; and set credentials "$AWS_SHARED_CREDENTIALS_FILE"
    set -l words
    for kind in own config credentials
        set -l file (string replace -r '^~/' $HOME/ -- $$kind)
        test -r "$file"; or set file /dev/null
        set -a words kind=$kind $file
    end
    awk $__rdsiam_targets_awk $words 2>/dev/null
end

function __rdsiam_profiles
    set -l config $HOME/.aws/config
    set -q AWS_CONFIG_FILE; and set config $AWS_CONFIG_FILE
    set -l credentials $HOME/.aws/credentials
    set -q AWS_SHARED_CREDENTIALS_FILE; and set credentials $AWS_SHARED_CREDENTIALS_FILE
    test -r $config; and string replace -rf '^\[(?:profile\s+["\']?([^]]*[^]"\'\s])["\']?\s*|(default))\].*' '$1$2' <$config
    test -r $credentials; and string replace -rf '^\[([^]]*)\].*' '$1' <$credentials
end

# Completes words as a command line of their own; meanwhile psql answers --help and --version alone.
function __rdsiam_tool
    functions -q psql; and functions --copy psql __rdsiam_own_psql
    function psql
        contains -- --help $argv; or contains -- --version $argv; or return 1
        command psql $argv
    end
    complete --do-complete (string join ' ' -- (string escape -- $argv) (commandline -ct))
    functions --erase psql
    if functions -q __rdsiam_own_psql
        functions --copy __rdsiam_own_psql psql
        functions --erase __rdsiam_own_psql
    end
end

function __rdsiam_complete
    set -l words (commandline -opc)
    set -l command
    set -l operands 0
    set -l named
    set -l i 2
    while test $i -le (count $words)
        set -l word $words[$i]
        set -l rest $words[(math $i + 1)..-1]
        test $i -eq (count $words); and set rest
        string match -qr '^--target(=|$)' -- $word; and set named 1
        if test -z "$command"; and contains -- $word --help help
            :
        else if test "$word" = --; and contains -- "$command" psql exec demo
            test $command = psql; and set -p rest psql
            __rdsiam_tool $rest
            return
        else if string match -q -- '-*' $word
            if __rdsiam_takes_value $word
                if test $i -eq (count $words)
                    __rdsiam_value $word (commandline -ct)
                    return
                end
                set i (math $i + 1)
            else if test "$command" = demo; and not contains -- $word (__rdsiam_flags demo | string replace -r '\t.*' '')
                __rdsiam_tool psql $words[$i..-1]
                return
            end
        else if test -z "$command"
            set command $word
        else if test $command = demo
            __rdsiam_tool psql $words[$i..-1]
            return
        else if test $command = exec; and test -n "$named"
            __rdsiam_tool $words[$i..-1]
            return
        else if contains -- $command $__rdsiam_with_tool
            test "$rest[1]" = --; and set -e rest[1]
            test $command = psql; and set -p rest psql
            __rdsiam_tool $rest
            return
        else
            set operands (math $operands + 1)
        end
        set i (math $i + 1)
    end
    __rdsiam_word "$command" $operands "$named"
end

# Completes a word of rdsiam's own: COMMAND OPERANDS NAMED.
function __rdsiam_word
    set -l word (commandline -ct)
    if string match -qr '^--[a-z-]+=' -- $word
        set -l parts (string split -m 1 = -- $word)
        __rdsiam_value $parts[1] $parts[2] | string replace -r '^' -- $parts[1]=
    else if string match -q -- '-*' $word
        __rdsiam_flags $argv[1]
    else if test -z "$argv[1]"
        __rdsiam_commands
    else if test $argv[1] = exec; and test -n "$argv[3]"
        __rdsiam_tool
    else if contains -- $argv[1] $__rdsiam_with_target
        if test $argv[2] -eq 0; or contains -- $argv[1] $__rdsiam_with_targets
            __rdsiam_targets
        end
    else if test $argv[2] -eq 0
        __rdsiam_operands $argv[1]
    end
end

# Completes an option's value; of NAME=TARGET the target.
function __rdsiam_value
    set -l name (string match -r '^[A-Za-z][A-Za-z0-9_]*=' -- $argv[2])
    if test $argv[1] = --target; and test -n "$name"
        __rdsiam_values $argv[1] | string replace -r '^' -- $name
    else
        __rdsiam_values $argv[1] $argv[2]
    end
end

complete -c rdsiam -f -a '(__rdsiam_complete)'`;
