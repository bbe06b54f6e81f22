import assert from "node:assert/strict";
import { test } from "node:test";
import { KeyStore } from "../../src/demo/keys.ts";
import { parseOwnFile } from "../../src/config/own-file.ts";
import { allowingRule, type RelayTarget } from "../../src/relay/access.ts";
import { readRelayConfig } from "../../src/relay/config.ts";
import { accountSearch, type SearchResult, Targets } from "../../src/relay/targets.ts";
import { type Inventory, startRdsApi } from "../support/rds-api.ts";

const target = (host: string): RelayTarget => ({ name: host, host, port: 5432, tags: [{}] });
const names = (targets: Targets): readonly string[] => targets.all().map(({ name }) => name);

test("Targets + what was found stays while searches fail, and goes when one is complete without it", async () => {
  let answer: SearchResult | Error = { targets: [target("a"), target("b")], problems: [] };
  const run = async (): Promise<SearchResult> => {
    if (answer instanceof Error) throw answer;
    return answer;
  };
  const targets = new Targets([target("listed")], [{ region: "eu-west-1", run }]);
  assert.deepEqual(await targets.refresh(), []);
  assert.deepEqual(names(targets), ["listed", "a", "b"]);
  answer = new Error("throttled");
  assert.deepEqual(await targets.refresh(), ["throttled"]);
  assert.deepEqual(names(targets), ["listed", "a", "b"]);
  answer = { targets: [target("c")], problems: ["not allowed to list proxies"] };
  assert.deepEqual(await targets.refresh(), ["not allowed to list proxies"]);
  assert.deepEqual(names(targets), ["listed", "a", "b", "c"]);
  answer = { targets: [target("c")], problems: [] };
  await targets.refresh();
  assert.deepEqual(names(targets), ["listed", "c"]);
  assert.equal(targets.find("c", 5432)?.name, "c");
  assert.equal(targets.find("c", 22), undefined);
  targets.replace([], []);
  assert.deepEqual(names(targets), []);
});

test("Targets + tags that could not be listed stay as they were, and are not known before", async () => {
  const blocked: RelayTarget["tags"] = [{}, { "deny-relay": "yes" }];
  let tags: RelayTarget["tags"];
  let problems = ["AWS throttles rds:ListTagsForResource"];
  const run = async (): Promise<SearchResult> => ({
    targets: [{ ...target("a"), tags }],
    problems,
  });
  const targets = new Targets([], [{ region: "eu-west-1", run }]);
  const tagsAfterSearch = async (): Promise<RelayTarget["tags"]> => {
    await targets.refresh();
    return targets.find("a", 5432)?.tags;
  };
  assert.equal(await tagsAfterSearch(), undefined);
  [tags, problems] = [blocked, []];
  assert.deepEqual(await tagsAfterSearch(), blocked);
  [tags, problems] = [undefined, ["not allowed to call rds:DescribeDBProxyTargets"]];
  assert.deepEqual(await tagsAfterSearch(), blocked);
  [tags, problems] = [[{}], []];
  assert.deepEqual(await tagsAfterSearch(), [{}]);
});

test("Targets + a database of the file is there once, with the file's own tags, when it is found too", async () => {
  const listed = { ...target("a"), name: "listed", tags: [{ env: "prod" }] };
  const run = async (): Promise<SearchResult> => ({
    targets: [target("a"), target("b")],
    problems: [],
  });
  const targets = new Targets([listed], [{ region: "eu-west-1", run }]);
  await targets.refresh();
  assert.deepEqual(names(targets), ["listed", "b"]);
  assert.deepEqual(targets.find("a", 5432)?.tags, [{ env: "prod" }]);
});

test("Targets + a search that ends after its Region was taken away changes nothing", async () => {
  let resolve: (found: SearchResult) => void = () => {};
  const run = (): Promise<SearchResult> => new Promise((settle) => (resolve = settle));
  const targets = new Targets([target("listed")], [{ region: "eu-west-1", run }]);
  const searched = targets.refresh();
  targets.replace([target("listed")], []);
  resolve({ targets: [target("a")], problems: [] });
  await searched;
  assert.deepEqual(names(targets), ["listed"]);
});

const REGION = "eu-west-1";
const PROXY_ARN = `arn:aws:rds:${REGION}:123456789012:db-proxy:prx-1`;
const BLOCKED = [{ Key: "relay", Value: "no" }];
const IAM = { IAMDatabaseAuthenticationEnabled: "true" };

// A cluster with the tag, an instance of it without, one with another value, and one that belongs to no cluster.
function inventory(proxied: { readonly RdsResourceId: string; readonly Type: string }): Inventory {
  const instance = (name: string, more: object) => ({
    DBInstanceIdentifier: name,
    Engine: "aurora-postgresql",
    Endpoint: { Address: `${name}.x.rds.amazonaws.com`, Port: "5432" },
    ...IAM,
    ...more,
  });
  const custom = { DBClusterIdentifier: "orders", Endpoint: "reports.x.rds.amazonaws.com" };
  const pool = { DBProxyName: "pool", DBProxyArn: PROXY_ARN, EngineFamily: "POSTGRESQL" };
  return {
    DescribeDBClusters: [
      {
        DBClusterIdentifier: "orders",
        Engine: "aurora-postgresql",
        Endpoint: "orders.x.rds.amazonaws.com",
        ReaderEndpoint: "orders-ro.x.rds.amazonaws.com",
        TagList: BLOCKED,
        ...IAM,
      },
    ],
    DescribeDBClusterEndpoints: [
      { ...custom, DBClusterEndpointIdentifier: "reports", EndpointType: "CUSTOM" },
    ],
    DescribeDBInstances: [
      instance("member", { DBClusterIdentifier: "orders" }),
      instance("marked", {
        DBClusterIdentifier: "orders",
        TagList: [{ Key: "relay", Value: "yes" }],
      }),
      instance("alone", {}),
    ],
    DescribeDBProxies: [
      { ...pool, Endpoint: "pool.x.rds.amazonaws.com", Auth: [{ IAMAuth: "REQUIRED" }] },
    ],
    DescribeDBProxyTargets: [{ DBProxyName: "pool", ...proxied }],
    DescribeDBProxyEndpoints: [
      {
        DBProxyEndpointName: "pool-ro",
        DBProxyName: "pool",
        Endpoint: "pool-ro.x.rds.amazonaws.com",
      },
    ],
    ListTagsForResource: [{ Arn: PROXY_ARN, Key: "env", Value: "prod" }],
  };
}

const { rules } = readRelayConfig(
  parseOwnFile(
    "[target x]\nhost = x\n[allow bob]\narn = arn:aws:iam::123456789012:user/bob\ntargets = *\nblocked_tags = relay=no",
    "relay.ini",
  ),
  "relay.ini",
);

test("accountSearch() + a member and a proxy have the tags of their cluster; tags that cannot be listed block", async () => {
  const keys = new KeyStore();
  const key = keys.createStaticKey({ arn: "arn:aws:iam::123456789012:user/relay" });
  const regions: Record<string, Inventory> = {};
  const denied = new Set<string>();
  await using api = await startRdsApi({ keys, regions, denied });
  const calls = { env: { AWS_ENDPOINT_URL_RDS: api.endpoint } };
  const credentials = async () => ({ ...key, source: "test" });
  const account = {
    profile: undefined,
    region: REGION,
    callerIn: (region: string) => ({ credentials, region, calls, profile: undefined }),
  };
  const allowed = async (targets: Targets): Promise<readonly string[]> => {
    await targets.refresh();
    const bob = { arn: "arn:aws:iam::123456789012:user/bob" };
    const reachable = targets.all().filter((each) => allowingRule(rules, bob, each) !== undefined);
    return reachable.map(({ name }) => name);
  };
  const fresh = (): Targets => new Targets([], [accountSearch(account, REGION)]);
  const all = ["orders", "orders-ro", "reports", "member", "marked", "alone", "pool", "pool-ro"];

  for (const blocked of [
    { RdsResourceId: "orders", Type: "TRACKED_CLUSTER" },
    { RdsResourceId: "member", Type: "RDS_INSTANCE" },
    { RdsResourceId: "unheard-of", Type: "RDS_INSTANCE" },
  ]) {
    regions[REGION] = inventory(blocked);
    const targets = fresh();
    assert.deepEqual(await allowed(targets), ["alone"]);
    assert.deepEqual(names(targets), all);
  }
  regions[REGION] = inventory({ RdsResourceId: "alone", Type: "RDS_INSTANCE" });
  const before = fresh();
  assert.deepEqual(await allowed(before), ["alone", "pool", "pool-ro"]);
  for (const action of ["ListTagsForResource", "DescribeDBProxyTargets"]) {
    denied.clear();
    denied.add(action);
    assert.deepEqual(await allowed(fresh()), ["alone"], action);
    assert.deepEqual(await allowed(before), ["alone", "pool", "pool-ro"], action);
  }
  denied.clear();
  denied.add("DescribeDBClusters");
  assert.deepEqual(await allowed(fresh()), ["alone", "pool", "pool-ro"]);
});
