// A stand-in for the RDS API: the query protocol over HTTP, each request's signature verified, an inventory in pages.
// It can throttle, and refuse single actions, as IAM does.
// https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_Operations.html
import { randomUUID } from "node:crypto";
import {
  type Api,
  type ApiAnswer,
  type ApiRequest,
  makeDenial,
  makeFailure,
  makeUnknownAction,
  startApi,
} from "../../src/demo/aws-api.ts";
import type { KeyStore } from "../../src/demo/keys.ts";

const NAMESPACE = "http://rds.amazonaws.com/doc/2014-10-31/";

/** An element's text, the elements in it, or a list of elements of one name. */
export type Xml = string | readonly Xml[] | { readonly [name: string]: Xml | undefined };

/** What a Region has, by action: the items of its list. */
export type Inventory = Readonly<Record<string, readonly { readonly [name: string]: Xml }[]>>;

interface Action {
  /** The list in the answer, and the name of its elements. */
  readonly list: string;
  readonly item: string;
  /** Parameters that choose items, and the items' keys that they are compared with; an item's own ARN does as well. */
  readonly filters?: Readonly<Record<string, string>>;
}

const ACTIONS: Readonly<Record<string, Action>> = {
  DescribeDBInstances: {
    list: "DBInstances",
    item: "DBInstance",
    filters: {
      DBInstanceIdentifier: "DBInstanceIdentifier",
      // The filter db-cluster-id is the only one that is used.
      "Filters.Filter.1.Values.Value.1": "DBClusterIdentifier",
    },
  },
  DescribeDBClusters: {
    list: "DBClusters",
    item: "DBCluster",
    filters: { DBClusterIdentifier: "DBClusterIdentifier" },
  },
  DescribeDBClusterEndpoints: {
    list: "DBClusterEndpoints",
    item: "DBClusterEndpointList",
    filters: {
      DBClusterEndpointIdentifier: "DBClusterEndpointIdentifier",
      DBClusterIdentifier: "DBClusterIdentifier",
    },
  },
  DescribeDBSubnetGroups: {
    list: "DBSubnetGroups",
    item: "DBSubnetGroup",
    filters: { DBSubnetGroupName: "DBSubnetGroupName" },
  },
  DescribeDBShardGroups: { list: "DBShardGroups", item: "DBShardGroup" },
  DescribeDBProxies: { list: "DBProxies", item: "member" },
  DescribeDBProxyEndpoints: { list: "DBProxyEndpoints", item: "member" },
  DescribeDBProxyTargets: {
    list: "Targets",
    item: "member",
    filters: { DBProxyName: "DBProxyName" },
  },
  DescribeGlobalClusters: { list: "GlobalClusters", item: "GlobalClusterMember" },
  DescribeSourceRegions: { list: "SourceRegions", item: "SourceRegion" },
  ListTagsForResource: { list: "TagList", item: "Tag", filters: { ResourceName: "Arn" } },
};

// The names of the elements of lists inside items.
const MEMBERS: Readonly<Record<string, string>> = {
  TagList: "Tag",
  Subnets: "Subnet",
  DBClusterMembers: "DBClusterMember",
  Auth: "member",
  GlobalClusterMembers: "GlobalClusterMember",
};

/** What the stand-in knows; all of it may be changed while it runs. */
export interface RdsApiOptions {
  readonly keys: KeyStore;
  /** By Region; one that is not there refuses every key, as a Region does that is not opted in to. */
  readonly regions: Readonly<Record<string, Inventory>>;
  /** `ACTION` or `REGION ACTION`: not authorized. */
  readonly denied?: Set<string>;
  /** How many of the next requests are throttled. */
  throttled?: number;
}

/** The running stand-in; its endpoint is for AWS_ENDPOINT_URL_RDS. */
export interface RdsApi extends Api {
  /** `REGION ACTION` of every request that was answered in full. */
  readonly calls: string[];
}

/** Starts it on a free loopback port. */
export async function startRdsApi(options: RdsApiOptions): Promise<RdsApi> {
  const calls: string[] = [];
  const api = await startApi({
    service: "rds",
    keys: options.keys,
    answer: (request) => answer(request, { options, calls }),
  });
  return { ...api, calls };
}

function answer(
  { action: name, caller, headers, parameters }: ApiRequest,
  { options, calls }: { options: RdsApiOptions; calls: string[] },
): ApiAnswer {
  const region = /Credential=[^/]+\/\d+\/([^/]+)\//.exec(headers.get("authorization") ?? "")?.[1];
  const inventory = options.regions[region ?? ""];
  if (caller === undefined || inventory === undefined) {
    const text = "The security token included in the request is invalid.";
    return makeFailure(403, "InvalidClientTokenId", text);
  }
  if ((options.throttled ?? 0) > 0) {
    options.throttled = (options.throttled ?? 0) - 1;
    return makeFailure(400, "Throttling", "Rate exceeded");
  }
  if (options.denied?.has(name) || options.denied?.has(`${region} ${name}`)) {
    return makeDenial(caller, `rds:${name}`);
  }
  const action = ACTIONS[name];
  if (action === undefined) return makeUnknownAction(name);
  calls.push(`${region} ${name}`);
  return page(name, action, { items: inventory[name] ?? [], parameters });
}

// Pages of MaxRecords, 100 at most and by default; the marker is a number here, and opaque to the caller.
function page(
  name: string,
  { list, item, filters = {} }: Action,
  { items, parameters }: { items: Inventory[string]; parameters: URLSearchParams },
): ApiAnswer {
  const chosen = items.filter((each) =>
    Object.entries(filters).every(([parameter, key]) => {
      const wanted = parameters.get(parameter);
      return wanted === null || wanted === each[key] || wanted === each[`${item}Arn`];
    }),
  );
  const start = Number(parameters.get("Marker") ?? 0);
  const end = start + Math.min(100, Number(parameters.get("MaxRecords") ?? 100));
  const elements = chosen.slice(start, end).map((each) => `<${item}>${toXml(each)}</${item}>`);
  const marker = end < chosen.length ? `<Marker>${end}</Marker>` : "";
  const result = `<${name}Result><${list}>${elements.join("")}</${list}>${marker}</${name}Result>`;
  const metadata = `<ResponseMetadata><RequestId>${randomUUID()}</RequestId></ResponseMetadata>`;
  const body = `<${name}Response xmlns="${NAMESPACE}">${result}${metadata}</${name}Response>`;
  return { status: 200, body };
}

function toXml(tree: { readonly [name: string]: Xml | undefined }): string {
  return Object.entries(tree)
    .map(([name, value]) => (value === undefined ? "" : `<${name}>${inner(name, value)}</${name}>`))
    .join("");
}

function inner(name: string, value: Xml): string {
  if (typeof value === "string") {
    return value.replace(/[&<>]/g, (char) => `&#${char.charCodeAt(0)};`);
  }
  if (isList(value)) {
    const member = MEMBERS[name] ?? "member";
    return value.map((each) => `<${member}>${inner(member, each)}</${member}>`).join("");
  }
  return toXml(value);
}

function isList(value: Xml): value is readonly Xml[] {
  return Array.isArray(value);
}
