// How the completions list targets without a process of rdsiam, which takes 70 ms to start: awk reads the same files, in 5 ms.
// What it leaves out is what a file is refused for; a TAB has no place for errors.
import { shell } from "./words.ts";

/** For awk, which gets `kind=own FILE kind=config FILE kind=credentials FILE`; prints NAME, tab, USER@HOST. Has no single quotes. */
export const TARGETS_AWK = shell`
{ sub(/\r$/, "") }
/^[ \t]*\[/ {
  name = $0
  gsub(/^[ \t]*\[[ \t]*|[ \t]*\].*$/, "", name)
  if (kind == "config") {
    if (name ~ /^profile[ \t]/) sub(/^profile[ \t]+/, "", name)
    else if (name != "default") name = ""
  }
  if (kind == "config") gsub(/^["\047]|["\047]$/, "", name)
  if (kind == "own") own[name] = 1
  else if (name in own) name = ""
  if (name != "" && !(name in seen)) { seen[name] = 1; names[++count] = name }
  next
}
name == "" || /^[ \t]*[#;]/ || !match($0, /[ \t]*[=:][ \t]*/) { next }
{
  key = substr($0, 1, RSTART - 1)
  if (kind != "own") key = tolower(key)
  value = substr($0, RSTART + RLENGTH)
  gsub(/^[ \t]+/, "", key)
  if (kind != "own" && !sub(/^rds_/, "", key)) next
  gsub(/^"|"?[ \t]*$/, "", value)
  if (key == "host" || key == "hostname") hosts[name] = value
  if (key == "user" || key == "username") users[name] = value
}
END {
  for (i = 1; i <= count; i++) {
    name = names[i]
    if (hosts[name] == "") continue
    line = name "\t" (users[name] == "" ? "" : users[name] "@") hosts[name]
    print line
  }
}
`;

/** Prints these lines, in bash and zsh. */
export const TARGET_LINES = shell`
_rdsiam_target_lines() {
  local own=\${RDSIAM_CONFIG_FILE:-\${XDG_CONFIG_HOME:-$HOME/.config}/rdsiam/config} file
  local -a words
  words=()
  for file in "own=$own" "config=\${AWS_CONFIG_FILE-$HOME/.aws/config}" \
    "credentials=\${AWS_SHARED_CREDENTIALS_FILE-$HOME/.aws/credentials}"; do
    words+=("kind=\${file%%=*}")
    file=\${file#*=}
    case $file in \~/*) file=$HOME/\${file#??} ;; esac
    if [[ -r $file ]]; then words+=("$file"); else words+=(/dev/null); fi
  done
  awk "$_rdsiam_targets_awk" "\${words[@]}" 2>/dev/null
}`;
