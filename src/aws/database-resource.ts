// What the RDS API has of the database behind an endpoint. Its resource id is what rds-db:connect is allowed on: db-..., cluster-...
// or prx-..., never the name. Of an instance that belongs to a cluster all is the cluster's.
// https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/UsingWithRDS.IAMDBAuth.IAMPolicy.html

import type { DBCluster, DBInstance, RDSClient } from "@aws-sdk/client-rds";
import {
  type DescribedDatabase,
  describeAction,
  describeCluster,
  describeDatabase,
  type EndpointName,
} from "./describe-database.ts";
import { callRds, notListed, type AwsCaller, takesIam } from "./rds-client.ts";

/** A database as the RDS API knows it. */
export interface DatabaseResource {
  readonly kind: DescribedDatabase["kind"];
  /** Its identifier. */
  readonly name: string;
  readonly resourceId: string;
  readonly account: string;
  readonly partition: string;
  /** Whether IAM authentication is on. */
  readonly iam: boolean;
  /** Whether it is being switched, or is off and the database in no state for a change. */
  readonly isChanging: boolean;
  /** The command that switches it on. */
  readonly switchOn: string;
  /** Whether the endpoint is its own, and not one of another account with the same name. */
  readonly isOwnEndpoint: boolean;
  readonly masterUser?: string | undefined;
  /** The ARN of the secret in which RDS keeps the master user's password. */
  readonly masterSecret?: string | undefined;
  /** Whether it is of Aurora's express configuration, whose master user logs in with IAM alone. */
  readonly isExpress: boolean;
}

const WAYS = "Without it, look up the resource ID in the RDS console, under Configuration.";

/** Asks the RDS API about the database behind an endpoint; `ways` says how to go on without it. */
export function databaseResource(
  endpoint: EndpointName,
  caller: AwsCaller,
  ways = WAYS,
): Promise<DatabaseResource> {
  const action = describeAction(endpoint.kind);
  return callRds(caller, { action, ways }, async (client) => {
    const named = await describeDatabase(client, endpoint);
    const found = await owner(client, named);
    if (found === undefined) throw notListed(endpoint.host, caller, ways);
    const { id: resourceId, arn, ...known } = resource(found);
    // arn:PARTITION:rds:REGION:ACCOUNT:db:NAME
    const [, partition, , , account] = arn?.split(":") ?? [];
    if (resourceId === undefined || partition === undefined || account === undefined) {
      throw notListed(endpoint.host, caller, ways);
    }
    const isOwnEndpoint = named !== undefined && hasEndpoint(named, endpoint);
    return { ...known, kind: found.kind, resourceId, account, partition, isOwnEndpoint };
  });
}

async function owner(
  client: RDSClient,
  found: DescribedDatabase | undefined,
): Promise<DescribedDatabase | undefined> {
  const cluster = found?.kind === "instance" ? found.instance.DBClusterIdentifier : undefined;
  return cluster === undefined ? found : describeCluster(client, cluster);
}

function hasEndpoint(found: DescribedDatabase, { host, kind }: EndpointName): boolean {
  // A global one was found by its name, and a shard group leads to its cluster.
  if (found.kind === "proxy" || kind === "global" || kind === "shardgroup") return true;
  const hosts =
    found.kind === "instance"
      ? [found.instance.Endpoint?.Address]
      : [found.cluster.Endpoint, found.cluster.ReaderEndpoint];
  return hosts.some((each) => each?.toLowerCase() === host);
}

function resource(found: DescribedDatabase) {
  switch (found.kind) {
    case "instance": {
      const { DBInstanceIdentifier: name = "", ...instance } = found.instance;
      return {
        name,
        id: instance.DbiResourceId,
        arn: instance.DBInstanceArn,
        ...ofServer(instance, instance.DBInstanceStatus),
        switchOn: `aws rds modify-db-instance --db-instance-identifier ${name} --enable-iam-database-authentication --apply-immediately`,
      };
    }
    case "cluster": {
      const { DBClusterIdentifier: name = "", ...cluster } = found.cluster;
      return {
        name,
        id: cluster.DbClusterResourceId,
        arn: cluster.DBClusterArn,
        ...ofServer(cluster, cluster.Status),
        isExpress: cluster.VPCNetworkingEnabled === false,
        switchOn: `aws rds modify-db-cluster --db-cluster-identifier ${name} --enable-iam-database-authentication --apply-immediately`,
      };
    }
    case "proxy": {
      const { DBProxyArn: arn, DBProxyName: name = "" } = found.proxy;
      return {
        name,
        // arn:aws:rds:REGION:ACCOUNT:db-proxy:prx-...
        id: arn?.split(":").at(-1),
        arn,
        iam: takesIam(found.proxy),
        isChanging: false,
        isExpress: false,
        switchOn: `aws rds modify-db-proxy --db-proxy-name ${name} --auth ... with IAMAuth=REQUIRED`,
      };
    }
  }
}

// The states in which nothing is being changed, and a change is accepted.
const STEADY = /^(?:available|storage-optimization|backing-up)$/;

const SWITCHING = /^configuring-iam-database-auth/;

function ofServer(
  server: Pick<
    DBInstance & DBCluster,
    | "IAMDatabaseAuthenticationEnabled"
    | "MasterUserSecret"
    | "MasterUsername"
    | "PendingModifiedValues"
  >,
  status = "available",
) {
  const isPending = server.PendingModifiedValues?.IAMDatabaseAuthenticationEnabled !== undefined;
  const iam = server.IAMDatabaseAuthenticationEnabled === true;
  return {
    iam,
    isChanging: isPending || SWITCHING.test(status) || (!iam && !STEADY.test(status)),
    isExpress: false,
    masterUser: server.MasterUsername,
    masterSecret: server.MasterUserSecret?.SecretArn,
  };
}
