// Bytes through a tunnel through Systems Manager, in this process: what is lost, late, cut, paused or not read is exact all the same.
import assert from "node:assert/strict";
import type { Buffer } from "node:buffer";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { carry } from "../support/ssm-bytes.ts";
import { closed } from "../support/listen.ts";
import { open, startSsmScene } from "../support/ssm-scene.ts";
import { until } from "../support/traces.ts";

const PLAIN = "3.0.196.0";
const KEY = "arn:aws:kms:eu-west-1:123456789012:key/orders";
const COUNTS = { up: 300_000, down: 300_000 };

for (const [name, settings] of Object.entries({
  smux: {},
  "smux with KMS": { kmsKey: KEY },
  "an old agent": { version: PLAIN },
  "an old agent with KMS": { version: PLAIN, kmsKey: KEY },
  "1 % lost and 1 % late": { loss: 0.01, reorder: 0.01 },
})) {
  test(`ssmTunnel() + every byte arrives, both ways at once: ${name}`, async () => {
    await using scene = await startSsmScene();
    Object.assign(scene.ssm.agent, settings);
    const stream = await scene.connect();
    assert.equal((await carry(stream, COUNTS)).isExact, true);
    stream.destroy();
    await closed(stream);
    await scene.tunnel[Symbol.asyncDispose]();
    await until(async () => open(scene).length === 0, "no session is left");
    // Its TerminateSession may be lost too.
    if (name.startsWith("1 %")) return;
    assert.deepEqual(
      scene.ssm.sessions.map(({ ended }) => ended),
      ["by its client"],
    );
    assert.equal(scene.ssm.calls.filter(({ action }) => /Terminate/.test(action)).length, 0);
  });
}

test("ssmTunnel() + an agent that is away for a while, and a WebSocket that is cut, lose no byte", async () => {
  await using scene = await startSsmScene();
  // Slow enough to be hit in the middle.
  scene.ssm.agent.throttle = true;
  const stream = await scene.connect();
  const carrying = carry(stream, { up: 1_500_000, down: 400_000 });
  const [session] = scene.ssm.sessions;
  assert.ok(session !== undefined);
  for (const trouble of [
    () => session.restart(150),
    async () => session.cut(),
    async () => session.cut(1000),
  ]) {
    const { received, resumed } = session;
    await until(async () => session.received > received + 50, "bytes are on their way");
    await trouble();
    if (session.received === received)
      await until(async () => session.resumed > resumed, "resumed");
  }
  assert.equal((await carrying).isExact, true);
  assert.equal(session.resumed, 2);
  assert.equal(scene.ssm.sessions.length, 1);
  stream.destroy();
});

test("ssmTunnel() + between pause_publication and start_publication nothing new is sent", async () => {
  await using scene = await startSsmScene();
  const stream = await scene.connect();
  assert.equal((await carry(stream, { up: 1_000, down: 1_000 })).isExact, true);
  const [session] = scene.ssm.sessions;
  assert.ok(session !== undefined);
  session.publish(false);
  await delay(50);
  const { duplicates, received } = session;
  const carrying = carry(stream, COUNTS);
  await delay(300);
  assert.equal(session.received - session.duplicates, received - duplicates);
  session.publish(true);
  assert.equal((await carrying).isExact, true);
  stream.destroy();
});

test("ssmTunnel() + a slow reader holds the agent up, and not in this process's memory", async () => {
  await using scene = await startSsmScene();
  const stream = await scene.connect();
  const down = 12_000_000;
  stream.write(`${JSON.stringify({ up: 0, down })}\n`);
  let most = 0;
  let last = -1;
  // Until nothing more comes.
  for (;;) {
    await delay(250);
    most = Math.max(most, stream.readableLength);
    if (stream.readableLength > 0 && stream.readableLength === last) break;
    last = stream.readableLength;
  }
  assert.ok(most > 2_000_000 && most < 2_500_000, `${most} bytes were kept`);
  let read = 0;
  stream.on("data", (chunk: Buffer) => (read += chunk.length));
  await until(async () => read > down, "the rest comes");
  stream.destroy();
});
