// How sessions end when one side stops, stalls or vanishes: rule 22, and the time limits of a login.
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import type { ProxyEvent } from "../../src/proxy/proxy-options.ts";
import { errorFields, RawFrontend, startup } from "../support/raw-frontend.ts";
import {
  ASK_CLEARTEXT,
  type BackendPeer,
  logIn,
  type Scene,
  scene,
  type SceneOptions,
} from "../support/scripted-backend.ts";

const PROMPT = 1_500; // ms that an end may take to reach the other side on a loaded machine; it takes 10
const LINGER = 2_000; // as in src/proxy/copy.ts
const BULK = 12 * 1024 * 1024; // more than the proxy and the kernel hold between the two

interface Stage extends AsyncDisposable {
  readonly scene: Scene;
  readonly frontend: RawFrontend;
  /** The server's end of the session. */
  readonly peer: BackendPeer;
  readonly events: readonly ProxyEvent[];
}

async function startSession(options: SceneOptions = {}): Promise<Stage> {
  let arrived: (peer: BackendPeer) => void = () => {};
  const peer = new Promise<BackendPeer>((resolve) => (arrived = resolve));
  const events: ProxyEvent[] = [];
  const onEvent = (event: ProxyEvent): void => void events.push(event);
  const serve = async (each: BackendPeer): Promise<void> => {
    await logIn(each);
    arrived(each);
  };
  const started = await scene(serve, { onEvent, ...options });
  const frontend = new RawFrontend(started.proxy.port);
  frontend.send(startup({ user: "someone" }));
  await frontend.prove(started.proxy.secret);
  await frontend.messages("Z");
  const dispose = async (): Promise<void> => {
    frontend.socket.destroy();
    await started[Symbol.asyncDispose]();
  };
  return { scene: started, frontend, peer: await peer, events, [Symbol.asyncDispose]: dispose };
}

async function until(happened: () => boolean, limit: number): Promise<number> {
  const started = performance.now();
  while (!happened() && performance.now() - started < limit) await delay(10);
  assert.ok(happened(), `not within ${limit} ms`);
  return performance.now() - started;
}

const isClosed = ({ events }: Stage): boolean => events.some(({ kind }) => kind === "closed");

test("proxy 22: a slow reader gets all bytes of a server that has ended, then FIN", async () => {
  await using stage = await startSession();
  const { frontend, peer } = stage;
  const sent = randomBytes(BULK);
  frontend.socket.pause();
  peer.socket.end(sent);
  await delay(LINGER + 1_500);
  assert.ok(!isClosed(stage));
  frontend.socket.resume();
  const received = createHash("sha256");
  let length = 0;
  for (;;) {
    const chunk = await frontend.bytes(1024 * 1024);
    if (chunk.length === 0) break;
    received.update(chunk);
    length += chunk.length;
  }
  assert.equal(length, sent.length);
  assert.equal(received.digest("hex"), createHash("sha256").update(sent).digest("hex"));
  await until(() => isClosed(stage), PROMPT);
});

test("proxy 22: a tool that has ended and still reads gets the server's whole answer", async () => {
  await using stage = await startSession();
  const { frontend, peer } = stage;
  frontend.socket.allowHalfOpen = true;
  peer.socket.allowHalfOpen = true;
  frontend.socket.end("Q");
  assert.equal((await peer.read(1)).toString(), "Q");
  for (const word of ["one", "two", "three"]) {
    await delay(LINGER / 2);
    peer.send(word);
  }
  peer.socket.end();
  assert.equal((await frontend.rest()).toString(), "onetwothree");
  await until(() => isClosed(stage), PROMPT);
});

test("proxy 22: a reset is passed on promptly in both directions", async () => {
  await using tool = await startSession();
  tool.frontend.socket.resetAndDestroy();
  await until(() => tool.peer.socket.destroyed || tool.peer.socket.readableEnded, PROMPT);
  await until(() => isClosed(tool), PROMPT);

  await using server = await startSession();
  server.peer.send("what was said before");
  await delay(50);
  server.peer.tcp.resetAndDestroy();
  assert.equal((await server.frontend.rest()).toString(), "what was said before");
  await until(() => isClosed(server), PROMPT);
});

test("proxy 22: a tool that vanishes while the server takes nothing is noticed all the same", async () => {
  await using stage = await startSession();
  const { frontend, peer } = stage;
  peer.socket.pause();
  frontend.socket.write(randomBytes(BULK));
  await delay(300);
  frontend.socket.resetAndDestroy();
  // What the kernel holds is read in small pieces before the reset is seen.
  await until(() => isClosed(stage), 40_000);
});

test("startProxy() + is closed at once beside a server that takes nothing", async () => {
  const stage = await startSession();
  stage.peer.socket.pause();
  stage.frontend.socket.write(randomBytes(BULK));
  await delay(300);
  const started = performance.now();
  await stage.scene.proxy[Symbol.asyncDispose]();
  assert.ok(performance.now() - started < LINGER + PROMPT);
  await stage[Symbol.asyncDispose]();
});

test("proxy 11: a login ends in time when addresses or the auth token never come", async () => {
  const never = () => new Promise<never>(() => {});
  const ask = async (peer: BackendPeer): Promise<void> => {
    await peer.packet();
    peer.send(ASK_CLEARTEXT);
    await peer.message();
  };
  const limits = { connectTimeout: 1_000, loginTimeout: 1_000 };
  for (const [options, told] of [
    [{ backend: { ...limits, addresses: never } }, /could not connect to .* in 1 s/],
    [{ backend: limits, login: { kind: "auth token", get: never } }, /no auth token for .* in 1 s/],
  ] as const) {
    await using stage = await scene(ask, options);
    const frontend = new RawFrontend(stage.proxy.port);
    frontend.send(startup({ user: "someone" }));
    await frontend.prove(stage.proxy.secret);
    const started = performance.now();
    const [error] = await frontend.messages("E");
    assert.match(errorFields(error)["M"] ?? "", told);
    assert.ok(performance.now() - started < 1_000 + PROMPT);
    await frontend.closed;
  }
});
