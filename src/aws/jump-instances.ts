// Finds the instances through which Systems Manager can reach a database: those of its VPC whose agent is online, the nearest first.
// EC2 knows where an instance is, Systems Manager whether its agent is connected; only what both show can carry a connection, and
// for each that cannot there is a sentence why.
// https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_DescribeInstanceInformation.html

import {
  type InstanceInformation,
  paginateDescribeInstanceInformation,
  SSMClient,
} from "@aws-sdk/client-ssm";
import { isAbove } from "../ssm/handshake.ts";
import type { DatabaseNetwork } from "./database-network.ts";
import { describeInstances, type Ec2Filter, type Ec2Instance } from "./ec2-api.ts";
import { clientOptions, type AwsCaller, rdsError } from "./rds-client.ts";

/** A tag's key, and its value as EC2 matches it: `*` and `?` are wildcards. */
export interface InstanceTag {
  readonly key: string;
  readonly pattern: string;
}

/** An instance that can carry a connection. */
export interface JumpInstance {
  readonly id: string;
  /** Its Name tag. */
  readonly name: string | undefined;
  /** How near it is to the database. */
  readonly nearness: "subnet" | "zone" | "vpc";
}

/** Why an instance cannot: what is wrong, in the order of how little is missing. */
export type Unfitness = "other-vpc" | "old-agent" | "offline" | "stopped" | "no-agent" | "refused";

/** An instance that cannot. */
export interface UnfitInstance {
  readonly id: string;
  readonly name: string | undefined;
  readonly kind: Unfitness;
  /** Says it, after the instance's name: `is stopped`. */
  readonly why: string;
}

/** What was found. */
export interface FoundInstances {
  /** The nearest first. */
  readonly fit: readonly JumpInstance[];
  readonly unfit: readonly UnfitInstance[];
}

/** Where to look, and for which. */
export interface InstanceSearch {
  readonly network: DatabaseNetwork;
  /** Undefined for any instance of the VPC. */
  readonly tag: InstanceTag | undefined;
  /** Says how to go on without a call that fails. */
  readonly ways: string;
}

const ASKED_AT_ONCE = 50; // instances in one question to Systems Manager, which gives no more in an answer
const MOST_ELSEWHERE = 50; // online instances of other VPCs that are listed
const NEARNESS = ["subnet", "zone", "vpc"] as const;
// AWS-StartPortForwardingSessionToRemoteHost came with it.
// https://docs.aws.amazon.com/systems-manager/latest/userguide/session-manager-working-with-sessions-start.html
const FIRST_AGENT = "3.1.1374.0";

/** Looks for the instances of a database's VPC; a call that fails rejects. */
export async function findJumpInstances(
  caller: AwsCaller,
  { network, tag, ways }: InstanceSearch,
): Promise<FoundInstances> {
  const filter: Ec2Filter =
    tag === undefined ? ["vpc-id", network.vpc] : [`tag:${tag.key}`, tag.pattern];
  const instances = await describeInstances(caller, [filter], ways);
  const known = new Map<string, InstanceInformation>();
  const here = instances.filter(({ vpc, state }) => vpc === network.vpc && state === "running");
  for (let start = 0; start < here.length; start += ASKED_AT_ONCE) {
    const ids = here.slice(start, start + ASKED_AT_ONCE).map(({ id }) => id);
    const filters = [{ Key: "InstanceIds", Values: ids }];
    for (const each of await describeAgents(caller, filters, ways)) {
      known.set(each.InstanceId ?? "", each);
    }
  }
  const fit: JumpInstance[] = [];
  const unfit: UnfitInstance[] = [];
  for (const instance of instances.filter(({ state }) => state !== "terminated")) {
    const problem = problemOf(instance, { network, agent: known.get(instance.id), caller });
    const { id, name } = instance;
    if (problem === undefined) fit.push({ id, name, nearness: nearnessOf(instance, network) });
    else unfit.push({ id, name, ...problem });
  }
  if (fit.length === 0 && tag === undefined) {
    unfit.push(...(await onlineElsewhere(caller, network, ways)));
  }
  const rank = ({ nearness }: JumpInstance): number => NEARNESS.indexOf(nearness);
  return { fit: fit.toSorted((one, other) => rank(one) - rank(other)), unfit };
}

interface Situation {
  readonly network: DatabaseNetwork;
  readonly agent: InstanceInformation | undefined;
  readonly caller: AwsCaller;
}

function problemOf(
  { vpc = "no VPC", state }: Ec2Instance,
  { network, agent, caller }: Situation,
): Pick<UnfitInstance, "kind" | "why"> | undefined {
  if (vpc !== network.vpc) return { kind: "other-vpc", why: `is in ${vpc}` };
  if (state !== "running") return { kind: "stopped", why: `is ${state}` };
  if (agent === undefined) {
    return {
      kind: "no-agent",
      why: `has no agent that is known to Systems Manager in ${caller.region}`,
    };
  }
  if (agent.PingStatus !== "Online") {
    const since = agent.LastPingDateTime?.toISOString().replace(/:\d\d\.\d+Z$/, "Z");
    return {
      kind: "offline",
      why: `is offline${since === undefined ? "" : `: its agent last reported at ${since}`}`,
    };
  }
  if (!isAbove(FIRST_AGENT, agent.AgentVersion ?? FIRST_AGENT)) return undefined;
  const why = `has agent ${agent.AgentVersion}, and ${FIRST_AGENT} is the first that forwards to other hosts`;
  return { kind: "old-agent", why };
}

function nearnessOf(
  { subnet = "", zone = "" }: Ec2Instance,
  { subnets, zones }: DatabaseNetwork,
): JumpInstance["nearness"] {
  if (subnets.has(subnet)) return "subnet";
  return zones.has(zone) ? "zone" : "vpc";
}

// One that a person may know by its name: in a VPC that is connected with the database's it would do.
async function onlineElsewhere(
  caller: AwsCaller,
  { vpc }: DatabaseNetwork,
  ways: string,
): Promise<readonly UnfitInstance[]> {
  const filters = [{ Key: "PingStatus", Values: ["Online"] }];
  const online = await describeAgents(caller, filters, ways, MOST_ELSEWHERE);
  const ids = online.flatMap(({ InstanceId: id = "" }) => (id.startsWith("i-") ? [id] : []));
  if (ids.length === 0) return [];
  const instances = await describeInstances(caller, [["instance-id", ...ids]], ways);
  return instances
    .filter((instance) => instance.vpc !== vpc)
    .map(({ id, name, vpc: other = "no VPC" }) => ({
      id,
      name,
      kind: "other-vpc",
      why: `is in ${other}`,
    }));
}

async function describeAgents(
  caller: AwsCaller,
  Filters: { Key: string; Values: string[] }[],
  ways: string,
  most = Number.POSITIVE_INFINITY,
): Promise<readonly InstanceInformation[]> {
  const client = new SSMClient(await clientOptions("ssm", caller));
  const found: InstanceInformation[] = [];
  try {
    const pages = paginateDescribeInstanceInformation({ client, pageSize: 50 }, { Filters });
    for await (const { InstanceInformationList } of pages) {
      found.push(...(InstanceInformationList ?? []));
      if (found.length >= most) break;
    }
    return found;
  } catch (error) {
    throw rdsError(error, caller, { service: "ssm", action: "DescribeInstanceInformation", ways });
  } finally {
    client.destroy();
  }
}
