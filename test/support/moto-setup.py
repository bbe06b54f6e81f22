# moto's RDS, Secrets Manager and IAM, with an instance whose master password RDS manages: prints as JSON where it listens and what there is;
# then for each line of stdin what has become of it. Ends with stdin.
import json
import sys

import boto3
from moto.server import ThreadedMotoServer

server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
host, port = server.get_host_and_port()
endpoint = f"http://{host}:{port}"
keys = {"aws_access_key_id": "AKIAIOSFODNN7EXAMPLE", "aws_secret_access_key": "x" * 40}


def client(service):
    return boto3.client(service, region_name="eu-west-1", endpoint_url=endpoint, **keys)


rds, iam, secrets = client("rds"), client("iam"), client("secretsmanager")
made = rds.create_db_instance(
    DBInstanceIdentifier="inventory",
    DBInstanceClass="db.t3.micro",
    Engine="postgres",
    DBName="inventory",
    MasterUsername="admin",
    ManageMasterUserPassword=True,
)["DBInstance"]
secret = made["MasterUserSecret"]["SecretArn"]
value = json.loads(secrets.get_secret_value(SecretId=secret)["SecretString"])
iam.create_role(RoleName="db-reader", AssumeRolePolicyDocument="{}")
iam.create_user(UserName="jane")


def host_of(instance):
    return instance["Endpoint"]["Address"]


def state():
    (instance,) = rds.describe_db_instances(DBInstanceIdentifier="inventory")["DBInstances"]
    policies = {}
    for name in iam.list_role_policies(RoleName="db-reader")["PolicyNames"]:
        found = iam.get_role_policy(RoleName="db-reader", PolicyName=name)
        policies[name] = found["PolicyDocument"]
    for name in iam.list_user_policies(UserName="jane")["PolicyNames"]:
        found = iam.get_user_policy(UserName="jane", PolicyName=name)
        policies[name] = found["PolicyDocument"]
    return {
        "endpoint": endpoint,
        "host": host_of(instance),
        "resourceId": instance["DbiResourceId"],
        "iam": instance["IAMDatabaseAuthenticationEnabled"],
        "secret": secret,
        "password": value["password"],
        "policies": policies,
    }


print(json.dumps(state()), flush=True)
for line in sys.stdin:
    print(json.dumps(state()), flush=True)
server.stop()
