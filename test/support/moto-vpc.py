# moto's EC2 and RDS, with a VPC in them: prints as JSON where they listen and what there is, and ends with stdin.
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


vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
other = ec2.create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]
a = make_subnet(vpc, "10.0.1.0/24", "eu-west-1a")
b = make_subnet(vpc, "10.0.2.0/24", "eu-west-1b")
public = make_subnet(vpc, "10.0.3.0/24", "eu-west-1a")
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
found = {"endpoint": endpoint, "vpc": vpc, "other": other, "instances": instances}
print(json.dumps(found), flush=True)
sys.stdin.read()
server.stop()
