// Reads what a host name shows by itself: whether RDS made it, what kind of endpoint it is and in which Region.
// There is no list of Regions here on purpose: Regions appear. What is known is the DNS suffix of each partition and that
// `rds` stands right before or right after the Region (China and the older drivers' patterns have it the other way round).
// https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/Aurora.Endpoints.Types.html

import { DSQL_ADMIN, DSQL_DATABASE } from "../base/dsql.ts";
import { REDSHIFT_DATABASE, REDSHIFT_IDENTITY, REDSHIFT_PORT } from "../base/redshift.ts";
import { PARTITIONS, REGION } from "../base/partitions.ts";

/** What kind of endpoint a name is; `unknown` is for names that the user vouches for. */
export type EndpointKind =
  | "instance"
  | "cluster"
  | "reader"
  | "custom"
  | "shardgroup"
  | "proxy"
  | "proxy-endpoint"
  | "global"
  | "dsql"
  | "redshift"
  | "redshift-serverless"
  | "unknown";

/** A host name that RDS (or DSQL, or Redshift) made, taken apart. */
export interface Endpoint {
  /** Lower-case, without a final dot. */
  readonly host: string;
  readonly kind: EndpointKind;
  /** Undefined where the name has none: a global endpoint. */
  readonly region: string | undefined;
  /** `c1a2b3c4d5e6`: the label that RDS has for an account in a Region, as far as is known; DSQL has none, Redshift its own. */
  readonly hash: string | undefined;
  /** `amazonaws.com`, `amazonaws.com.cn`, ... */
  readonly dnsSuffix: string;
}

const LABEL = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;
const RDS = new Set(["rds", "rds-fips"]);

// Longest first: cluster-ro- begins with cluster- too.
const KIND_PREFIXES: readonly (readonly [string, EndpointKind])[] = [
  ["cluster-custom-", "custom"],
  ["cluster-ro-", "reader"],
  ["cluster-", "cluster"],
  ["shardgrp-", "shardgroup"],
  ["proxy-", "proxy"],
  ["global-", "global"],
];

/** A host name as DNS compares it: lower-case, without the final dot. */
export function normalizeHost(host: string): string {
  return host.toLowerCase().replace(/\.$/, "");
}

/** Takes an RDS, DSQL or Redshift endpoint's name apart; undefined for every other name. */
export function parseEndpoint(name: string): Endpoint | undefined {
  const host = normalizeHost(name);
  const labels = host.split(".");
  if (host.length > 253 || !labels.every((label) => LABEL.test(label))) {
    return undefined;
  }
  return parseDsql(host, labels) ?? parseRedshift(host, labels) ?? parseRds(host, labels);
}

/** What a run's settings leave to Aurora DSQL or Redshift. */
export interface ServiceDefaults {
  readonly host: string;
  readonly port?: number | undefined;
  /** Whether the port is set, and not the default. */
  readonly hasPort?: boolean | undefined;
  /** The cluster or workgroup of Redshift behind a host that does not name it. */
  readonly redshift?: string | undefined;
  /** Where the login's password comes from, if not from IAM. */
  readonly passwordCommand?: string | undefined;
  readonly secret?: string | undefined;
  readonly signHost?: { readonly host: string; readonly port?: number | undefined } | undefined;
  readonly user?: string | undefined;
  readonly dbname?: string | undefined;
  readonly region?: string | undefined;
  readonly profileRegion?: string | undefined;
}

/** Whether a host is an endpoint of Aurora DSQL. */
export function isDsql(host: string): boolean {
  return parseEndpoint(host)?.kind === "dsql";
}

const CLUSTER_ID = /^[a-z0-9]{26}$/;
// vpce-....dsql-fnh4.eu-west-1.vpce.amazonaws.com: it serves every cluster of its Region.
// https://docs.aws.amazon.com/aurora-dsql/latest/userguide/privatelink-managing-clusters.html
const INTERFACE_ENDPOINT = /\.(dsql-[a-z0-9]+\.[a-z0-9-]+)\.vpce\.amazonaws\.com(?:\.cn)?\.?$/i;

/** Fills in what Aurora DSQL or Redshift fixes; other settings are returned as they are. */
export function withServiceDefaults<S extends ServiceDefaults>(settings: S): S {
  return withRedshiftDefaults(withDsqlDefaults(settings));
}

// What AWS's own DSQL connectors fill in where the host (or the sign host of another name) is a DSQL endpoint, or a bare cluster
// ID with a Region: the whole endpoint, the user `admin`, the database `postgres`.
function withDsqlDefaults<S extends ServiceDefaults>(settings: S): S {
  const { signHost } = settings;
  const region = settings.region ?? settings.profileRegion;
  const [, dialed] = INTERFACE_ENDPOINT.exec(settings.host) ?? [];
  const service = dialed ?? (region === undefined ? undefined : `dsql.${region}`);
  const whole = (host: string): string =>
    service !== undefined && CLUSTER_ID.test(host) ? `${host}.${service}.on.aws` : host;
  const host = whole(settings.host);
  const signed = signHost && { ...signHost, host: whole(signHost.host) };
  if (!isDsql(signed?.host ?? host)) return settings;
  const { user = DSQL_ADMIN, dbname = DSQL_DATABASE } = settings;
  return { ...settings, host, ...(signed && { signHost: signed }), user, dbname };
}

// A host of a name that AWS did not make is verified as it is: no CNAME is followed.
function withRedshiftDefaults<S extends ServiceDefaults>(settings: S): S {
  const { hasPort, host, profileRegion, redshift, signHost } = settings;
  const { kind } = parseEndpoint(signHost?.host ?? host) ?? {};
  const isNamed = kind === undefined && redshift !== undefined;
  if (!isNamed && !isRedshift(kind)) return settings;
  const { dbname = REDSHIFT_DATABASE, passwordCommand, secret } = settings;
  const isIam = passwordCommand === undefined && secret === undefined;
  const user = settings.user ?? (isIam ? REDSHIFT_IDENTITY : undefined);
  return {
    ...settings,
    user,
    dbname,
    port: hasPort === true ? settings.port : REDSHIFT_PORT,
    signHost: signHost ?? (kind === undefined ? { host } : undefined),
    region: settings.region ?? (kind === undefined ? profileRegion : undefined),
  };
}

/** Whether an endpoint of this kind is Redshift's, provisioned or serverless. */
export function isRedshift(kind: string | undefined): boolean {
  return kind === "redshift" || kind === "redshift-serverless";
}

/** A cluster or workgroup of Redshift, as the API of its service names it. */
export interface RedshiftCluster {
  readonly service: "redshift" | "redshift-serverless";
  readonly name: string;
}

/** The cluster or workgroup behind an endpoint; `named` is the setting that says it where the host's name does not. */
export function redshiftCluster(
  { host, kind }: Pick<Endpoint, "host" | "kind">,
  named: string | undefined,
): RedshiftCluster | undefined {
  const [, workgroup, name = host.split(".")[0] ?? ""] =
    /^(workgroup\/)?(.+)$/.exec(named ?? "") ?? [];
  if (kind === "redshift" || kind === "redshift-serverless") return { service: kind, name };
  if (kind !== "unknown" || named === undefined) return undefined;
  return { service: workgroup === undefined ? "redshift" : "redshift-serverless", name };
}

/** The ID of a DSQL cluster that is dialed by a name that does not have it: an interface endpoint's, without private DNS. */
export function unnamedCluster(
  dialed: string,
  { host }: Pick<Endpoint, "host">,
): string | undefined {
  return INTERFACE_ENDPOINT.test(dialed) ? host.split(".")[0] : undefined;
}

/**
 * The public endpoint of the cluster that an endpoint of PrivateLink leads to. AWS's documentation signs tokens for it, and
 * others have found that the private name is wanted.
 */
export function publicDsqlHost({
  host,
  kind,
}: Pick<Endpoint, "host" | "kind">): string | undefined {
  return kind === "dsql" && /\.dsql-/.test(host)
    ? host.replace(/\.dsql-[a-z0-9]+\./, ".dsql.")
    : undefined;
}

// ID.dsql.REGION.on.aws, and ID.dsql-SUFFIX.REGION.on.aws through PrivateLink.
function parseDsql(host: string, labels: readonly string[]): Endpoint | undefined {
  const [, service, region, on, aws] = labels;
  if (
    labels.length !== 5 ||
    on !== "on" ||
    aws !== "aws" ||
    service === undefined ||
    region === undefined
  ) {
    return undefined;
  }
  return /^dsql(-[a-z0-9]+)?$/.test(service) && REGION.test(region)
    ? { host, kind: "dsql", region, hash: undefined, dnsSuffix: "on.aws" }
    : undefined;
}

// CLUSTER.HASH.REGION.redshift.amazonaws.com, and WORKGROUP.ACCOUNT.REGION.redshift-serverless.amazonaws.com. An endpoint that
// Redshift manages in another VPC has a name of the same shape.
function parseRedshift(host: string, labels: readonly string[]): Endpoint | undefined {
  const { dnsSuffix, own } = withoutSuffix(host, labels);
  const [, hash, region, kind, ...rest] = own;
  if (dnsSuffix === undefined || hash === undefined || region === undefined || rest.length > 0) {
    return undefined;
  }
  return (kind === "redshift" || kind === "redshift-serverless") && REGION.test(region)
    ? { host, kind, region, hash, dnsSuffix }
    : undefined;
}

function withoutSuffix(
  host: string,
  labels: readonly string[],
): { readonly dnsSuffix: string | undefined; readonly own: readonly string[] } {
  const dnsSuffix = PARTITIONS.find((each) => host.endsWith(`.${each.dnsSuffix}`))?.dnsSuffix;
  const own = dnsSuffix === undefined ? [] : labels.slice(0, -dnsSuffix.split(".").length);
  return { dnsSuffix, own };
}

function parseRds(host: string, labels: readonly string[]): Endpoint | undefined {
  const { dnsSuffix, own } = withoutSuffix(host, labels);
  if (dnsSuffix === undefined) {
    return undefined;
  }
  const [first = "", second = ""] = own.slice(-2);
  const region = RDS.has(second) ? first : RDS.has(first) ? second : undefined;
  if (region === undefined) {
    return undefined;
  }
  const names = own.slice(0, -2);
  const label = names.at(-1) ?? "";
  const [prefix, kind] = KIND_PREFIXES.find(([each]) => label.startsWith(each)) ?? [
    "",
    "instance" as const,
  ];
  const endpoint = { host, kind, region, hash: label.slice(prefix.length), dnsSuffix };
  if (kind === "global" || region === "global") {
    const isGlobal = names.length === 2 && kind === "global" && region === "global";
    return isGlobal ? { ...endpoint, region: undefined } : undefined;
  }
  if (!REGION.test(region)) return undefined;
  if (names.length === 2) return endpoint;
  const isProxyEndpoint = names.length === 3 && names[1] === "endpoint" && kind === "proxy";
  return isProxyEndpoint ? { ...endpoint, kind: "proxy-endpoint" } : undefined;
}

/** Whether two endpoints are of one account and Region, as far as their names show. */
export function isSameAccount(one: Endpoint, other: Endpoint): boolean {
  return (
    one.hash !== undefined &&
    one.hash === other.hash &&
    one.region === other.region &&
    one.dnsSuffix === other.dnsSuffix
  );
}
