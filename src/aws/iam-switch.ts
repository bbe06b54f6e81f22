// Switches IAM authentication of a database on, and waits until it is in force. Import this file late: the SDK's modules come with it.
// https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAMDBAuth.Enabling.html

import { setTimeout as delay } from "node:timers/promises";
import {
  ModifyDBClusterCommand,
  ModifyDBInstanceCommand,
  type RDSClient,
} from "@aws-sdk/client-rds";
import { RdsIamError } from "../base/errors.ts";
import { type DatabaseResource, databaseResource } from "./database-resource.ts";
import type { EndpointName } from "./describe-database.ts";
import { callRds, type AwsCaller, rdsError } from "./rds-client.ts";
import { readError } from "./sdk-error.ts";

const WAYS = "Ask someone with that permission to run the command.";
const FIRST_WAIT = 500; // ms between two looks, twice as long each time, up to
const LONGEST_WAIT = 10_000; // ms
const LIMIT = 15 * 60_000; // ms; RDS says some minutes

/** Switches it on unless it is, or another run does it at the same time; resolves once it is in force. */
export async function switchIamOn(endpoint: EndpointName, caller: AwsCaller): Promise<void> {
  const until = Date.now() + LIMIT;
  let isAsked = false;
  for (let wait = FIRST_WAIT; ; wait = Math.min(2 * wait, LONGEST_WAIT)) {
    const found = await databaseResource(endpoint, caller, WAYS);
    if (found.iam && !found.isChanging) return;
    if (!found.iam && !found.isChanging && !isAsked) isAsked = await modify(found, caller);
    if (Date.now() + wait > until) throw tooLong(found);
    await delay(wait);
  }
}

// Whether it was accepted: a database that is being modified already takes no other change until that is done.
async function modify({ kind, name }: DatabaseResource, caller: AwsCaller): Promise<boolean> {
  const change = { EnableIAMDatabaseAuthentication: true, ApplyImmediately: true };
  const isCluster = kind === "cluster";
  const action = isCluster ? "ModifyDBCluster" : "ModifyDBInstance";
  const send = (client: RDSClient): Promise<unknown> =>
    isCluster
      ? client.send(new ModifyDBClusterCommand({ DBClusterIdentifier: name, ...change }))
      : client.send(new ModifyDBInstanceCommand({ DBInstanceIdentifier: name, ...change }));
  return callRds(caller, { action, ways: WAYS }, async (client) => {
    try {
      await send(client);
      return true;
    } catch (error) {
      if (/^InvalidDB(?:Instance|Cluster)State/.test(readError(error, []).name)) return false;
      throw rdsError(error, caller, { action, ways: WAYS });
    }
  });
}

function tooLong({ kind, name }: DatabaseResource): RdsIamError {
  return new RdsIamError(`IAM authentication for ${name} is still off after 15 minutes`, {
    code: "ERR_ENDPOINT",
    detail: "RDS has accepted the change, or is still busy with another one.",
    hint: `See its status: aws rds describe-db-${kind}s.`,
  });
}
