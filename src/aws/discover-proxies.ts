// Lists the RDS Proxies of a Region. Their tags, which instances and clusters have with them, cost a call for each.
// https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DescribeDBProxies.html

import {
  type DBProxy,
  ListTagsForResourceCommand,
  paginateDescribeDBProxies,
  paginateDescribeDBProxyEndpoints,
  type RDSClient,
  type Tag,
} from "@aws-sdk/client-rds";
import {
  DEFAULT_PORT,
  type DiscoveryOptions,
  type FoundDatabase,
  type Search,
  tagsOf,
} from "./discovery-search.ts";

/** Lists the RDS Proxies that speak PostgreSQL, and their further endpoints. */
export async function findProxies(
  search: Search,
  { withTags }: DiscoveryOptions,
): Promise<FoundDatabase[]> {
  const { ask, client, region } = search;
  const list = () => listProxies(client);
  const proxies: FoundDatabase[] = [];
  for (const proxy of await ask("DescribeDBProxies", "RDS Proxies", list)) {
    const { DBProxyName: name, Endpoint: host, DBProxyArn: arn } = proxy;
    if (name === undefined || host === undefined) continue;
    const what = `the tags of RDS Proxies, and with --tag the proxies themselves,`;
    const tags = withTags
      ? await ask("ListTagsForResource", what, () => listTags(client, arn))
      : [];
    const common = { region, port: DEFAULT_PORT, dbname: undefined, signHost: undefined };
    const iam = takesIam(proxy);
    proxies.push({ ...common, kind: "proxy", name, host, iam, tags: tagsOf(tags) });
  }
  if (proxies.length === 0) {
    return proxies;
  }
  const further = () => listProxyEndpoints(client, proxies);
  const what = "further endpoints of RDS Proxies";
  return [...proxies, ...(await ask("DescribeDBProxyEndpoints", what, further))];
}

async function listProxies(client: RDSClient): Promise<DBProxy[]> {
  const found: DBProxy[] = [];
  for await (const { DBProxies = [] } of paginateDescribeDBProxies({ client }, {})) {
    found.push(...DBProxies.filter(({ EngineFamily }) => EngineFamily === "POSTGRESQL"));
  }
  return found;
}

async function listProxyEndpoints(
  client: RDSClient,
  proxies: readonly FoundDatabase[],
): Promise<FoundDatabase[]> {
  const found: FoundDatabase[] = [];
  for await (const page of paginateDescribeDBProxyEndpoints({ client }, {})) {
    for (const {
      DBProxyEndpointName: name,
      DBProxyName,
      Endpoint: host,
    } of page.DBProxyEndpoints ?? []) {
      const proxy = proxies.find((each) => each.name === DBProxyName);
      // The default endpoint is the proxy's own.
      if (proxy === undefined || name === undefined || host === undefined) continue;
      if (host !== proxy.host) found.push({ ...proxy, kind: "proxy-endpoint", name, host });
    }
  }
  return found;
}

function takesIam({ Auth = [], DefaultAuthScheme }: DBProxy): boolean {
  const isOn = Auth.some(({ IAMAuth }) => IAMAuth === "REQUIRED" || IAMAuth === "ENABLED");
  return isOn || DefaultAuthScheme === "IAM_AUTH";
}

async function listTags(client: RDSClient, arn: string | undefined): Promise<Tag[]> {
  const command = new ListTagsForResourceCommand({ ResourceName: arn });
  return (await client.send(command)).TagList ?? [];
}
