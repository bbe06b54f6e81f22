// A proxy that is watched: probes, figures, its log as JSON, on every runtime.
import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import pg from "pg";
import { openProxy, type OpenProxy } from "../support/open-proxy.ts";
import { rdsiam } from "../support/program.ts";
import { startStage } from "../support/stage.ts";
import { keep } from "../support/keep.ts";

const LIMIT = 20_000; // ms

const standIn = await keep(startStage());

type Said = Readonly<Record<string, unknown>>;

// Every line of stderr must be an object of its own.
function log(proxy: OpenProxy): readonly Said[] {
  const lines = proxy.stderr().split("\n").slice(0, -1);
  return lines.map((line) => JSON.parse(line) as Said);
}

async function until<T>(found: () => T | undefined | Promise<T | undefined>): Promise<T> {
  const end = Date.now() + LIMIT;
  for (;;) {
    const value = await found();
    if (value !== undefined) return value;
    assert.ok(Date.now() < end, "it did not happen in time");
    await delay(20);
  }
}

async function ask(port: unknown, path: string): Promise<[number, string]> {
  const response = await fetch(`http://127.0.0.1:${String(port)}${path}`);
  return [response.status, await response.text()];
}

async function figure(port: unknown, name: string): Promise<number> {
  const [, text] = await ask(port, "/metrics");
  const line = text.split("\n").find((each) => each.startsWith(`${name} `)) ?? "";
  return Number(line.slice(name.length + 1));
}

async function connect(url: string): Promise<pg.Client> {
  const client = new pg.Client(url);
  client.on("error", () => {});
  await client.connect();
  return client;
}

test("rdsiam proxy --health-port tells how the proxy is, and ends when its sessions have", async () => {
  const words = ["prod", "--health-port", "0", "--log-format", "json", "--max-connections", "2"];
  await using proxy = openProxy(words, standIn.env);
  const [, url = ""] = await proxy.printed(/^(postgresql:\S+)\n/);
  const { health: port } = await until(() => log(proxy).find(({ health }) => health !== undefined));
  for (const path of ["/startup", "/readiness", "/liveness"])
    assert.deepEqual(await ask(port, path), [200, "ok\n"], path);
  const client = await connect(url);
  await client.query("select repeat('x', 50000)");
  assert.equal(await figure(port, 'rdsiam_sessions{target="prod"}'), 1);
  assert.ok((await figure(port, 'rdsiam_backend_bytes_total{target="prod"}')) > 50_000);
  assert.ok((await figure(port, 'rdsiam_frontend_bytes_total{target="prod"}')) > 25);
  assert.ok((await figure(port, 'rdsiam_auth_token_age_seconds{target="prod"}')) < 60);
  await assert.rejects(connect(url.replace("/orders?", "/nowhere?")), { code: "3D000" });
  await assert.rejects(connect(url.replace(/:[^:@]+@/, ":wrong-password@")), { code: "28P01" });
  const second = await connect(url);
  assert.deepEqual(await ask(port, "/readiness"), [503, "prod: 2 of 2 sessions\n"]);
  await second.end();
  await until(async () => (await ask(port, "/readiness"))[0] === 200 || undefined);
  for (const [name, expected] of [
    ['rdsiam_logins_total{target="prod"}', 2],
    ['rdsiam_login_failures_total{target="prod",cause="3D000"}', 1],
    ['rdsiam_strangers_refused_total{target="prod"}', 1],
    ['rdsiam_login_duration_seconds_count{target="prod"}', 2],
  ] as const)
    assert.equal(await figure(port, name), expected, name);
  const [, metrics] = await ask(port, "/metrics");
  proxy.child.kill("SIGTERM");
  await until(async () => (await ask(port, "/readiness"))[1] === "draining\n" || undefined);
  assert.deepEqual((await client.query("select 1 as it")).rows, [{ it: 1 }], "it drains");
  await client.end();
  await until(() => proxy.child.exitCode ?? undefined);
  assert.equal(proxy.child.exitCode, 0, proxy.stderr());
  checkLog(log(proxy));
  const secret = decodeURIComponent(new URL(url).password);
  for (const text of [metrics, proxy.stderr()]) {
    assert.ok(!text.includes(secret), "no password");
    assert.doesNotMatch(text, /X-Amz-Signature=(?!\[secret\])/, "no auth token");
  }
});

function checkLog(said: readonly Said[]): void {
  assert.ok(said.every(({ time }) => !Number.isNaN(Date.parse(String(time)))));
  const login = said.find(({ event }) => event === "login");
  assert.deepEqual(
    [login?.["level"], login?.["target"], login?.["user"], login?.["database"]],
    ["info", "prod", "app_ro", "orders"],
  );
  const refused = said.find(({ event }) => event === "refused");
  assert.equal(refused?.["level"], "warning");
  assert.equal(refused?.["sqlstate"], "3D000");
  assert.match(String(refused?.["message"]), /^the login of app_ro failed: .*"nowhere"/);
  assert.equal(refused?.["detail"], "The login itself worked.");
  assert.match(String(refused?.["hint"]), /^Name an existing database/);
}

test("rdsiam proxy fails before it is ready when the health port is taken", async () => {
  const other = createServer().listen(0, "127.0.0.1");
  await once(other, "listening");
  const { port } = other.address() as AddressInfo;
  const words = ["proxy", "prod", "--health-port", String(port), "--log-format", "json"];
  const ran = await rdsiam(words, { env: standIn.env });
  other.close();
  assert.equal(ran.status, 125);
  assert.equal(ran.stdout, "");
  const error = JSON.parse(ran.stderr) as Said;
  assert.equal(error["level"], "error");
  assert.equal(error["code"], "ERR_CONNECT");
  assert.equal(error["message"], `could not listen on 127.0.0.1 port ${port}`);
  assert.equal(error["hint"], "Choose another --health-port.");
});

test("rdsiam proxy takes no --health-address without a port", async () => {
  const ran = await rdsiam(["proxy", "prod", "--health-address", "0.0.0.0"], { env: standIn.env });
  assert.equal(ran.status, 125);
  assert.match(ran.stderr, /error: --health-address needs --health-port\nHINT: /);
});
