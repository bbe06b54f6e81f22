// `rdsiam discover` against a stand-in of the RDS API: pages, throttling, missing permissions, and what gets written.
import assert from "node:assert/strict";
import { readFile, stat, writeFile } from "node:fs/promises";
import { beforeEach, test } from "node:test";
import {
  type ApiEndpoints,
  appendProfile,
  makeEnvironment,
  makeHome,
} from "../../src/demo/home.ts";
import { KeyStore } from "../../src/demo/keys.ts";
import { ACCOUNT, ZONE } from "../support/account-inventory.ts";
import { makeResult, startApi } from "../../src/demo/aws-api.ts";
import { startDsqlApi } from "../../src/demo/dsql-api.ts";
import { startRedshiftApis } from "../../src/demo/redshift-api.ts";
import { type RdsApiOptions, startRdsApi } from "../support/rds-api.ts";
import { type Finished, rdsiam } from "../support/program.ts";
import { keep, temporaryDirectory } from "../support/keep.ts";

interface Row {
  readonly name: string;
  readonly kind: string;
  readonly region: string;
  readonly host: string;
  readonly iam: boolean;
  readonly signHost?: string;
  readonly dbname?: string;
  readonly localPort?: number;
  readonly target?: string;
}

const keys = new KeyStore();
const options: RdsApiOptions = { keys, regions: ACCOUNT, denied: new Set(), throttled: 0 };
const DSQL = "abcdefghijklmnopqrst123456.dsql.eu-west-1.on.aws";
const directory = await temporaryDirectory("discover");
const home = await makeHome(directory);
const api = await keep(startRdsApi(options));
const arn = "arn:aws:dsql:eu-west-1:123456789012:cluster/abcdefghijklmnopqrst123456";
const clusters = [{ arn, endpoint: DSQL, tags: { Name: "ledger", team: "books" } }];
const dsql = await keep(startDsqlApi({ keys, clusters }));
const deniedDsql = await keep(startDsqlApi({ keys, clusters, isDenied: true }));
const noClusters = await keep(
  startApi({
    service: "redshift",
    keys,
    answer: ({ action }) => makeResult(action, { Clusters: "" }),
  }),
);
const noWorkgroups = await keep(
  startApi({
    service: "redshift-serverless",
    keys,
    answer: () => ({ status: 200, body: '{"workgroups":[]}' }),
  }),
);
const key = keys.createStaticKey({ arn: "arn:aws:iam::123456789012:user/admin" });
await appendProfile(home, "corp", { region: "eu-west-1" }, key);
beforeEach(async () => {
  options.denied?.clear();
  options.throttled = 0;
  api.calls.length = 0;
  await writeFile(home.own, "");
});

function discover(...args: readonly string[]): Promise<Finished> {
  return discoverWith({ rds: api.endpoint, dsql: dsql.endpoint }, ...args);
}

function discoverWith(
  endpoints: Omit<ApiEndpoints, "sts">,
  ...args: readonly string[]
): Promise<Finished> {
  return rdsiam(["discover", "--profile", "corp", ...args], { env: environmentWith(endpoints) });
}

function environmentWith(endpoints: Omit<ApiEndpoints, "sts">): Record<string, string> {
  return makeEnvironment(home, {
    sts: "http://127.0.0.1:1",
    redshift: noClusters.endpoint,
    redshift_serverless: noWorkgroups.endpoint,
    ...endpoints,
  });
}

async function rows(...args: readonly string[]): Promise<Row[]> {
  const ran = await discover("--json", ...args);
  assert.equal(ran.status, 0, ran.stderr);
  return JSON.parse(ran.stdout) as Row[];
}

test("rdsiam discover --json lists what speaks PostgreSQL, over all pages", async () => {
  const found = await rows();
  const count = (kind: string): number => found.filter((row) => row.kind === kind).length;
  assert.deepEqual(
    ["instance", "cluster", "reader", "custom", "proxy", "proxy-endpoint", "dsql"].map(count),
    [225, 1, 1, 1, 2, 1, 1],
  );
  assert.ok(!found.some(({ host }) => /^(shop|carts|mine|m|db-009)\./.test(host)));
  assert.deepEqual(
    found.filter(({ iam }) => !iam).map(({ name }) => name),
    ["db-000", "closed"],
  );
  assert.equal(found.find(({ kind }) => kind === "custom")?.signHost, `orders.cluster-${ZONE}`);
  assert.equal(api.calls.filter((call) => call.endsWith("DescribeDBInstances")).length, 3);
  assert.ok(!api.calls.some((call) => call.includes("ListTags")));
});

test("rdsiam discover tries again when it is throttled", async () => {
  options.throttled = 3;
  assert.equal((await rows()).length, 232);
  assert.equal(options.throttled, 0);
});

test("rdsiam discover without some permissions lists the rest, and names what is missing", async () => {
  options.denied?.add("DescribeDBProxies").add("DescribeDBClusterEndpoints");
  const ran = await discover("--json");
  assert.equal(ran.status, 0);
  assert.equal((JSON.parse(ran.stdout) as Row[]).length, 228);
  assert.match(
    ran.stderr,
    /warning: not allowed to call rds:DescribeDBProxies in eu-west-1\nHINT: .*Without it, RDS Proxies are left out/,
  );
  assert.match(ran.stderr, /warning: not allowed to call rds:DescribeDBClusterEndpoints/);
});

test("rdsiam discover without any permission is an error", async () => {
  for (const kind of ["DBProxies", "DBClusters", "DBInstances"])
    options.denied?.add(`Describe${kind}`);
  const ran = await discoverWith({ rds: api.endpoint, dsql: deniedDsql.endpoint });
  assert.deepEqual([ran.status, ran.stdout], [125, ""]);
  assert.match(
    ran.stderr,
    /^rdsiam: error: not allowed to call rds:DescribeDBClusters in eu-west-1/,
  );
  assert.match(
    ran.stderr,
    /AWS says: User: arn:aws:iam::123456789012:user\/admin is not authorized/,
  );
});

test("rdsiam discover without a permission of DSQL lists the rest", async () => {
  const ran = await discoverWith({ rds: api.endpoint, dsql: deniedDsql.endpoint }, "--json");
  assert.equal((JSON.parse(ran.stdout) as Row[]).length, 231);
  assert.match(ran.stderr, /warning: not allowed to call dsql:ListClusters in eu-west-1/);
});

test("rdsiam discover that finds nothing where something could not be listed is an error", async () => {
  options.denied?.add("ListTagsForResource");
  const ran = await discover("--tag", "env=none");
  assert.deepEqual([ran.status, ran.stdout], [125, ""]);
  assert.match(
    ran.stderr,
    /^rdsiam: error: not allowed to call rds:ListTagsForResource in eu-west-1/,
  );
});

test("rdsiam discover --tag takes what has every tag, proxies too", async () => {
  assert.deepEqual((await rows("--tag", "env=prod")).map(({ name }) => name).toSorted(), [
    "db-000",
    "db-001",
    "db-002",
    "orders",
    "orders-ro",
    "pool",
    "pool-ro",
    "reports",
  ]);
  const both = await rows("--tag", "env=prod", "--tag", "team=a=b");
  assert.deepEqual(
    both.map(({ kind }) => kind),
    ["cluster", "reader", "custom"],
  );
  assert.deepEqual(await rows("--tag", "team=a"), []);
});

test("rdsiam discover takes database and local port from rdsiam's and rds-auth-proxy's tags", async () => {
  const ran = await discover("--json");
  assert.match(ran.stderr, /warning: rdsiam:local-port of db-002 is not a valid port: "99999"/);
  const found = JSON.parse(ran.stdout) as Row[];
  const settings = (name: string): readonly unknown[] => {
    const row = found.find((each) => each.name === name);
    return [row?.dbname, row?.localPort];
  };
  assert.deepEqual(settings("db-000"), ["app", undefined]);
  assert.deepEqual(settings("db-001"), ["my app", 8001]);
  assert.deepEqual(settings("db-002"), ["own", undefined]);
  // One port is for one target.
  assert.deepEqual(settings("db-003"), ["app", undefined]);
  assert.deepEqual(settings("orders"), ["orders", 8002]);
  assert.deepEqual(settings("orders-ro"), ["orders", undefined]);
  const sections = await discover("--tag", "env=prod");
  assert.match(sections.stdout, /^\[db-001\]\n[^[]*^dbname = "my app"\nlocal_port = 8001$/m);
});

test("rdsiam discover takes each of its flags from the environment too", async () => {
  const env = {
    ...environmentWith({ rds: api.endpoint, dsql: dsql.endpoint }),
    RDSIAM_JSON: "1",
    RDSIAM_WRITE: "yes",
    RDSIAM_ALL_REGIONS: "true",
    RDSIAM_USER: "",
  };
  const ran = await rdsiam(["discover", "--profile", "corp"], { env });
  assert.equal(ran.status, 0, ran.stderr);
  assert.equal((JSON.parse(ran.stdout) as Row[]).length, 236);
  const written = await readFile(home.own, "utf8");
  assert.match(written, /^\[db-001\]$/m);
  assert.doesNotMatch(written, /^user = $/m);
});

test("rdsiam discover --all-regions asks which there are, and passes over one that is not enabled", async () => {
  const ran = await discover("--json", "--all-regions");
  assert.equal(ran.status, 0);
  assert.match(ran.stderr, /^rdsiam: warning: rdsiam:local-port of db-002 .*\n$/);
  const found = JSON.parse(ran.stdout) as Row[];
  // The one DSQL cluster of the stand-in is in each of the three.
  assert.equal(found.length, 236);
  assert.deepEqual(
    found.filter(({ name }) => name.startsWith("db-001")).map(({ name, region }) => [name, region]),
    [
      ["db-001", "eu-west-1"],
      ["db-001-us-east-1", "us-east-1"],
    ],
  );
  options.denied?.add("DescribeSourceRegions");
  const denied = await discover("--all-regions");
  assert.equal(denied.status, 125);
  assert.match(denied.stderr, /rds:DescribeSourceRegions[^]*name the Regions: --region REGION/);
});

test("rdsiam discover --region may be given more than once", async () => {
  const found = await rows("--region", "us-east-1", "--region", "eu-west-1", "--tag", "env=none");
  assert.deepEqual(found, []);
  const regions = new Set(api.calls.map((call) => call.split(" ")[0] ?? ""));
  assert.deepEqual([...regions].toSorted(), ["eu-west-1", "us-east-1"]);
});

test("rdsiam discover prints sections that can be pasted as they are", async () => {
  const ran = await discover("--tag", "env=prod", "--user", "app_ro");
  assert.match(
    ran.stdout,
    /^\[reports\]\n# custom in eu-west-1, IAM authentication on\nprofile = corp\nhost = reports\.cluster-custom-\S+\nsign_host = orders\.cluster-\S+\nuser = app_ro\ndbname = orders\ntags = "env=prod"\n/m,
  );
  assert.match(ran.stdout, /^port = 6000$/m);
  assert.match(
    ran.stdout,
    /^# \[db-000\]\n# # instance in eu-west-1, IAM authentication off\n# profile/m,
  );
  await writeFile(home.own, ran.stdout);
  const env = makeEnvironment(home, { sts: "" });
  const listed = await rdsiam(["list", "--names"], { env });
  assert.deepEqual([listed.status, listed.stderr], [0, ""]);
  assert.deepEqual(listed.stdout.trim().split("\n").toSorted(), [
    "db-001",
    "db-002",
    "orders",
    "orders-ro",
    "pool",
    "pool-ro",
    "reports",
  ]);
});

test("rdsiam discover --write adds what is new, and leaves every line that is there", async () => {
  const own = `; mine\r\n[orders]\r\nhost=elsewhere.example.com\r\n\r\n[here]\nhost = db-002.${ZONE.toUpperCase()}`;
  await writeFile(home.own, own, { mode: 0o600 });
  const first = await discover("--tag", "env=prod", "--write");
  assert.equal(first.status, 0, first.stderr);
  assert.match(
    first.stderr,
    /rdsiam: 6 targets added to \S+; 1 already known, 1 with IAM authentication off/,
  );
  const text = await readFile(home.own, "utf8");
  assert.ok(text.startsWith(`${own}\n`));
  assert.match(text, /^\[orders-eu-west-1\]$/m);
  assert.doesNotMatch(text.slice(own.length), /db-00[02]/);
  assert.equal((await stat(home.own)).mode & 0o777, 0o600);
  const second = await discover("--tag", "env=prod", "--write");
  assert.match(second.stderr, /rdsiam: 0 targets added to \S+; 7 already known, 1 with/);
  assert.equal(await readFile(home.own, "utf8"), text);
});

test("rdsiam discover without a Region says how to name one", async () => {
  const env = makeEnvironment(home, { sts: "" });
  const ran = await rdsiam(["discover"], { env });
  assert.equal(ran.status, 125);
  assert.match(ran.stderr, /error: no Region to search[^]*--region REGION/);
});

// A port that refuses: the run ends right after the lookup.
const LOOKUP = { RDSIAM_VIA: "127.0.0.1:1", AWS_PROFILE: "corp" };

function live(name: string, more: Readonly<Record<string, string>> = {}): Promise<Finished> {
  const env = {
    ...makeEnvironment(home, { sts: "http://127.0.0.1:1" }),
    AWS_ENDPOINT_URL_RDS: api.endpoint,
    ...LOOKUP,
    ...more,
  };
  return rdsiam(["token", "-U", "app_ro", name], { env });
}

test("an unknown target that is an identifier of the account is found once, and remembered", async () => {
  const first = await live("orders");
  assert.equal(first.status, 0, first.stderr);
  assert.match(
    first.stderr,
    /"orders" is the cluster orders\.cluster-\S+ in the account of "corp"/,
  );
  assert.deepEqual(api.calls.toSorted(), [
    "eu-west-1 DescribeDBClusters",
    "eu-west-1 DescribeDBInstances",
  ]);
  assert.match(
    await readFile(home.own, "utf8"),
    /^\[orders\]\n# cluster [^]*profile = corp\nhost = orders\.cluster-\S+\nuser = app_ro\ndbname = orders\n$/,
  );
  const again = await live("orders");
  assert.deepEqual([again.status, again.stderr, api.calls.length], [0, "", 2]);
});

test("an unknown target is an error that says what the account has, and nothing is written", async () => {
  for (const [name, says] of [
    [
      "nothing-like-it",
      /unknown target[^]*no PostgreSQL instance or cluster of the account of "corp" in eu-west-1[^]*rdsiam init nothing-like-it[^]*rdsiam discover/,
    ],
    ["shop", /unknown target "shop"/],
    ["db-000", /IAM authentication is off for the instance "db-000"/],
  ] as const) {
    const ran = await live(name);
    assert.equal(ran.status, 125);
    assert.match(ran.stderr, says);
  }
  options.denied?.add("DescribeDBInstances");
  const denied = await live("orders");
  assert.match(denied.stderr, /error: not allowed to call rds:DescribeDBInstances/);
  assert.equal(await readFile(home.own, "utf8"), "");
});

test("an unknown target that RDSIAM_SECRET is for needs no IAM authentication, and keeps the secret", async () => {
  const ran = await live("db-000", { RDSIAM_SECRET: "auto" });
  assert.match(ran.stderr, /"db-000" is the instance db-000\.[^]*uses a secret of Secrets Manager/);
  assert.match(
    await readFile(home.own, "utf8"),
    /^\[db-000\]\n[^]*user = app_ro\n[^]*secret = auto\n$/,
  );
});

test("no call is made for a slip, where it is off, and without credentials or Region", async () => {
  for (const [name, more] of [
    ["corb", {}],
    ["orders", { RDSIAM_DISCOVER: "off" }],
    ["orders", { AWS_PROFILE: "" }],
    ["orders.db.example.com", {}],
  ] as const) {
    const ran = await live(name, more);
    assert.match(ran.stderr, /error: (?:unknown target|"orders\.db\.example\.com" is a host name)/);
  }
  assert.deepEqual(api.calls, []);
});

test("rdsiam discover has Aurora DSQL clusters, with the user that they begin with", async () => {
  const ran = await discover("--tag", "team=books");
  assert.equal(ran.status, 0, ran.stderr);
  assert.match(
    ran.stdout,
    /^\[ledger\]\n# dsql in eu-west-1, IAM authentication on\nprofile = corp\nhost = abcdefghijklmnopqrst123456\.dsql\.eu-west-1\.on\.aws\nuser = admin\ndbname = postgres$/m,
  );
});

test("rdsiam discover has Redshift clusters and workgroups, without a user or a database that it does not know", async () => {
  const clusterHost = "dwh.c1a2b3c4d5e6.eu-west-1.redshift.amazonaws.com";
  const workgroupHost = "lake.123456789012.eu-west-1.redshift-serverless.amazonaws.com";
  const hosts = { clusterHost, workgroupHost, port: () => 5439, dbname: "sales" };
  await using apis = await startRedshiftApis({ keys, account: "123456789012", ...hosts });
  const rds = { rds: api.endpoint, dsql: dsql.endpoint };
  const { cluster, workgroup } = apis;
  const all = { ...rds, redshift: cluster.endpoint, redshift_serverless: workgroup.endpoint };
  const { stdout, stderr } = await discoverWith(all);
  assert.doesNotMatch(stderr, /redshift/i);
  assert.match(
    stdout,
    /^\[dwh\]\n# redshift in eu-west-1, IAM authentication on\nprofile = corp\nhost = dwh\.\S+\ndbname = sales\n\n\[lake\]\n# redshift-serverless in eu-west-1, IAM authentication on\nprofile = corp\nhost = lake\.\S+$/m,
  );
  const tagged = await discoverWith(all, "--tag", "env=prod", "--json");
  assert.deepEqual(
    (JSON.parse(tagged.stdout) as Row[])
      .filter(({ kind }) => /redshift/.test(kind))
      .map(({ name }) => name),
    ["dwh"],
  );
  const body = '{"__type":"AccessDeniedException","message":"not authorized"}';
  const answer = () => ({ status: 400, body });
  await using denied = await startApi({ service: "redshift-serverless", keys, answer });
  const lacking = await discoverWith({ ...rds, redshift_serverless: denied.endpoint });
  assert.match(
    lacking.stderr,
    /warning: not allowed to call redshift-serverless:ListWorkgroups in eu-west-1\nHINT: .*Redshift workgroups are left out/,
  );
});

test("rdsiam discover fills in what Aurora's express configuration begins with", async () => {
  const ran = await discover("--region", "us-east-1");
  assert.match(
    ran.stdout,
    /^\[mine\]\n.*\nprofile = corp\nhost = mine\.cluster-\S+\nuser = postgres\ndbname = postgres\n/m,
  );
});
