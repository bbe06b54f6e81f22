# Makes botocore-files.json.gz: config and credentials files out of a seeded grammar of oddities, with what botocore, the
# library under the AWS CLI, reads in them, and which source of credentials it chooses. The access keys are made up.
# Nothing is asked of a network and no program is started: botocore's fetchers are replaced by records of their parameters.
# The command, from the project's root, with Python 3.11 (3.12 and 3.13 give the same bytes):
#
#     pip install botocore==1.44.8 awscrt==0.38.1 && python3 test/config/make-botocore-files.py test/config/botocore-files.json.gz
import base64
import datetime
import gzip
import itertools
import json
import os
import random
import shlex
import shutil
import sys
import tempfile
from unittest import mock

import botocore
import botocore.configloader
import botocore.credentials as bc
import botocore.session

FILES = 3200
SEED = 14

# ---- what botocore would ask, as a record ----


class Fetcher:
    def __init__(self, **arguments):
        self.arguments = arguments

    def fetch_credentials(self):
        raise AssertionError("nothing is asked")


class Deferred:
    def __init__(self, method, refresh_using, time_fetcher=None):
        self.method = method
        self.arguments = refresh_using.__self__.arguments


def retrieve_process(_provider, command):
    words = bc.compat_shell_split(command)
    if not words:
        raise IndexError("Popen refuses an empty list")
    return {"access_key": "PROCESS", "secret_key": json.dumps(words)}


def retrieve_login(fetcher):
    later = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=1)
    return {
        "access_key": "LOGIN",
        "secret_key": fetcher._session_name,
        "token": "t",
        "expiry_time": later.isoformat(),
        "account_id": None,
    }


def retrieve_container(_provider):
    return bc.Credentials("CONTAINER", "s", method="container-role")


def load_instance(_provider):
    return bc.Credentials("INSTANCE", "s", method="iam-role")


PATCHES = [
    mock.patch.object(bc, "AssumeRoleCredentialFetcher", Fetcher),
    mock.patch.object(bc, "AssumeRoleWithWebIdentityCredentialFetcher", Fetcher),
    mock.patch.object(bc, "SSOCredentialFetcher", Fetcher),
    mock.patch.object(bc, "DeferredRefreshableCredentials", Deferred),
    mock.patch.object(bc, "create_mfa_serial_refresher", lambda refresh: refresh),
    mock.patch.object(bc.ProcessProvider, "_retrieve_credentials_using", retrieve_process),
    mock.patch.object(bc.LoginCredentialFetcher, "load_cached_credentials", retrieve_login),
    mock.patch.object(bc.ContainerProvider, "_retrieve_or_fail", retrieve_container),
    mock.patch.object(bc.InstanceMetadataProvider, "load", load_instance),
    mock.patch.object(bc.FileWebIdentityTokenLoader, "__init__", lambda self, path: setattr(self, "path", path)),
]


def described(creds):
    method = creds.method
    if not isinstance(creds, Deferred):
        if method == "custom-process":
            return [method, json.loads(creds.secret_key)]
        if method == "login":
            return [method, creds.secret_key]
        if method in ("container-role", "iam-role"):
            return [method]
        return [method, creds.access_key, creds.secret_key, creds.token]
    a = creds.arguments
    if method == "sso":
        return [method, a["start_url"], a["sso_region"], a["account_id"], a["role_name"], a.get("sso_session_name")]
    extra = a["extra_args"]
    if method == "assume-role-with-web-identity":
        return [method, a["web_identity_token_loader"].path, a["role_arn"], extra.get("RoleSessionName")]
    names = ("RoleSessionName", "ExternalId", "SerialNumber", "DurationSeconds")
    return [method, a["role_arn"], *[extra.get(name) for name in names], described(a["source_credentials"])]


def has_block(value):
    return isinstance(value, dict) or (isinstance(value, list) and any(has_block(each) for each in value))


def choice(profile):
    """The source that is chosen, or the kind of refusal."""
    try:
        session = botocore.session.Session(profile=profile, include_builtin_handlers=False)
        found = described(session.get_credentials())
        return "block of lines" if has_block(found) else found
    except AssertionError:
        raise
    except Exception as error:
        return type(error).__name__


# ---- running one case ----


def write(path, content):
    if content is None:
        if os.path.exists(path):
            os.remove(path)
        return
    with open(path, "wb") as file:
        file.write(content)


def packed(content):
    if content is None:
        return None
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(content).decode()}


def run(home, config, credentials, env, boto=None, ec2=None, named=None, explicit=None):
    """Records one case. `named` is AWS_PROFILE; `explicit` limits the profiles that are tried by option."""
    write(f"{home}/.aws/config", config)
    write(f"{home}/.aws/credentials", credentials)
    write(f"{home}/.boto", boto)
    write(f"{home}/ec2", ec2)
    case = {"config": packed(config), "credentials": packed(credentials)}
    surroundings = {"HOME": home, "PATH": os.environ["PATH"], **env}
    if ec2 is not None:
        surroundings["AWS_CREDENTIAL_FILE"] = "~/ec2"
    if named is not None:
        surroundings["AWS_PROFILE"] = named
    with mock.patch.dict(os.environ, surroundings, clear=True):
        session = botocore.session.Session(include_builtin_handlers=False)
        try:
            full = session.full_config
        except Exception as error:
            case["refused"] = type(error).__name__
            return case
        case["profiles"] = full["profiles"]
        for key in ("sso_sessions", "services"):
            if full.get(key):
                case[key] = full[key]
        names = [*full["profiles"]][:6] + ["nobody"] if explicit is None else explicit
        case["choices"] = {name: choice(name) for name in names}
        case["unnamed"] = choice(None)
    for key, value in (("env", env), ("boto", packed(boto)), ("ec2", packed(ec2)), ("named", named)):
        if value:
            case[key] = value
    return case


# ---- the grammar ----

ROLE = "arn:aws:iam::111122223333:role/"
NAMES = ["default", "prod", "dev", "corp", "acct:role", "b\u00fcro", "my prod", "team/a@b", "a.b", "UPPER", "x"]
BLANKS = ["", " ", "  ", "\t", "\u00a0", "\u3000", "\x0c", "\x1f", "\x85"]


class Grammar:
    def __init__(self, seed):
        self.r = random.Random(seed)

    def maybe(self, chance):
        return self.r.random() < chance

    def pick(self, options):
        return self.r.choice(options)

    def quoted(self, name):
        if self.maybe(0.04):
            return self.pick(["'" + name, '"' + name, name + "\\", f'"{name}" x', f"'{name}'y", f'"{name}\\"q"', f'"\\{name}"'])
        if " " in name or self.maybe(0.25):
            return self.pick([f"'{name}'", f'"{name}"', name.replace(" ", "\\ "), f"{name[:1]}'{name[1:]}'"])
        return name

    def header(self, name, is_config):
        inner = name
        if is_config:
            if name == "default":
                inner = self.pick(["default"] * 5 + ["profile default", "profile 'default'"])
            else:
                prefix = self.pick(["profile"] * 30 + ["profiles", "profile-eu", "Profile", "profile=", "sso-session"])
                blank = self.pick([" "] * 12 + ["  ", "\t", " \t ", "\u00a0"])
                inner = f"{prefix}{blank}{self.quoted(name)}"
        if self.maybe(0.06):
            inner = self.pick([f" {inner}", f"{inner} ", f"{inner}]", f"[{inner}", f"{inner} # c"])
        line = f"[{inner}]"
        if self.maybe(0.12):
            line += self.pick([" ", "# production", " # see [x]", ";", " = y", "]", "x", ": z"])
        if self.maybe(0.015):
            line = self.pick([line.replace("]", ""), line.replace("[", ""), "[]", f"{line[:-1]} = 1", "[ ]"])
        if self.maybe(0.03):
            line = self.pick(["  ", "\t", "    "]) + line
        return line

    def key(self, key):
        if self.maybe(0.08):
            key = self.pick([key.upper(), key.title(), key.capitalize()])
        return key

    def option(self, key, value):
        between = self.pick([" = "] * 8 + ["=", ": ", ":", " =", "= ", " : ", "\t=\t", "  =  ", " := ", " == "])
        line = f"{self.key(key)}{between}{value}"
        if self.maybe(0.06):
            line += self.pick([" # Ireland", " ; c", "#x", " ", "\t", "\u00a0", " \x1c", "\u2028"])
        if self.maybe(0.03):
            line = self.pick(["#", ";", "# ", " ; ", "  #"]) + line
        if self.maybe(0.03):
            line = self.pick([" ", "  ", "\t", "    "]) + line
        return line

    def block(self):
        key = self.pick(["s3", "s3api", "ec2", "region", "role_arn", "aws_access_key_id", "sts"])
        lines = [f"{key} ={self.pick(['', ' '])}"]
        for _ in range(self.r.randint(0, 3)):
            inner = self.pick(["addressing_style = path", "Endpoint_URL=http://x", "a = b = c", "k = ", "# c", "", "region=eu-west-3", "a = b"])
            if self.maybe(0.04):
                inner = self.pick(["no separator", "colon: x", "= v", "[profile y]", "a = b\x0bc = d", "a = b\u2028c"])
            lines.append(self.pick(["  ", "    ", "\t", " "]) + inner)
        return lines

    def continuation(self):
        key = self.pick(["region", "rds_host", "rds_user", "credential_process", "note"])
        lines = [f"{key} = {self.pick(['one', 'two words', ''])}"]
        for _ in range(self.r.randint(1, 2)):
            lines.append(self.pick(["  ", "\t"]) + self.pick(["more = text", "[profile swallowed]", "x: y", "", "; c", "k=v"]))
        return lines

    def keys(self, tag):
        found = [("aws_access_key_id", f"AKID{tag}"), ("aws_secret_access_key", f"secret/{tag}+=")]
        if self.maybe(0.25):
            found.append((self.pick(["aws_session_token", "aws_security_token"]), f"token{tag}"))
        if self.maybe(0.06):
            found.pop(self.r.randrange(len(found)))
        return found

    def source(self, names):
        """Keys of one source of credentials."""
        tag = str(self.r.randint(1, 9))
        other = self.pick(names if self.maybe(0.93) else ["nowhere", "default"])
        session = self.pick(["corp"] * 12 + ["other", "none"])
        role = [("role_arn", ROLE + tag)]
        sources = {
            "keys": lambda: self.keys(tag),
            "process": lambda: [("credential_process", self.pick([f"/bin/p {tag}", "sh -c 'true ; exec x'", '"/opt/my tool" --a', "p 'q", "", "\\"][: 4 + 2 * self.maybe(0.2)]))],
            "role": lambda: role + [("source_profile", other)],
            "credential_source": lambda: role + [("credential_source", self.pick(["Environment", "EcsContainer", "Ec2InstanceMetadata"] * 3 + ["environment", "x"]))],
            "bare role": lambda: role,
            "web": lambda: [("web_identity_token_file", self.pick(["/t/oken"] * 5 + ["~/token", ""]))] + (role if self.maybe(0.85) else []),
            "sso": lambda: [("sso_session", session), ("sso_account_id", "111122223333"), ("sso_role_name", f"R{tag}")],
            "old sso": lambda: [("sso_start_url", f"https://{session}.example/start#/"), ("sso_region", "eu-west-1"), ("sso_account_id", "111122223333"), ("sso_role_name", f"R{tag}")],
            "login": lambda: [("login_session", f"arn:aws:iam::111122223333:user/{tag}")],
            "role extras": lambda: role + [("source_profile", other), self.pick([("external_id", "e x"), ("mfa_serial", "arn:aws:iam::1:mfa/x"), ("role_session_name", "s"), ("duration_seconds", self.pick(["3600", "1_000", "+900", "x", "", "12 34"]))])],
        }
        likely = ["keys"] * 6 + ["process", "role", "sso", "role extras"]
        found = sources[self.pick([name for name in sources if name != "bare role" or self.maybe(0.3)] + likely)]()
        if self.maybe(0.05):
            found.pop(self.r.randrange(len(found)))
        return found

    def body(self, names):
        pairs = {}
        for _ in range(self.pick([0, 1, 1, 1, 1, 2, 2, 3])):
            for key, value in self.source(names):
                pairs[key] = value
        for key, value in (("region", "eu-west-1"), ("rds_host", "orders.example"), ("rds_user", "app_ro"), ("output", ""), ("rds_dbname", "my db #1")):
            if self.maybe(0.3):
                pairs[key] = value
        pairs = [*pairs.items()]
        self.r.shuffle(pairs)
        lines = [self.option(key, value) for key, value in pairs]
        for oddity, chance in ((self.block, 0.12), (self.continuation, 0.08)):
            if self.maybe(chance):
                at = self.r.randint(0, len(lines))
                lines[at:at] = oddity()
        for extra, chance in (("", 0.3), ("# comment", 0.1), ("; c", 0.05), ("   ", 0.05), ("no separator", 0.008), ("= x", 0.004)):
            if self.maybe(chance):
                lines.insert(self.r.randint(0, len(lines)), extra)
        if lines and self.maybe(0.02):
            line = self.pick(lines)
            lines.append(line if self.maybe(0.5) else line.upper())
        return lines

    def file(self, names, is_config):
        lines = self.pick([[], [], [], ["# top"], [""], [";"]])[:]
        if self.maybe(0.01):
            lines.append("region = us-east-1")
        sections = names[:]
        if self.maybe(0.02) and sections:
            sections.append(self.pick(sections))
        for name in sections:
            lines.append(self.header(name, is_config))
            lines += self.body(names)
        if self.maybe(0.08):
            at = self.pick([0, len(lines)])
            lines[at:at] = ["[DEFAULT]", *(self.option(k, v) for k, v in [("rds_user", "shared"), ("region", "us-west-2"), *self.keys("D")][: self.r.randint(1, 4)])]
            if self.maybe(0.3):
                at = lines.index("[DEFAULT]") + 1
                lines[at:at] = self.pick([["s3 =", "  a = b"], ["region =", "  no separator"], ["rds_user =", "", "  more"]])
        if is_config and self.maybe(0.9):
            lines += [f"[sso-session {self.quoted('corp')}]", "sso_region = eu-west-1", "sso_start_url = https://corp.example/start#/"]
            if self.maybe(0.1):
                lines += [self.pick(["sso_account_id = 9", "Sso_Role_Name = R1", "sso_session = corp", "sso_session = x"])]
        if is_config and self.maybe(0.1):
            lines += ["[services local]", "sts =", "  endpoint_url = http://127.0.0.1:1", "[plugins]", "cli = x"]
        if self.maybe(0.05):
            lines += [self.pick(["[prod]", "[profile]", "[profile a b]", "[__proto__]", "[profile __proto__]", "[constructor]", "[profile ''", "[preview]"]), "region = x"]
        return lines

    def text(self, lines):
        end = self.pick(["\n"] * 9 + ["\r\n", "\r"])
        text = "".join(line + (self.pick(["\n", "\r\n", "\r"]) if end == "\r" else end) for line in lines)
        if self.maybe(0.1):
            text = text.rstrip("\r\n")
        if self.maybe(0.06):
            for _ in range(self.r.randint(1, 3)):
                at = self.r.randint(0, len(text))
                drop = self.r.randint(0, 2)
                text = text[:at] + self.pick(["", "[", "]", "=", ":", "\n", "\n ", "#", " ", "'", '"', "\\", "\r", "\x0b", "\u2029", "\ufeff"]) + text[at + drop :]
        return text

    def content(self, lines):
        text = self.text(lines)
        data = text.encode("utf-8")
        if self.maybe(0.01):
            data = self.pick([b"\xef\xbb\xbf" + data, text.encode("utf-16"), data.replace("\u00fc".encode(), b"\xfc") + b"# \xe9\n", data + b"\xed\xa0\x80", data + b"\xc0\xaf"])
        return data

    def env(self):
        env = {}
        keys = 0.95 if self.maybe(0.15) else 0.04
        for name, value, chance in (
            ("AWS_ACCESS_KEY_ID", "AKIDENV", keys),
            ("AWS_SECRET_ACCESS_KEY", "secretenv", keys),
            ("AWS_SESSION_TOKEN", "tokenenv", keys / 2),
            ("AWS_SECURITY_TOKEN", "oldtokenenv", keys / 4),
            ("AWS_WEB_IDENTITY_TOKEN_FILE", "/env/token", 0.1),
            ("AWS_ROLE_ARN", ROLE + "env", 0.12),
            ("AWS_ROLE_SESSION_NAME", "envsession", 0.05),
            ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1/c", 0.08),
            ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/c", 0.04),
        ):
            if self.maybe(chance):
                env[name] = "" if self.maybe(0.08) else value
        return env

    def case(self, home):
        names = self.r.sample(NAMES, self.pick([1, 1, 2, 2, 3, 4]))
        config = None if self.maybe(0.03) else self.content(self.file(names, True))
        of_credentials = [name for name in names if self.maybe(0.6)] + (["extra"] if self.maybe(0.1) else [])
        credentials = None if self.maybe(0.2) else self.content(self.file(of_credentials, False))
        boto = self.text(["[Credentials]", *(f"{k} = {v}" for k, v in self.keys("BOTO"))]).encode() if self.maybe(0.1) else None
        ec2 = self.pick([b"AWSAccessKeyId=AKIDEC2\nAWSSecretKey = s=ec2\n", b"x\n AWSAccessKeyId = AKIDEC2\n", b"nothing\n"]) if self.maybe(0.06) else None
        named = self.pick(names + ["nobody"]) if self.maybe(0.4) else None
        return run(home, config, credentials, self.env(), boto, ec2, named)


# ---- every subset of up to three of fifteen sources in one profile; the first twelve are the profile's own ----

KEYS_IN = lambda tag: f"aws_access_key_id = AKID{tag}\naws_secret_access_key = secret{tag}\n"
SOURCES = {
    "keys in credentials": {"credentials": KEYS_IN("CREDENTIALS")},
    "keys in config": {"config": KEYS_IN("CONFIG")},
    "credential_process": {"config": "credential_process = /bin/helper --json\n"},
    "sso_session": {"config": "sso_session = corp\nsso_account_id = 111122223333\nsso_role_name = R\n"},
    "sso_start_url": {"config": "sso_start_url = https://corp.example/start\nsso_region = eu-west-1\nsso_account_id = 111122223333\nsso_role_name = R\n"},
    "source_profile": {"config": f"role_arn = {ROLE}app\nsource_profile = base\n"},
    "source_profile itself": {"config": f"role_arn = {ROLE}app\nsource_profile = prod\n"},
    "credential_source": {"config": f"role_arn = {ROLE}app\ncredential_source = Environment\n"},
    "web_identity_token_file": {"config": f"role_arn = {ROLE}app\nweb_identity_token_file = /run/token\n"},
    "login_session": {"config": "login_session = arn:aws:iam::111122223333:user/jo\n"},
    "environment keys": {"env": {"AWS_ACCESS_KEY_ID": "AKIDENV", "AWS_SECRET_ACCESS_KEY": "secretenv"}},
    "environment web identity": {"env": {"AWS_WEB_IDENTITY_TOKEN_FILE": "/env/token", "AWS_ROLE_ARN": ROLE + "env"}},
    "container": {"env": {"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1/c"}},
    "AWS_CREDENTIAL_FILE": {"ec2": b"AWSAccessKeyId=AKIDEC2\nAWSSecretKey=secretec2\n"},
    "boto": {"boto": ("[Credentials]\n" + KEYS_IN("BOTO")).encode()},
}


def combination(home, names):
    parts = [SOURCES[name] for name in names]
    # A key that two sources share is written once.
    lines = dict.fromkeys("".join(part.get("config", "") for part in parts).splitlines())
    keys = {}
    for line in lines:
        keys.setdefault(line.split(" = ")[0], line)
    config = "[profile prod]\n" + "".join(line + "\n" for line in keys.values())
    config += f"[profile base]\n{KEYS_IN('BASE')}[profile top]\nrole_arn = {ROLE}top\nsource_profile = prod\n"
    config += "[sso-session corp]\nsso_start_url = https://corp.example/start\nsso_region = eu-west-1\n"
    credentials = "".join("[prod]\n" + part["credentials"] for part in parts if "credentials" in part)
    env = {}
    for part in parts:
        env.update(part.get("env", {}))
    boto = next((part["boto"] for part in parts if "boto" in part), None)
    ec2 = next((part["ec2"] for part in parts if "ec2" in part), None)
    case = run(home, config.encode(), credentials.encode(), env, boto, ec2, "prod", ["prod", "top"])
    return {"sources": names, **case}


# ---- words and paths ----


def words(grammar):
    text = "".join(grammar.pick(["'", '"', "\\", " ", "\t", "a", "b", "#", "\u00fc", "\r", "\n", "\x0b", "$"]) for _ in range(grammar.r.randint(0, 9)))
    try:
        return [text, shlex.split(text)]
    except ValueError:
        return [text, None]


def path(grammar):
    parts = ["~", "~/", "~nobody", "~no-such-user", "$HOME", "${HOME}", "$X", "${X}", "${not", "$", "$MISSING", "${MISSING}", "/", "/a", "b", "x y", "$X_1", "$\u00fc", "${}", "%X%", "~root", "//"]
    text = "".join(grammar.pick(parts) for _ in range(grammar.r.randint(0, 4)))
    return [text, os.path.expanduser(os.path.expandvars(text))]


def main(target):
    home = tempfile.mkdtemp()
    os.mkdir(f"{home}/.aws")
    for patch in PATCHES:
        patch.start()
    try:
        files = [Grammar(f"{SEED}-{index}").case(home) for index in range(FILES)]
        combinations = [
            combination(home, [*names]) for count in (1, 2, 3) for names in itertools.combinations(SOURCES, count)
        ]
    finally:
        shutil.rmtree(home)
    env = {"HOME": "/home/jo/", "X": "/x$HOME", "X_1": ""}
    with mock.patch.dict(os.environ, env, clear=True):
        paths = [path(Grammar(f"path-{index}")) for index in range(300)]
    made = {
        "made": "by make-botocore-files.py beside this file: botocore " + botocore.__version__,
        "pathEnv": env,
        "paths": paths,
        "words": [words(Grammar(f"words-{index}")) for index in range(600)],
        "combinations": combinations,
        "files": files,
    }
    # No time stamp and no file name: the same bytes each time.
    with open(target, "wb") as raw, gzip.GzipFile(fileobj=raw, mode="wb", mtime=0, compresslevel=9, filename="") as file:
        file.write(json.dumps(made, separators=(",", ":"), ensure_ascii=False).encode())
    refused = [case["refused"] for case in files if "refused" in case]
    print(f"{len(files)} files, {len(refused)} refused; {len(combinations)} combinations", file=sys.stderr)


main(sys.argv[1])
