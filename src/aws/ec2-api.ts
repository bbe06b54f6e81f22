// What rdsiam asks EC2: the instances that could carry a connection, and the EC2 Instance Connect Endpoints that lead to them.
// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstances.html
// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstanceConnectEndpoints.html

import { type AwsCaller, rdsError } from "./rds-client.ts";
import { type AnswerNode, elements, queryCall, text } from "./signed-call.ts";

const PAGE = "1000"; // the most that EC2 gives at once

/** An instance, as far as it matters here. */
export interface Ec2Instance {
  readonly id: string;
  /** Its Name tag. */
  readonly name: string | undefined;
  /** `running`, `stopped`, ... */
  readonly state: string;
  readonly vpc: string | undefined;
  readonly subnet: string | undefined;
  readonly zone: string | undefined;
  /** Its private IPv4 address. */
  readonly address: string | undefined;
}

/** An EC2 Instance Connect Endpoint. */
export interface ConnectEndpoint {
  readonly id: string;
  readonly dnsName: string;
  readonly subnet: string | undefined;
}

/** A condition: a filter's name, and values of which one must match; `*` and `?` are wildcards. */
export type Ec2Filter = readonly [name: string, ...values: string[]];

/** The instances that all filters match. */
export async function describeInstances(
  caller: AwsCaller,
  filters: readonly Ec2Filter[],
  ways: string,
): Promise<readonly Ec2Instance[]> {
  const pages = await describePages(caller, { action: "DescribeInstances", filters }, ways);
  return pages
    .flatMap((page) => elements(page, "reservationSet", "item", "instancesSet", "item"))
    .map((instance) => ({
      id: text(instance, "instanceId") ?? "",
      name: nameTag(instance),
      state: text(instance, "instanceState", "name") ?? "",
      vpc: text(instance, "vpcId"),
      subnet: text(instance, "subnetId"),
      zone: text(instance, "placement", "availabilityZone"),
      address: text(instance, "privateIpAddress"),
    }));
}

// As the AWS CLI has them: one that is being changed still works.
const USABLE = ["create-complete", "update-in-progress", "update-failed", "update-complete"];

/** The endpoints of a VPC that can be used. */
export async function describeConnectEndpoints(
  caller: AwsCaller,
  vpc: string,
  ways: string,
): Promise<readonly ConnectEndpoint[]> {
  const action = "DescribeInstanceConnectEndpoints";
  const filters: readonly Ec2Filter[] = [
    ["vpc-id", vpc],
    ["state", ...USABLE],
  ];
  const pages = await describePages(caller, { action, filters }, ways);
  return pages
    .flatMap((page) => elements(page, "instanceConnectEndpointSet", "item"))
    .map((endpoint) => ({
      id: text(endpoint, "instanceConnectEndpointId") ?? "",
      dnsName: text(endpoint, "dnsName") ?? "",
      subnet: text(endpoint, "subnetId"),
    }));
}

interface Ec2Query {
  readonly action: string;
  readonly filters: readonly Ec2Filter[];
}

async function describePages(
  caller: AwsCaller,
  { action, filters }: Ec2Query,
  ways: string,
): Promise<readonly AnswerNode[]> {
  const pages: AnswerNode[] = [];
  let next: string | undefined;
  try {
    do {
      const words: Record<string, string> = { MaxResults: PAGE };
      for (const [index, [name, ...values]] of filters.entries()) {
        words[`Filter.${index + 1}.Name`] = name;
        values.forEach((value, at) => (words[`Filter.${index + 1}.Value.${at + 1}`] = value));
      }
      if (next !== undefined) words["NextToken"] = next;
      const page = await queryCall(caller, { service: "ec2", action }, words);
      pages.push(page);
      next = text(page, "nextToken") || undefined;
    } while (next !== undefined);
  } catch (error) {
    throw rdsError(error, caller, { service: "ec2", action, ways });
  }
  return pages;
}

function nameTag(instance: AnswerNode): string | undefined {
  const tag = elements(instance, "tagSet", "item").find((each) => text(each, "key") === "Name");
  return text(tag, "value") || undefined;
}
