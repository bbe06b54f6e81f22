// The tunnel through Systems Manager and the stand-in's agents, in this process.
import assert from "node:assert/strict";
import type { Buffer } from "node:buffer";
import { once } from "node:events";
import { createServer } from "node:net";
import { test } from "node:test";
import { RdsIamError } from "../../src/base/errors.ts";
import { carry } from "../support/ssm-bytes.ts";
import { closed } from "../support/listen.ts";
import { open, startSsmScene } from "../support/ssm-scene.ts";
import { until } from "../support/traces.ts";
import { freePort } from "../support/via-servers.ts";

const PLAIN = "3.0.196.0";
const KEY = "arn:aws:kms:eu-west-1:123456789012:key/orders";
const COUNTS = { up: 300_000, down: 300_000 };

test("ssmTunnel() + each connection has a session; one that was left is taken again; beyond the limit they are shared", async () => {
  await using scene = await startSsmScene({ sessions: 2 });
  const streams = await Promise.all([scene.connect(), scene.connect()]);
  assert.equal(scene.ssm.sessions.length, 2);
  streams.push(await scene.connect());
  streams.push(await scene.connect(true));
  assert.equal(scene.ssm.sessions.length, 2);
  for (const stream of streams) assert.equal((await carry(stream, COUNTS)).isExact, true);
  for (const stream of streams) {
    stream.destroy();
    await closed(stream);
  }
  const again = await scene.connect();
  assert.equal((await carry(again, { up: 10, down: 10 })).isExact, true);
  assert.equal(scene.ssm.sessions.length, 2);
  again.destroy();
});

test("ssmTunnel() + a cancel request goes through a session that is there", async () => {
  await using scene = await startSsmScene();
  const stream = await scene.connect();
  const cancel = await scene.connect(true);
  assert.equal((await carry(cancel, { up: 16, down: 0 })).isExact, true);
  assert.equal(scene.ssm.sessions.length, 1);
  cancel.destroy();
  stream.destroy();
});

test("ssmTunnel() + an old agent's session is ended with its connection, and beyond the limit there is an error", async () => {
  await using scene = await startSsmScene({ sessions: 1 });
  scene.ssm.agent.version = PLAIN;
  const stream = await scene.connect();
  await assert.rejects(scene.connect(), {
    code: "ERR_VIA",
    message: "1 session of Systems Manager in use, and there may be no more",
  });
  stream.end();
  await closed(stream);
  const next = await scene.connect();
  assert.equal((await carry(next, { up: 10, down: 10 })).isExact, true);
  assert.deepEqual(
    scene.ssm.sessions.map(({ ended }) => ended),
    ["by its client", undefined],
  );
  next.destroy();
});

test("ssmTunnel() + what is sent before an old agent has reached the port arrives", async () => {
  await using scene = await startSsmScene();
  Object.assign(scene.ssm.agent, { version: PLAIN, dialsAfter: 150 });
  const stream = await scene.connect();
  assert.equal((await carry(stream, COUNTS)).isExact, true);
  stream.destroy();
});

test("ssmTunnel() + a reader that stops for a while, and takes all at once then, gets the rest", async () => {
  await using scene = await startSsmScene();
  const stream = await scene.connect();
  const counts = { up: 0, down: 6_000_000 };
  stream.write(`${JSON.stringify(counts)}\n`);
  await until(
    async () => stream.readableLength > 2 * 1024 * 1024,
    "no more is read from the agent",
  );
  let left = counts.down;
  for await (const chunk of stream as AsyncIterable<Buffer>) if ((left -= chunk.length) <= 0) break;
  assert.ok(left <= 0);
});

test("ssmTunnel() + a session without a connection is ended after its life, one with a connection is not", async () => {
  await using scene = await startSsmScene({ sessionLife: 100 });
  const [used, left] = await Promise.all([scene.connect(), scene.connect()]);
  left.destroy();
  scene.tunnel.prepare?.({ ...scene.destination, port: await freePort() });
  await until(async () => scene.ssm.sessions.length === 3, "a session was opened ahead");
  await until(async () => open(scene).length === 1, "those that nothing uses are ended");
  assert.equal((await carry(used, { up: 10, down: 10 })).isExact, true);
  // The next login opens another one, and the rest of the time begins anew with each connection.
  const next = await scene.connect();
  assert.equal((await carry(next, { up: 10, down: 10 })).isExact, true);
  assert.equal(scene.ssm.sessions.length, 4);
  next.destroy();
  used.destroy();
  await until(async () => open(scene).length === 0, "the others are ended");
  assert.equal(scene.ssm.calls.filter(({ action }) => /Terminate/.test(action)).length, 0);
});

test("prepare() + the session is there before the login, which takes it", async () => {
  await using scene = await startSsmScene();
  scene.tunnel.prepare?.(scene.destination);
  scene.tunnel.prepare?.(scene.destination);
  await until(async () => scene.notes.length === 1, "a session is open");
  const stream = await scene.connect();
  assert.equal((await carry(stream, { up: 10, down: 10 })).isExact, true);
  scene.tunnel.prepare?.(scene.destination);
  await until(async () => scene.notes.length === 2, "another one");
  assert.equal(scene.ssm.sessions.length, 2);
  stream.destroy();
});

test("ssmTunnel() + where no other session is opened, connections share one", async () => {
  await using scene = await startSsmScene();
  const one = await scene.connect();
  scene.ssm.refuseWith = "ThrottlingException";
  const other = await scene.connect();
  assert.equal((await carry(other, COUNTS)).isExact, true);
  assert.match(scene.notes.at(-1) ?? "", /^tunnel: connections share a session/);
  one.destroy();
  other.destroy();
});

test("ssmTunnel() + a session that cannot be resumed is an error that says why, for the run too", async () => {
  await using scene = await startSsmScene();
  const stream = await scene.connect();
  await carry(stream, { up: 10, down: 10 });
  scene.ssm.refuseWith = "AccessDeniedException";
  scene.ssm.refuseOnly = "ResumeSession";
  scene.ssm.sessions[0]?.cut(1000);
  const failure = await closed(stream);
  assert.ok(failure instanceof RdsIamError);
  assert.deepEqual(
    [failure.code, failure.message, failure.detail],
    [
      "ERR_VIA",
      `the Session Manager connection to db.example.com port ${scene.server.port} broke`,
      "Its WebSocket was closed with code 1000, and the session could not be resumed: not allowed to call ssm:ResumeSession in eu-west-1.",
    ],
  );
  assert.deepEqual(scene.broken, [failure]);
  await until(async () => scene.ssm.sessions[0]?.ended === "by the API", "it is ended");
  const next = await scene.connect();
  assert.equal((await carry(next, { up: 10, down: 10 })).isExact, true);
  next.destroy();
});

test("ssmTunnel() + a session that Systems Manager has ended while it was cut is not resumed", async () => {
  await using scene = await startSsmScene();
  const stream = await scene.connect();
  await carry(stream, { up: 10, down: 10 });
  const [session] = scene.ssm.sessions;
  session?.cut();
  session?.end("by the service");
  const failure = await closed(stream);
  assert.match(
    String((failure as { detail?: string }).detail),
    /and the session could not be resumed: it is over\.$/,
  );
});

test("ssmTunnel() + a refusal of the WebSocket leaves no session", async () => {
  await using scene = await startSsmScene();
  scene.ssm.refuseOnly = "OpenDataChannel";
  await assert.rejects(scene.connect(), {
    code: "ERR_VIA",
    message: /^could not open the data channel to 127\.0\.0\.1:\d+$/,
    detail: "It answered with HTTP status 403.",
  });
  assert.deepEqual(
    scene.ssm.sessions.map(({ ended }) => ended),
    ["by the API"],
  );
});

test("ssmTunnel() + an agent that does not complete the handshake is given up after connectTimeout, and its session ended", async () => {
  await using scene = await startSsmScene({ connectTimeout: 400 });
  scene.ssm.agent.loss = 1;
  await assert.rejects(scene.connect(), {
    code: "ERR_VIA",
    message: "Systems Manager opened no session in 0.4 s",
  });
  await until(async () => open(scene).length === 0, "the session is ended");
});

test("ssmTunnel() + a port that is not reached is the connection's error, and the session serves the next", async () => {
  await using scene = await startSsmScene();
  const port = await freePort();
  const signal = new AbortController().signal;
  const stream = await scene.tunnel.open({ ...scene.destination, port }, signal);
  const failure = await closed(stream);
  assert.ok(failure instanceof RdsIamError);
  assert.equal(
    failure.message,
    `i-0123456789abcdef0 opened no connection to db.example.com port ${port}`,
  );
  const server = createServer((socket) => socket.end("here")).listen(port, "127.0.0.1");
  await once(server, "listening");
  const next = await scene.tunnel.open({ ...scene.destination, port }, signal);
  const [data] = (await once(next, "data")) as [Buffer];
  assert.equal(data.toString(), "here");
  assert.equal(scene.ssm.sessions.length, 1);
  // The server's end is the stream's.
  await once(next.resume(), "end");
  next.destroy();
  server.close();
});

for (const [name, settings] of Object.entries({
  "smux and AWS KMS": { kmsKey: KEY },
  "an old agent": { version: PLAIN },
})) {
  test(`ssmTunnel() + every byte arrives, and the end leaves no session: ${name}`, async () => {
    await using scene = await startSsmScene();
    Object.assign(scene.ssm.agent, settings);
    const stream = await scene.connect();
    assert.equal((await carry(stream, COUNTS)).isExact, true);
    stream.destroy();
    await scene.tunnel[Symbol.asyncDispose]();
    await until(async () => open(scene).length === 0, "no session is left");
    assert.deepEqual(
      scene.ssm.sessions.map(({ ended }) => ended),
      ["by its client"],
    );
    assert.equal(scene.ssm.calls.filter(({ action }) => /Terminate/.test(action)).length, 0);
  });
}

test("ssmTunnel() + an old agent that does not reach the port ends its session, and says why", async () => {
  await using scene = await startSsmScene();
  scene.ssm.agent.version = PLAIN;
  const port = await freePort();
  const signal = new AbortController().signal;
  const refusal = await scene.tunnel
    .open({ ...scene.destination, port }, signal)
    .then(closed, (error: unknown) => error);
  assert.ok(refusal instanceof RdsIamError);
  assert.match(refusal.detail ?? "", /ended the session: Unable to connect to specified port: /);
});
