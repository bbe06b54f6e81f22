// The table of endpoint names is the test.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  type ServiceDefaults,
  isSameAccount,
  parseEndpoint,
  publicDsqlHost,
  redshiftCluster,
  unnamedCluster,
  withServiceDefaults,
} from "../../src/rds/endpoint.ts";

const H = "c9akciq32rgz";
const TABLE: readonly (readonly [string, string, string | undefined])[] = [
  [`db1.${H}.us-east-1.rds.amazonaws.com`, "instance", "us-east-1"],
  [`DB1.${H}.US-EAST-1.RDS.amazonaws.com.`, "instance", "us-east-1"],
  [`db1-green-abc123.${H}.eu-central-1.rds.amazonaws.com`, "instance", "eu-central-1"],
  [`db1-old1.${H}.eu-central-1.rds.amazonaws.com`, "instance", "eu-central-1"],
  [`c.cluster-${H}.ap-southeast-5.rds.amazonaws.com`, "cluster", "ap-southeast-5"],
  [`c.cluster-ro-${H}.mx-central-1.rds.amazonaws.com`, "reader", "mx-central-1"],
  [`a.cluster-custom-${H}.eu-west-1.rds.amazonaws.com`, "custom", "eu-west-1"],
  [`sg.shardgrp-${H}.eu-west-1.rds.amazonaws.com`, "shardgroup", "eu-west-1"],
  [`p.proxy-${H}.eu-west-1.rds.amazonaws.com`, "proxy", "eu-west-1"],
  [`endpoint.proxy-${H}.eu-west-1.rds.amazonaws.com`, "proxy", "eu-west-1"],
  [`n.endpoint.proxy-${H}.eu-west-1.rds.amazonaws.com`, "proxy-endpoint", "eu-west-1"],
  [`g.global-${H}.global.rds.amazonaws.com`, "global", undefined],
  [`db.${H}.us-gov-west-1.rds.amazonaws.com`, "instance", "us-gov-west-1"],
  [`db.${H}.rds.us-gov-west-1.amazonaws.com`, "instance", "us-gov-west-1"],
  [`db.${H}.rds-fips.us-gov-west-1.amazonaws.com`, "instance", "us-gov-west-1"],
  [`db.${H}.rds.cn-north-1.amazonaws.com.cn`, "instance", "cn-north-1"],
  [`db.${H}.cn-north-1.rds.amazonaws.com.cn`, "instance", "cn-north-1"],
  [`c.cluster-ro-${H}.rds.cn-northwest-1.amazonaws.com.cn`, "reader", "cn-northwest-1"],
  [`db.${H}.rds.us-iso-east-1.c2s.ic.gov`, "instance", "us-iso-east-1"],
  [`db.${H}.us-iso-east-1.rds.c2s.ic.gov`, "instance", "us-iso-east-1"],
  [`db.${H}.rds.us-isob-east-1.sc2s.sgov.gov`, "instance", "us-isob-east-1"],
  [`db.${H}.eu-isoe-west-1.rds.cloud.adc-e.uk`, "instance", "eu-isoe-west-1"],
  [`db.${H}.us-isof-south-1.rds.csp.hci.ic.gov`, "instance", "us-isof-south-1"],
  [`db.${H}.eusc-de-east-1.rds.amazonaws.eu`, "instance", "eusc-de-east-1"],
  ["abc123.dsql.us-east-1.on.aws", "dsql", "us-east-1"],
  [`dwh.${H}.us-east-1.redshift.amazonaws.com`, "redshift", "us-east-1"],
  [`dwh-endpoint-abc.${H}.us-east-1.redshift.amazonaws.com`, "redshift", "us-east-1"],
  [`dwh.${H}.cn-north-1.redshift.amazonaws.com.cn`, "redshift", "cn-north-1"],
  [
    "lake.123456789012.us-east-1.redshift-serverless.amazonaws.com",
    "redshift-serverless",
    "us-east-1",
  ],
  ["abc123.dsql-fnh4.us-east-1.on.aws", "dsql", "us-east-1"],
];

for (const [host, kind, region] of TABLE) {
  test(`parseEndpoint() ${host} is ${kind} in ${region ?? "no Region"}`, () => {
    const endpoint = parseEndpoint(host);
    assert.deepEqual([endpoint?.kind, endpoint?.region], [kind, region]);
    assert.equal(endpoint?.host, host.toLowerCase().replace(/\.$/, ""));
    const account = kind === "redshift-serverless" ? "123456789012" : H;
    assert.equal(endpoint?.hash, kind === "dsql" ? undefined : account);
  });
}

const LOOK_ALIKES = [
  `db.${H}.us-east-1.rds.amazonaws.com.evil.com`,
  `db.${H}.us-east-1.rds.evilamazonaws.com`,
  `db.${H}.us-east-1.rds.amazonaws.com..`,
  `db..us-east-1.rds.amazonaws.com`,
  `.${H}.us-east-1.rds.amazonaws.com`,
  `-db.${H}.us-east-1.rds.amazonaws.com`,
  `d_b.${H}.us-east-1.rds.amazonaws.com`,
  `db.${H}.us-east-1.xrds.amazonaws.com`,
  `db.${H}.useast1.rds.amazonaws.com`,
  `a.b.db.${H}.us-east-1.rds.amazonaws.com`,
  `x.notendpoint.proxy-${H}.us-east-1.rds.amazonaws.com`,
  `g.${H}.global.rds.amazonaws.com`,
  `g.global-${H}.us-east-1.rds.amazonaws.com`,
  `${H}.us-east-1.rds.amazonaws.com`,
  "rds.us-east-1.amazonaws.com",
  "us-east-1.rds.amazonaws.com",
  "x.elb.us-east-1.amazonaws.com",
  `dwh.${H}.us-east-1.redshift.amazonaws.com.evil.com`,
  `a.dwh.${H}.us-east-1.redshift.amazonaws.com`,
  `${H}.us-east-1.redshift.amazonaws.com`,
  "redshift.us-east-1.amazonaws.com",
  "ec2-1-2-3-4.compute-1.amazonaws.com",
  "dsql.us-east-1.on.aws",
  "10.0.0.1",
  "::1",
  "localhost",
  "db.example.com",
  "",
  ".",
  `${"a".repeat(64)}.${H}.us-east-1.rds.amazonaws.com`,
];

for (const host of LOOK_ALIKES) {
  test(`parseEndpoint() does not take ${JSON.stringify(host)}`, () => {
    assert.equal(parseEndpoint(host), undefined);
  });
}

test("parseEndpoint() takes junk without throwing, and what it takes ends in a known suffix", () => {
  const label = fc.constantFrom(
    "rds",
    "us-east-1",
    "global",
    "db",
    `cluster-${H}`,
    "amazonaws",
    "com",
    "",
    "on",
    "aws",
    "dsql",
    "*",
    "ß",
  );
  const junk = fc.oneof(
    fc.string(),
    fc.array(label, { maxLength: 9 }).map((labels) => labels.join(".")),
  );
  fc.assert(
    fc.property(junk, (host) => {
      const endpoint = parseEndpoint(host);
      assert.ok(endpoint === undefined || endpoint.host.endsWith(`.${endpoint.dnsSuffix}`));
    }),
  );
});

const ID = "abcdefghijklmnopqrst123456";
const INTERFACE = "vpce-0a-1b.dsql-fnh4.us-east-2.vpce.amazonaws.com";

test("withServiceDefaults() completes a cluster ID as host or sign host, and fills in user and database", () => {
  const all = { user: "admin", dbname: "postgres" };
  const host = `${ID}.dsql.eu-west-1.on.aws`;
  const signHost = { host: `${ID}.dsql-fnh4.us-east-2.on.aws` };
  const cases: readonly (readonly [ServiceDefaults, ServiceDefaults])[] = [
    [
      { host: ID, region: "eu-west-1" },
      { host, region: "eu-west-1", ...all },
    ],
    [
      { host: ID, profileRegion: "eu-west-1" },
      { host, profileRegion: "eu-west-1", ...all },
    ],
    [
      { host, user: "app", dbname: "other" },
      { host, user: "app", dbname: "other" },
    ],
    // The interface endpoint has the Region.
    [
      { host: INTERFACE, signHost: { host: ID } },
      { host: INTERFACE, signHost, ...all },
    ],
    [
      { host: INTERFACE, signHost },
      { host: INTERFACE, signHost, ...all },
    ],
    [
      { host: "10.0.0.7", signHost: { host, port: 5 } },
      { host: "10.0.0.7", signHost: { host, port: 5 }, ...all },
    ],
  ];
  for (const [given, expected] of cases) assert.deepEqual(withServiceDefaults(given), expected);
  for (const same of [
    { host: ID },
    { host: INTERFACE },
    { host: "db.example.com", region: "eu-west-1" },
  ])
    assert.equal(withServiceDefaults(same), same);
});

test("withServiceDefaults() fills in Redshift's port, user and database, and verifies a custom domain as it is", () => {
  const host = `dwh.${H}.us-east-1.redshift.amazonaws.com`;
  const all = { user: "IAM", dbname: "dev", port: 5439, region: undefined };
  assert.deepEqual(withServiceDefaults({ host, port: 5432 }), {
    host,
    signHost: undefined,
    ...all,
  });
  const own = { host, port: 5432, hasPort: true, user: "jane", dbname: "dwh" };
  assert.deepEqual(withServiceDefaults(own), { ...own, signHost: undefined, region: undefined });
  const custom = { host: "dwh.example.com", redshift: "dwh", profileRegion: "eu-west-1" };
  const signHost = { host: "dwh.example.com" };
  const filled = { ...custom, ...all, signHost, region: "eu-west-1" };
  assert.deepEqual(withServiceDefaults(custom), filled);
  const rds = { host: `db1.${H}.us-east-1.rds.amazonaws.com`, redshift: "dwh" };
  assert.equal(withServiceDefaults(rds), rds);
});

test("redshiftCluster() takes the name out of AWS's own names alone, and the setting's before that", () => {
  const of = (host: string, named?: string) => {
    const cluster = redshiftCluster(parseEndpoint(host) ?? { host, kind: "unknown" }, named);
    return cluster && `${cluster.service} ${cluster.name}`;
  };
  const host = `dwh-endpoint-abc.${H}.us-east-1.redshift.amazonaws.com`;
  assert.equal(of(host), "redshift dwh-endpoint-abc");
  assert.equal(of(host, "dwh"), "redshift dwh");
  const workgroup = "lake.123456789012.us-east-1.redshift-serverless.amazonaws.com";
  assert.equal(of(workgroup), "redshift-serverless lake");
  assert.equal(of(workgroup, "workgroup/sea"), "redshift-serverless sea");
  assert.equal(of("dwh.example.com"), undefined);
  assert.equal(of("dwh.example.com", "dwh"), "redshift dwh");
  assert.equal(of("dwh.example.com", "workgroup/lake"), "redshift-serverless lake");
  assert.equal(of(`db1.${H}.us-east-1.rds.amazonaws.com`, "dwh"), undefined);
});

test("unnamedCluster() is the cluster behind an interface endpoint, publicDsqlHost() its public name", () => {
  const endpoint = parseEndpoint(`${ID}.dsql-fnh4.us-east-2.on.aws`);
  assert.ok(endpoint !== undefined);
  assert.equal(unnamedCluster(INTERFACE, endpoint), ID);
  assert.equal(unnamedCluster(endpoint.host, endpoint), undefined);
  const open = `${ID}.dsql.us-east-2.on.aws`;
  assert.equal(publicDsqlHost(endpoint), open);
  assert.equal(publicDsqlHost({ host: open, kind: "dsql" }), undefined);
  assert.equal(publicDsqlHost({ host: "a.dsql-b.example.com", kind: "unknown" }), undefined);
});

test("isSameAccount() compares the hash, the Region and the partition, and nothing else", () => {
  const isSame = (one: string, other: string): boolean => {
    const [first, second] = [parseEndpoint(one), parseEndpoint(other)];
    assert.ok(first !== undefined && second !== undefined);
    return isSameAccount(first, second);
  };
  const mine = `orders.cluster-${H}.eu-west-1.rds.amazonaws.com`;
  for (const name of [`a.${H}`, `b.cluster-ro-${H}`, `c.proxy-${H}`, `d.endpoint.proxy-${H}`]) {
    assert.ok(isSame(mine, `${name}.eu-west-1.rds.amazonaws.com`), name);
  }
  for (const other of [
    "orders.cluster-cother123456.eu-west-1.rds.amazonaws.com",
    `orders.cluster-${H}x.eu-west-1.rds.amazonaws.com`,
    `orders.cluster-${H}.eu-west-2.rds.amazonaws.com`,
    `orders.cluster-${H}.eu-west-1.rds.amazonaws.eu`,
    `orders.global-${H}.global.rds.amazonaws.com`,
    "abc123.dsql.eu-west-1.on.aws",
  ]) {
    assert.ok(!isSame(mine, other), other);
  }
  assert.ok(!isSame("abc123.dsql.us-east-1.on.aws", "abc123.dsql.us-east-1.on.aws"));
});
