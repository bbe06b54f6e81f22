// Finds the secret of a database's master user, which RDS keeps in Secrets Manager and rotates every seven days.
// https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-secrets-manager.html

import { RdsIamError } from "../base/errors.ts";
import { databaseResource } from "./database-resource.ts";
import type { EndpointName } from "./describe-database.ts";
import { notListed, type AwsCaller } from "./rds-client.ts";

const WAYS = "Without it, name the secret: its ARN, or its name.";

/** The ARN of the master user's secret; every failure is an RdsIamError. */
export async function masterSecret(endpoint: EndpointName, caller: AwsCaller): Promise<string> {
  const { host, kind } = endpoint;
  if (kind === "unknown" || kind === "dsql") {
    throw noSecret(
      host,
      "The RDS API finds a database by its endpoint, and this host is not an RDS endpoint.",
    );
  }
  const found = await databaseResource(endpoint, caller, WAYS);
  // A password must not go to another account's database of the same name.
  if (!found.isOwnEndpoint) throw notListed(host, caller, WAYS);
  if (found.masterSecret !== undefined) return found.masterSecret;
  throw noSecret(
    host,
    found.kind === "proxy"
      ? "It is an RDS Proxy, which has no master user of its own."
      : "RDS does not manage the master user's password in Secrets Manager.",
  );
}

function noSecret(host: string, detail: string): RdsIamError {
  return new RdsIamError(`${host} has no master user secret`, {
    code: "ERR_ENDPOINT",
    detail,
    hint: "Set a secret's ARN or name instead of auto, or let RDS manage the password: aws rds modify-db-instance --manage-master-user-password (modify-db-cluster for a cluster).",
  });
}
