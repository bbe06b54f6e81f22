# moto's server with one of three scenes in it (redshift, setup, vpc): for each line of stdin prints as JSON where it listens and what
# there is then. Ends with stdin.
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


# A cluster.
def redshift():
    client("redshift").create_cluster(
        ClusterIdentifier="dwh",
        DBName="sales",
        NodeType="ra3.large",
        MasterUsername="admin",
        MasterUserPassword="Admin1234",
        Tags=[{"Key": "env", "Value": "prod"}],
    )
    return lambda: {}


# An instance whose master password RDS manages, and a role and a user of IAM.
def setup():
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

    def policies(names, get, **whose):
        return {
            name: get(PolicyName=name, **whose)["PolicyDocument"]
            for name in names(**whose)["PolicyNames"]
        }

    def state():
        (instance,) = rds.describe_db_instances(DBInstanceIdentifier="inventory")["DBInstances"]
        return {
            "host": instance["Endpoint"]["Address"],
            "resourceId": instance["DbiResourceId"],
            "iam": instance["IAMDatabaseAuthenticationEnabled"],
            "secret": secret,
            "password": value["password"],
            "policies": {
                **policies(iam.list_role_policies, iam.get_role_policy, RoleName="db-reader"),
                **policies(iam.list_user_policies, iam.get_user_policy, UserName="jane"),
            },
        }

    return state


# A VPC with a database and instances, and another one.
def vpc():
    ec2, rds = client("ec2"), client("rds")
    image = ec2.describe_images()["Images"][0]["ImageId"]

    def make_subnet(vpc, net, zone):
        made = ec2.create_subnet(VpcId=vpc, CidrBlock=net, AvailabilityZone=zone)
        return made["Subnet"]["SubnetId"]

    def run(subnet, name):
        tags = [{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": name}]}]
        made = ec2.run_instances(
            ImageId=image, MinCount=1, MaxCount=1, SubnetId=subnet, TagSpecifications=tags
        )
        return made["Instances"][0]["InstanceId"]

    own = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    other = ec2.create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]
    a = make_subnet(own, "10.0.1.0/24", "eu-west-1a")
    b = make_subnet(own, "10.0.2.0/24", "eu-west-1b")
    public = make_subnet(own, "10.0.3.0/24", "eu-west-1a")
    elsewhere = make_subnet(other, "10.1.1.0/24", "eu-west-1a")
    rds.create_db_subnet_group(
        DBSubnetGroupName="data", DBSubnetGroupDescription="data", SubnetIds=[a, b]
    )
    rds.create_db_instance(
        DBInstanceIdentifier="db1",
        DBInstanceClass="db.t3.micro",
        Engine="postgres",
        AvailabilityZone="eu-west-1a",
        DBSubnetGroupName="data",
        PubliclyAccessible=False,
    )
    instances = {
        "far": run(b, "web <1>"),
        "zone": run(public, "bastion-1"),
        "subnet": run(a, "jobs"),
        "stopped": run(a, "old"),
        "other": run(elsewhere, "bastion-2"),
    }
    ec2.stop_instances(InstanceIds=[instances["stopped"]])
    return lambda: {"vpc": own, "other": other, "instances": instances}


state = {"redshift": redshift, "setup": setup, "vpc": vpc}[sys.argv[1]]()
for _ in sys.stdin:
    print(json.dumps({"endpoint": endpoint, **state()}), flush=True)
server.stop()
