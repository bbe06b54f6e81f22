// Each kind of endpoint leads to the resource id that a policy needs.
import assert from "node:assert/strict";
import { test } from "node:test";
import { databaseResource } from "../../src/aws/database-resource.ts";
import type { AwsCaller } from "../../src/aws/rds-client.ts";
import { KeyStore } from "../../src/demo/keys.ts";
import { RdsIamError } from "../../src/base/errors.ts";
import { startRdsApi } from "../support/rds-api.ts";
import { keep } from "../support/keep.ts";

const ARN = "arn:aws:rds:eu-west-1:123456789012";
const ZONE = "c1a2b3c4d5e6.eu-west-1.rds.amazonaws.com";
const IAM = { IAMDatabaseAuthenticationEnabled: "true" };
const INVENTORY = {
  DescribeDBInstances: [
    {
      DBInstanceIdentifier: "db1",
      DBInstanceArn: `${ARN}:db:db1`,
      DbiResourceId: "db-ONE",
      ...IAM,
    },
    {
      DBInstanceIdentifier: "orders-1",
      DBInstanceArn: `${ARN}:db:orders-1`,
      DbiResourceId: "db-TWO",
      DBClusterIdentifier: "orders",
    },
  ],
  DescribeDBClusters: [
    {
      DBClusterIdentifier: "orders",
      DBClusterArn: `${ARN}:cluster:orders`,
      DbClusterResourceId: "cluster-ORDERS",
      ...IAM,
    },
  ],
  DescribeDBProxies: [
    {
      DBProxyName: "pool",
      DBProxyArn: `${ARN}:db-proxy:prx-0123`,
      Auth: [{ IAMAuth: "REQUIRED" }],
    },
  ],
  DescribeDBProxyEndpoints: [{ DBProxyEndpointName: "pool-ro", DBProxyName: "pool" }],
  DescribeGlobalClusters: [
    {
      Endpoint: "g.global-abc.global.rds.amazonaws.com",
      GlobalClusterMembers: [{ DBClusterArn: `${ARN}:cluster:orders`, IsWriter: "true" }],
    },
  ],
};

const keys = new KeyStore();
const key = keys.createStaticKey({ arn: "arn:aws:iam::123456789012:user/reader" });
const denied = new Set<string>();
const api = await keep(startRdsApi({ keys, regions: { "eu-west-1": INVENTORY }, denied }));

function caller(): AwsCaller {
  return {
    credentials: async () => ({ ...key, source: "a test" }),
    region: "eu-west-1",
    calls: { env: { AWS_ENDPOINT_URL_RDS: api.endpoint } },
    profile: undefined,
  };
}

const CASES: readonly (readonly [kind: string, host: string, id: string])[] = [
  ["instance", `db1.${ZONE}`, "db-ONE"],
  ["instance", `orders-1.${ZONE}`, "cluster-ORDERS"],
  ["cluster", `orders.cluster-${ZONE}`, "cluster-ORDERS"],
  ["reader", `orders.cluster-ro-${ZONE}`, "cluster-ORDERS"],
  ["proxy", `pool.proxy-${ZONE}`, "prx-0123"],
  ["proxy-endpoint", `pool-ro.endpoint.proxy-${ZONE}`, "prx-0123"],
  ["global", "g.global-abc.global.rds.amazonaws.com", "cluster-ORDERS"],
];

for (const [kind, host, id] of CASES) {
  test(`databaseResource() answers ${id} for ${host}`, async () => {
    const { resourceId, account, partition, iam } = await databaseResource(
      { kind, host },
      caller(),
    );
    assert.deepEqual([resourceId, account, partition, iam], [id, "123456789012", "aws", true]);
  });
}

test("databaseResource() says what is not there, and which permission is missing", async () => {
  await assert.rejects(
    databaseResource({ kind: "instance", host: `gone.${ZONE}` }, caller()),
    (error) => error instanceof RdsIamError && /returned no gone\./.test(error.message),
  );
  denied.add("DescribeDBProxies");
  await assert.rejects(
    databaseResource({ kind: "proxy", host: `pool.proxy-${ZONE}` }, caller()),
    (error) => error instanceof RdsIamError && /rds:DescribeDBProxies/.test(error.message),
  );
});
