// EC2 Instance Connect: an ssh key that an instance takes for a minute, and the endpoints that lead to instances without a public
// address. The URL of a tunnel is made as the AWS CLI makes it.
// https://docs.aws.amazon.com/ec2-instance-connect/latest/APIReference/API_SendSSHPublicKey.html
// https://github.com/aws/aws-cli/blob/v2/awscli/customizations/ec2instanceconnect/eicesigner.py

import { RdsIamError } from "../base/errors.ts";
import type { SocketDial } from "../ssm/websocket.ts";
import { webSocketDial } from "./data-channel.ts";
import { describeConnectEndpoints, describeInstances } from "./ec2-api.ts";
import { configuredEndpoint } from "./endpoints.ts";
import { presignUrl } from "./presign.ts";
import { type AwsCaller, rdsError } from "./rds-client.ts";
import { jsonCall } from "./signed-call.ts";

const SERVICE = "ec2-instance-connect";
const SSH_PORT = "22";
const URL_SECONDS = 60;
const WAYS = "Without it, Instance Connect opens no tunnel; --via ssm needs no ssh.";

/** The way to an instance through an endpoint. */
export interface ConnectRoute {
  readonly endpoint: { readonly id: string; readonly dnsName: string };
  readonly address: string;
}

/** Finds the endpoint that is nearest to an instance; everything that is in the way is an RdsIamError. */
export async function findConnectRoute(instance: string, caller: AwsCaller): Promise<ConnectRoute> {
  const [found] = await describeInstances(caller, [["instance-id", instance]], WAYS);
  const { address, state = "", subnet, vpc } = found ?? {};
  if (state !== "running" || address === undefined || vpc === undefined) {
    throw new RdsIamError(`${instance} cannot be reached by EC2 Instance Connect`, {
      code: "ERR_VIA",
      detail:
        found === undefined
          ? `EC2 returned no such instance in ${caller.region}.`
          : `It is ${state}.`,
      hint:
        state === "stopped"
          ? `Start it: aws ec2 start-instances --instance-ids ${instance}`
          : `Look at it: aws ec2 describe-instances --instance-ids ${instance}`,
    });
  }
  const endpoints = await describeConnectEndpoints(caller, vpc, WAYS);
  const endpoint = endpoints.find((each) => each.subnet === subnet) ?? endpoints[0];
  if (endpoint !== undefined) return { endpoint, address };
  throw new RdsIamError(`there is no EC2 Instance Connect Endpoint in ${vpc}`, {
    code: "ERR_VIA",
    detail: `${instance} is in that VPC, and can be reached only through an endpoint there.`,
    hint: `Create one: aws ec2 create-instance-connect-endpoint --subnet-id ${subnet}`,
  });
}

/** Lets a public key log in as a user of the instance, for a minute. */
export async function sendPublicKey(
  key: { readonly instance: string; readonly user: string; readonly publicKey: string },
  caller: AwsCaller,
): Promise<void> {
  const call = { service: SERVICE, action: "SendSSHPublicKey" } as const;
  const request = {
    InstanceId: key.instance,
    InstanceOSUser: key.user,
    SSHPublicKey: key.publicKey,
  };
  try {
    await jsonCall(caller, call, request);
  } catch (error) {
    throw rdsError(error, caller, { ...call, ways: WAYS });
  }
}

/** How the WebSocket of a new tunnel is dialed; its URL is a secret, and good for a minute. */
export async function connectDial(
  { address, endpoint }: ConnectRoute,
  caller: AwsCaller,
): Promise<SocketDial> {
  const { calls, credentials, region } = caller;
  // Without TLS only where the API itself is called without.
  const configured = configuredEndpoint(SERVICE, calls);
  const own = configured?.startsWith("http:") ? configured : `https://${endpoint.dnsName}`;
  const url = await presignUrl(await credentials(), {
    endpoint: own.replace(/\/+$/, ""),
    service: SERVICE,
    region,
    path: "/openTunnel",
    query: {
      instanceConnectEndpointId: endpoint.id,
      remotePort: SSH_PORT,
      privateIpAddress: address,
    },
    seconds: URL_SECONDS,
  });
  return webSocketDial(url.replace(/^http/, "ws"), calls);
}
