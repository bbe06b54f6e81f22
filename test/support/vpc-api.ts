// A stand-in for EC2 and Systems Manager: instances of a Region with their agents, each request's signature verified, and answers
// in pages. It can refuse single actions, as IAM does, and sessions on single instances.
// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstances.html
import type { Buffer } from "node:buffer";
import { createServer, type IncomingMessage } from "node:http";
import { buffer } from "node:stream/consumers";
import type { KeyStore } from "../../src/demo/keys.ts";
import { verifyAuthorization } from "../../src/demo/sigv4.ts";
import { listen, type Running } from "./listen.ts";

/** An instance, and its agent where Systems Manager knows one. */
export interface StandInInstance {
  readonly id: string;
  readonly vpc: string;
  readonly subnet: string;
  readonly zone: string;
  readonly address?: string;
  state?: string;
  readonly tags?: Readonly<Record<string, string>>;
  agent?: { readonly status: string; readonly version?: string } | undefined;
}

/** An EC2 Instance Connect Endpoint. */
export interface StandInConnectEndpoint {
  readonly id: string;
  readonly vpc: string;
  readonly subnet: string;
  readonly state?: string;
}

/** The running stand-in; all of it may be changed meanwhile. */
export interface VpcApi extends Running {
  /** For AWS_ENDPOINT_URL_EC2 and AWS_ENDPOINT_URL_SSM. */
  readonly endpoint: string;
  readonly instances: StandInInstance[];
  readonly connectEndpoints: StandInConnectEndpoint[];
  /** `ACTION`: not authorized. */
  readonly denied: Set<string>;
  /** The error of a session on an instance. */
  readonly refusals: Map<string, string>;
  /** The actions that were asked for, and of StartSession the instance. */
  readonly calls: string[];
  /** How many of the next requests to EC2 are throttled. */
  throttled: number;
}

interface ApiReply {
  readonly status: number;
  readonly text: string;
}

const PAGE = 2; // small, so that answers come in pages

/** Starts it on a free loopback port. */
export async function startVpcApi(keys: KeyStore): Promise<VpcApi> {
  const server = createServer((request, response) => {
    void buffer(request).then((body) => {
      const { status, text } = answer(request, body);
      response.writeHead(status, { date: new Date().toUTCString() }).end(text);
    });
  });
  const running = await listen(server);
  const api: VpcApi = {
    ...running,
    endpoint: `http://127.0.0.1:${running.port}`,
    instances: [],
    connectEndpoints: [],
    denied: new Set(),
    refusals: new Map(),
    calls: [],
    throttled: 0,
  };
  const answer = (request: IncomingMessage, body: Buffer): ApiReply => {
    const headers = new Map(
      Object.entries(request.headers).map(([name, value]) => [name, String(value)] as const),
    );
    const target = headers.get("x-amz-target");
    const service = target === undefined ? "ec2" : "ssm";
    const verdict = verifyAuthorization(
      { method: "POST", path: request.url ?? "/", query: "", headers, body },
      { service, region: "eu-west-1", find: (id) => keys.find(id), now: new Date() },
    );
    if (!verdict.ok) return ec2Failure(401, "AuthFailure", verdict.reason);
    return target === undefined
      ? ec2(api, new URLSearchParams(body.toString()))
      : ssm(api, target, JSON.parse(body.toString()));
  };
  return api;
}

function ec2(api: VpcApi, words: URLSearchParams): ApiReply {
  const action = words.get("Action") ?? "";
  if (api.throttled > 0) {
    api.throttled -= 1;
    return ec2Failure(503, "RequestLimitExceeded", "Request limit exceeded.");
  }
  api.calls.push(action);
  if (api.denied.has(action)) {
    const text = `You are not authorized to perform this operation. User: X is not authorized to perform: ec2:${action} because no identity-based policy allows the ec2:${action} action. Encoded authorization failure message: ${"x".repeat(900)}`;
    return ec2Failure(403, "UnauthorizedOperation", text);
  }
  const isEndpoints = action === "DescribeInstanceConnectEndpoints";
  const chosen = isEndpoints
    ? api.connectEndpoints.filter((each) => isWanted(each, words)).map(endpointXml)
    : api.instances.filter((each) => isWanted(each, words)).map(reservationXml);
  const start = Number(words.get("NextToken") ?? 0);
  const page = chosen.slice(start, start + PAGE);
  const next = start + PAGE < chosen.length ? `<nextToken>${start + PAGE}</nextToken>` : "";
  const list = isEndpoints ? "instanceConnectEndpointSet" : "reservationSet";
  const set = `<${list}>${page.map((each) => `<item>${each}</item>`).join("")}</${list}>`;
  const body = `<requestId>r</requestId>${set}${next}`;
  const xmlns = "http://ec2.amazonaws.com/doc/2016-11-15/";
  const text = `<?xml version="1.0" encoding="UTF-8"?>\n<${action}Response xmlns="${xmlns}">${body}</${action}Response>`;
  return { status: 200, text };
}

type Described = StandInInstance | StandInConnectEndpoint;

function isWanted(described: Described, words: URLSearchParams): boolean {
  const { state = "create-complete", vpc } = described;
  const tags = "tags" in described ? described.tags : {};
  for (let index = 1; words.has(`Filter.${index}.Name`); index += 1) {
    const name = words.get(`Filter.${index}.Name`) ?? "";
    const own =
      {
        "vpc-id": vpc,
        "instance-id": described.id,
        state,
      }[name] ?? (name.startsWith("tag:") ? tags?.[name.slice(4)] : undefined);
    const patterns: string[] = [];
    for (let at = 1; words.has(`Filter.${index}.Value.${at}`); at += 1) {
      patterns.push(words.get(`Filter.${index}.Value.${at}`) ?? "");
    }
    if (own === undefined || !patterns.some((pattern) => matches(own, pattern))) return false;
  }
  return true;
}

function matches(text: string, pattern: string): boolean {
  const escaped = pattern.replaceAll(/[.+^${}()|[\]\\]/g, String.raw`\$&`);
  return new RegExp(`^${escaped.replaceAll("*", ".*").replaceAll("?", ".")}$`, "s").test(text);
}

function endpointXml({ id, subnet, vpc }: StandInConnectEndpoint): string {
  return [
    `<instanceConnectEndpointId>${id}</instanceConnectEndpointId>`,
    `<dnsName>${id}.0123abcd.ec2-instance-connect-endpoint.eu-west-1.amazonaws.com</dnsName>`,
    `<vpcId>${vpc}</vpcId><subnetId>${subnet}</subnetId><state>create-complete</state>`,
  ].join("");
}

function reservationXml(instance: StandInInstance): string {
  const { address = "10.0.0.9", id, state = "running", subnet, tags = {}, vpc, zone } = instance;
  const items = Object.entries(tags).map(
    ([key, value]) => `<item><key>${escape(key)}</key><value>${escape(value)}</value></item>`,
  );
  const parts = [
    `<instanceId>${id}</instanceId>`,
    `<instanceState><code>16</code><name>${state}</name></instanceState>`,
    `<placement><availabilityZone>${zone}</availabilityZone><groupName/></placement>`,
    `<vpcId>${vpc}</vpcId><subnetId>${subnet}</subnetId><privateIpAddress>${address}</privateIpAddress>`,
    items.length === 0 ? "" : `<tagSet>${items.join("")}</tagSet>`,
  ];
  return `<instancesSet><item>${parts.join("")}</item></instancesSet>`;
}

function ssm(api: VpcApi, target: string, request: Readonly<Record<string, unknown>>): ApiReply {
  const action = target.replace("AmazonSSM.", "");
  const { Target: id } = request;
  api.calls.push(typeof id === "string" ? `${action} ${id}` : action);
  if (api.denied.has(action)) {
    return json(400, {
      __type: "AccessDeniedException",
      Message: `User: X is not authorized to perform: ssm:${action} on resource: *`,
    });
  }
  if (action === "DescribeInstanceInformation") return json(200, describeAgents(api, request));
  const instance = api.instances.find((each) => each.id === id);
  const isOnline = instance?.agent?.status === "Online";
  const refusal = api.refusals.get(String(id)) ?? (isOnline ? undefined : "TargetNotConnected");
  if (refusal !== undefined) return json(400, { __type: refusal, Message: `${String(id)}: no.` });
  const StreamUrl = "wss://ssmmessages.eu-west-1.amazonaws.com/v1/data-channel/demo";
  return json(200, { SessionId: `demo-${String(id)}`, TokenValue: "demo-token", StreamUrl });
}

interface AgentFilter {
  readonly Key: string;
  readonly Values: readonly string[];
}

/** The answer to DescribeInstanceInformation. */
export function describeAgents(
  api: Pick<VpcApi, "instances">,
  request: Readonly<Record<string, unknown>>,
) {
  const { Filters = [], NextToken: token = "0" } = request;
  const chosen = api.instances.filter(({ agent, id }) =>
    (Filters as readonly AgentFilter[]).every(({ Key, Values }) =>
      Values.includes((Key === "InstanceIds" ? id : agent?.status) ?? ""),
    ),
  );
  const known = chosen.filter(({ agent }) => agent !== undefined);
  const start = Number(token);
  const InstanceInformationList = known.slice(start, start + PAGE).map(({ id, agent }) => ({
    InstanceId: id,
    PingStatus: agent?.status,
    LastPingDateTime: 1_780_000_000,
    AgentVersion: agent?.version ?? "3.3.2299.0",
    ResourceType: "EC2Instance",
  }));
  const rest = start + PAGE < known.length ? { NextToken: String(start + PAGE) } : {};
  return { InstanceInformationList, ...rest };
}

function ec2Failure(status: number, code: string, message: string): ApiReply {
  const error = `<Error><Code>${code}</Code><Message>${escape(message)}</Message></Error>`;
  return {
    status,
    text: `<?xml version="1.0" encoding="UTF-8"?>\n<Response><Errors>${error}</Errors><RequestID>r</RequestID></Response>`,
  };
}

function json(status: number, body: unknown): ApiReply {
  return { status, text: JSON.stringify(body) };
}

function escape(text: string): string {
  return text.replaceAll(/[&<>"]/g, (char) => `&#${char.charCodeAt(0)};`);
}
