// Finds the resource id of a database, which is what rds-db:connect is allowed on: db-..., cluster-... or prx-..., never
// the name. Of an instance that belongs to a cluster it is the cluster's.
// https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/UsingWithRDS.IAMDBAuth.IAMPolicy.html

import type { RDSClient } from "@aws-sdk/client-rds";
import {
  type DescribedDatabase,
  describeAction,
  describeCluster,
  describeDatabase,
  type EndpointName,
} from "./describe-database.ts";
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

const WAYS = "Without it, look the resource id up in the RDS console, under Configuration.";

/** Asks the RDS API about the database behind an endpoint. */
export function databaseResource(
  endpoint: EndpointName,
  caller: RdsCaller,
): Promise<DatabaseResource> {
  const action = describeAction(endpoint.kind);
  return callRds(caller, { action, ways: WAYS }, async (client) => {
    const found = await owner(client, await describeDatabase(client, endpoint));
    if (found === undefined) throw notListed(endpoint.host, caller, WAYS);
    const { id: resourceId, arn, iam, switchOn } = resource(found);
    // arn:PARTITION:rds:REGION:ACCOUNT:db:NAME
    const [, partition, , , account] = arn?.split(":") ?? [];
    if (resourceId === undefined || partition === undefined || account === undefined) {
      throw notListed(endpoint.host, caller, WAYS);
    }
    return { resourceId, account, partition, iam, switchOn };
  });
}

async function owner(
  client: RDSClient,
  found: DescribedDatabase | undefined,
): Promise<DescribedDatabase | undefined> {
  const cluster = found?.kind === "instance" ? found.instance.DBClusterIdentifier : undefined;
  return cluster === undefined ? found : describeCluster(client, cluster);
}

function resource(found: DescribedDatabase) {
  switch (found.kind) {
    case "instance": {
      const { DBInstanceIdentifier: name, ...instance } = found.instance;
      return {
        id: instance.DbiResourceId,
        arn: instance.DBInstanceArn,
        iam: instance.IAMDatabaseAuthenticationEnabled === true,
        switchOn: `aws rds modify-db-instance --db-instance-identifier ${name} --enable-iam-database-authentication --apply-immediately`,
      };
    }
    case "cluster": {
      const { DBClusterIdentifier: name, ...cluster } = found.cluster;
      return {
        id: cluster.DbClusterResourceId,
        arn: cluster.DBClusterArn,
        iam: cluster.IAMDatabaseAuthenticationEnabled === true,
        switchOn: `aws rds modify-db-cluster --db-cluster-identifier ${name} --enable-iam-database-authentication --apply-immediately`,
      };
    }
    case "proxy": {
      const { DBProxyArn: arn, DBProxyName: name } = found.proxy;
      return {
        // arn:aws:rds:REGION:ACCOUNT:db-proxy:prx-...
        id: arn?.split(":").at(-1),
        arn,
        iam: takesIam(found.proxy),
        switchOn: `aws rds modify-db-proxy --db-proxy-name ${name} --auth ... with IAMAuth=REQUIRED`,
      };
    }
  }
}
