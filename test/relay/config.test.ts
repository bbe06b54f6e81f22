import assert from "node:assert/strict";
import { test } from "node:test";
import { parseOwnFile } from "../../src/config/own-file.ts";
import { makeLeaf } from "../../src/demo/certificates.ts";
import { canonicalHost, certificateHosts } from "../../src/relay/files.ts";
import {
  changedStartKeys,
  readRelayConfig,
  type RelayConfig,
  resolveRelaySettings,
} from "../../src/relay/config.ts";

const read = (text: string): RelayConfig =>
  readRelayConfig(parseOwnFile(text, "relay.ini"), "relay.ini");

const TARGET =
  "[target orders]\nhost = Orders.c1.eu-west-1.rds.amazonaws.com.\ntags = env=prod, team=shop\n";
const ALLOW = "[allow all]\narn = arn:aws:iam::123456789012:user/bob\ntargets = *\n";

test("readRelayConfig() + reads settings, databases and rules", () => {
  const config = read(
    `[relay]\nlisten = 127.0.0.1:1\ndiscover = eu-west-1, us-east-1\nnetworks = 10.0.0.0/8\n${TARGET}${ALLOW}`,
  );
  assert.equal(config.settings.listen, "127.0.0.1:1");
  assert.deepEqual(config.discover, ["eu-west-1", "us-east-1"]);
  assert.deepEqual(config.targets, [
    {
      name: "orders",
      host: "orders.c1.eu-west-1.rds.amazonaws.com",
      port: 5432,
      tags: [{ env: "prod", team: "shop" }],
      networks: undefined,
    },
  ]);
});

for (const [what, text, said] of [
  ["no rule", TARGET, /admits no client/],
  ["no database", ALLOW, /has no databases/],
  ["an unknown key", `${TARGET}${ALLOW}tag = x\n`, /\[allow all\] has the unknown key tag/],
  [
    "an unknown section",
    `${TARGET}${ALLOW}[targets x]\nhost = x\n`,
    /\[targets x\] is an unknown section/,
  ],
  ["a rule without a client", `${TARGET}[allow x]\ntargets = *\n`, /admits no client/],
  [
    "a rule without a database",
    `${TARGET}[allow x]\narn = arn:aws:iam::123456789012:user/bob\n`,
    /\[allow x\] has no databases/,
  ],
  ["a database without a host", `[target x]\nport = 1\n${ALLOW}`, /has no valid host/],
  ["the port 0", `[target x]\nhost = x.example.com\nport = 0\n${ALLOW}`, /port must be a whole/],
  ["no port", `[target x]\nhost = x.example.com\nport = x\n${ALLOW}`, /port must be a whole/],
  [
    "an invalid network",
    `[relay]\nnetworks = 10.0.0.0\n${TARGET}${ALLOW}`,
    /is not a valid network/,
  ],
  ["an unknown Region", `[relay]\ndiscover = europe\n${ALLOW}`, /"europe", not an AWS Region/],
] as const) {
  test(`readRelayConfig() + ${what} is an error that names the place`, () => {
    assert.throws(() => read(text), said);
  });
}

test("resolveRelaySettings() + option, environment, file and default, in this order", () => {
  const config = read(
    `[relay]\ntls_cert = c\ntls_key = k\nlisten = 10.0.0.1:1\nmax_connections = 1\nmax_user_connections = 3\nsession_timeout = 8h\ndns_servers = 10.0.0.2\n${TARGET}${ALLOW}`,
  );
  const resolved = resolveRelaySettings(
    { listen: "[::1]:0" },
    { RDSIAM_LISTEN: "10.0.0.3:3", RDSIAM_MAX_CONNECTIONS: "7" },
    config,
  );
  assert.deepEqual(resolved, {
    listen: { host: "::1", port: 0 },
    tls: { cert: "c", key: "k", clientCa: undefined },
    region: undefined,
    health: undefined,
    maxConnections: 7,
    maxUserConnections: 3,
    sessionTimeout: 28_800_000,
    drainTimeout: 3_480_000,
    dnsServers: ["10.0.0.2"],
  });
  const { health } = resolveRelaySettings({ healthPort: "9" }, {}, config);
  assert.deepEqual(health, { host: "127.0.0.1", port: 9 });
  assert.throws(
    () => resolveRelaySettings({ sessionTimeout: "1w" }, {}, config),
    /^RdsIamError: --session-timeout must be a duration/,
  );
  assert.throws(
    () => resolveRelaySettings({ drainTimeout: "1h" }, {}, config),
    /^RdsIamError: --drain-timeout must be a whole number/,
  );
  for (const [options, said] of [
    [{ maxConnections: "0" }, /--max-connections must be a whole number from 1/],
    [{ maxUserConnections: "0" }, /--max-user-connections must be a whole number from 1/],
    [{ healthAddress: "0.0.0.0" }, /--health-port is needed for --health-address/],
  ] as const)
    assert.throws(() => resolveRelaySettings(options, {}, config), said);
  const names = read(
    `[relay]\ntls_cert = c\ntls_key = k\ndns_servers = dns.corp\n${TARGET}${ALLOW}`,
  );
  assert.throws(() => resolveRelaySettings({}, {}, names), /dns_servers must be IP or IP:PORT/);
});

test("changedStartKeys() + names what a running relay does not take over", () => {
  const started = read(`[relay]\nlisten = 10.0.0.1:1\ntls_cert = c\n${TARGET}${ALLOW}`);
  const now = read(
    `[relay]\nlisten = 10.0.0.1:1\ntls_cert = d\nregion = eu-west-1\nnetworks = 10.0.0.0/8\n${TARGET}${ALLOW}`,
  );
  assert.deepEqual(changedStartKeys(started, now), ["tls_cert", "region"]);
});

test("certificateHosts() + has names and addresses, and no wildcard", async () => {
  const hosts = async (...names: readonly string[]): Promise<readonly string[]> =>
    certificateHosts((await makeLeaf({ subject: "CN=cn.example.com", names })).cert);
  assert.deepEqual(await hosts("*.example.com", "w*.example.com"), []);
  assert.deepEqual(await hosts("*.example.com", "Relay.Example.com", "spiffe://x/y", "10.0.0.1"), [
    "relay.example.com",
    "10.0.0.1",
  ]);
  assert.deepEqual(await hosts("2001:db8::1"), [canonicalHost("2001:DB8:0:0::1")]);
});
