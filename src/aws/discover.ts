// Lists the PostgreSQL databases of one Region: instances, clusters with their readers, custom endpoints, RDS Proxies.
// Each kind is a call of its own with a permission of its own; what one call fails to tell is a warning, and the rest is
// still listed. A custom endpoint has its cluster's engine and tags, a proxy's endpoint its proxy's.
// https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_Operations.html

import {
  type DBCluster,
  paginateDescribeDBClusterEndpoints,
  paginateDescribeDBClusters,
  paginateDescribeDBInstances,
  paginateDescribeSourceRegions,
  type RDSClient,
} from "@aws-sdk/client-rds";
import { findProxies } from "./discover-proxies.ts";
import {
  type Ask,
  DEFAULT_PORT,
  type DiscoveryOptions,
  type FoundDatabase,
  type Search,
  tagsOf,
} from "./discovery-search.ts";
import { type RdsFailure, rdsClient, type RdsCaller, rdsError, rdsFailure } from "./rds-client.ts";

/** A call that failed. */
export interface FailedCall {
  readonly kind: RdsFailure;
  readonly error: Error;
}

/** What a Region has, and one error for each call that failed. */
export interface Discovery {
  readonly databases: readonly FoundDatabase[];
  readonly failures: readonly FailedCall[];
  /** How many calls worked. */
  readonly calls: number;
}

const ENGINES = new Set(["postgres", "aurora-postgresql"]);
/** Lists the PostgreSQL databases of the caller's Region. */
export async function discoverDatabases(
  caller: RdsCaller,
  options: DiscoveryOptions,
): Promise<Discovery> {
  const client = await rdsClient(caller);
  const failures: FailedCall[] = [];
  let calls = 0;
  const ask: Ask = async (action, what, call) => {
    try {
      const found = await call();
      calls += 1;
      return found;
    } catch (error) {
      const ways = `Without it, ${what} are left out.`;
      failures.push({ kind: rdsFailure(error), error: rdsError(error, caller, { action, ways }) });
      return [];
    }
  };
  const search: Search = { client, region: caller.region, ask };
  try {
    const databases = [
      ...(await findClusters(search)),
      ...(await ask("DescribeDBInstances", "instances", () => listInstances(search))),
      ...(await findProxies(search, options)),
    ];
    return { databases, failures, calls };
  } finally {
    client.destroy();
  }
}

/** The Regions that the caller's one knows, itself among them. */
export async function listRegions(caller: RdsCaller): Promise<readonly string[]> {
  const client = await rdsClient(caller);
  const regions = new Set([caller.region]);
  try {
    for await (const page of paginateDescribeSourceRegions({ client }, {})) {
      for (const { RegionName } of page.SourceRegions ?? []) {
        if (RegionName !== undefined) regions.add(RegionName);
      }
    }
    return [...regions].toSorted();
  } catch (error) {
    const ways = "Without it, name the Regions: --region REGION --region REGION ...";
    throw rdsError(error, caller, { action: "DescribeSourceRegions", ways });
  } finally {
    client.destroy();
  }
}

async function findClusters(search: Search): Promise<FoundDatabase[]> {
  const { ask, client, region } = search;
  const what = "clusters, their readers and custom endpoints";
  const clusters = await ask("DescribeDBClusters", what, () => listClusters(client));
  const own = clusters.flatMap((cluster) => clusterEndpoints(cluster, region));
  if (clusters.length === 0) {
    return own;
  }
  const list = () => listCustom(search, clusters);
  return [...own, ...(await ask("DescribeDBClusterEndpoints", "custom endpoints", list))];
}

async function listClusters(client: RDSClient): Promise<DBCluster[]> {
  const found: DBCluster[] = [];
  for await (const page of paginateDescribeDBClusters({ client }, {})) {
    found.push(...(page.DBClusters ?? []).filter(({ Engine }) => ENGINES.has(Engine ?? "")));
  }
  return found;
}

function clusterEndpoints(cluster: DBCluster, region: string): FoundDatabase[] {
  const { DBClusterIdentifier: name = "", Endpoint, ReaderEndpoint } = cluster;
  const common = { ...ofCluster(cluster, region), signHost: undefined };
  const found: FoundDatabase[] = [];
  if (Endpoint !== undefined) found.push({ ...common, kind: "cluster", name, host: Endpoint });
  if (ReaderEndpoint !== undefined) {
    found.push({ ...common, kind: "reader", name: `${name}-ro`, host: ReaderEndpoint });
  }
  return found;
}

function ofCluster(cluster: DBCluster, region: string) {
  return {
    region,
    port: cluster.Port ?? DEFAULT_PORT,
    dbname: cluster.DatabaseName,
    iam: cluster.IAMDatabaseAuthenticationEnabled === true,
    tags: tagsOf(cluster.TagList),
  };
}

async function listInstances({ client, region }: Search): Promise<FoundDatabase[]> {
  const found: FoundDatabase[] = [];
  for await (const page of paginateDescribeDBInstances({ client }, {})) {
    for (const instance of page.DBInstances ?? []) {
      const { DBInstanceIdentifier: name, Endpoint, Engine, DBName, TagList } = instance;
      // One that is being made has no endpoint yet.
      if (name === undefined || Endpoint?.Address === undefined || !ENGINES.has(Engine ?? "")) {
        continue;
      }
      found.push({
        kind: "instance",
        name,
        region,
        host: Endpoint.Address,
        port: Endpoint.Port ?? DEFAULT_PORT,
        dbname: DBName,
        iam: instance.IAMDatabaseAuthenticationEnabled === true,
        signHost: undefined,
        tags: tagsOf(TagList),
      });
    }
  }
  return found;
}

async function listCustom(
  { client, region }: Search,
  clusters: readonly DBCluster[],
): Promise<FoundDatabase[]> {
  const found: FoundDatabase[] = [];
  for await (const page of paginateDescribeDBClusterEndpoints({ client }, {})) {
    for (const each of page.DBClusterEndpoints ?? []) {
      const { DBClusterEndpointIdentifier: name, DBClusterIdentifier, Endpoint } = each;
      const cluster = clusters.find((one) => one.DBClusterIdentifier === DBClusterIdentifier);
      const isCustom = each.EndpointType === "CUSTOM" && name !== undefined;
      if (!isCustom || Endpoint === undefined || cluster === undefined) continue;
      const common = ofCluster(cluster, region);
      found.push({ ...common, kind: "custom", name, host: Endpoint, signHost: cluster.Endpoint });
    }
  }
  return found;
}
