# Completion of rdsiam, made from its tables of commands and options: do not edit.
# Targets are read from the configuration files. After the target, the tool's own completion takes over; psql is kept from
# asking a server for databases and users meanwhile, since it would be whichever one listens on this machine.
# shellcheck shell=bash disable=SC2016,SC2046,SC2086,SC2317

# The options of a command; of all commands without one.
_rdsiam_flags() {
  case $1 in
    psql) echo "--port --host --user -U --dbname -d --via --ssm-sessions --sign-host --strict-host --read-only --sslrootcert --password-command --secret --profile --region --role-arn --role-session-name --external-id --duration-seconds --mfa-serial --mfa-code --no-cache --aws-timeout --quiet -q --verbose -v --log-format --no-input --help -h --version -V" ;;
    exec) echo "--target --each --tag --jobs --output-dir --yes --database-url --template --env --port --host --user -U --dbname -d --via --ssm-sessions --sign-host --strict-host --read-only --sslrootcert --password-command --secret --profile --region --role-arn --role-session-name --external-id --duration-seconds --mfa-serial --mfa-code --no-cache --aws-timeout --quiet -q --verbose -v --log-format --no-input --help -h --version -V" ;;
    proxy) echo "--json --print-config --port --socket --show-password --listen --tls-cert --tls-key --require-tls --tls-client-ca --password-file --client-auth --auth --match-user --idle-timeout --max-connections --max-user-connections --session-timeout --health-port --health-address --host --user -U --dbname -d --via --ssm-sessions --sign-host --strict-host --read-only --sslrootcert --password-command --secret --profile --region --role-arn --role-session-name --external-id --duration-seconds --mfa-serial --mfa-code --no-cache --aws-timeout --quiet -q --verbose -v --log-format --no-input --help -h --version -V" ;;
    token) echo "--check --json --host --user -U --dbname -d --sign-host --strict-host --sslrootcert --profile --region --role-arn --role-session-name --external-id --duration-seconds --mfa-serial --mfa-code --no-cache --aws-timeout --quiet -q --verbose -v --log-format --no-input --help -h --version -V" ;;
    url) echo "--host --user -U --dbname -d --via --sign-host --strict-host --sslrootcert --profile --region --role-arn --role-session-name --external-id --duration-seconds --mfa-serial --mfa-code --no-cache --aws-timeout --quiet -q --verbose -v --log-format --no-input --help -h --version -V" ;;
    env) echo "--shell --unset --json --host --user -U --dbname -d --via --sign-host --strict-host --sslrootcert --profile --region --role-arn --role-session-name --external-id --duration-seconds --mfa-serial --mfa-code --no-cache --aws-timeout --quiet -q --verbose -v --log-format --no-input --help -h --version -V" ;;
    list) echo "--names --json --quiet -q --verbose -v --log-format --no-input --help -h --version -V" ;;
    init) echo "--yes --sso-start-url --sso-region --sso-account-id --sso-role-name --host --user -U --dbname -d --via --sign-host --strict-host --read-only --sslrootcert --password-command --secret --profile --region --role-arn --role-session-name --external-id --duration-seconds --mfa-serial --mfa-code --no-cache --aws-timeout --quiet -q --verbose -v --log-format --no-input --help -h --version -V" ;;
    show) echo "--all --json --host --user -U --dbname -d --via --sign-host --strict-host --read-only --sslrootcert --password-command --secret --profile --region --role-arn --role-session-name --external-id --duration-seconds --mfa-serial --mfa-code --no-cache --aws-timeout --quiet -q --verbose -v --log-format --no-input --help -h --version -V" ;;
    doctor) echo "--json --host --user -U --dbname -d --via --sign-host --strict-host --sslrootcert --password-command --secret --profile --region --role-arn --role-session-name --external-id --duration-seconds --mfa-serial --mfa-code --no-cache --aws-timeout --quiet -q --verbose -v --log-format --no-input --help -h --version -V" ;;
    login) echo "--device-code --no-browser --profile --aws-timeout --quiet -q --verbose -v --log-format --no-input --help -h --version -V" ;;
    logout) echo "--quiet -q --verbose -v --log-format --no-input --help -h --version -V" ;;
    policy) echo "--json --host --user -U --dbname -d --sign-host --strict-host --sslrootcert --profile --region --role-arn --role-session-name --external-id --duration-seconds --mfa-serial --mfa-code --no-cache --aws-timeout --quiet -q --verbose -v --log-format --no-input --help -h --version -V" ;;
    setup) echo "--admin-secret --admin-target --admin-password-command --grant --schema --attach-policy --print --yes --host --user -U --dbname -d --via --sign-host --strict-host --sslrootcert --profile --region --role-arn --role-session-name --external-id --duration-seconds --mfa-serial --mfa-code --no-cache --aws-timeout --quiet -q --verbose -v --log-format --no-input --help -h --version -V" ;;
    discover) echo "--region --all-regions --tag --write --json --user -U --profile --role-arn --role-session-name --external-id --duration-seconds --mfa-serial --mfa-code --no-cache --aws-timeout --quiet -q --verbose -v --log-format --no-input --help -h --version -V" ;;
    ca) echo "--region --partition --quiet -q --verbose -v --log-format --no-input --help -h --version -V" ;;
    completion) echo "--install --quiet -q --verbose -v --log-format --no-input --help -h --version -V" ;;
    relay) echo "--session-timeout --health-port --health-address --config --listen --region --max-connections --max-user-connections --drain-timeout --tls-cert --tls-key --tls-client-ca --profile --role-arn --role-session-name --external-id --duration-seconds --mfa-serial --mfa-code --no-cache --aws-timeout --quiet -q --verbose -v --log-format --no-input --help -h --version -V" ;;
    demo) echo "--install --quiet -q --verbose -v --log-format --no-input --help -h --version -V" ;;
    *) echo "--quiet -q --verbose -v --log-format --no-input --help -h --version -V" ;;
  esac
}

# What may follow a command's name, where that is one of a few words.
_rdsiam_operands() {
  case $1 in
    ca) echo "update" ;;
    completion) echo "bash zsh fish powershell" ;;
  esac
}

# Whether an option's value is the next word.
_rdsiam_takes_value() {
  case $1 in
    --target | --each | --tag | --jobs | --output-dir | --env | --region | --partition | --shell | --admin-secret | --admin-target | --admin-password-command | --grant | --schema | --attach-policy | --sso-start-url | --sso-region | --sso-account-id | --sso-role-name | --print-config | --port | --socket | --listen | --tls-cert | --tls-key | --tls-client-ca | --password-file | --client-auth | --auth | --idle-timeout | --max-connections | --max-user-connections | --session-timeout | --health-port | --health-address | --config | --drain-timeout | --host | --user | -U | --dbname | -d | --via | --ssm-sessions | --sign-host | --sslrootcert | --password-command | --secret | --profile | --role-arn | --role-session-name | --external-id | --duration-seconds | --mfa-serial | --mfa-code | --aws-timeout | --log-format) return 0 ;;
  esac
  return 1
}

# The values of an option.
_rdsiam_values() {
  case $1 in
    --target | --each | --admin-target) _rdsiam_reply_lines < <(_rdsiam_target_lines) ;;
    --output-dir | --socket) _rdsiam_files -d ;;
    --region | --sso-region) _rdsiam_reply af-south-1 ap-east-1 ap-northeast-1 ap-northeast-2 ap-northeast-3 ap-south-1 ap-south-2 ap-southeast-1 ap-southeast-2 ap-southeast-3 ap-southeast-4 ap-southeast-5 ap-southeast-7 ca-central-1 ca-west-1 cn-north-1 cn-northwest-1 eu-central-1 eu-central-2 eu-north-1 eu-south-1 eu-south-2 eu-west-1 eu-west-2 eu-west-3 il-central-1 me-central-1 me-south-1 mx-central-1 sa-east-1 us-east-1 us-east-2 us-gov-east-1 us-gov-west-1 us-west-1 us-west-2 ;;
    --partition) _rdsiam_reply aws aws-us-gov aws-cn ;;
    --shell) _rdsiam_reply sh fish powershell cmd ;;
    --print-config) _rdsiam_reply dbeaver datagrip pgadmin tableplus jdbc docker ;;
    --tls-cert | --tls-key | --tls-client-ca | --password-file | --config | --sslrootcert) _rdsiam_files -f ;;
    --client-auth) _rdsiam_reply scram-sha-256 password trust ;;
    --auth) _rdsiam_reply iam pass-through ;;
    --host | --sign-host) type _known_hosts_real &>/dev/null && _known_hosts_real -- "$cur" ;;
    --via) [[ $cur == *:* ]] || { _rdsiam_reply ssm ssh:// ssh+eice:// ssm:// socks5:// http:// https:// relay:// kube:// kube+relay:// rds-auth-proxy://; type compopt &>/dev/null && compopt -o nospace 2>/dev/null; } ;;
    --profile) _rdsiam_reply_lines < <(_rdsiam_profiles) ;;
    --log-format) _rdsiam_reply text json ;;
  esac
}

_rdsiam_targets_awk='
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
'

_rdsiam_commands="psql exec proxy token url env list init show doctor login logout policy setup discover ca completion relay demo"
_rdsiam_with_tool=" psql exec "
_rdsiam_with_target=" psql exec proxy token url env show doctor login policy setup "
_rdsiam_with_targets=" proxy "

_rdsiam_target_lines() {
  local own=${RDSIAM_CONFIG_FILE:-${XDG_CONFIG_HOME:-$HOME/.config}/rdsiam/config} file
  local -a words
  words=()
  for file in "own=$own" "config=${AWS_CONFIG_FILE-$HOME/.aws/config}" \
    "credentials=${AWS_SHARED_CREDENTIALS_FILE-$HOME/.aws/credentials}"; do
    words+=("kind=${file%%=*}")
    file=${file#*=}
    case $file in \~/*) file=$HOME/${file#??} ;; esac
    if [[ -r $file ]]; then words+=("$file"); else words+=(/dev/null); fi
  done
  awk "$_rdsiam_targets_awk" "${words[@]}" 2>/dev/null
}

_rdsiam_profiles() {
  sed -n 's/^\[profile[[:space:]]\{1,\}["'\'']\{0,1\}\([^]]*[^]"'\''[:space:]]\)["'\'']\{0,1\}[[:space:]]*\].*/\1/p; s/^\[\(default\)\].*/\1/p' \
    "${AWS_CONFIG_FILE:-$HOME/.aws/config}" 2>/dev/null
  sed -n 's/^\[\([^]]*\)\].*/\1/p' "${AWS_SHARED_CREDENTIALS_FILE:-$HOME/.aws/credentials}" 2>/dev/null
}

# What begins as the current word does. Readline replaces what follows the last = alone, where it breaks words there.
_rdsiam_reply() {
  local word
  for word in "$@"; do
    [[ $word == "$cur"* ]] && COMPREPLY+=("$prefix$word")
  done
}

# Where readline breaks words at :, it replaces what follows the last one alone; `typed` is what stands before.
_rdsiam_colons() {
  [[ $cur == *:* && $COMP_WORDBREAKS == *:* ]] || return
  typed=${cur%"${cur##*:}"} prefix=""
}

_rdsiam_reply_lines() {
  local line quoted typed=""
  _rdsiam_colons
  while IFS= read -r line; do
    line=${line%%$'\t'*}
    [[ $line == "$cur"* ]] || continue
    printf -v quoted %q "${line#"$typed"}"
    COMPREPLY+=("$prefix$quoted")
  done
}

_rdsiam_files() {
  local file typed=""
  _rdsiam_colons
  type compopt &>/dev/null && compopt -o filenames 2>/dev/null
  while IFS= read -r file; do COMPREPLY+=("$prefix${file#"$typed"}"); done < <(compgen "$1" -- "$cur")
}

# Puts the words of the line together again that readline broke at = and :; `starts` are their places in COMP_WORDS.
_rdsiam_words() {
  local line=$COMP_LINE i
  words=() starts=()
  for ((i = 0; i <= COMP_CWORD; i++)); do
    if ((i == 0)) || [[ $line == [[:space:]]* ]]; then
      words+=("${COMP_WORDS[i]}")
      starts+=("$i")
    else
      words[${#words[@]} - 1]+=${COMP_WORDS[i]}
    fi
    line=${line#"${line%%[![:space:]]*}"}
    line=${line#"${COMP_WORDS[i]}"}
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
    while [[ -n $rest && $rest != "${COMP_WORDS[i]}"* ]]; do head+=${rest:0:1} rest=${rest:1}; done
    head+=${COMP_WORDS[i]} rest=${rest#"${COMP_WORDS[i]}"}
  done
  while [[ -n $rest && $rest != "${COMP_WORDS[index]}"* ]]; do head+=${rest:0:1} rest=${rest:1}; done
  ((COMP_POINT += 4 - ${#COMP_WORDS[index]}))
  COMP_LINE=$head""psql${rest#"${COMP_WORDS[index]}"}
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
  local last=$((${#words[@]} - 1))
  cur=${words[last]}
  for ((index = 1; index < last; index++)); do
    word=${words[index]}
    [[ $word == --target || $word == --target=* ]] && named=1
    if [[ $word == --help || $word == help ]] && [[ -z $command ]]; then
      continue
    elif [[ $word == -- ]]; then
      case $command in
        psql) _rdsiam_without_server _rdsiam_psql "${starts[index + 1]}"; return ;;
        exec | demo) _rdsiam_without_server _rdsiam_tool "${starts[index + 1]}"; return ;;
      esac
    elif [[ $word == -* ]]; then
      if _rdsiam_takes_value "$word"; then
        ((index + 1 == last)) && { _rdsiam_value "$word"; return; }
        ((index++))
      elif [[ $command == demo && " $(_rdsiam_flags demo) " != *" $word "* ]]; then
        _rdsiam_without_server _rdsiam_psql "${starts[index]}"; return
      fi
    elif [[ -z $command ]]; then
      command=$word
    elif [[ $command == demo ]]; then
      _rdsiam_without_server _rdsiam_psql "${starts[index]}"; return
    elif [[ $command == exec && -n $named ]]; then
      _rdsiam_without_server _rdsiam_tool "${starts[index]}"; return
    elif [[ $_rdsiam_with_tool == *" $command "* ]]; then
      [[ ${words[index + 1]} == -- ]] && ((index + 1 < last)) && ((index++))
      if [[ $command == psql ]]; then _rdsiam_without_server _rdsiam_psql "${starts[index + 1]}"
      else _rdsiam_without_server _rdsiam_tool "${starts[index + 1]}"
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
    word=${cur%%=*} cur=${cur#*=}
    [[ $COMP_WORDBREAKS == *=* ]] || prefix=$word=
    _rdsiam_value "$word"
  elif [[ $cur == -* ]]; then
    _rdsiam_reply $(_rdsiam_flags "$command")
  elif [[ -z $command ]]; then
    _rdsiam_reply $_rdsiam_commands
  elif [[ $command == exec && -n $named ]]; then
    _rdsiam_without_server _rdsiam_tool "${starts[index]}"
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
    [[ $COMP_WORDBREAKS == *=* ]] || prefix+=${cur%%=*}=
    cur=${cur#*=}
  fi
  _rdsiam_values "$1"
}

complete -F _rdsiam rdsiam
