# Makes botocore-tokens.json: auth tokens signed by botocore, the library under the AWS CLI, under a fixed clock.
# The access keys are AWS's documentation examples and made-up text. The command, from the project's root:
#
#     pip install botocore==1.43.11 && python3 test/aws/make-botocore-tokens.py > test/aws/botocore-tokens.json
import datetime
import json
import sys
from unittest import mock

import botocore
import botocore.auth
import botocore.session

KEYS = ("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
SESSION = ("ASIAIOSFODNN7EXAMPLE", "je7MtGbClwBF/2Zp9Utk/h3yCo8nvbEXAMPLEKEY")
HASH = "c1a2b3c4d5e6"

HOSTS = [
    (f"db1.{HASH}.us-east-1.rds.amazonaws.com", 5432, "us-east-1"),
    (f"orders.cluster-{HASH}.eu-west-1.rds.amazonaws.com", 5432, "eu-west-1"),
    (f"orders.cluster-ro-{HASH}.eu-west-1.rds.amazonaws.com", 6432, "eu-west-1"),
    (f"pool.proxy-{HASH}.ap-southeast-2.rds.amazonaws.com", 5432, "ap-southeast-2"),
    (f"db1.{HASH}.us-gov-west-1.rds.amazonaws.com", 1, "us-gov-west-1"),
    (f"db1.{HASH}.rds.cn-north-1.amazonaws.com.cn", 65535, "cn-north-1"),
    (f"db1.{HASH}.eusc-de-east-1.rds.amazonaws.eu", 5432, "eusc-de-east-1"),
    (f"g.global-{HASH}.global.rds.amazonaws.com", 5432, "us-west-2"),
    ("db_1.internal", 5432, "me-central-1"),
]
USERS = [
    "app_ro",
    "jane.doe+x@corp",
    "Ünï cödé",
    "a/b&c=d?e#f",
    "007",
    "100% sure",
    "'quoted' \"user\"",
    "tilde~dash-dot.under_",
    "(paren)*star!",
    "日本",
    "a b",
    "x" * 63,
    "back\\slash",
    ":;,@$",
]
TOKENS = [
    None,
    "IQoJb3JpZ2luX2VjEXAMPLE/+==",
    "a+b/c=d&e f%20",
    "T" * 500,
]
# Aurora DSQL: the port is not signed, and of the user only whether it is exactly "admin".
DSQL = "abcdefghijklmnopqrst123456"
DSQL_HOSTS = [
    (f"{DSQL}.dsql.us-east-1.on.aws", "us-east-1"),
    (f"{DSQL}.dsql-fnh4.eu-west-1.on.aws", "eu-west-1"),
    (f"{DSQL[::-1]}.dsql.ap-northeast-1.on.aws", "ap-northeast-1"),
    (f"vpce-0123456789abcdef0-abcdefgh.dsql-fnh4.us-east-2.vpce.amazonaws.com", "us-east-2"),
]
DSQL_USERS = ["admin", "app_ro", "Admin", "admin ", "Ünï cödé"]
CLOCKS = ["2026-11-21T05:06:07Z", "2030-01-01T00:00:00Z", "2028-02-29T23:59:59Z"]


def sign(case):
    access_key, secret_key = SESSION if case["sessionToken"] else KEYS
    session = botocore.session.Session()
    session.set_credentials(access_key, secret_key, case["sessionToken"])
    now = datetime.datetime.strptime(case["now"], "%Y-%m-%dT%H:%M:%SZ")
    client = session.create_client(case["service"], region_name=case["region"])
    with mock.patch.object(botocore.auth, "get_current_datetime", return_value=now):
        if case["service"] == "rds":
            token = client.generate_db_auth_token(case["host"], case["port"], case["user"], case["region"])
        elif case["user"] == "admin":
            token = client.generate_db_connect_admin_auth_token(case["host"], case["region"])
        else:
            token = client.generate_db_connect_auth_token(case["host"], case["region"])
    return {**case, "accessKeyId": access_key, "secretAccessKey": secret_key, "token": token}


def cases():
    number = 0
    for number_of_host, (host, port, region) in enumerate(HOSTS):
        for number_of_user, user in enumerate(USERS):
            # Every host with five users, every user with three hosts or more.
            if (number_of_user + number_of_host) % 3 and user != "app_ro":
                continue
            yield {
                "service": "rds",
                "host": host,
                "port": port,
                "region": region,
                "user": user,
                "sessionToken": TOKENS[number % len(TOKENS)],
                "now": CLOCKS[number % len(CLOCKS)],
            }
            number += 1
    for host, region in DSQL_HOSTS:
        for user in DSQL_USERS:
            yield {
                "service": "dsql",
                "host": host,
                "port": 5432,
                "region": region,
                "user": user,
                "sessionToken": TOKENS[number % len(TOKENS)],
                "now": CLOCKS[number % len(CLOCKS)],
            }
            number += 1


made = [sign(case) for case in cases()]
json.dump({"botocore": botocore.__version__, "cases": made}, sys.stdout, ensure_ascii=False, indent=1)
sys.stdout.write("\n")
