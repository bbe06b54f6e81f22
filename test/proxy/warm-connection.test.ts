// The connection that is opened ahead of a login: used once, never a login by itself, and replaced when it is no good.
import assert from "node:assert/strict";
import { connect, type Socket } from "node:net";
import process from "node:process";
import { test } from "node:test";
import type { Backend } from "../../src/proxy/backend.ts";
import { backendSecureContext } from "../../src/proxy/backend-tls.ts";
import type { Address } from "../../src/base/address.ts";
import { BackendConnections } from "../../src/proxy/warm-connection.ts";
import { until } from "../support/traces.ts";
import { RawFrontend, startup } from "../support/raw-frontend.ts";
import {
  HOST,
  logIn,
  scene,
  type Scene,
  type SceneOptions,
  type Script,
  type ScriptedBackend,
  startBackend,
} from "../support/scripted-backend.ts";

const HERE: Address = { address: "127.0.0.1", family: 4 };

/** A scene whose backend counts the connections that have TLS up, and those that have closed. */
async function spareScene(options: SceneOptions = {}) {
  const seen = { open: 0, closed: 0 };
  const script: Script = async (peer) => {
    seen.open += 1;
    peer.socket.once("close", () => (seen.closed += 1));
    await logIn(peer);
    peer.socket.on("data", () => {});
  };
  return { seen, stage: await scene(script, options) };
}

async function openSession({ proxy }: Scene): Promise<RawFrontend> {
  const frontend = new RawFrontend(proxy.port);
  frontend.send(startup({ user: "app", database: "orders" }));
  await frontend.prove(proxy.secret);
  const types = (await frontend.messages("EZ")).map(({ type }) => type);
  assert.deepEqual(types, ["R", "K", "Z"]);
  return frontend;
}

interface Ahead extends AsyncDisposable {
  readonly backend: ScriptedBackend;
  readonly seen: { open: number; closed: number };
  /** Takes a connection as a login does, and has it work; answers what lets the next connection begin TLS, where it is held. */
  readonly logIn: (how?: { readonly holdNext: boolean }) => Promise<() => void>;
}

/** Connections that are opened ahead, without a proxy around them. */
async function aheadOfLogins(options: {
  readonly sameDns: number;
  readonly addresses: Backend["addresses"];
  /** Behind a tunnel, and whether that opens connections ahead. */
  readonly isDialedAhead?: boolean;
}): Promise<Ahead> {
  const seen = { open: 0, closed: 0 };
  const script: Script = async ({ socket }) => {
    seen.open += 1;
    socket.once("close", () => (seen.closed += 1));
  };
  const scripted = await startBackend(script);
  const secureContext = backendSecureContext([scripted.ca]);
  const backend: Backend = {
    host: HOST,
    port: scripted.port,
    verification: async () => {
      await mayVerify;
      return { secureContext, trust: "the test root" };
    },
    addresses: options.addresses,
    ...(options.isDialedAhead === undefined
      ? {}
      : {
          dial: async () => ({ socket: connect(scripted.port, "127.0.0.1"), address: HERE }),
          isDialedAhead: options.isDialedAhead,
        }),
    connectTimeout: 5_000,
    loginTimeout: 5_000,
  };
  const connections = new BackendConnections(backend, { ahead: true, sameDns: options.sameDns });
  const open: Socket[] = [];
  let mayVerify = Promise.resolve();
  let isListening = true;
  const stopped: ScriptedBackend = {
    ...scripted,
    [Symbol.asyncDispose]: async () => {
      if (isListening) await scripted[Symbol.asyncDispose]();
      isListening = false;
    },
  };
  return {
    backend: stopped,
    seen,
    logIn: async ({ holdNext } = { holdNext: false }) => {
      open.push((await connections.take(AbortSignal.timeout(20_000))).socket);
      let goOn = (): void => {};
      if (holdNext) mayVerify = new Promise((resolve) => (goOn = resolve));
      connections.loggingIn();
      connections.loggedIn();
      return goOn;
    },
    [Symbol.asyncDispose]: async () => {
      connections[Symbol.dispose]();
      for (const socket of open) socket.destroy();
      await stopped[Symbol.asyncDispose]();
    },
  };
}

test("prepare() connects with TLS, says nothing, and the login takes that connection", async () => {
  const { seen, stage } = await spareScene();
  await using _stage = stage;
  stage.proxy.prepare();
  stage.proxy.prepare();
  await until(async () => seen.open === 1, "a warm connection");
  assert.equal(stage.received(), "");
  await openSession(stage);
  assert.equal(stage.connections(), 1);
});

test("prepare() while it is still dialing is waited for, not dialed beside", async () => {
  const { stage } = await spareScene();
  await using _stage = stage;
  stage.proxy.prepare();
  await openSession(stage);
  assert.equal(stage.connections(), 1);
});

test("a warm connection that the server has closed is replaced by a new one", async () => {
  let first = true;
  const script: Script = async (peer) => {
    if (first) {
      first = false;
      peer.socket.destroy();
      return;
    }
    await logIn(peer);
    peer.socket.on("data", () => {});
  };
  await using stage = await scene(script);
  stage.proxy.prepare();
  await until(async () => !first, "the end of the warm connection");
  await openSession(stage);
  assert.equal(stage.connections(), 2);
});

test("without `ahead` there are as many connections as logins; with it one more from the second on", async () => {
  const plain = await spareScene();
  await using _plain = plain.stage;
  for (let login = 0; login < 3; login += 1) await openSession(plain.stage);
  assert.equal(plain.stage.connections(), 3);
  const { seen, stage } = await spareScene({ ahead: true });
  await using _stage = stage;
  await openSession(stage);
  assert.equal(stage.connections(), 1);
  await openSession(stage);
  for (let made = 3; made < 6; made += 1) {
    await until(async () => seen.open === made, `${made} connections`);
    await openSession(stage);
  }
});

test(
  "a warm connection to an address that DNS does not put first any more is closed unused",
  { skip: process.platform !== "linux" && "loopback has one address here" },
  async () => {
    let addresses: readonly Address[] = [HERE];
    await using ahead = await aheadOfLogins({ sameDns: 0, addresses: async () => addresses });
    for (let login = 0; login < 2; login += 1) await ahead.logIn();
    await until(async () => ahead.seen.open === 3, "a warm connection");
    addresses = [{ address: "127.0.0.9", family: 4 }, HERE];
    await ahead.logIn();
    await until(async () => ahead.seen.closed === 1, "the end of the warm connection");
    assert.ok(ahead.seen.open >= 4);
  },
);

test("a login takes the warm connection that is still being made, and dials none beside it", async () => {
  const addresses = async (): Promise<Address[]> => [HERE];
  await using ahead = await aheadOfLogins({ sameDns: 600_000, addresses });
  await ahead.logIn();
  const goOn = await ahead.logIn({ holdNext: true });
  await until(async () => ahead.backend.connections() === 3, "a warm connection without TLS");
  const login = ahead.logIn({ holdNext: true });
  goOn();
  await login;
  assert.equal(ahead.seen.open, 3);
  assert.equal(ahead.seen.closed, 0);
});

test("a login that waits for the warm connection gets it, even after the time that one is kept unused", async () => {
  const addresses = () => Promise.reject(new Error("the far end looks it up"));
  await using ahead = await aheadOfLogins({ sameDns: 500, addresses, isDialedAhead: true });
  await ahead.logIn();
  const goOn = await ahead.logIn({ holdNext: true });
  const login = ahead.logIn({ holdNext: true });
  const since = performance.now();
  await until(async () => performance.now() - since > 600, "more time than it is kept");
  goOn();
  await login;
});

test("through a tunnel one is opened ahead where that costs time alone, and kept no longer than an answer of DNS", async () => {
  const addresses = () => Promise.reject(new Error("the far end looks it up"));
  const logins = async (ahead: Ahead, count: number): Promise<void> => {
    for (let login = 0; login < count; login += 1) await ahead.logIn();
  };
  await using kept = await aheadOfLogins({ sameDns: 600_000, addresses, isDialedAhead: true });
  await logins(kept, 2);
  await until(async () => kept.seen.open === 3, "a warm connection");
  await logins(kept, 1);
  await until(async () => kept.seen.open === 4, "the next one");
  assert.equal(kept.seen.closed, 0);
  await using brief = await aheadOfLogins({ sameDns: 200, addresses, isDialedAhead: true });
  await logins(brief, 2);
  await until(async () => brief.seen.closed === 1, "the end of the warm connection");
  await using none = await aheadOfLogins({ sameDns: 600_000, addresses, isDialedAhead: false });
  await logins(none, 3);
  assert.equal(none.backend.connections(), 3);
});

test("a warm connection ends with the proxy", async () => {
  const { seen, stage } = await spareScene();
  stage.proxy.prepare();
  await until(async () => seen.open === 1, "a warm connection");
  await stage.proxy[Symbol.asyncDispose]();
  await until(async () => seen.closed === 1, "the end of the warm connection");
  await stage[Symbol.asyncDispose]();
});

test("a warm connection that nobody takes ends after its time", async () => {
  let closed = 0;
  const script: Script = async ({ socket }) => void socket.once("close", () => (closed += 1));
  await using scripted = await startBackend(script);
  const secureContext = backendSecureContext([scripted.ca]);
  const backend = {
    host: HOST,
    port: scripted.port,
    verification: () => ({ secureContext, trust: "the test root" }),
    addresses: () => Promise.resolve([HERE]),
    connectTimeout: 5_000,
    loginTimeout: 5_000,
  };
  using connections = new BackendConnections(backend, { ahead: true, life: 300 });
  connections.prepare();
  await until(async () => closed === 1, "the end of the warm connection");
  const { socket } = await connections.take(AbortSignal.timeout(5_000));
  assert.equal(scripted.connections(), 2);
  socket.destroy();
});
