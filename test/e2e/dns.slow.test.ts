// From the typed name to the signed one, seen through `rdsiam token -v` and a DNS server on loopback: the same on every runtime.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { startDns } from "../../src/demo/dns.ts";
import { appendProfile, makeEnvironment, makeHome } from "../../src/demo/home.ts";
import { KeyStore } from "../../src/demo/keys.ts";
import { type RdsApiOptions, startRdsApi } from "../support/rds-api.ts";
import { type Finished, rdsiam } from "../support/program.ts";
import { ACCOUNT, CUSTOM, GLOBAL, ZONE } from "../support/account-inventory.ts";
import { keep, temporaryDirectory } from "../support/keep.ts";

const CLUSTER = `orders.cluster-${ZONE}`;

const keys = new KeyStore();
const key = keys.createStaticKey({ arn: "arn:aws:iam::123456789012:user/app" });
const apiOptions: RdsApiOptions = { keys, regions: ACCOUNT, denied: new Set() };

const directory = await temporaryDirectory("dns");
const dns = await keep(
  startDns({
    [CLUSTER]: { cname: `orders-1.${ZONE}` },
    [`orders-1.${ZONE}`]: { a: ["127.0.0.1"] },
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
    "orders.db.corp.example": { cname: "db.corp.example" },
    "db.corp.example": { cname: CLUSTER },
    "plain.db.corp.example": { a: ["127.0.0.1"] },
    "notimp.test": { cname: "notimp-2.test", cnameQuery: "NOTIMP" },
    "notimp-2.test": { cname: CLUSTER, cnameQuery: "NOTIMP" },
    "mute-cname.test": { cname: CLUSTER, cnameQuery: "silence" },
    "no-cname.test": { cname: CLUSTER, cnameQuery: "NOERROR" },
    "custom.test": { cname: CUSTOM },
    "global.test": { cname: GLOBAL },
  }),
);
for (let hop = 1; hop <= 10; hop += 1) {
  dns.set(`hop-${hop}.test`, { cname: hop === 1 ? CLUSTER : `hop-${hop - 1}.test` });
}
const api = await keep(startRdsApi(apiOptions));
const home = await makeHome(directory);
const env = {
  ...makeEnvironment(home, { sts: "http://127.0.0.1:1" }),
  AWS_ACCESS_KEY_ID: key.accessKeyId,
  AWS_SECRET_ACCESS_KEY: key.secretAccessKey,
  AWS_ENDPOINT_URL_RDS: api.endpoint,
  RDSIAM_DNS_SERVERS: dns.address,
  RDSIAM_USER: "app",
};

function token(host: string, ...args: readonly string[]): Promise<Finished> {
  return rdsiam(["token", "-v", "--host", host, ...args], { env });
}

/** What -v says of the three roles. */
function roles({ stderr }: Finished): (string | undefined)[] {
  return ["signed", "verified", "dialed"].map(
    (role) => new RegExp(`^rdsiam: ${role}: (.*)$`, "m").exec(stderr)?.[1],
  );
}

for (const hops of [0, 10]) {
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
  ["missing.test", /host missing\.test does not exist/],
  ["servfail.test", /cannot look up host servfail\.test[^]*the DNS server 127\.0\.0\.1:\d+/],
  ["refused.test", /cannot look up host refused\.test[^]*the DNS server 127\.0\.0\.1:\d+/],
  ["silent.test", /cannot look up host silent\.test[^]*gave no answer in time/],
  ["later.test", /cannot look up host silent\.test[^]*gave no answer in time/],
  [
    "alias-record.test",
    /alias-record\.test is not an RDS endpoint[^]*Route 53 alias[^]*--sign-host/,
  ],
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
  // A dialed port may be a tunnel's.
  const tunnel = await token("localhost:15999", "--sign-host", CLUSTER);
  assert.ok(tunnel.stdout.startsWith(`${CLUSTER}:5432/`), tunnel.stderr);
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

test("rdsiam token signs nothing for the end of the CNAMEs of foreign.test, whatever Region is set", async () => {
  for (const ran of [
    await token("foreign.test", "--region", "eu-west-1"),
    await rdsiam(["token", "--host", "foreign.test"], {
      env: { ...env, RDSIAM_REGION: "eu-west-1" },
    }),
  ]) {
    assert.deepEqual([ran.status, ran.stdout], [125, ""]);
    assert.match(ran.stderr, /is not an RDS endpoint[^]*foreign\.test -> db\.attacker\.example/);
  }
});

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

const SAME_ACCOUNT = `orders-v1.cluster-${ZONE}`;
const OTHER_ACCOUNT = "orders.cluster-c9z8y7.eu-west-1.rds.amazonaws.com";
const OTHER_REGION = "orders.cluster-c1a2b3.eu-west-2.rds.amazonaws.com";
const BY_DEFAULT = [[], {}] as const;
const NO_OPTION = [["--strict-host=no"], {}] as const;
const NO_VARIABLE = [[], { RDSIAM_STRICT_HOST: "no" }] as const;
const OFF_VARIABLE = [[], { RDSIAM_STRICT_HOST: "0" }] as const;
const OPTION = [["--strict-host"], {}] as const;
const OPTION_OVER_VARIABLE = [["--strict-host=yes"], { RDSIAM_STRICT_HOST: "no" }] as const;

const MOVES: readonly (readonly [
  string,
  readonly [readonly string[], Readonly<Record<string, string>>],
  "error" | "warning",
])[] = [
  [OTHER_ACCOUNT, BY_DEFAULT, "error"],
  [OTHER_REGION, BY_DEFAULT, "error"],
  [SAME_ACCOUNT, BY_DEFAULT, "warning"],
  [`orders-1.${ZONE}`, BY_DEFAULT, "warning"],
  [OTHER_ACCOUNT, NO_OPTION, "warning"],
  [OTHER_ACCOUNT, NO_VARIABLE, "warning"],
  [OTHER_REGION, OFF_VARIABLE, "warning"],
  [SAME_ACCOUNT, OPTION, "error"],
  [SAME_ACCOUNT, OPTION_OVER_VARIABLE, "error"],
];

/** Runs `rdsiam token` for hop-2.test, which was remembered as `before`. */
async function moved(
  before: string,
  args: readonly string[],
  variables: Readonly<Record<string, string>>,
): Promise<Finished> {
  const state = await mkdtemp(join(directory, "state-"));
  await mkdir(join(state, "rdsiam"));
  await writeFile(join(state, "rdsiam", "known_hosts"), `hop-2.test ${before}\n`);
  const words = ["token", "--host", "hop-2.test", ...args];
  return rdsiam(words, { env: { ...env, XDG_STATE_HOME: state, ...variables } });
}

for (const [before, [args, variables], kind] of MOVES) {
  const how = [...args, ...Object.entries(variables).map((each) => each.join("="))].join(" ");
  test(`rdsiam token ${how}: a move from ${before} is ${kind === "error" ? "an error" : "a warning"}`, async () => {
    const ran = await moved(before, args, variables);
    assert.ok(
      ran.stderr.startsWith(
        `rdsiam: ${kind}: hop-2.test now points to ${CLUSTER}, not to ${before}\nDETAIL: `,
      ),
      ran.stderr,
    );
    assert.equal(ran.status, kind === "error" ? 125 : 0);
    assert.equal(ran.stdout.startsWith(`${CLUSTER}:5432/`), kind === "warning");
    assert.equal(
      ran.stderr.includes("another account or Region"),
      before === OTHER_ACCOUNT || before === OTHER_REGION,
    );
  });
}

test("rdsiam token takes the account's change that was accepted, and a name that a search list completed is one alias", async () => {
  const state = await mkdtemp(join(directory, "state-"));
  const file = join(state, "rdsiam", "known_hosts");
  await mkdir(join(state, "rdsiam"));
  await writeFile(file, `orders ${OTHER_ACCOUNT}\n`);
  const run = { env: { ...env, XDG_STATE_HOME: state, ...SEARCH } };
  const refused = await rdsiam(["token", "--host", "orders"], run);
  assert.deepEqual([refused.status, refused.stdout], [125, ""]);
  const accept = /^HINT: .*: (echo .*)$/m.exec(refused.stderr)?.[1] ?? "";
  execFileSync("sh", ["-c", accept]);
  const accepted = await rdsiam(["token", "--strict-host", "--host", "orders"], run);
  assert.deepEqual([accepted.status, accepted.stderr], [0, ""]);
});

test("rdsiam token refuses a --strict-host that is neither yes nor no", async () => {
  const option = await token(CLUSTER, "--strict-host=maybe");
  assert.match(option.stderr, /--strict-host must be yes or no/);
  const variable = await moved(CLUSTER, [], { RDSIAM_STRICT_HOST: "maybe" });
  assert.match(variable.stderr, /RDSIAM_STRICT_HOST must be yes or no/);
});

test("rdsiam token warns of a Region that contradicts the host's name, and says where it comes from", async () => {
  const warning = (source: string): string =>
    `rdsiam: warning: the host is in eu-west-1, but ${source} is us-east-1\nDETAIL: `;
  const option = await rdsiam(["token", "--host", CLUSTER, "--region", "us-east-1"], { env });
  assert.equal(option.status, 0);
  assert.ok(option.stderr.startsWith(warning("--region")), option.stderr);
  const alias = await rdsiam(["token", "--host", "hop-2.test"], {
    env: { ...env, RDSIAM_REGION: "us-east-1" },
  });
  assert.equal(alias.status, 0);
  assert.ok(alias.stderr.startsWith(warning("RDSIAM_REGION")), alias.stderr);
  const settings = { region: "eu-west-1", rds_host: CLUSTER, rds_region: "us-east-1" };
  await appendProfile(home, "contradicting", settings);
  const key = await rdsiam(["token", "contradicting"], { env });
  assert.ok(key.stderr.startsWith(warning("rds_region")), key.stderr);
  const right = await rdsiam(["token", "--region", "eu-west-1", "contradicting"], { env });
  assert.deepEqual([right.status, right.stderr], [0, ""]);
});

test("rdsiam token remembers no host: no login has worked", async () => {
  assert.deepEqual(await readdir(join(directory, ".local", "state")).catch(() => []), []);
});
