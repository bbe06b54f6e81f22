// Finds the secret of a database's master user, which RDS keeps in Secrets Manager and rotates every seven days.
// https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-secrets-manager.html

import { RdsIamError } from "../base/errors.ts";
import {
  type DescribedDatabase,
  describeAction,
  describeCluster,
  describeDatabase,
  type EndpointName,
} from "./describe-database.ts";
import { callRds, notListed, type RdsCaller } from "./rds-client.ts";

const WAYS = "Without it, name the secret: its ARN, or its name.";

/** The ARN of the master user's secret; every failure is an RdsIamError. */
export async function masterSecret(endpoint: EndpointName, caller: RdsCaller): Promise<string> {
  const { host, kind } = endpoint;
  if (kind === "unknown" || kind === "dsql") {
    throw noSecret(host, "The RDS API knows databases by their endpoints, and this is none.");
  }
  const action = describeAction(kind);
  const found = await callRds(caller, { action, ways: WAYS }, async (client) => {
    const database = await describeDatabase(client, endpoint);
    // A password must not go to another account's database of the same name.
    if (database === undefined || !hasEndpoint(database, endpoint)) return undefined;
    const cluster =
      database.kind === "instance" ? database.instance.DBClusterIdentifier : undefined;
    return cluster === undefined ? database : describeCluster(client, cluster);
  });
  if (found === undefined) throw notListed(host, caller, WAYS);
  if (found.kind === "proxy") {
    throw noSecret(host, "It is an RDS Proxy, which has no master user of its own.");
  }
  const { MasterUserSecret: secret } = found.kind === "cluster" ? found.cluster : found.instance;
  if (secret?.SecretArn === undefined) {
    throw noSecret(host, "RDS does not manage its master password in Secrets Manager.");
  }
  return secret.SecretArn;
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

function noSecret(host: string, detail: string): RdsIamError {
  return new RdsIamError(`there is no master secret of ${host}`, {
    code: "ERR_ENDPOINT",
    detail,
    hint: "Name a secret instead of auto: its ARN, or its name. Or let RDS manage it: aws rds modify-db-instance --manage-master-user-password (modify-db-cluster for a cluster).",
  });
}
