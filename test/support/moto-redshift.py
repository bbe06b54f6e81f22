# moto's Redshift, with a cluster in it: prints where it listens, and ends with stdin.
import sys

import boto3
from moto.server import ThreadedMotoServer

server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
host, port = server.get_host_and_port()
endpoint = f"http://{host}:{port}"
redshift = boto3.client(
    "redshift",
    region_name="eu-west-1",
    endpoint_url=endpoint,
    aws_access_key_id="AKIAIOSFODNN7EXAMPLE",
    aws_secret_access_key="x" * 40,
)
redshift.create_cluster(
    ClusterIdentifier="dwh",
    DBName="sales",
    NodeType="ra3.large",
    MasterUsername="admin",
    MasterUserPassword="Admin1234",
    Tags=[{"Key": "env", "Value": "prod"}],
)
print(endpoint, flush=True)
sys.stdin.read()
server.stop()
