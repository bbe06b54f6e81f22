# Makes botocore-sso-names.json: config files with an SSO profile, and the names of the files that the AWS CLI keeps the token
# and the client's registration of each in. The command, from the project's root, with Debian 13's awscli 2.23.6 unpacked:
#
#     apt-get download awscli && dpkg -x awscli_2.23.6-1_all.deb aws && PYTHONPATH=aws/usr/lib/python3/dist-packages \
#         python3 test/aws/make-botocore-sso-names.py > test/aws/botocore-sso-names.json
import json
import os
import sys
import tempfile
import types

import awscli
import awscli.botocore.session
from awscli.customizations.sso.login import LoginCommand
from awscli.botocore.utils import SSOTokenFetcher

START = "https://d-0123456789.awsapps.com/start"
REGION = "sso_region = eu-central-1"

# The name of the [sso-session], the lines in it; None for a profile of the older form, which has the lines itself.
CASES = [
    ("corp", [f"sso_start_url = {START}", REGION]),
    ("corp", [f"sso_start_url = {START}/", REGION]),
    ("corp", [f"sso_start_url = {START}/#/", REGION]),
    ("corp", [f"sso_start_url = {START}", "sso_region = us-east-1"]),
    ("corp", [f"sso_start_url = {START}", REGION, "sso_registration_scopes = sso:account:access"]),
    ("corp", [f"sso_start_url = {START}", REGION, "sso_registration_scopes = sso:account:access,openid"]),
    ("corp", [f"sso_start_url = {START}", REGION, "sso_registration_scopes = openid , sso:account:access"]),
    ("corp", [f"sso_start_url = {START}", REGION, "sso_registration_scopes = openid,,sso:account:access,"]),
    ("corp", [f"sso_start_url = {START}", REGION, "sso_registration_scopes = sso:account:access,sso:account:access"]),
    ("corp", [f"sso_start_url = {START}", REGION, "sso_registration_scopes ="]),
    ("corp", [f"sso_start_url = {START}", REGION, "sso_registration_scopes = ,"]),
    ("my corp", [f"sso_start_url = {START}", REGION]),
    ("two  blanks", [f"sso_start_url = {START}", REGION]),
    ("Größe-日本", [f"sso_start_url = {START}", REGION]),
    ("smile-\U0001F600", [f"sso_start_url = {START}", REGION]),
    ("it's", [f"sso_start_url = {START}", REGION]),
    ("back\\slash", [f"sso_start_url = {START}", REGION]),
    ("a/b:c", [f"sso_start_url = {START}", REGION]),
    ("corp.eu-1_2@x", ["sso_start_url = https://corp.awsapps.com/start", "sso_region = us-gov-west-1"]),
    ("corp", [f"SSO_START_URL = {START}", "Sso_Region = eu-central-1"]),
    ("corp", [f"sso_start_url={START}  ", "sso_region=  eu-central-1  "]),
    ("corp", ["sso_start_url = https://größe.example.com/start", REGION]),
    (None, [f"sso_start_url = {START}", REGION]),
    (None, [f"sso_start_url = {START}/", REGION]),
    (None, [f"sso_start_url = {START}#/", REGION]),
    (None, ["sso_start_url = https://größe.example.com/start", REGION]),
]


def config(name, lines):
    account = ["sso_account_id = 123456789012", "sso_role_name = DatabaseReader", ""]
    if name is None:
        return "\n".join(["[profile it]", *lines, *account])
    heading = f"[sso-session {name}]" if name == "corp" else f'[sso-session "{name}"]'
    return "\n".join([heading, *lines, "", "[profile it]", f"sso_session = {name}", *account])


def names(text):
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "config")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        os.environ.update(AWS_CONFIG_FILE=path, AWS_SHARED_CREDENTIALS_FILE="/nonexistent", AWS_PROFILE="it")
        session = awscli.botocore.session.Session()
        found = LoginCommand(session)._get_sso_config()
    fetcher = SSOTokenFetcher(found["sso_region"], session.create_client, types.SimpleNamespace(verify_ssl=True))
    url, name = found["sso_start_url"], found.get("session_name")
    return {
        "session": name,
        "startUrl": url,
        "region": found["sso_region"],
        "scopes": found.get("registration_scopes"),
        "token": fetcher._token_cache_key(url, name),
        "registration": fetcher._registration_cache_key(url, name, found.get("registration_scopes")),
    }


made = [{"config": text, **names(text)} for text in (config(*case) for case in CASES)]
json.dump({"awscli": awscli.__version__, "cases": made}, sys.stdout, ensure_ascii=False, indent=1)
sys.stdout.write("\n")
