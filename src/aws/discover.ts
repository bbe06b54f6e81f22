// Lists the PostgreSQL databases of one Region: instances, clusters with their readers, custom endpoints, RDS Proxies, and
// Aurora DSQL clusters.
// Each kind is a call of its own with a permission of its own; a call that fails is a warning, and the rest is still listed.
// A custom endpoint has its cluster's engine and tags, a proxy's endpoint its proxy's. Members of a cluster have its tags besides
// their own, and RDS Proxies those of the instances and clusters that they connect to.
// https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_Operations.html

import {
  type DBCluster,
  type DBClusterEndpoint,
  type DBInstance,
  type DBProxy,
  type DBProxyEndpoint,
  type DBProxyTarget,
  ListTagsForResourceCommand,
  paginateDescribeDBClusterEndpoints,
  paginateDescribeDBClusters,
  paginateDescribeDBInstances,
  paginateDescribeDBProxies,
  paginateDescribeDBProxyEndpoints,
  paginateDescribeDBProxyTargets,
  paginateDescribeSourceRegions,
  type RDSClient,
  type Tag,
} from "@aws-sdk/client-rds";
import {
  type ClusterSummary,
  DSQLClient,
  GetClusterCommand,
  type GetClusterOutput,
  paginateListClusters,
} from "@aws-sdk/client-dsql";
import { DSQL_ADMIN, DSQL_DATABASE } from "../base/dsql.ts";
import {
  clientOptions,
  callRds,
  type RdsFailure,
  rdsClient,
  type AwsCaller,
  rdsError,
  type RdsPurpose,
  rdsFailure,
  takesIam,
} from "./rds-client.ts";
import { findRedshift } from "./discover-redshift.ts";
import type { CollectAttempt, FoundDatabase } from "./found-database.ts";
import { readError } from "./sdk-error.ts";
import type { Tags } from "./tags.ts";

/** A call that failed. */
export interface FailedCall {
  readonly kind: RdsFailure | "absent";
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
const EXPRESS = "postgres"; // user and database of Aurora's express configuration
const DEFAULT_PORT = 5432; // PostgreSQL's own, the default of RDS, and the only one of RDS Proxy

interface Search {
  readonly client: RDSClient;
  readonly region: string;
  readonly attempt: CollectAttempt;
  /** The tags of clusters and of instances, by their identifiers, as far as they are known. */
  readonly clusterTags: Map<string, Tags>;
  readonly instanceTags: Map<string, Tags>;
  /** Of the one cluster and the one instance that are wanted; undefined for all. */
  readonly identifier?: string | undefined;
}

const OTHER_SERVICES: ReadonlyMap<string, RdsPurpose["service"]> = new Map([
  ["GetCluster", "dsql"],
  ["ListClusters", "dsql"],
  ["DescribeClusters", "redshift"],
  ["ListWorkgroups", "redshift-serverless"],
]);

/** Lists the PostgreSQL databases of the caller's Region, with others DSQL's and Redshift's; tags of proxies cost two calls each. */
export async function discoverDatabases(
  caller: AwsCaller,
  { withOthers, withTags }: { readonly withOthers: boolean; readonly withTags: boolean },
): Promise<Discovery> {
  const client = await rdsClient(caller);
  const failures: FailedCall[] = [];
  let calls = 0;
  const attempt: CollectAttempt = async (action, what, call) => {
    const service = OTHER_SERVICES.get(action) ?? "rds";
    try {
      const found = await call();
      calls += 1;
      return found;
    } catch (error) {
      // A Region without DSQL has no name for its API.
      const isAbsent = service !== "rds" && readError(error, []).codes.includes("ENOTFOUND");
      const kind = isAbsent ? "absent" : rdsFailure(error);
      const ways = `Without it, ${what} are left out.`;
      failures.push({ kind, error: rdsError(error, caller, { service, action, ways }) });
      return undefined;
    }
  };
  const tagMaps = { clusterTags: new Map<string, Tags>(), instanceTags: new Map<string, Tags>() };
  const search: Search = { client, region: caller.region, attempt, ...tagMaps };
  try {
    const databases = [
      ...(await findClusters(search)),
      ...(await findInstances(search)),
      ...(await findProxies(search, withTags)),
      ...(withOthers ? await findDsqlClusters(caller, attempt) : []),
      ...(withOthers ? await findRedshift(caller, attempt) : []),
    ];
    return { databases, failures, calls };
  } finally {
    client.destroy();
  }
}

/** The PostgreSQL cluster and the instance with this identifier; a call that fails for another reason rejects. */
export async function findDatabases(
  caller: AwsCaller,
  identifier: string,
): Promise<readonly FoundDatabase[]> {
  const client = await rdsClient(caller);
  const attempt: CollectAttempt = async (action, _what, call) => {
    try {
      return await call();
    } catch (error) {
      if (/^DB(?:Cluster|Instance)NotFound/.test(readError(error, []).name)) return [];
      const ways = "Without it, create a target by hand: rdsiam init --host HOST";
      throw rdsError(error, caller, { action, ways });
    }
  };
  const { region } = caller;
  const tags = { clusterTags: new Map(), instanceTags: new Map() };
  const search: Search = { client, region, attempt, identifier, ...tags };
  try {
    const found = await Promise.all([findClusters(search), findInstances(search)]);
    return found
      .flat()
      .filter(({ kind, name }) => kind !== "reader" && name === identifier.toLowerCase());
  } finally {
    client.destroy();
  }
}

/** The Regions that the caller's one knows, itself among them. */
export async function listRegions(caller: AwsCaller): Promise<readonly string[]> {
  const ways = "Without it, name the Regions: --region REGION --region REGION ...";
  return callRds(caller, { action: "DescribeSourceRegions", ways }, async (client) => {
    const pages = paginateDescribeSourceRegions({ client }, {});
    const others = await collect(pages, ({ SourceRegions }) => SourceRegions);
    const names = [caller.region, ...others.flatMap(({ RegionName = [] }) => RegionName)];
    return [...new Set(names)].toSorted();
  });
}

async function findClusters(search: Search): Promise<FoundDatabase[]> {
  const { attempt, client, clusterTags, identifier, region } = search;
  const what = "clusters, their readers and custom endpoints, and with --tag their instances,";
  const all = await attempt("DescribeDBClusters", what, () =>
    collect(
      paginateDescribeDBClusters({ client }, { DBClusterIdentifier: identifier }),
      ({ DBClusters }) => DBClusters,
    ),
  );
  const clusters = (all ?? []).filter(({ Engine }) => ENGINES.has(Engine ?? ""));
  for (const { DBClusterIdentifier = "", TagList } of clusters) {
    clusterTags.set(DBClusterIdentifier, tagsOf(TagList));
  }
  if (identifier !== undefined) {
    return clusters.flatMap((cluster) => clusterEndpoints(cluster, region));
  }
  if (clusters.length === 0) return [];
  const custom = await attempt("DescribeDBClusterEndpoints", "custom endpoints", () =>
    collect(
      paginateDescribeDBClusterEndpoints({ client }, {}),
      ({ DBClusterEndpoints }) => DBClusterEndpoints,
    ),
  );
  return [
    ...clusters.flatMap((cluster) => clusterEndpoints(cluster, region)),
    ...(custom ?? []).flatMap((endpoint) => customEndpoint(endpoint, clusters, region)),
  ];
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

function customEndpoint(
  endpoint: DBClusterEndpoint,
  clusters: readonly DBCluster[],
  region: string,
): FoundDatabase[] {
  const { DBClusterEndpointIdentifier: name, DBClusterIdentifier, Endpoint: host } = endpoint;
  const cluster = clusters.find((each) => each.DBClusterIdentifier === DBClusterIdentifier);
  const isCustom = endpoint.EndpointType === "CUSTOM";
  if (!isCustom || name === undefined || host === undefined || cluster === undefined) return [];
  return [
    { ...ofCluster(cluster, region), kind: "custom", name, host, signHost: cluster.Endpoint },
  ];
}

function ofCluster(cluster: DBCluster, region: string) {
  // The express configuration: no VPC, and a first user that logs in with IAM alone.
  const isExpress = cluster.VPCNetworkingEnabled === false;
  return {
    region,
    port: cluster.Port ?? DEFAULT_PORT,
    dbname: cluster.DatabaseName ?? (isExpress ? EXPRESS : undefined),
    user: isExpress ? EXPRESS : undefined,
    iam: cluster.IAMDatabaseAuthenticationEnabled === true,
    tags: tagsOf(cluster.TagList),
  };
}

async function findInstances(search: Search): Promise<FoundDatabase[]> {
  const { attempt, client, clusterTags, identifier, instanceTags, region } = search;
  const instances: DBInstance[] | undefined = await attempt(
    "DescribeDBInstances",
    "instances",
    () =>
      collect(
        paginateDescribeDBInstances({ client }, { DBInstanceIdentifier: identifier }),
        ({ DBInstances }) => DBInstances,
      ),
  );
  return (instances ?? []).flatMap((instance) => {
    const { DBInstanceIdentifier: name, DBClusterIdentifier: cluster, Endpoint, Engine } = instance;
    // One that is being made has no endpoint yet.
    if (name === undefined || Endpoint?.Address === undefined || !ENGINES.has(Engine ?? "")) {
      return [];
    }
    const own = tagsOf(instance.TagList);
    const tags = cluster === undefined ? own : together([own, clusterTags.get(cluster)]);
    instanceTags.set(name, tags);
    return {
      kind: "instance" as const,
      name,
      region,
      host: Endpoint.Address,
      port: Endpoint.Port ?? DEFAULT_PORT,
      dbname: instance.DBName,
      iam: instance.IAMDatabaseAuthenticationEnabled === true,
      signHost: undefined,
      tags,
    };
  });
}

async function findProxies(search: Search, withTags: boolean): Promise<FoundDatabase[]> {
  const { attempt, client, region } = search;
  const all: DBProxy[] | undefined = await attempt("DescribeDBProxies", "RDS Proxies", () =>
    collect(paginateDescribeDBProxies({ client }, {}), ({ DBProxies }) => DBProxies),
  );
  const proxies: FoundDatabase[] = [];
  for (const proxy of all ?? []) {
    const { DBProxyName: name, Endpoint: host, EngineFamily } = proxy;
    if (name === undefined || host === undefined || EngineFamily !== "POSTGRESQL") continue;
    const common = { region, port: DEFAULT_PORT, dbname: undefined, signHost: undefined };
    const tags = withTags ? await tagsOfProxy(search, proxy) : undefined;
    proxies.push({ ...common, kind: "proxy", name, host, iam: takesIam(proxy), tags });
  }
  if (proxies.length === 0) return proxies;
  const what = "further endpoints of RDS Proxies";
  const further = await attempt("DescribeDBProxyEndpoints", what, () =>
    collect(
      paginateDescribeDBProxyEndpoints({ client }, {}),
      ({ DBProxyEndpoints }) => DBProxyEndpoints,
    ),
  );
  return [...proxies, ...(further ?? []).flatMap((endpoint) => furtherEndpoint(endpoint, proxies))];
}

async function tagsOfProxy(
  { attempt, client, clusterTags, instanceTags }: Search,
  { DBProxyArn, DBProxyName }: DBProxy,
): Promise<Tags> {
  const what = "the tags of RDS Proxies, and with --tag the proxies themselves,";
  const own = await attempt("ListTagsForResource", what, async (): Promise<Tag[]> => {
    const command = new ListTagsForResourceCommand({ ResourceName: DBProxyArn });
    return (await client.send(command)).TagList ?? [];
  });
  const targets: DBProxyTarget[] | undefined = await attempt("DescribeDBProxyTargets", what, () =>
    collect(paginateDescribeDBProxyTargets({ client }, { DBProxyName }), ({ Targets }) => Targets),
  );
  const inherited = targets?.map(({ RdsResourceId = "", Type }) =>
    (Type === "TRACKED_CLUSTER" ? clusterTags : instanceTags).get(RdsResourceId),
  );
  return together([own && tagsOf(own), ...(inherited ?? [undefined])]);
}

function furtherEndpoint(
  { DBProxyEndpointName: name, DBProxyName, Endpoint: host }: DBProxyEndpoint,
  proxies: readonly FoundDatabase[],
): FoundDatabase[] {
  const proxy = proxies.find((each) => each.name === DBProxyName);
  // The default endpoint is the proxy's own.
  const isDefault = host === proxy?.host;
  if (proxy === undefined || name === undefined || host === undefined || isDefault) return [];
  return [{ ...proxy, kind: "proxy-endpoint", name, host }];
}

async function findDsqlClusters(
  caller: AwsCaller,
  attempt: CollectAttempt,
): Promise<FoundDatabase[]> {
  const { region } = caller;
  const client = new DSQLClient(await clientOptions("dsql", caller));
  try {
    const clusters: ClusterSummary[] | undefined = await attempt(
      "ListClusters",
      "Aurora DSQL clusters",
      () => collect(paginateListClusters({ client }, {}), ({ clusters: page }) => page),
    );
    const found: FoundDatabase[] = [];
    for (const { identifier } of clusters ?? []) {
      const what = `the Aurora DSQL cluster ${identifier}`;
      const [cluster] =
        (await attempt("GetCluster", what, async (): Promise<GetClusterOutput[]> => [
          await client.send(new GetClusterCommand({ identifier })),
        ])) ?? [];
      // One that is being made, or deleted, has no endpoint.
      if (identifier === undefined || cluster?.endpoint === undefined) continue;
      found.push({
        kind: "dsql",
        name: targetName(cluster.tags?.["Name"]) ?? identifier,
        region,
        host: cluster.endpoint,
        port: DEFAULT_PORT,
        dbname: DSQL_DATABASE,
        user: DSQL_ADMIN,
        iam: true,
        signHost: undefined,
        tags: [cluster.tags ?? {}],
      });
    }
    return found;
  } finally {
    client.destroy();
  }
}

// A Name tag is any text.
function targetName(name: string | undefined): string | undefined {
  return name !== undefined && /^\w[\w.@+-]*$/.test(name) ? name : undefined;
}

async function collect<Page, T>(
  pages: AsyncIterable<Page>,
  itemsOf: (page: Page) => readonly T[] | undefined,
): Promise<T[]> {
  const found: T[] = [];
  for await (const page of pages) found.push(...(itemsOf(page) ?? []));
  return found;
}

// AWS's list of tags.
function tagsOf(tags: readonly Tag[] = []): Tags {
  return [Object.fromEntries(tags.map(({ Key = "", Value = "" }) => [Key, Value]))];
}

function together(parts: readonly Tags[]): Tags {
  const known = parts.filter((each) => each !== undefined);
  return known.length === parts.length ? known.flat() : undefined;
}
