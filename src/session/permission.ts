// Finds out what IAM must allow and the database grant so that a user can log in.
// Account and resource id are asked of STS and the RDS API; what these do not tell stays a placeholder, with the command
// that finds it.
import type { CallerIdentity } from "../aws/caller-identity.ts";
import type { ConnectPermission } from "../aws/connect-policy.ts";
import type { Credentials } from "../aws/credentials.ts";
import type { DatabaseResource } from "../aws/database-resource.ts";
import type { RunContext } from "../base/context.ts";
import { RdsIamError } from "../base/errors.ts";
import { partitionOf } from "../base/partitions.ts";
import { callerOf, identify } from "./credentials.ts";
import { redshiftCluster } from "../rds/endpoint.ts";
import type { DatabaseEndpoint } from "./endpoint.ts";
import type { IamLogin } from "./login.ts";

/** The login that needs the permission. */
export type PermissionRequest = Pick<
  IamLogin,
  "credentials" | "dbname" | "endpoint" | "loaded" | "settings" | "user"
>;

/** A placeholder in a permission. */
export interface Missing {
  readonly placeholder: string;
  /** Why it is not known, one sentence. */
  readonly why: string;
  /** The command that finds it. */
  readonly command: string;
}

/** The permission that a login needs, as far as it could be found out. */
export interface FoundPermission {
  readonly permission: ConnectPermission;
  readonly caller: CallerIdentity | undefined;
  readonly resource: DatabaseResource | undefined;
  readonly missing: readonly Missing[];
}

const ACCOUNT = "ACCOUNT";
const RESOURCE = "RESOURCE-ID";

/** Finds out what IAM must allow for a login. */
export async function findPermission(
  context: RunContext,
  request: PermissionRequest,
): Promise<FoundPermission> {
  const { credentials, dbname, endpoint, settings, user } = request;
  const { region } = endpoint;
  const keys = await attempt(credentials);
  const known = async (): Promise<Credentials> => keys.value ?? (await credentials());
  const caller = await attempt(async () =>
    identify(context, { ...request, region }, await known()),
  );
  const asks = callerOf(context, request, region, known);
  const isDsql = endpoint.kind === "dsql";
  const cluster = redshiftCluster(endpoint, settings.redshift);
  const askResource = async (): Promise<DatabaseResource> => {
    const { databaseResource } = await import("../aws/database-resource.ts");
    return context.waiting.for("the RDS API", databaseResource(endpoint, asks));
  };
  // The ID of a DSQL cluster and that of a Redshift cluster is in its name.
  const isNamed = isDsql || cluster !== undefined;
  const resource = isNamed ? { value: undefined, why: "" } : await attempt(askResource);
  const askWorkgroup = async (): Promise<string> => {
    const { workgroupId } = await import("../aws/redshift.ts");
    const asking = workgroupId(cluster?.name ?? "", asks);
    return context.waiting.for("the Redshift API", asking);
  };
  const workgroup =
    cluster?.service === "redshift-serverless" ? await attempt(askWorkgroup) : undefined;
  const account = resource.value?.account ?? caller.value?.account;
  const named = cluster === undefined ? endpoint.host.split(".")[0] : cluster.name;
  const resourceId =
    workgroup === undefined ? (isNamed ? named : resource.value?.resourceId) : workgroup.value;
  const missing: Missing[] = [];
  if (account === undefined) missing.push(missingAccount(caller.why));
  if (resourceId === undefined)
    missing.push(missingResource(endpoint, workgroup?.why ?? resource.why));
  const partition = resource.value?.partition ?? caller.value?.arn.split(":")[1];
  return {
    permission: {
      service: cluster?.service ?? (isDsql ? "dsql" : "rds-db"),
      partition: partition ?? partitionOf(region).name,
      region,
      account: account ?? ACCOUNT,
      resourceId: resourceId ?? RESOURCE,
      user,
      dbname,
      groups: settings.dbGroups,
    },
    caller: caller.value,
    resource: resource.value,
    missing,
  };
}

interface Asked<T> {
  readonly value: T | undefined;
  readonly why: string;
}

async function attempt<T>(ask: () => Promise<T>): Promise<Asked<T>> {
  try {
    return { value: await ask(), why: "" };
  } catch (error) {
    if (!(error instanceof RdsIamError)) throw error;
    return { value: undefined, why: error.message };
  }
}

function missingAccount(why: string): Missing {
  const command = "aws sts get-caller-identity --query Account --output text";
  return { placeholder: ACCOUNT, why, command };
}

function missingResource(endpoint: DatabaseEndpoint, why: string): Missing {
  return { placeholder: RESOURCE, why, command: lookUpCommand(endpoint) };
}

// The part of an endpoint before its first dot is the identifier.
function lookUpCommand({ host, kind, region }: DatabaseEndpoint): string {
  const [name = ""] = host.split(".");
  const rest = `--region ${region} --output text`;
  switch (kind) {
    case "cluster":
    case "reader":
      return `aws rds describe-db-clusters --db-cluster-identifier ${name} --query 'DBClusters[0].DbClusterResourceId' ${rest}`;
    case "proxy":
      return `aws rds describe-db-proxies --db-proxy-name ${name} --query 'DBProxies[0].DBProxyArn' ${rest} (the part after its last colon)`;
    case "proxy-endpoint":
      return `aws rds describe-db-proxies --query 'DBProxies[].[DBProxyName,DBProxyArn]' ${rest} (the part after the ARN's last colon)`;
    case "instance":
      return `aws rds describe-db-instances --db-instance-identifier ${name} --query 'DBInstances[0].[DbiResourceId,DBClusterIdentifier]' ${rest} (for an instance of a cluster, use the cluster's id)`;
    case "redshift-serverless":
      return `aws redshift-serverless list-workgroups --query 'workgroups[].[workgroupName,workgroupId]' ${rest}`;
    case "dsql": // its ID is always known
    case "redshift": // and its name
    case "custom":
    case "global":
    case "shardgroup":
    case "unknown":
      return `aws rds describe-db-clusters --query 'DBClusters[].[DBClusterIdentifier,DbClusterResourceId]' ${rest}`;
  }
}
