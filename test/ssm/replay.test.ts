// Sessions with the agent of the recorded conversations, which AWS's plugin had: the same is said, and the same understood.
import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { PortSession } from "../../src/ssm/session.ts";
import { openWebSocket } from "../../src/ssm/websocket.ts";
import { carry } from "../support/ssm-bytes.ts";
import { COUNTS } from "../support/ssm-record.ts";
import { type Conversation, readConversation } from "../support/ssm-recorded.ts";
import { until } from "../support/traces.ts";
import { pluginSaid, type Replay, startReplay } from "../support/ssm-replay.ts";

function open({ url }: Replay, { ciphertext, plaintext }: Conversation): Promise<PortSession> {
  return PortSession.open(
    {
      token: "first",
      connect: (signal) => openWebSocket({ url, headers: {}, agent: undefined }, signal),
      resume: async () => "second",
      end: async () => {},
      makeDataKey: async () => ({ ciphertext, plaintext }),
      failed: (reason) => reason,
    },
    AbortSignal.timeout(10_000),
  );
}

async function carryOne(session: PortSession): Promise<void> {
  const stream = session.connect();
  assert.equal((await carry(stream, COUNTS)).isExact, true);
  stream.destroy();
}

const CONNECTIONS = { smux: 1, "smux-kms": 1, paused: 1, resumed: 2 } as const;

for (const [name, connections] of Object.entries(CONNECTIONS)) {
  test(`PortSession + says to the agent what AWS's plugin said, and no more: ${name}`, async () => {
    const conversation = readConversation(name as keyof typeof CONNECTIONS);
    await using replay = await startReplay(conversation);
    const session = await open(replay, conversation);
    for (let count = 0; count < connections; count++) await carryOne(session);
    const theirs = pluginSaid(conversation);
    await until(async () => replay.said().length >= theirs.length, "as much as the plugin said");
    assert.equal(replay.said(), theirs);
    await session.close();
    assert.deepEqual(replay.tokens, name === "resumed" ? ["first", "second"] : ["first"]);
  });
}

for (const name of ["plain", "plain-kms"] as const) {
  test(`PortSession + says to an old agent what AWS's plugin said, and no more: ${name}`, async () => {
    const conversation = readConversation(name);
    await using replay = await startReplay(conversation);
    const session = await open(replay, conversation);
    const stream = session.connect();
    assert.equal((await carry(stream, COUNTS)).isExact, true);
    const ours = replay.said();
    await session.close();
    // The plugin had two connections in a session without KMS.
    assert.equal(ours, pluginSaid(conversation).slice(0, ours.length));
    assert.ok(ours.length > 2 * COUNTS.up);
  });
}

test("PortSession.connect() + a port that refused AWS's plugin refuses here too", async () => {
  const conversation = readConversation("refused");
  await using replay = await startReplay(conversation);
  const session = await open(replay, conversation);
  const [error] = (await once(session.connect(), "error")) as [Error];
  assert.match(error.message, /could not connect/);
  await session.close();
});

test("PortSession.over + says what the service said when it closed the channel", async () => {
  const conversation = readConversation("closed");
  await using replay = await startReplay(conversation);
  const over = await open(replay, conversation).then(
    (session) => session.over,
    (error: Error) => error,
  );
  assert.match(over?.message ?? "", /the stand-in was told to close it/);
});
