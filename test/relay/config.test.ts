import assert from "node:assert/strict";
import { test } from "node:test";
import { parseOwnFile } from "../../src/config/own-file.ts";
import { allowingRule, type RelayTarget } from "../../src/relay/access.ts";
import { readRelayConfig, type RelayConfig } from "../../src/relay/config.ts";

const read = (text: string): RelayConfig =>
  readRelayConfig(parseOwnFile(text, "relay.ini"), "relay.ini");

const TARGET =
  "[target orders]\nhost = Orders.c1.eu-west-1.rds.amazonaws.com.\ntags = env=prod, team=shop\n";
const ALLOW = "[allow all]\narn = arn:aws:iam::123456789012:user/bob\ntargets = *\n";

test("readRelayConfig() + reads settings, databases and rules", () => {
  const config = read(
    `[relay]\nlisten = 127.0.0.1:1\ndiscover = eu-west-1, us-east-1\nnetworks = 10.0.0.0/8\n${TARGET}${ALLOW}`,
  );
  assert.deepEqual(config.settings, { listen: "127.0.0.1:1" });
  assert.deepEqual(config.discover, ["eu-west-1", "us-east-1"]);
  assert.deepEqual(config.targets, [
    {
      name: "orders",
      host: "orders.c1.eu-west-1.rds.amazonaws.com",
      port: 5432,
      tags: { env: "prod", team: "shop" },
      networks: undefined,
    },
  ]);
});

for (const [what, text, said] of [
  ["no rule", TARGET, /lets nobody through/],
  ["no database", ALLOW, /has no databases/],
  [
    "a key that is unknown",
    `${TARGET}${ALLOW}tag = x\n`,
    /\[allow all\] has a key tag that is unknown/,
  ],
  [
    "a section that is unknown",
    `${TARGET}${ALLOW}[targets x]\nhost = x\n`,
    /\[targets x\] is no section/,
  ],
  ["a rule for nobody", `${TARGET}[allow x]\ntargets = *\n`, /says nobody/],
  [
    "a rule for nothing",
    `${TARGET}[allow x]\narn = arn:aws:iam::123456789012:user/bob\n`,
    /says no databases/,
  ],
  ["a database without a host", `[target x]\nport = 1\n${ALLOW}`, /names no database/],
  ["a network that is none", `[relay]\nnetworks = 10.0.0.0\n${TARGET}${ALLOW}`, /is no network/],
  ["a Region that is none", `[relay]\ndiscover = europe\n${ALLOW}`, /"europe", no AWS Region/],
] as const) {
  test(`readRelayConfig() + ${what} is an error that says where`, () => {
    assert.throws(() => read(text), said);
  });
}

test("allowingRule() + every key of a rule has to hold, any value of a key is enough", () => {
  const { rules, targets } = read(
    `${TARGET}[allow both]
arn = arn:aws:iam::123456789012:user/alice, arn:aws:iam::123456789012:user/bob
certificate = CN:laptop
targets = ORDERS, other
tags = env=prod, team
blocked_tags = secret=yes, old
`,
  );
  const [target] = targets;
  assert.ok(target !== undefined);
  const bob = { arn: "arn:aws:iam::123456789012:user/bob", certificate: ["CN:laptop"] };
  const allows = (caller: typeof bob | object, changed: Partial<RelayTarget> = {}): boolean =>
    allowingRule(rules, caller, { ...target, ...changed }) !== undefined;
  assert.ok(allows(bob));
  assert.ok(!allows({ arn: bob.arn }));
  assert.ok(!allows({ certificate: bob.certificate }));
  assert.ok(!allows({ ...bob, arn: "arn:aws:iam::123456789012:user/eve" }));
  assert.ok(!allows(bob, { name: "elsewhere", host: "elsewhere" }));
  assert.ok(!allows(bob, { tags: { env: "prod" } }));
  assert.ok(!allows(bob, { tags: { env: "stage", team: "shop" } }));
  assert.ok(!allows(bob, { tags: { env: "prod", team: "shop", old: "" } }));
  assert.ok(allows(bob, { tags: { env: "prod", team: "shop", secret: "no" } }));
});
