// BackendConnections by itself: when it dials, how often it asks DNS, and in what state a connection is handed over.
import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { test } from "node:test";
import type { Backend, BackendConnection } from "../../src/proxy/backend.ts";
import { backendSecureContext } from "../../src/proxy/backend-tls.ts";
import type { Address } from "../../src/base/address.ts";
import { BackendConnections } from "../../src/proxy/warm-connection.ts";
import { until } from "../support/traces.ts";
import { type BackendPeer, HOST, type Script, startBackend } from "../support/scripted-backend.ts";

const HERE: Address = { address: "127.0.0.1", family: 4 };
const SAME_DNS = 1_000; // ms, as in spare.ts

const greet: Script = async ({ read, send }) => {
  await read(1);
  send("hello");
};

/** A backend that greets whoever says something; `asked` counts the questions to DNS. */
async function counted(change: Partial<Backend> = {}, script: Script = greet) {
  const seen = { asked: 0, open: 0 };
  const scripted = await startBackend((peer) => {
    seen.open += 1;
    return script(peer);
  });
  const verification = { secureContext: backendSecureContext([scripted.ca]), trust: "a test root" };
  const backend: Backend = {
    host: HOST,
    port: scripted.port,
    verification: () => verification,
    addresses: () => {
      seen.asked += 1;
      return Promise.resolve([HERE]);
    },
    connectTimeout: 60_000,
    loginTimeout: 5_000,
    ...change,
  };
  return { seen, backend, scripted };
}

function take(connections: BackendConnections): Promise<BackendConnection> {
  return connections.take(AbortSignal.timeout(20_000));
}

test("BackendConnections asks DNS once for each login, and not for the connection opened after it", async () => {
  const { seen, backend, scripted } = await counted();
  await using _scripted = scripted;
  using connections = new BackendConnections(backend, { ahead: true });
  connections.prepare();
  const { socket: first } = await take(connections);
  connections.loggedIn();
  assert.equal(seen.asked, 1);
  const { socket: second } = await take(connections);
  assert.equal(seen.asked, 2);
  connections.loggingIn();
  await until(async () => seen.open === 3, "a connection ahead");
  assert.equal(seen.asked, 2);
  first.destroy();
  second.destroy();
});

test("BackendConnections asks DNS again for a first login that came late", async () => {
  const { seen, backend, scripted } = await counted();
  await using _scripted = scripted;
  using connections = new BackendConnections(backend, { ahead: true });
  connections.prepare();
  const since = performance.now();
  await until(async () => performance.now() - since > SAME_DNS, "an old answer of DNS");
  const { socket } = await take(connections);
  assert.deepEqual([seen.asked, seen.open], [2, 1]);
  socket.destroy();
});

// Connections are accepted in the order in which they were begun: one of somebody else's comes after all of these.
for (const { ahead, logins } of [
  { ahead: false, logins: 3 },
  { ahead: true, logins: 1 },
]) {
  test(`BackendConnections opens none ahead after ${logins} logins ${ahead ? "with" : "without"} ahead`, async () => {
    const { backend, scripted } = await counted();
    await using _scripted = scripted;
    using connections = new BackendConnections(backend, { ahead });
    for (let login = 0; login < logins; login += 1) {
      await take(connections);
      connections.loggingIn();
      connections.loggedIn();
    }
    using others = new BackendConnections(backend, { ahead: false });
    await take(others);
    assert.equal(scripted.connections(), logins + 1);
  });
}

test("BackendConnections dials nothing ahead once it is closed, nor on a way that is no plain dialing", async () => {
  let dialed = 0;
  const { backend, scripted } = await counted();
  await using _scripted = scripted;
  const connections = new BackendConnections(backend, { ahead: true });
  connections[Symbol.dispose]();
  connections.prepare();
  const dial = (): Promise<never> => {
    dialed += 1;
    return Promise.reject(new Error("not to be dialed"));
  };
  using elsewhere = new BackendConnections({ ...backend, dial }, { ahead: true });
  elsewhere.prepare();
  using others = new BackendConnections(backend, { ahead: false });
  await take(others);
  assert.deepEqual([scripted.connections(), dialed], [1, 0]);
});

test("a connection that was opened ahead is handed over paused, and lives on", async () => {
  const { backend, scripted } = await counted();
  await using _scripted = scripted;
  const life = 500;
  using connections = new BackendConnections(backend, { ahead: true, life });
  const since = performance.now();
  connections.prepare();
  const { socket } = await take(connections);
  socket.write("x");
  await until(async () => socket.readableLength === 5, "the greeting, kept for its reader");
  await until(async () => performance.now() - since > life + 200, "more than its time");
  assert.equal(socket.destroyed, false);
  assert.equal(String(socket.read()), "hello");
  socket.destroy();
});

const LOST: readonly (readonly [string, (peer: BackendPeer) => unknown])[] = [
  ["ended", ({ socket }) => socket.end()],
  ["reset", ({ tcp }) => tcp.resetAndDestroy()],
  ["spoken on", ({ send }) => send("220 mail.example.com ESMTP")],
];

for (const [how, lose] of LOST) {
  test(`a connection that was opened ahead is not handed over once the server has ${how} it`, async () => {
    let lost = false;
    const { backend, scripted } = await counted({}, async (peer) => {
      if (lost) return;
      await once(peer.socket, "secure");
      lose(peer);
      lost = true;
    });
    await using _scripted = scripted;
    using connections = new BackendConnections(backend, { ahead: true });
    connections.prepare();
    await until(async () => lost, "what the server does");
    // What it did arrives before another connection is up.
    using others = new BackendConnections(backend, { ahead: false });
    await take(others);
    await take(connections);
    assert.equal(scripted.connections(), 3);
  });
}

test("a connection that is still being opened is given up with the proxy", async () => {
  let [accepted, closed] = [0, 0];
  const silent = createServer((socket) => {
    accepted += 1;
    socket.on("error", () => {}).on("close", () => (closed += 1));
    socket.resume();
  });
  silent.listen(0, "127.0.0.1");
  await once(silent, "listening");
  const { port } = silent.address() as AddressInfo;
  const { backend, scripted } = await counted({ port });
  await using _scripted = scripted;
  const connections = new BackendConnections(backend, { ahead: true });
  connections.prepare();
  await until(async () => accepted === 1, "the dialing");
  connections[Symbol.dispose]();
  await until(async () => closed === 1, "its end");
  silent.close();
  await once(silent, "close");
});
