// What a session holds while it waits for a command: nothing that only its login needed.
import assert from "node:assert/strict";
import { test } from "node:test";
import { queryObjects } from "node:v8";
import { SocketReader } from "../../src/base/socket-reader.ts";
import { until } from "../support/traces.ts";
import { RawFrontend, startup } from "../support/raw-frontend.ts";
import { logIn, scene } from "../support/scripted-backend.ts";

const SESSIONS = 8;

function count(of: typeof AbortSignal | typeof SocketReader): number {
  // It collects the garbage before it counts.
  return Number(queryObjects(of, { format: "count" }));
}

test("an idle session holds no reader and no abort signal of its login", async () => {
  await using stage = await scene(async (peer) => {
    await logIn(peer);
    peer.socket.on("data", () => {});
  });
  const open = async (): Promise<RawFrontend> => {
    const frontend = new RawFrontend(stage.proxy.port);
    frontend.send(startup({ user: "app", database: "orders" }));
    await frontend.prove(stage.proxy.secret);
    await frontend.messages("Z");
    return frontend;
  };
  // The first one loads what stays.
  const frontends = [await open()];
  const signals = count(AbortSignal);
  while (frontends.length < SESSIONS) frontends.push(await open());
  await until(async () => count(SocketReader) === 0, "no reader is held");
  await until(async () => count(AbortSignal) <= signals, "no abort signal is held");
  assert.equal(stage.proxy.sessions(), SESSIONS);
  for (const { socket } of frontends) socket.destroy();
});
