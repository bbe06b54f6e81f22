// An account for the stand-in of the RDS API: 250 instances, clusters, custom endpoints and RDS Proxies in two Regions,
// with databases of other engines among them.
import type { Inventory } from "./rds-api.ts";

const REGION = "eu-west-1";
export const ZONE = `c1a2b3.${REGION}.rds.amazonaws.com`;
/** A custom endpoint of the cluster `orders`, and a global endpoint whose writer is in us-east-2. */
export const CUSTOM = `reports.cluster-custom-${ZONE}`;
export const GLOBAL = "orders.global-c1a2b3.global.rds.amazonaws.com";
const ARN = `arn:aws:rds:${REGION}:123456789012`;

function tags(values: Readonly<Record<string, string>>) {
  return Object.entries(values).map(([Key, Value]) => ({ Key, Value }));
}

// Those of rds-auth-proxy and of rdsiam, right and wrong.
const TAGGED: Readonly<Record<number, Readonly<Record<string, string>>>> = {
  1: { "rds-auth-proxy:db-name": "my app", "rds-auth-proxy:local-port": "8001" },
  2: { "rdsiam:dbname": "own", "rds-auth-proxy:db-name": "other", "rdsiam:local-port": "99999" },
  3: { "rdsiam:local_port": "8001" },
};

function instance(index: number) {
  const name = `db-${String(index).padStart(3, "0")}`;
  return {
    DBInstanceIdentifier: name,
    Engine: index % 10 === 9 ? "mysql" : "postgres",
    Endpoint: { Address: `${name}.${ZONE}`, Port: index === 1 ? "6000" : "5432" },
    IAMDatabaseAuthenticationEnabled: String(index !== 0),
    DBName: "app",
    TagList: tags({ env: index < 3 ? "prod" : "test", ...TAGGED[index] }),
  };
}

const EU_WEST: Inventory = {
  DescribeDBInstances: [
    ...Array.from({ length: 250 }, (_, index) => instance(index)),
    // One that is being made has no endpoint yet.
    { DBInstanceIdentifier: "new", Engine: "postgres", IAMDatabaseAuthenticationEnabled: "true" },
  ],
  DescribeDBClusters: [
    {
      DBClusterIdentifier: "orders",
      Engine: "aurora-postgresql",
      Endpoint: `orders.cluster-${ZONE}`,
      ReaderEndpoint: `orders.cluster-ro-${ZONE}`,
      Port: "5432",
      DatabaseName: "orders",
      IAMDatabaseAuthenticationEnabled: "true",
      TagList: tags({ env: "prod", team: "a=b", "rdsiam:local-port": "8002" }),
    },
    { DBClusterIdentifier: "shop", Engine: "aurora-mysql", Endpoint: `shop.cluster-${ZONE}` },
  ],
  DescribeDBClusterEndpoints: [
    {
      DBClusterEndpointIdentifier: "reports",
      DBClusterIdentifier: "orders",
      EndpointType: "CUSTOM",
      Endpoint: CUSTOM,
    },
    { DBClusterIdentifier: "orders", EndpointType: "READER", Endpoint: `ro.cluster-ro-${ZONE}` },
    { DBClusterIdentifier: "other", EndpointType: "WRITER", Endpoint: `other.cluster-${ZONE}` },
    { DBClusterIdentifier: "orders", EndpointType: "WRITER", Endpoint: `orders.cluster-${ZONE}` },
    {
      DBClusterEndpointIdentifier: "carts",
      DBClusterIdentifier: "shop",
      EndpointType: "CUSTOM",
      Endpoint: `carts.cluster-custom-${ZONE}`,
    },
  ],
  DescribeDBProxies: [
    {
      DBProxyName: "pool",
      DBProxyArn: `${ARN}:db-proxy:prx-1`,
      EngineFamily: "POSTGRESQL",
      Endpoint: `pool.proxy-${ZONE}`,
      Auth: [{ IAMAuth: "REQUIRED" }],
    },
    {
      DBProxyName: "closed",
      DBProxyArn: `${ARN}:db-proxy:prx-2`,
      EngineFamily: "POSTGRESQL",
      Endpoint: `closed.proxy-${ZONE}`,
      Auth: [{ IAMAuth: "DISABLED" }],
    },
    { DBProxyName: "mine", EngineFamily: "MYSQL", Endpoint: `mine.proxy-${ZONE}`, Auth: [] },
  ],
  DescribeDBProxyEndpoints: [
    // The proxy's own, which is no further one.
    { DBProxyEndpointName: "default", DBProxyName: "pool", Endpoint: `pool.proxy-${ZONE}` },
    { DBProxyEndpointName: "pool-ro", DBProxyName: "pool", Endpoint: `ro.endpoint.proxy-${ZONE}` },
    { DBProxyEndpointName: "mine-ro", DBProxyName: "mine", Endpoint: `m.endpoint.proxy-${ZONE}` },
  ],
  DescribeDBProxyTargets: [
    { DBProxyName: "pool", RdsResourceId: "db-200", Type: "RDS_INSTANCE" },
    { DBProxyName: "closed", RdsResourceId: "db-201", Type: "RDS_INSTANCE" },
  ],
  ListTagsForResource: [{ Arn: `${ARN}:db-proxy:prx-1`, Key: "env", Value: "prod" }],
  DescribeGlobalClusters: [
    { Endpoint: "other.global-c1a2b3.global.rds.amazonaws.com", GlobalClusterMembers: [] },
    {
      Endpoint: GLOBAL,
      GlobalClusterMembers: [
        { DBClusterArn: "arn:aws:rds:eu-west-1:123456789012:cluster:a", IsWriter: "false" },
        { DBClusterArn: "arn:aws:rds:us-east-2:123456789012:cluster:b", IsWriter: "true" },
      ],
    },
  ],
  DescribeSourceRegions: [
    { RegionName: "us-east-1", Status: "available" },
    { RegionName: "af-south-1", Status: "available" },
  ],
};

const US_EAST: Inventory = {
  DescribeDBInstances: [
    {
      DBInstanceIdentifier: "db-001",
      Engine: "postgres",
      Endpoint: { Address: "db-001.d4e5f6.us-east-1.rds.amazonaws.com", Port: "5432" },
      IAMDatabaseAuthenticationEnabled: "true",
    },
  ],
  DescribeDBClusters: [
    // Of the express configuration.
    {
      DBClusterIdentifier: "mine",
      Engine: "aurora-postgresql",
      Endpoint: "mine.cluster-d4e5f6.us-east-1.rds.amazonaws.com",
      Port: "5432",
      IAMDatabaseAuthenticationEnabled: "true",
      VPCNetworkingEnabled: "false",
      InternetAccessGatewayEnabled: "true",
    },
  ],
};

/** By Region; af-south-1 is one that the account has not opted in to. */
export const ACCOUNT: Readonly<Record<string, Inventory>> = {
  [REGION]: EU_WEST,
  "us-east-1": US_EAST,
};
