// Dialling a name with several addresses. 127.0.0.2 and up are loopback's own on Linux only.
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import process from "node:process";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import type { Address } from "../../src/base/address.ts";
import { dial } from "../../src/proxy/dial.ts";
import type { RdsIamError } from "../../src/base/errors.ts";

const skip = process.platform === "linux" ? false : "loopback has one address here";
const ATTEMPT_DELAY = 250; // as in src/proxy/dial.ts
const SLACK = 1_000; // ms on a loaded machine
const HOST = "db.example.com";

const addresses = (...names: readonly string[]): Address[] =>
  names.map((address) => ({ address, family: 4 }));
const forever = (): AbortSignal => new AbortController().signal;

async function listen(address: string, port = 0): Promise<Server & AsyncDisposable> {
  const server = createServer((socket) => socket.on("error", () => {}).resume());
  server.listen(port, address);
  await once(server, "listening");
  const close = async (): Promise<void> => {
    server.close();
    await once(server, "close");
  };
  return Object.assign(server, { [Symbol.asyncDispose]: close });
}

const portOf = (server: Server): number => (server.address() as AddressInfo).port;

// A listener that accepts nothing, with its queue full: the next connection gets no answer at all.
async function startSilent(port: number): Promise<AsyncDisposable> {
  const program = `require("node:net").createServer().listen(
    { host: "127.0.0.2", port: ${port}, backlog: 1 },
    () => { process.stdout.write("x"); setTimeout(() => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)); })`;
  const child: ChildProcess = spawn(process.execPath, ["-e", program], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  if (child.stdout !== null) await once(child.stdout, "data");
  const fillers: Socket[] = [];
  for (let silent = false; !silent;) {
    const filler = connect(port, "127.0.0.2").on("error", () => {});
    fillers.push(filler);
    // A connection that only this process has not seen yet is seen within some turns of its event loop.
    for (let turn = 0; turn < 30 && filler.connecting; turn += 1) await delay(10);
    silent = filler.connecting;
  }
  const dispose = async (): Promise<void> => {
    for (const filler of fillers) filler.destroy();
    child.kill("SIGKILL");
    await once(child, "exit");
  };
  return { [Symbol.asyncDispose]: dispose };
}

test("dial() + goes to the next address at once when one refuses", { skip }, async () => {
  await using server = await listen("127.0.0.3");
  const started = performance.now();
  const target = {
    host: HOST,
    port: portOf(server),
    addresses: addresses("127.0.0.2", "127.0.0.3"),
  };
  const socket = await dial(target, forever());
  assert.equal(socket.remoteAddress, "127.0.0.3");
  assert.ok(performance.now() - started < SLACK);
  socket.destroy();
});

test("dial() + tries the next address after 250 ms when one is silent", { skip }, async () => {
  await using server = await listen("127.0.0.3");
  await using _silent = await startSilent(portOf(server));
  const started = performance.now();
  const target = {
    host: HOST,
    port: portOf(server),
    addresses: addresses("127.0.0.2", "127.0.0.3"),
  };
  const socket = await dial(target, forever());
  const took = performance.now() - started;
  assert.equal(socket.remoteAddress, "127.0.0.3");
  assert.ok(took >= ATTEMPT_DELAY - 20 && took < ATTEMPT_DELAY + SLACK, `${took} ms`);
  socket.destroy();
});

test("dial() + names every address that refused", { skip }, async () => {
  const server = await listen("127.0.0.3");
  const port = portOf(server);
  await server[Symbol.asyncDispose]();
  const target = { host: HOST, port, addresses: addresses("127.0.0.2", "127.0.0.3") };
  await assert.rejects(dial(target, forever()), (error: RdsIamError) => {
    assert.equal(error.code, "ERR_CONNECT");
    assert.match(error.detail ?? "", /127\.0\.0\.2: ECONNREFUSED, 127\.0\.0\.3: ECONNREFUSED/);
    return true;
  });
});

test("dial() + ends with the signal's reason while an address is silent", { skip }, async () => {
  await using server = await listen("127.0.0.3");
  await using _silent = await startSilent(portOf(server));
  const stop = new AbortController();
  const dialing = dial(
    { host: HOST, port: portOf(server), addresses: addresses("127.0.0.2") },
    stop.signal,
  );
  const reason = new Error("enough");
  stop.abort(reason);
  await assert.rejects(dialing, reason);
});
