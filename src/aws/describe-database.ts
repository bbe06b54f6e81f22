// Looks a database up in the RDS API by its endpoint: the instance, cluster or RDS Proxy that has it.
// https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_Operations.html

import {
  type DBCluster,
  type DBInstance,
  type DBProxy,
  type DBProxyEndpoint,
  DescribeDBClustersCommand,
  DescribeDBInstancesCommand,
  DescribeDBProxiesCommand,
  DescribeDBProxyEndpointsCommand,
  DescribeDBShardGroupsCommand,
  paginateDescribeGlobalClusters,
  type RDSClient,
} from "@aws-sdk/client-rds";

/** What the RDS API has of a database. */
export type DescribedDatabase =
  | { readonly kind: "instance"; readonly instance: DBInstance }
  | { readonly kind: "cluster"; readonly cluster: DBCluster }
  | {
      readonly kind: "proxy";
      readonly proxy: DBProxy;
      /** The further endpoint that was asked for. */
      readonly endpoint?: DBProxyEndpoint | undefined;
    };

type OfKind<K> = Extract<DescribedDatabase, { readonly kind: K }>;

/** An endpoint's name and its EndpointKind. */
export interface EndpointName {
  readonly host: string;
  readonly kind: string;
}

const ACTIONS: Readonly<Record<string, string>> = {
  cluster: "DescribeDBClusters",
  reader: "DescribeDBClusters",
  proxy: "DescribeDBProxies",
  "proxy-endpoint": "DescribeDBProxyEndpoints",
  global: "DescribeGlobalClusters",
  shardgroup: "DescribeDBShardGroups",
};

/** The first call that looks up an endpoint of a kind. */
export function describeAction(kind: string): string {
  return ACTIONS[kind] ?? "DescribeDBInstances";
}

/** The database behind an endpoint; undefined where the API does not list it. */
export async function describeDatabase(
  client: RDSClient,
  { host, kind }: EndpointName,
): Promise<DescribedDatabase | undefined> {
  // The part of an endpoint before its first dot is the identifier.
  const [name = ""] = host.split(".");
  switch (kind) {
    case "cluster":
    case "reader":
      return describeCluster(client, name);
    case "proxy":
      return proxy(client, name);
    case "proxy-endpoint":
      return furtherProxy(client, name);
    case "global":
      return writer(client, host);
    case "shardgroup":
      return shardGroup(client, name);
    default:
      return instance(client, name);
  }
}

async function instance(client: RDSClient, name: string): Promise<DescribedDatabase | undefined> {
  const command = new DescribeDBInstancesCommand({ DBInstanceIdentifier: name });
  const { DBInstances = [] } = await client.send(command);
  const found = DBInstances.find((each) => each.DBInstanceIdentifier === name);
  return found && { kind: "instance", instance: found };
}

/** The cluster with this name, or this ARN. */
export async function describeCluster(
  client: RDSClient,
  name: string,
): Promise<OfKind<"cluster"> | undefined> {
  const command = new DescribeDBClustersCommand({ DBClusterIdentifier: name });
  const { DBClusters = [] } = await client.send(command);
  const isIt = ({ DBClusterIdentifier, DBClusterArn }: DBCluster): boolean =>
    DBClusterIdentifier === name || DBClusterArn === name;
  const found = DBClusters.find(isIt);
  return found && { kind: "cluster", cluster: found };
}

async function proxy(client: RDSClient, name: string): Promise<OfKind<"proxy"> | undefined> {
  const { DBProxies = [] } = await client.send(new DescribeDBProxiesCommand({ DBProxyName: name }));
  const found = DBProxies.find(({ DBProxyName }) => DBProxyName === name);
  return found && { kind: "proxy", proxy: found };
}

async function furtherProxy(
  client: RDSClient,
  name: string,
): Promise<DescribedDatabase | undefined> {
  const command = new DescribeDBProxyEndpointsCommand({ DBProxyEndpointName: name });
  const { DBProxyEndpoints = [] } = await client.send(command);
  const endpoint = DBProxyEndpoints.find((each) => each.DBProxyEndpointName === name);
  if (endpoint?.DBProxyName === undefined) return undefined;
  const found = await proxy(client, endpoint.DBProxyName);
  return found && { ...found, endpoint };
}

async function writer(client: RDSClient, host: string): Promise<DescribedDatabase | undefined> {
  for await (const { GlobalClusters = [] } of paginateDescribeGlobalClusters({ client }, {})) {
    const found = GlobalClusters.find(({ Endpoint }) => Endpoint?.toLowerCase() === host);
    const member = found?.GlobalClusterMembers?.find(({ IsWriter }) => IsWriter === true);
    if (member?.DBClusterArn !== undefined) return describeCluster(client, member.DBClusterArn);
  }
  return undefined;
}

async function shardGroup(client: RDSClient, name: string): Promise<DescribedDatabase | undefined> {
  const command = new DescribeDBShardGroupsCommand({ DBShardGroupIdentifier: name });
  const { DBShardGroups = [] } = await client.send(command);
  const found = DBShardGroups.find((each) => each.DBShardGroupIdentifier === name);
  const owner = found?.DBClusterIdentifier;
  return owner === undefined ? undefined : describeCluster(client, owner);
}
