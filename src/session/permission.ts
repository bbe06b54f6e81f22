// The part of a session that is about permissions: what IAM must allow and the database grant so that a user gets in.
// Account and resource id are asked of STS and the RDS API; what these do not tell stays a placeholder, with the command
// that finds it.
import type { CallerIdentity } from "../aws/caller-identity.ts";
import type { ConnectPermission } from "../aws/connect-policy.ts";
import type { Credentials, CredentialSource } from "../aws/credentials.ts";
import type { DatabaseResource } from "../aws/database-resource.ts";
import { type CallerEdge, callsOf, identify } from "./caller.ts";
import type { Settings } from "../config/settings.ts";
import type { LoadedTargets } from "../config/targets.ts";
import { RdsIamError } from "../base/errors.ts";
import { partitionOf } from "../base/partitions.ts";
import type { Place } from "./endpoint.ts";

/** Which database, as which user, and who asks AWS about it. */
export interface PermissionRequest {
  readonly settings: Settings;
  readonly loaded: LoadedTargets;
  readonly place: Pick<Place, "host" | "kind" | "region">;
  readonly user: string;
  readonly credentials: CredentialSource;
}

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
  edge: CallerEdge,
  request: PermissionRequest,
): Promise<FoundPermission> {
  const { place, user } = request;
  const keys = await attempt(request.credentials);
  const caller = await attempt(() =>
    identify(edge, { ...request, region: place.region }, keys.take()),
  );
  const resource = await attempt(() => describe(edge, request, keys.take()));
  const account = resource.value?.account ?? caller.value?.account;
  const resourceId = resource.value?.resourceId;
  const missing: Missing[] = [];
  if (account === undefined) missing.push(missingAccount(caller.why));
  if (resourceId === undefined) missing.push(missingResource(place, resource.why));
  const partition = resource.value?.partition ?? caller.value?.arn.split(":")[1];
  return {
    permission: {
      partition: partition ?? partitionOf(place.region).name,
      region: place.region,
      account: account ?? ACCOUNT,
      resourceId: resourceId ?? RESOURCE,
      user,
    },
    caller: caller.value,
    resource: resource.value,
    missing,
  };
}

interface Attempt<T> {
  readonly value: T | undefined;
  readonly why: string;
  /** The value; throws what the attempt failed with. */
  readonly take: () => T;
}

async function attempt<T>(ask: () => Promise<T>): Promise<Attempt<T>> {
  try {
    const value = await ask();
    return { value, why: "", take: () => value };
  } catch (error) {
    if (!(error instanceof RdsIamError)) throw error;
    const take = (): never => {
      throw error;
    };
    return { value: undefined, why: error.message, take };
  }
}

async function describe(
  edge: CallerEdge,
  request: PermissionRequest,
  keys: Credentials,
): Promise<DatabaseResource> {
  const { databaseResource } = await import("../aws/database-resource.ts");
  const { place, settings } = request;
  const calls = await callsOf(edge, request);
  const { profile } = settings;
  const credentials = async (): Promise<Credentials> => keys;
  const caller = { credentials, region: place.region, calls, profile };
  return edge.waiting.for("the RDS API", databaseResource(place, caller));
}

function missingAccount(why: string): Missing {
  const command = "aws sts get-caller-identity --query Account --output text";
  return { placeholder: ACCOUNT, why, command };
}

function missingResource(place: PermissionRequest["place"], why: string): Missing {
  return { placeholder: RESOURCE, why, command: lookUpCommand(place) };
}

// The part of an endpoint before its first dot is the identifier.
function lookUpCommand({ host, kind, region }: PermissionRequest["place"]): string {
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
      return `aws rds describe-db-instances --db-instance-identifier ${name} --query 'DBInstances[0].[DbiResourceId,DBClusterIdentifier]' ${rest} (of a cluster's instance, the cluster's id counts)`;
    case "custom":
    case "dsql":
    case "global":
    case "shardgroup":
    case "unknown":
      return `aws rds describe-db-clusters --query 'DBClusters[].[DBClusterIdentifier,DbClusterResourceId]' ${rest}`;
  }
}
