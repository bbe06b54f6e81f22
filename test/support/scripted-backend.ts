// A backend that says what a test wrote down: TLS with a certificate of the test's own, then a script.
import { Buffer } from "node:buffer";
import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import * as tls from "node:tls";
import { makeAuthority, makeLeaf } from "../../src/demo/certificates.ts";
import type { Backend } from "../../src/proxy/backend.ts";
import { backendSecureContext } from "../../src/proxy/backend-tls.ts";
import { type Proxy, startProxy } from "../../src/proxy/proxy.ts";
import type { ProxyOptions } from "../../src/proxy/proxy-options.ts";
import { int32 } from "./raw-frontend.ts";

export const HOST = "db1.abc.eu-west-1.rds.amazonaws.com";
export const TOKEN = "the-auth-token-of-this-test";

/** A connection of the proxy at the backend, after TLS. */
export interface BackendPeer {
  readonly socket: tls.TLSSocket;
  /** What carries it. */
  readonly tcp: Socket;
  /** The next `count` bytes. */
  readonly read: (count: number) => Promise<Buffer>;
  /** The next message's type and body. */
  readonly message: () => Promise<{ type: string; body: Buffer }>;
  /** The StartupMessage or CancelRequest, without its length. */
  readonly packet: () => Promise<Buffer>;
  readonly send: (...parts: readonly (Buffer | string)[]) => void;
}

/** What the backend does on each connection. */
export type Script = (peer: BackendPeer) => Promise<void>;

/** A scripted backend that is listening. */
export interface ScriptedBackend extends AsyncDisposable {
  readonly port: number;
  /** The root that its certificate for HOST comes from, as PEM. */
  readonly ca: string;
  /** TCP connections that reached the backend. */
  readonly connections: () => number;
  /** Everything that connections sent after TLS. */
  readonly received: () => string;
}

/** A scripted backend, and a proxy in front of it. */
export interface Scene extends AsyncDisposable {
  readonly proxy: Proxy;
  readonly connections: ScriptedBackend["connections"];
  readonly received: ScriptedBackend["received"];
}

/** A typed message. */
export function message(type: string, ...parts: readonly (Buffer | string)[]): Buffer {
  const body = Buffer.concat(
    parts.map((part) => (typeof part === "string" ? Buffer.from(part, "latin1") : part)),
  );
  return Buffer.concat([Buffer.from(type, "latin1"), int32(body.length + 4), body]);
}

export const ASK_CLEARTEXT = message("R", int32(3));
export const AUTHENTICATION_OK = message("R", int32(0));
export const READY = message("Z", "I");
export const KEY = message("K", int32(4242), "\x01\x02\x03\x04");

/** Asks for the token, accepts any, and becomes ready. */
export async function logIn(peer: BackendPeer, greeting: Buffer = KEY): Promise<void> {
  await peer.packet();
  peer.send(ASK_CLEARTEXT);
  await peer.message();
  peer.send(AUTHENTICATION_OK, greeting, READY);
}

let authority: ReturnType<typeof makeAuthority> | undefined;

/** What a test changes of the proxy. */
export type SceneOptions = Partial<Omit<ProxyOptions, "backend">> & {
  readonly backend?: Partial<Backend>;
};

/** Starts a scripted backend with a proxy in front. */
export async function scene(script: Script, options: SceneOptions = {}): Promise<Scene> {
  const scripted = await startBackend(script);
  const backend: Backend = {
    host: HOST,
    port: scripted.port,
    verification: () => ({
      secureContext: backendSecureContext([scripted.ca]),
      trust: "the test root",
    }),
    addresses: () => Promise.resolve([{ address: "127.0.0.1", family: 4 as const }]),
    connectTimeout: 5_000,
    loginTimeout: 5_000,
    ...options.backend,
  };
  const proxy = await startProxy({
    login: { kind: "auth token", get: () => Promise.resolve({ password: TOKEN, reused: false }) },
    ...options,
    backend,
  });
  const dispose = async (): Promise<void> => {
    await proxy[Symbol.asyncDispose]();
    await scripted[Symbol.asyncDispose]();
  };
  const { connections, received } = scripted;
  return { proxy, connections, received, [Symbol.asyncDispose]: dispose };
}

/** Starts a scripted backend alone. */
export async function startBackend(script: Script): Promise<ScriptedBackend> {
  const ca = await (authority ??= makeAuthority({ subject: "CN=test root" }));
  const leaf = await makeLeaf({ subject: `CN=${HOST}`, names: [HOST], issuer: ca });
  const sockets = new Set<Socket>();
  let connections = 0;
  let received = "";
  const server = createServer((socket) => {
    connections += 1;
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket)).on("error", () => {});
    const record = (text: string): void => void (received += text);
    void serve(socket, { cert: leaf.cert, key: leaf.key, record }, script);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const dispose = async (): Promise<void> => {
    for (const socket of sockets) socket.destroy();
    server.close();
    await once(server, "close");
  };
  return {
    port,
    ca: ca.cert,
    connections: () => connections,
    received: () => received,
    [Symbol.asyncDispose]: dispose,
  };
}

async function serve(
  socket: Socket,
  { cert, key, record }: { cert: string; key: string; record: (text: string) => void },
  script: Script,
): Promise<void> {
  const [first] = (await once(socket, "data").catch(() => [])) as [Buffer?];
  if (first === undefined) return;
  socket.pause();
  socket.write("S");
  const secured = new tls.TLSSocket(socket, {
    isServer: true,
    secureContext: tls.createSecureContext({ cert, key }),
    ALPNProtocols: ["postgresql"],
  });
  secured.on("error", () => {});
  let bytes = Buffer.alloc(0);
  let wake: () => void = () => {};
  let ended = false;
  secured.on("data", (chunk: Buffer) => {
    record(chunk.toString("latin1"));
    bytes = Buffer.concat([bytes, chunk]);
    wake();
  });
  secured.on("close", () => {
    ended = true;
    wake();
  });
  const read = async (count: number): Promise<Buffer> => {
    while (bytes.length < count) {
      if (ended) throw new Error("the proxy closed the connection");
      await new Promise<void>((resolve) => (wake = resolve));
    }
    const taken = bytes.subarray(0, count);
    bytes = bytes.subarray(count);
    return taken;
  };
  const readMessage = async (): Promise<{ type: string; body: Buffer }> => {
    const head = await read(5);
    return { type: head.toString("latin1", 0, 1), body: await read(head.readInt32BE(1) - 4) };
  };
  const readPacket = async (): Promise<Buffer> => read((await read(4)).readInt32BE(0) - 4);
  const send = (...parts: readonly (Buffer | string)[]): void =>
    void secured.write(
      Buffer.concat(
        parts.map((part) => (typeof part === "string" ? Buffer.from(part, "latin1") : part)),
      ),
    );
  await script({
    socket: secured,
    tcp: socket,
    read,
    message: readMessage,
    packet: readPacket,
    send,
  }).catch(() => secured.destroy());
}
