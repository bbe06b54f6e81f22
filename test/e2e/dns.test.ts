// From the typed name to the signed one, seen through `rdsiam token -v` and a DNS server on loopback: the same on every runtime.
import assert from "node:assert/strict";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { type DnsStandIn, startDns } from "../../src/demo/dns.ts";
import { makeEnvironment, makeHome } from "../../src/demo/home.ts";
import { KeyStore } from "../../src/demo/keys.ts";
import { type RdsApi, type RdsApiOptions, startRdsApi } from "../support/rds-api.ts";
import { type Finished, rdsiam } from "../support/program.ts";

const ZONE = "c1a2b3.eu-west-1.rds.amazonaws.com";
const CLUSTER = `orders.cluster-${ZONE}`;
const CUSTOM = `reports.cluster-custom-${ZONE}`;
const GLOBAL = "orders.global-c1a2b3.global.rds.amazonaws.com";

const keys = new KeyStore();
const key = keys.createStaticKey({ arn: "arn:aws:iam::123456789012:user/app" });
const apiOptions: RdsApiOptions = {
  keys,
  denied: new Set(),
  regions: {
    "eu-west-1": {
      DescribeDBClusterEndpoints: [
        {
          DBClusterEndpointIdentifier: "reports",
          DBClusterIdentifier: "orders",
          EndpointType: "CUSTOM",
          Endpoint: CUSTOM,
        },
        { DBClusterIdentifier: "orders", EndpointType: "WRITER", Endpoint: CLUSTER },
      ],
      DescribeGlobalClusters: [
        {
          Endpoint: GLOBAL,
          GlobalClusterMembers: [
            { DBClusterArn: "arn:aws:rds:us-east-2:123456789012:cluster:b", IsWriter: "true" },
          ],
        },
      ],
    },
  },
};

let [directory, dns, api] = ["", {} as DnsStandIn, {} as RdsApi];
let env: Readonly<Record<string, string>> = {};
before(async () => {
  directory = await mkdtemp(join(tmpdir(), "rdsiam-dns-"));
  dns = await startDns({
    [CLUSTER]: { cname: `orders-1.${ZONE}` },
    [`orders-1.${ZONE}`]: { a: ["127.0.0.1"] },
    "loop-1.test": { cname: "loop-2.test" },
    "loop-2.test": { cname: "LOOP-1.test" },
    "broken.test": { cname: "gone.test" },
    "no_one.test": { cname: `${CLUSTER.toUpperCase()}` },
    "servfail.test": { rcode: "SERVFAIL" },
    "refused.test": { rcode: "REFUSED" },
    "silent.test": { silent: true },
    "later.test": { cname: "silent.test" },
    "alias-record.test": { a: ["127.0.0.1"] },
    "empty.test": {},
    "strange.test": { cname: "a b\u001b[31m.test" },
    "foreign.test": { cname: "db.attacker.example" },
    "db.attacker.example": { a: ["127.0.0.1"] },
    "foreign-later.test": { cname: "foreign.test" },
    "orders.db.corp.example": { cname: "db.corp.example" },
    "db.corp.example": { cname: CLUSTER },
    "plain.db.corp.example": { a: ["127.0.0.1"] },
    "notimp.test": { cname: "notimp-2.test", cnameQuery: "NOTIMP" },
    "notimp-2.test": { cname: CLUSTER, cnameQuery: "NOTIMP" },
    "mute-cname.test": { cname: CLUSTER, cnameQuery: "silence" },
    "no-cname.test": { cname: CLUSTER, cnameQuery: "NOERROR" },
    "custom.test": { cname: CUSTOM },
    "global.test": { cname: GLOBAL },
  });
  for (let hop = 1; hop <= 11; hop += 1) {
    dns.set(`hop-${hop}.test`, { cname: hop === 1 ? CLUSTER : `hop-${hop - 1}.test` });
  }
  api = await startRdsApi(apiOptions);
  env = {
    ...makeEnvironment(await makeHome(directory), "http://127.0.0.1:1"),
    AWS_ACCESS_KEY_ID: key.accessKeyId,
    AWS_SECRET_ACCESS_KEY: key.secretAccessKey,
    AWS_ENDPOINT_URL_RDS: api.endpoint,
    RDSIAM_DNS_SERVERS: dns.address,
    RDSIAM_USER: "app",
  };
});
after(async () => {
  await api[Symbol.asyncDispose]();
  await dns[Symbol.asyncDispose]();
  await rm(directory, { recursive: true, force: true });
});

function token(host: string, ...args: readonly string[]): Promise<Finished> {
  return rdsiam(["token", "-v", "--host", host, ...args], { env });
}

/** What -v says of the three roles. */
function roles({ stderr }: Finished): (string | undefined)[] {
  return ["signed", "verified", "dialed"].map(
    (role) => new RegExp(`^rdsiam: ${role}: (.*)$`, "m").exec(stderr)?.[1],
  );
}

for (const hops of [0, 1, 2, 5, 10]) {
  test(`rdsiam token follows ${hops} CNAMEs, and no further than the first RDS name`, async () => {
    const ran = await token(hops === 0 ? CLUSTER : `hop-${hops}.test`);
    assert.equal(ran.status, 0, ran.stderr);
    assert.ok(ran.stdout.startsWith(`${CLUSTER}:5432/?Action=connect&`));
    const way = Array.from({ length: hops }, (_, index) => `hop-${hops - index}.test`);
    assert.ok(ran.stderr.includes(`host: ${[...way, CLUSTER].join(" -> ")} (cluster, eu-west-1)`));
    assert.deepEqual(roles(ran), [`${CLUSTER}:5432 in eu-west-1`, CLUSTER, `${CLUSTER}:5432`]);
    assert.ok(!dns.queries.some(({ name }) => name === CLUSTER));
  });
}

for (const host of ["HOP-3.Test", "hop-3.test.", `${CLUSTER.toUpperCase()}.`, "no_one.test"]) {
  test(`rdsiam token takes ${host}`, async () => {
    const ran = await token(host);
    assert.equal(ran.status, 0, ran.stderr);
    assert.ok(ran.stdout.startsWith(`${CLUSTER}:5432/`));
  });
}

const FAILURES: readonly (readonly [string, RegExp])[] = [
  ["hop-11.test", /cannot follow hop-11\.test[^]*After 10 CNAMEs there is still no RDS name/],
  ["loop-1.test", /loop-1\.test -> loop-2\.test -> loop-1\.test is a loop/],
  ["missing.test", /host missing\.test does not exist/],
  ["broken.test", /host gone\.test does not exist/],
  ["servfail.test", /cannot look up host servfail\.test[^]*the DNS server 127\.0\.0\.1:\d+/],
  ["refused.test", /cannot look up host refused\.test[^]*the DNS server 127\.0\.0\.1:\d+/],
  ["silent.test", /cannot look up host silent\.test[^]*gave no answer in time/],
  ["later.test", /cannot look up host silent\.test[^]*gave no answer in time/],
  [
    "alias-record.test",
    /alias-record\.test is not an RDS endpoint[^]*Route 53 alias[^]*--sign-host/,
  ],
  ["127.0.0.1", /127\.0\.0\.1 is not an RDS endpoint/],
  ["empty.test", /host empty\.test has no address/],
];

for (const [host, text] of FAILURES) {
  test(`rdsiam token says what is wrong with ${host}`, async () => {
    const started = Date.now();
    const ran = await token(host);
    assert.deepEqual([ran.status, ran.stdout], [125, ""]);
    assert.match(ran.stderr, text);
    assert.ok(Date.now() - started < 9_000, `${Date.now() - started} ms`);
  });
}

test("rdsiam token prints nothing that a CNAME has of escape sequences", async () => {
  const ran = await token("strange.test");
  assert.equal(ran.status, 125);
  assert.ok(!ran.stderr.includes("\u001b"));
});

test("rdsiam token --sign-host signs for and verifies one name, and dials another", async () => {
  const ran = await token("127.0.0.1:15432", "--sign-host", `${CLUSTER.toUpperCase()}:5432`);
  assert.equal(ran.status, 0, ran.stderr);
  assert.ok(ran.stdout.startsWith(`${CLUSTER}:5432/`));
  assert.deepEqual(roles(ran), [`${CLUSTER}:5432 in eu-west-1`, CLUSTER, "127.0.0.1:15432"]);
  const samePort = await token("alias-record.test:6000", "--sign-host", CLUSTER);
  assert.ok(samePort.stdout.startsWith(`${CLUSTER}:6000/`), samePort.stderr);
});

test("rdsiam token --sign-host with no RDS name needs a Region", async () => {
  const ran = await token("127.0.0.1", "--sign-host", "db.example.com");
  assert.match(
    ran.stderr,
    /the sign host db\.example\.com is not an RDS endpoint[^]*--region REGION/,
  );
  const named = await token("127.0.0.1", "--sign-host", "db.example.com", "--region", "eu-west-1");
  assert.ok(named.stdout.startsWith("db.example.com:5432/"), named.stderr);
});

for (const host of ["foreign.test", "foreign-later.test"]) {
  test(`rdsiam token signs nothing for the end of the CNAMEs of ${host}, whatever Region is set`, async () => {
    for (const ran of [
      await token(host, "--region", "eu-west-1"),
      await rdsiam(["token", "--host", host], { env: { ...env, RDSIAM_REGION: "eu-west-1" } }),
    ]) {
      assert.deepEqual([ran.status, ran.stdout], [125, ""]);
      assert.match(ran.stderr, /is not an RDS endpoint[^]*foreign\.test -> db\.attacker\.example/);
    }
  });
}

test("rdsiam token with a Region signs for a typed name that it does not know, which has no CNAME", async () => {
  const ran = await token("alias-record.test", "--region", "eu-west-1");
  assert.deepEqual(roles(ran)[1], "alias-record.test", ran.stderr);
});

const SEARCH = { LOCALDOMAIN: "none.example db.corp.example" };
const COMPLETED: readonly (readonly [string, Readonly<Record<string, string>>])[] = [
  ["orders", SEARCH],
  ["orders", { ...SEARCH, RDSIAM_REGION: "eu-west-1" }],
  ["ORDERS.db", { LOCALDOMAIN: "corp.example" }],
  ["orders.db.corp", { LOCALDOMAIN: "example", RES_OPTIONS: "ndots:5" }],
];

for (const [host, variables] of COMPLETED) {
  test(`rdsiam token completes ${host} with ${JSON.stringify(variables)}`, async () => {
    const ran = await rdsiam(["token", "-v", "--host", host], { env: { ...env, ...variables } });
    assert.equal(ran.status, 0, ran.stderr);
    const hops = [host.toLowerCase(), "orders.db.corp.example", "db.corp.example", CLUSTER];
    assert.ok(ran.stderr.includes(`host: ${hops.join(" -> ")} (cluster, eu-west-1)`), ran.stderr);
    assert.ok(ran.stdout.startsWith(`${CLUSTER}:5432/`));
  });
}

test("rdsiam token says which names it has tried, and signs for no name that a search list made", async () => {
  const missing = await rdsiam(["token", "--host", "missing"], { env: { ...env, ...SEARCH } });
  assert.match(
    missing.stderr,
    /host missing does not exist[^]*Names tried: missing\.none\.example, missing\.db\.corp\.example, missing\./,
  );
  const words = ["token", "--host", "plain", "--region", "eu-west-1"];
  const plain = await rdsiam(words, { env: { ...env, ...SEARCH } });
  assert.deepEqual([plain.status, plain.stdout], [125, ""]);
  assert.match(
    plain.stderr,
    /plain is not an RDS endpoint[^]*\(plain -> plain\.db\.corp\.example\)/,
  );
  // A final dot means that the name is complete.
  const whole = await rdsiam(["token", "--host", "orders."], { env: { ...env, ...SEARCH } });
  assert.match(whole.stderr, /host orders does not exist/);
});

for (const host of ["notimp.test", "mute-cname.test", "no-cname.test"]) {
  test(`rdsiam token follows ${host} at a resolver that knows addresses alone`, async () => {
    const ran = await token(host);
    assert.equal(ran.status, 0, ran.stderr);
    assert.deepEqual(roles(ran)[1], CLUSTER);
    assert.match(ran.stderr, new RegExp(`host: ${host} -> .*${CLUSTER} \\(cluster`));
  });
}

test("rdsiam token for a custom endpoint asks for its cluster, signs for that and dials the endpoint", async () => {
  const ran = await token("custom.test");
  assert.equal(ran.status, 0, ran.stderr);
  assert.deepEqual(roles(ran), [`${CLUSTER}:5432 in eu-west-1`, CLUSTER, `${CUSTOM}:5432`]);
  apiOptions.denied?.add("DescribeDBClusterEndpoints");
  const denied = await token(CUSTOM);
  apiOptions.denied?.clear();
  assert.equal(denied.status, 125);
  assert.match(denied.stderr, /not allowed to call rds:DescribeDBClusterEndpoints[^]*--sign-host/);
  const calls = api.calls.length;
  assert.equal((await token(CUSTOM, "--sign-host", CLUSTER)).status, 0);
  assert.equal(api.calls.length, calls);
});

test("rdsiam token for a global endpoint signs for the Region that its writer is in", async () => {
  const inRegion = { env: { ...env, AWS_REGION: "eu-west-1" } };
  const ran = await rdsiam(["token", "-v", "--host", "global.test"], inRegion);
  assert.equal(ran.status, 0, ran.stderr);
  assert.deepEqual(roles(ran), [`${GLOBAL}:5432 in us-east-2`, GLOBAL, `${GLOBAL}:5432`]);
  assert.match(ran.stdout, /%2Fus-east-2%2Frds-db%2F/);
  const unknown = await token("global.test");
  assert.match(unknown.stderr, /does not show in which Region its writer is[^]*--region REGION/);
  assert.equal((await token("global.test", "--region", "us-east-2")).status, 0);
});

test("rdsiam token remembers no host: no login has worked", async () => {
  assert.deepEqual(await readdir(join(directory, ".local")).catch(() => []), []);
});
