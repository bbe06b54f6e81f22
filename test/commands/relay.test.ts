// `rdsiam relay` as its operators meet it: discovery, health, files that change, signals, mistakes.
import assert from "node:assert/strict";
import { once } from "node:events";
import { readFile, rename, writeFile } from "node:fs/promises";
import { connect } from "node:tls";
import { test } from "node:test";
import { makeLeaf } from "../../src/demo/certificates.ts";
import { relayTunnel } from "../../src/via/relay.ts";
import { ACCOUNT } from "../support/account-inventory.ts";
import { type RdsApiOptions, startRdsApi } from "../support/rds-api.ts";
import { rdsiam } from "../support/program.ts";
import type { RdsIamError } from "../../src/base/errors.ts";
import { startTestRelay } from "../support/relay-scene.ts";
import { until } from "../support/traces.ts";
import { freePort } from "../support/via-servers.ts";
import { RULES, startEchoStage } from "../support/relay-stage.ts";
import { keep } from "../support/keep.ts";

const stage = await keep(startEchoStage());

async function tryRelay(port: number, prove = stage.prove): Promise<string> {
  const address = { host: "localhost", port, ca: stage.caFile, client: undefined };
  const tunnel = await relayTunnel(address, prove);
  const { canonicalHost: host, gateway } = stage;
  const target = { host, port: gateway.port, address: host };
  try {
    (await tunnel.open(target, AbortSignal.timeout(20_000))).destroy();
    return "opened";
  } catch (error) {
    return String((error as Error & { detail?: string }).detail);
  }
}

test("rdsiam relay finds databases, answers probes, and ends at once with the second signal", async () => {
  const keys: RdsApiOptions["keys"] = await import("../../src/demo/keys.ts").then(
    ({ KeyStore }) => new KeyStore(),
  );
  const key = keys.createStaticKey({ arn: "arn:aws:iam::123456789012:user/relay" });
  await using api = await startRdsApi({
    keys,
    regions: ACCOUNT,
    denied: new Set(["DescribeDBProxies"]),
  });
  const healthPort = await freePort();
  await using relay = await startTestRelay(stage, {
    rules: RULES,
    keys: "discover = eu-west-1",
    args: ["--health-port", String(healthPort)],
    env: {
      AWS_ENDPOINT_URL_RDS: api.endpoint,
      AWS_ACCESS_KEY_ID: key.accessKeyId,
      AWS_SECRET_ACCESS_KEY: key.secretAccessKey,
    },
  });
  assert.match(relay.output(), /warning: not allowed to call rds:DescribeDBProxies in eu-west-1/);
  assert.match(relay.output(), /for \d{3} databases/);
  assert.equal(await tryRelay(relay.port), "opened");
  const get = (path: string): Promise<Response> => fetch(`http://127.0.0.1:${healthPort}${path}`);
  for (const path of ["/startup", "/readiness", "/liveness"])
    assert.equal((await get(path)).status, 200);
  await until(async () => /closed /.test(relay.output()), "the session has ended");
  const metrics = await (await get("/metrics")).text();
  assert.match(metrics, /^rdsiam_relay_sessions_total 1$/m);
  assert.match(metrics, /^rdsiam_relay_sessions 0$/m);
  assert.match(metrics, /^rdsiam_relay_refused_total\{reason="not-allowed"\} 0$/m);
  const tunnel = await relayTunnel(
    { host: "localhost", port: relay.port, ca: stage.caFile, client: undefined },
    stage.prove,
  );
  const target = {
    host: stage.canonicalHost,
    port: stage.gateway.port,
    address: stage.canonicalHost,
  };
  const open = await tunnel.open(target, AbortSignal.timeout(20_000));
  open.on("error", () => {}).resume();
  const exited = once(relay.child, "exit");
  relay.child.kill("SIGTERM");
  await until(async () => (await get("/readiness")).status === 503, "it is not ready any more");
  assert.equal(await (await get("/readiness")).text(), "draining\n");
  relay.child.kill("SIGTERM");
  assert.deepEqual(await exited, [143, null]);
  open.destroy();
});

test("a proof that opened one connection opens no other, on no replica: STS rejects it", async () => {
  await using first = await startTestRelay(stage, { rules: RULES });
  await using second = await startTestRelay(stage, { rules: RULES });
  const proofs: string[] = [];
  const own = await tryRelay(first.port, async (challenge) => {
    proofs.push(await stage.prove(challenge));
    return proofs[0] ?? "";
  });
  assert.equal(own, "opened");
  for (const { port } of [first, second]) {
    const asked = stage.sts.calls.length;
    assert.match(
      await tryRelay(port, async () => proofs[0] ?? ""),
      /STS does not accept the signature/,
    );
    assert.deepEqual(
      stage.sts.calls.slice(asked).map(({ status }) => status),
      [403],
    );
  }
});

test("rdsiam relay applies changed files without a restart, and changes nothing for invalid ones", async () => {
  await using relay = await startTestRelay(stage, { rules: RULES });
  assert.equal(await tryRelay(relay.port), "opened");
  const good = await readFile(relay.configFile, "utf8");
  const tunnel = await relayTunnel(
    { host: "localhost", port: relay.port, ca: stage.caFile, client: undefined },
    stage.prove,
  );
  const { canonicalHost: host, gateway } = stage;
  const open = await tunnel.open(
    { host, port: gateway.port, address: host },
    AbortSignal.timeout(20_000),
  );
  open.on("error", () => {}).resume();
  const ended = once(open, "end");
  await writeFile(relay.configFile, `${good}\n; changed\n`);
  await until(async () => /have changed and are in use/.test(relay.output()), "it is taken");
  assert.ok(!open.destroyed);
  await writeFile(relay.configFile, good.replace("user/demo", "user/somebody"));
  await ended;
  await until(
    async () =>
      /ended, as no rule allows it any more: \S+ at 127\.0\.0\.1 for arn/.test(relay.output()),
    "it is logged",
  );
  const isRefused = /No rule of the relay lets that identity reach/;
  assert.match(await tryRelay(relay.port), isRefused);
  // It has a ticket from when a rule let it in.
  const again = tunnel.open(
    { host, port: gateway.port, address: host },
    AbortSignal.timeout(20_000),
  );
  await assert.rejects(again, ({ detail }: RdsIamError) => isRefused.test(detail ?? ""));
  await writeFile(relay.configFile, good.replace("arn =", "arns ="));
  await until(
    async () => /previous ones stay in use: .* has the unknown key arns/.test(relay.output()),
    "it is told",
  );
  await rename(relay.configFile, `${relay.configFile}.away`);
  await until(
    async () => /files cannot be read, so the previous ones stay.*ENOENT/.test(relay.output()),
    "it is reported",
  );
  await writeFile(relay.configFile, good);
  await until(async () => (await tryRelay(relay.port)) === "opened", "the first one is back");
  const leaf = await makeLeaf({
    subject: "CN=renewed",
    names: ["localhost"],
    issuer: stage.authority,
  });
  await writeFile(relay.configFile.replace("config", "tls.crt"), leaf.cert);
  await writeFile(relay.configFile.replace("config", "tls.key"), leaf.key);
  const subject = async (): Promise<string> => {
    const socket = connect({ port: relay.port, servername: "localhost", ca: stage.authority.cert });
    await once(socket, "secureConnect");
    const { CN } = socket.getPeerCertificate().subject;
    socket.destroy();
    return String(CN);
  };
  await until(async () => (await subject()) === "renewed", "the new certificate is shown");
  assert.equal(await tryRelay(relay.port), "opened");
});

test("rdsiam relay reports what its options and files lack", async () => {
  const env = stage.env;
  const config = `${stage.directory}/wrong.ini`;
  const relay = (...words: readonly string[]) => rdsiam(["relay", ...words], { env });
  const none = await relay();
  assert.deepEqual([none.status, none.stdout], [125, ""]);
  assert.match(none.stderr, /needs a configuration file\nHINT: {2}Name it with --config FILE/);
  await writeFile(
    config,
    `[target x]\nhost = x.rds.example.com\n[allow x]\ncertificate = CN:x\ntargets = *\n`,
  );
  assert.match(
    (await relay("--config", config)).stderr,
    /--tls-cert is needed: a relay always uses TLS/,
  );
  const tls = ["--tls-cert", stage.caFile, "--tls-key", stage.caFile];
  assert.match((await relay("--config", config, ...tls)).stderr, /there is no private key in/);
  const names = ["*.example.com"];
  const leaf = await makeLeaf({ subject: "CN=*.example.com", names, issuer: stage.authority });
  await writeFile(`${config}.crt`, leaf.cert);
  await writeFile(`${config}.key`, leaf.key, { mode: 0o600 });
  await writeFile(config, `[target x]\nhost = x.rds.example.com\n${RULES}`);
  assert.match(
    (await relay("--config", config, "--tls-cert", `${config}.crt`, "--tls-key", `${config}.key`))
      .stderr,
    /^rdsiam: error: the relay's own name is not known\nDETAIL: .* only wildcard names[^]*\nHINT: {2}Add audience = NAME/,
  );
});
