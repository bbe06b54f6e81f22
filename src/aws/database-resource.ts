// Finds the resource id of a database, which is what rds-db:connect is allowed on: db-..., cluster-... or prx-..., never
// the name. Of an instance that belongs to a cluster it is the cluster's.
// https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/UsingWithRDS.IAMDBAuth.IAMPolicy.html

import {
  type DBCluster,
  DescribeDBClustersCommand,
  DescribeDBInstancesCommand,
  DescribeDBProxiesCommand,
  DescribeDBProxyEndpointsCommand,
  DescribeDBShardGroupsCommand,
  paginateDescribeGlobalClusters,
  type RDSClient,
} from "@aws-sdk/client-rds";
import { callRds, notListed, type RdsCaller, takesIam } from "./rds-client.ts";

/** A database as the RDS API knows it. */
export interface DatabaseResource {
  readonly resourceId: string;
  readonly account: string;
  readonly partition: string;
  /** Whether IAM authentication is on. */
  readonly iam: boolean;
  /** The command that switches it on. */
  readonly switchOn: string;
}

interface Found {
  readonly id: string | undefined;
  readonly arn: string | undefined;
  readonly iam: boolean;
  readonly switchOn: string;
}

const WAYS = "Without it, look the resource id up in the RDS console, under Configuration.";

/** Asks the RDS API about the database behind an endpoint; `kind` is an EndpointKind. */
export function databaseResource(
  endpoint: { readonly host: string; readonly kind: string },
  caller: RdsCaller,
): Promise<DatabaseResource> {
  const action = ACTIONS[endpoint.kind] ?? "DescribeDBInstances";
  return callRds(caller, { action, ways: WAYS }, async (client) => {
    const found = await lookUp(client, endpoint);
    // arn:PARTITION:rds:REGION:ACCOUNT:db:NAME
    const [, partition, , , account] = found?.arn?.split(":") ?? [];
    if (found?.id === undefined || partition === undefined || account === undefined) {
      throw notListed(endpoint.host, caller, WAYS);
    }
    const { id: resourceId, iam, switchOn } = found;
    return { resourceId, account, partition, iam, switchOn };
  });
}

const ACTIONS: Readonly<Record<string, string>> = {
  cluster: "DescribeDBClusters",
  reader: "DescribeDBClusters",
  proxy: "DescribeDBProxies",
  "proxy-endpoint": "DescribeDBProxyEndpoints",
  global: "DescribeGlobalClusters",
  shardgroup: "DescribeDBShardGroups",
};

// The part of an endpoint before its first dot is the identifier.
async function lookUp(
  client: RDSClient,
  { host, kind }: { readonly host: string; readonly kind: string },
): Promise<Found | undefined> {
  const [name = ""] = host.split(".");
  switch (kind) {
    case "cluster":
    case "reader":
      return cluster(client, name);
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

async function instance(client: RDSClient, name: string): Promise<Found | undefined> {
  const command = new DescribeDBInstancesCommand({ DBInstanceIdentifier: name });
  const { DBInstances = [] } = await client.send(command);
  const found = DBInstances.find((each) => each.DBInstanceIdentifier === name);
  if (found?.DBClusterIdentifier !== undefined) return cluster(client, found.DBClusterIdentifier);
  return (
    found && {
      id: found.DbiResourceId,
      arn: found.DBInstanceArn,
      iam: found.IAMDatabaseAuthenticationEnabled === true,
      switchOn: `aws rds modify-db-instance --db-instance-identifier ${name} --enable-iam-database-authentication --apply-immediately`,
    }
  );
}

// By its name, or by its ARN.
async function cluster(client: RDSClient, name: string): Promise<Found | undefined> {
  const command = new DescribeDBClustersCommand({ DBClusterIdentifier: name });
  const { DBClusters = [] } = await client.send(command);
  const isIt = ({ DBClusterIdentifier, DBClusterArn }: DBCluster): boolean =>
    DBClusterIdentifier === name || DBClusterArn === name;
  const found = DBClusters.find(isIt);
  return (
    found && {
      id: found.DbClusterResourceId,
      arn: found.DBClusterArn,
      iam: found.IAMDatabaseAuthenticationEnabled === true,
      switchOn: `aws rds modify-db-cluster --db-cluster-identifier ${found.DBClusterIdentifier} --enable-iam-database-authentication --apply-immediately`,
    }
  );
}

async function proxy(client: RDSClient, name: string): Promise<Found | undefined> {
  const { DBProxies = [] } = await client.send(new DescribeDBProxiesCommand({ DBProxyName: name }));
  const found = DBProxies.find(({ DBProxyName }) => DBProxyName === name);
  return (
    found && {
      // arn:aws:rds:REGION:ACCOUNT:db-proxy:prx-...
      id: found.DBProxyArn?.split(":").at(-1),
      arn: found.DBProxyArn,
      iam: takesIam(found),
      switchOn: `aws rds modify-db-proxy --db-proxy-name ${name} --auth ... with IAMAuth=REQUIRED`,
    }
  );
}

async function furtherProxy(client: RDSClient, name: string): Promise<Found | undefined> {
  const command = new DescribeDBProxyEndpointsCommand({ DBProxyEndpointName: name });
  const { DBProxyEndpoints = [] } = await client.send(command);
  const found = DBProxyEndpoints.find((each) => each.DBProxyEndpointName === name);
  return found?.DBProxyName === undefined ? undefined : proxy(client, found.DBProxyName);
}

async function writer(client: RDSClient, host: string): Promise<Found | undefined> {
  for await (const { GlobalClusters = [] } of paginateDescribeGlobalClusters({ client }, {})) {
    const found = GlobalClusters.find(({ Endpoint }) => Endpoint?.toLowerCase() === host);
    const member = found?.GlobalClusterMembers?.find(({ IsWriter }) => IsWriter === true);
    if (member?.DBClusterArn !== undefined) return cluster(client, member.DBClusterArn);
  }
  return undefined;
}

async function shardGroup(client: RDSClient, name: string): Promise<Found | undefined> {
  const command = new DescribeDBShardGroupsCommand({ DBShardGroupIdentifier: name });
  const { DBShardGroups = [] } = await client.send(command);
  const found = DBShardGroups.find((each) => each.DBShardGroupIdentifier === name);
  const owner = found?.DBClusterIdentifier;
  return owner === undefined ? undefined : cluster(client, owner);
}
