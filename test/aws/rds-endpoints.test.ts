// What the RDS API says of custom and global endpoints, against a stand-in that verifies each signature.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { AwsCaller } from "../../src/aws/rds-client.ts";
import { clusterOfCustomEndpoint, writerRegionOf } from "../../src/aws/rds-endpoints.ts";
import { KeyStore } from "../../src/demo/keys.ts";
import { type RdsApiOptions, startRdsApi } from "../support/rds-api.ts";
import { ACCOUNT, CUSTOM, GLOBAL, ZONE } from "../support/account-inventory.ts";
import { keep } from "../support/keep.ts";
import { failure } from "../support/failure.ts";

const keys = new KeyStore();
const key = keys.createStaticKey({ arn: "arn:aws:iam::123456789012:user/app" });
const options: RdsApiOptions = { keys, regions: ACCOUNT, denied: new Set(), throttled: 0 };

const api = await keep(startRdsApi(options));

function caller(region = "eu-west-1"): AwsCaller {
  return {
    credentials: async () => ({ ...key, source: "a test" }),
    region,
    calls: {
      env: { AWS_ENDPOINT_URL_RDS: api.endpoint },
      configProfile: undefined,
      services: new Map(),
      awsTimeout: undefined,
    },
    profile: undefined,
  };
}

test("clusterOfCustomEndpoint() finds the writer endpoint of the cluster", async () => {
  assert.equal(await clusterOfCustomEndpoint(CUSTOM, caller()), `orders.cluster-${ZONE}`);
});

test("writerRegionOf() finds the Region of the member that writes", async () => {
  assert.equal(await writerRegionOf(GLOBAL, caller()), "us-east-2");
});

test("writerRegionOf() tries again when it is throttled", async () => {
  options.throttled = 2;
  assert.equal(await writerRegionOf(GLOBAL, caller()), "us-east-2");
  assert.equal(options.throttled, 0);
});

test("clusterOfCustomEndpoint() and writerRegionOf() say which permission is missing, and how to go on", async () => {
  options.denied?.add("DescribeDBClusterEndpoints").add("DescribeGlobalClusters");
  const custom = await failure(clusterOfCustomEndpoint(CUSTOM, caller()));
  assert.match(custom.message, /not allowed to call rds:DescribeDBClusterEndpoints in eu-west-1/);
  assert.match(custom.detail ?? "", /AWS says: User: arn:aws:iam::123456789012:user\/app is not/);
  assert.match(custom.hint ?? "", /--sign-host ENDPOINT or rds_sign_host/);
  const global = await failure(writerRegionOf(GLOBAL, caller()));
  assert.match(global.message, /rds:DescribeGlobalClusters/);
  assert.match(global.hint ?? "", /--region REGION or rds_region/);
  options.denied?.clear();
});

test("clusterOfCustomEndpoint() and writerRegionOf() say what a Region does not show", async () => {
  const custom = await failure(clusterOfCustomEndpoint(CUSTOM, caller("us-east-1")));
  assert.equal(custom.code, "ERR_ENDPOINT");
  assert.match(custom.message, /the RDS API in us-east-1 returned no custom endpoint/);
  assert.match(
    (await failure(writerRegionOf(GLOBAL, caller("us-east-1")))).message,
    /returned no global/,
  );
});

test("writerRegionOf() with a key that the Region does not know is told as such", async () => {
  const error = await failure(writerRegionOf(GLOBAL, caller("af-south-1")));
  assert.match(error.message, /AWS does not know the access key/);
});
