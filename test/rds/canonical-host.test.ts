// CNAME chains, against a real DNS server on loopback.
import assert from "node:assert/strict";
import { test } from "node:test";
import { resolveCanonicalHost } from "../../src/rds/canonical-host.ts";
import { type NameResolver, nameResolver } from "../../src/rds/resolver.ts";
import { startDns } from "../../src/demo/dns.ts";
import { failure } from "../support/failure.ts";
import { keep } from "../support/keep.ts";

const RDS = "db.c9akciq32rgz.eu-west-1.rds.amazonaws.com";
const CHAIN: Record<string, { cname: string }> = {};
for (let hop = 1; hop <= 11; hop++) {
  CHAIN[`h${hop}.test`] = { cname: hop === 1 ? RDS : `h${hop - 1}.test` };
}
const dns = await keep(
  startDns({
    ...CHAIN,
    "a_b.test": { cname: `${RDS.toUpperCase()}.` },
    [RDS]: { cname: "ec2-1-2-3-4.compute-1.amazonaws.com" },
    "ec2-1-2-3-4.compute-1.amazonaws.com": { a: ["127.0.0.1"], aaaa: ["::1"] },
    "loop1.test": { cname: "loop2.test" },
    "loop2.test": { cname: "LOOP1.test." },
    "alias.test": { a: ["127.0.0.1"] },
    "broken.test": { cname: "gone.test" },
    "empty.test": {},
    "servfail.test": { rcode: "SERVFAIL" },
    "silent.test": { silent: true },
    "custom.test": { cname: "x.cluster-custom-abc.eu-west-1.rds.amazonaws.com" },
    "global.test": { cname: "x.global-abc.global.rds.amazonaws.com" },
    "foreign.test": { cname: "db.attacker.example" },
    "db.attacker.example": { a: ["127.0.0.1"] },
    "far.test": { cname: "near.test" },
    "near.test": { cname: "rds.eu-west-1.amazonaws.com.attacker.example" },
    "rds.eu-west-1.amazonaws.com.attacker.example": { aaaa: ["::1"] },
    "dsql.test": { cname: "abc.dsql.us-east-1.on.aws" },
  }),
);

function resolve(
  alias: string,
  region?: string,
  resolver: NameResolver = nameResolver([dns.address]),
) {
  return resolveCanonicalHost(alias, { resolver, region });
}

test("resolveCanonicalHost() asks nothing for an RDS name, whatever its case and final dot", async () => {
  const before = dns.queries.length;
  assert.deepEqual((await resolve(`${RDS.toUpperCase()}.`)).hops, [RDS]);
  assert.equal(dns.queries.length, before);
});

for (const hops of [1, 2, 10]) {
  test(`resolveCanonicalHost() follows ${hops} CNAMEs and stops at the first RDS name`, async () => {
    const found = await resolve(`H${hops}.test.`);
    assert.deepEqual(
      [found.alias, found.canonical.host, found.hops.length],
      [`h${hops}.test`, RDS, hops + 1],
    );
    assert.ok(!dns.queries.some(({ name }) => name === RDS));
  });
}

test("resolveCanonicalHost() follows names with _", async () => {
  assert.equal((await resolve("a_b.test")).canonical.host, RDS);
});

const FAILURES: readonly (readonly [string, string, RegExp])[] = [
  ["h11.test", "ERR_DNS", /After 10 CNAMEs/],
  ["loop1.test", "ERR_DNS", /loop1\.test -> loop2\.test -> loop1\.test is a loop/],
  ["alias.test", "ERR_ENDPOINT", /alias\.test has an address but no CNAME/],
  ["127.0.0.1", "ERR_ENDPOINT", /no CNAME/],
  ["missing.test", "ERR_DNS", /host missing\.test does not exist/],
  ["broken.test", "ERR_DNS", /host gone\.test does not exist/],
  ["empty.test", "ERR_DNS", /host empty\.test has no address/],
  ["servfail.test", "ERR_DNS", /the DNS server 127\.0\.0\.1:\d+, which failed \(ESERVFAIL\)/],
  ["silent.test", "ERR_DNS", /gave no answer in time/],
  ["custom.test", "ERR_ENDPOINT", /custom endpoint/],
  ["global.test", "ERR_REGION", /global database/],
];

for (const [host, code, text] of FAILURES) {
  test(`resolveCanonicalHost() tells what is wrong with ${host}`, async () => {
    const error = await failure(resolve(host));
    assert.equal(error.code, code);
    assert.match(`${error.message} ${error.detail}`, text);
  });
}

test("resolveCanonicalHost() with a Region takes a global endpoint, and a name that it does not know", async () => {
  assert.equal((await resolve("global.test", "eu-west-1")).canonical.kind, "global");
  assert.deepEqual((await resolve("alias.test", "eu-west-1")).canonical.kind, "unknown");
  assert.equal((await failure(resolve("missing.test", "eu-west-1"))).code, "ERR_DNS");
});

for (const [host, end] of [
  ["foreign.test", "foreign.test -> db.attacker.example"],
  ["far.test", "far.test -> near.test -> rds.eu-west-1.amazonaws.com.attacker.example"],
] as const) {
  test(`resolveCanonicalHost() with a Region does not sign for the end of the chain of ${host}`, async () => {
    const error = await failure(resolve(host, "eu-west-1"));
    assert.equal(error.code, "ERR_ENDPOINT");
    assert.ok(error.detail?.includes(`(${end})`), error.detail);
    assert.ok(error.hint?.endsWith(`: --sign-host ${host} --region REGION.`), error.hint);
  });
}

const CUSTOM = "x.cluster-custom-abc.eu-west-1.rds.amazonaws.com";
const GLOBAL = "x.global-abc.global.rds.amazonaws.com";

test("resolveCanonicalHost() takes no cluster of another account or kind for a custom endpoint", async () => {
  const answered = (cluster: string) =>
    resolveCanonicalHost("custom.test", {
      resolver: nameResolver([dns.address]),
      region: "eu-west-1",
      questions: {
        clusterEndpoint: () => Promise.resolve(cluster),
        writerRegion: () => Promise.resolve(undefined),
      },
    });
  const own = "Orders.cluster-abc.eu-west-1.rds.amazonaws.com";
  const { canonical, dialed } = await answered(own);
  assert.deepEqual([canonical.host, dialed], [own.toLowerCase(), CUSTOM]);
  for (const cluster of [
    "orders.cluster-other.eu-west-1.rds.amazonaws.com",
    "orders.cluster-abc.eu-west-2.rds.amazonaws.com",
    "orders.proxy-abc.eu-west-1.rds.amazonaws.com",
    "db.attacker.example",
    "",
  ]) {
    assert.equal((await failure(answered(cluster))).code, "ERR_ENDPOINT", cluster);
  }
});

test("resolveCanonicalHost() takes no Region of another partition, and no other text, for a global writer's", async () => {
  const answered = (region: string) =>
    resolveCanonicalHost("global.test", {
      resolver: nameResolver([dns.address]),
      region: undefined,
      questions: {
        clusterEndpoint: () => Promise.resolve(""),
        writerRegion: () => Promise.resolve(region),
      },
    });
  const { canonical } = await answered("us-east-2");
  assert.deepEqual([canonical.host, canonical.region], [GLOBAL, "us-east-2"]);
  for (const region of ["cn-north-1", "eusc-de-east-1", "us-east-2/x", "US-EAST-2", "attacker"]) {
    assert.equal((await failure(answered(region))).code, "ERR_REGION", region);
  }
});

test("resolveCanonicalHost() gives up after five seconds in all", async () => {
  let time = 0;
  const slow: NameResolver = {
    description: "slow",
    complete: (name) => Promise.resolve(name),
    cname: (name) => {
      time += 1_900;
      return Promise.resolve(`x${name}`);
    },
    addresses: () => Promise.resolve([]),
  };
  const promise = resolveCanonicalHost("a.test", {
    resolver: slow,
    region: undefined,
    now: () => time,
  });
  assert.match((await failure(promise)).detail ?? "", /longer than 5 seconds/);
});

test("nameResolver() asks A and AAAA at the servers it was given", async () => {
  assert.deepEqual(await nameResolver([dns.address]).addresses(RDS), [
    { address: "::1", family: 6 },
    { address: "127.0.0.1", family: 4 },
  ]);
  assert.deepEqual(await nameResolver([dns.address]).addresses("10.1.2.3"), [
    { address: "10.1.2.3", family: 4 },
  ]);
});

test("nameResolver() names a server that does not listen", async () => {
  const error = await failure(nameResolver(["127.0.0.1:1"]).cname("x.test"));
  assert.match(error.detail ?? "", /the DNS server 127\.0\.0\.1:1, which (failed|gave no answer)/);
});

test("nameResolver() of the system looks localhost up", async () => {
  const found = await nameResolver([]).addresses("localhost");
  assert.ok(found.some(({ address }) => address === "127.0.0.1" || address === "::1"));
});
