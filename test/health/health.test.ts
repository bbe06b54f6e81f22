// The probes, asked over HTTP as Kubernetes asks.
import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, connect, createServer } from "node:net";
import { test } from "node:test";
import { closed } from "../support/listen.ts";
import { type Health, startHealth, type Watched } from "../../src/health/health.ts";

const ADDRESS = "127.0.0.1";
const BUILD = { version: "1.2.3", runtime: "node 20.19.0" };
const FIGURES = { sessions: 0, maxSessions: 2, frontendBytes: 0, backendBytes: 0 };

const start = (now?: () => number): Promise<Health> =>
  startHealth({ host: ADDRESS, port: 0 }, BUILD, now);

function watched(extra: Partial<Watched> = {}): Watched {
  const { figures = () => FIGURES, credentials = () => Promise.resolve() } = extra;
  return { target: "orders", figures, credentials };
}

async function ask(health: Health, path: string, method = "GET"): Promise<[number, string]> {
  const response = await fetch(`http://${ADDRESS}:${health.port}${path}`, { method });
  return [response.status, await response.text()];
}

async function say(health: Health, bytes: string): Promise<string> {
  const socket = connect(health.port, ADDRESS);
  let answer = "";
  socket.setEncoding("utf8").on("data", (chunk: string) => (answer += chunk));
  socket.write(bytes);
  await closed(socket);
  return answer;
}

test("startHealth() answers the probes as the proxy starts, serves and drains", async () => {
  await using health = await start();
  health.watch(watched());
  const probes = async (): Promise<unknown[]> =>
    Promise.all(["/startup", "/readiness", "/liveness"].map((path) => ask(health, path)));
  assert.deepEqual(await probes(), [
    [503, "starting\n"],
    [503, "starting\n"],
    [200, "ok\n"],
  ]);
  health.started();
  assert.deepEqual(await probes(), [
    [200, "ok\n"],
    [200, "ok\n"],
    [200, "ok\n"],
  ]);
  health.draining();
  assert.deepEqual(await probes(), [
    [200, "ok\n"],
    [503, "draining\n"],
    [200, "ok\n"],
  ]);
  health.started();
  assert.deepEqual(await ask(health, "/readiness"), [503, "draining\n"], "draining is for good");
});

test("startHealth() is not ready while a proxy has as many sessions as it takes", async () => {
  await using health = await start();
  let sessions = 2;
  health.watch(watched({ figures: () => ({ ...FIGURES, sessions }) }));
  health.started();
  assert.deepEqual(await ask(health, "/readiness"), [503, "orders: 2 of 2 sessions\n"]);
  sessions = 1;
  assert.deepEqual(await ask(health, "/readiness"), [200, "ok\n"]);
});

test("startHealth() is not ready without credentials, and looks every ten seconds at most", async () => {
  let clock = 0;
  let asked = 0;
  let fails = true;
  await using health = await start(() => clock);
  const credentials = async (): Promise<void> => {
    asked += 1;
    if (fails) throw new Error("no secret of this may be said: hunter2");
  };
  health.watch(watched({ credentials }));
  health.started();
  // The start itself has had some.
  assert.deepEqual(await ask(health, "/readiness"), [200, "ok\n"]);
  clock = 10_000;
  for (const _ of [1, 2, 3])
    assert.deepEqual(await ask(health, "/readiness"), [503, "orders: no credentials\n"]);
  assert.equal(asked, 1);
  fails = false;
  clock = 20_000;
  assert.deepEqual(await ask(health, "/readiness"), [200, "ok\n"]);
  assert.equal(asked, 2);
});

test("startHealth() answers a probe though the look at the credentials hangs", async () => {
  let clock = 0;
  await using health = await start(() => clock);
  health.watch(watched({ credentials: () => new Promise(() => {}) }));
  health.started();
  clock = 10_000;
  assert.deepEqual(await ask(health, "/readiness"), [200, "ok\n"]);
});

test("startHealth() takes GET and HEAD of its own paths, and nothing else", async () => {
  await using health = await start();
  assert.deepEqual(await ask(health, "/liveness?verbose", "HEAD"), [200, ""]);
  const paths = "/startup\n/readiness\n/liveness\n/metrics\n";
  for (const path of ["/", "/metrics/", "/__proto__", "/toString", "/../metrics/x"])
    assert.deepEqual(await ask(health, path), [404, paths]);
  for (const method of ["POST", "PUT", "DELETE", "OPTIONS"])
    assert.deepEqual(await ask(health, "/metrics", method), [405, "GET and HEAD only\n"]);
});

test("startHealth() closes what is no HTTP, or asks with too much", async () => {
  await using health = await start();
  assert.match(
    await say(health, "\u0000\u0000\u0000\u0008\u0004\u00d2\u0016\u002f"),
    /^HTTP\/1.1 400 /,
  );
  const header = `X: ${"x".repeat(9 * 1024)}\r\n`;
  assert.match(await say(health, `GET /liveness HTTP/1.1\r\nHost: x\r\n${header}\r\n`), / 431 /);
  const body = "POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\nabc";
  assert.match(await say(health, body), /^HTTP\/1.1 405 /);
});

test("startHealth() closes a connection that does not finish its question", async () => {
  await using health = await start();
  const start408 = /^HTTP\/1.1 408 /;
  await Promise.all([
    say(health, "").then((answer) => assert.match(answer, start408)),
    say(health, "GET /liveness HTTP/1.1\r\nHost: x").then((answer) =>
      assert.match(answer, start408),
    ),
    // The answer does not wait for a body, and the connection not for ever.
    say(health, "GET /liveness HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc").then(
      (answer) => assert.match(answer, /^HTTP\/1.1 200 OK\r\n/),
    ),
  ]);
});

test("startHealth() answers while silent connections fill it, and drops the oldest of them", async () => {
  await using health = await start();
  const silent = Array.from({ length: 200 }, () => connect(health.port, ADDRESS));
  const ended = silent.map(closed);
  await Promise.all(silent.map((socket) => once(socket, "connect")));
  const asking = connect(health.port, ADDRESS);
  asking.on("error", () => {}).write("GET /liveness HTTP/1.1\r\n");
  await Promise.all(ended.slice(0, 130));
  for (const _ of Array.from({ length: 20 })) {
    assert.deepEqual(await ask(health, "/liveness"), [200, "ok\n"]);
  }
  // One that has begun to ask is not taken for a silent one.
  asking.setEncoding("utf8").write("Host: x\r\n\r\n");
  const [answer] = await once(asking, "data");
  assert.match(String(answer), /^HTTP\/1\.1 200 OK\r\n[^]*^Connection: close\r$/m);
});

test("startHealth() answers one request on a connection", async () => {
  await using health = await start();
  const request = "GET /liveness HTTP/1.1\r\nHost: x\r\n\r\n";
  const answer = await say(health, request.repeat(3));
  assert.equal(answer.match(/^HTTP\/1\.1 /gm)?.length, 1);
  assert.match(await say(health, "GET /liveness HTTP/1.0\r\n\r\n"), /^HTTP\/1\.1 200 /);
});

test("startHealth() says that its port is taken", async () => {
  const other = createServer().listen(0, ADDRESS);
  await once(other, "listening");
  const { port } = other.address() as AddressInfo;
  await assert.rejects(startHealth({ host: ADDRESS, port }, BUILD), {
    code: "ERR_CONNECT",
    message: `could not listen on 127.0.0.1 port ${port}`,
    detail: "EADDRINUSE: another program listens there.",
    hint: "Choose another --health-port.",
  });
  other.close();
  await using health = await start();
  await assert.rejects(startHealth({ host: ADDRESS, port: health.port }, BUILD), {
    detail: /^EADDRINUSE: rdsiam itself listens there/,
  });
  await assert.rejects(startHealth({ host: "203.0.113.5", port: 0 }, BUILD), {
    detail: "EADDRNOTAVAIL: this machine has no such address.",
    hint: "Name an address of this machine: --health-address ADDRESS",
  });
});

test("startHealth() holds nothing when it is disposed, open connections included", async () => {
  const health = await start();
  const idle = connect(health.port, ADDRESS);
  await once(idle, "connect");
  const ended = closed(idle);
  await health[Symbol.asyncDispose]();
  await ended;
});
