// What the first packet to the backend offers: the group that PostgreSQL has, so that TLS takes one round trip.
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server } from "node:net";
import { test } from "node:test";
import * as tls from "node:tls";
import { makeAuthority, makeLeaf } from "../../src/demo/certificates.ts";
import { type Backend, connectBackend, type TlsNegotiation } from "../../src/proxy/backend.ts";
import { backendSecureContext, startBackendTls } from "../../src/proxy/backend-tls.ts";
import { RdsIamError } from "../../src/base/errors.ts";
import { HOST } from "../support/scripted-backend.ts";

const HANDSHAKE = 22; // a record's type
const CLIENT_HELLO = 1;
const RECORD_HEADER = 5; // bytes

async function listen(server: Server): Promise<number> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

function countHellos(sent: Buffer): number {
  let hellos = 0;
  for (let at = 0; at + RECORD_HEADER < sent.length;) {
    if (sent[at] === HANDSHAKE && sent[at + RECORD_HEADER] === CLIENT_HELLO) hellos += 1;
    at += RECORD_HEADER + sent.readUInt16BE(at + 3);
  }
  return hellos;
}

/** A handshake with a server that has these groups: how many ClientHellos it took, and the group it ended with. */
async function handshake(ecdhCurve: string) {
  const ca = await makeAuthority({ subject: "CN=test root" });
  const { cert, key } = await makeLeaf({ subject: `CN=${HOST}`, names: [HOST], issuer: ca });
  const database = tls.createServer({ cert, key, ecdhCurve });
  const databasePort = await listen(database);
  let sent = Buffer.alloc(0);
  // Answers the SSLRequest, and hears what is said after it.
  const front = createServer((socket) => {
    socket.once("data", () => {
      const behind = connect(databasePort, "127.0.0.1");
      socket.on("data", (chunk) => (sent = Buffer.concat([sent, chunk])));
      socket.pipe(behind).pipe(socket);
      for (const end of [socket, behind]) end.on("error", () => {});
      socket.write("S");
    });
  });
  const socket = connect(await listen(front), "127.0.0.1");
  const identity = { host: HOST, trust: "", secureContext: backendSecureContext([ca.cert]) };
  const secured = await startBackendTls(socket, identity, AbortSignal.timeout(20_000));
  const group = (secured.getEphemeralKeyInfo() as tls.EphemeralKeyInfo).name;
  secured.destroy();
  socket.destroy();
  for (const server of [front, database]) server.close();
  return { hellos: countHellos(sent), group };
}

test("startBackendTls() guesses the group of PostgreSQL up to 17, and takes P-256 of 18's", async () => {
  for (const groups of ["prime256v1", "X25519:prime256v1"])
    assert.deepEqual(await handshake(groups), { hellos: 1, group: "prime256v1" });
});

test("startBackendTls() agrees on another group with a server that has no P-256", async () => {
  assert.deepEqual(await handshake("X25519"), { hellos: 2, group: "X25519" });
  assert.deepEqual(await handshake("secp384r1"), { hellos: 2, group: "secp384r1" });
});

/** A server that takes TLS at once, or after an SSLRequest alone; how each connection began. */
async function startServer(options: tls.TlsOptions & { takesDirect: boolean }) {
  const ca = await makeAuthority({ subject: "CN=test root" });
  const leaf = await makeLeaf({ subject: `CN=${HOST}`, names: [HOST], issuer: ca });
  const database = tls.createServer({ ...options, cert: leaf.cert, key: leaf.key });
  const databasePort = await listen(database);
  const starts: string[] = [];
  const front = createServer((socket) => {
    socket.on("error", () => {});
    socket.once("data", (first) => {
      const isDirect = first[0] === HANDSHAKE;
      starts.push(isDirect ? "direct" : "SSLRequest");
      if (isDirect && !options.takesDirect) return void socket.destroy();
      const behind = connect(databasePort, "127.0.0.1").on("error", () => {});
      if (isDirect) behind.write(first);
      else socket.write("S");
      socket.pipe(behind).pipe(socket);
    });
  });
  const port = await listen(front);
  const backend = (direct: TlsNegotiation["direct"], failed = () => {}): Backend => ({
    host: HOST,
    port,
    verification: () => ({ trust: "", secureContext: backendSecureContext([ca.cert]) }),
    addresses: () => Promise.resolve([{ address: "127.0.0.1", family: 4 }]),
    connectTimeout: 10_000,
    loginTimeout: 10_000,
    negotiation: { direct, failed, worked: () => {} },
  });
  const close = () => {
    for (const server of [front, database]) server.close();
  };
  return { backend, starts, close };
}

const POSTGRESQL = { ALPNProtocols: ["postgresql"] };

test("connectBackend() + begins TLS at once where the server takes it, in one connection", async () => {
  const { backend, close, starts } = await startServer({ ...POSTGRESQL, takesDirect: true });
  const { socket } = await connectBackend(
    backend(() => "try"),
    AbortSignal.timeout(20_000),
  );
  assert.equal((socket as tls.TLSSocket).alpnProtocol, "postgresql");
  socket.destroy();
  assert.deepEqual(starts, ["direct"]);
  close();
});

test("connectBackend() + goes back to an SSLRequest once, and reports it", async () => {
  const { backend, close, starts } = await startServer({ ...POSTGRESQL, takesDirect: false });
  let failures = 0;
  const tried = backend(
    () => "try",
    () => (failures += 1),
  );
  const { socket } = await connectBackend(tried, AbortSignal.timeout(20_000));
  socket.destroy();
  assert.deepEqual([starts, failures], [["direct", "SSLRequest"], 1]);
  const only = backend(() => "only");
  await assert.rejects(connectBackend(only, AbortSignal.timeout(20_000)), { code: "ERR_TLS" });
  assert.deepEqual(starts, ["direct", "SSLRequest", "direct"]);
  close();
});

test("connectBackend() + takes no direct TLS with a server that does not agree on PostgreSQL", async () => {
  const { backend, close, starts } = await startServer({ takesDirect: true });
  const only = backend(() => "only");
  await assert.rejects(connectBackend(only, AbortSignal.timeout(20_000)), { code: "ERR_TLS" });
  assert.deepEqual(starts, ["direct"]);
  close();
});

interface ServerSide {
  /** What answers the SSLRequest. */
  readonly answer?: string;
  /** The name in its certificate. */
  readonly name?: string;
  readonly isTrusted?: boolean;
  readonly maxVersion?: tls.SecureVersion;
}

/** Starts TLS with such a backend; answers how it failed, undefined when it did not, and whether a ClientHello was sent. */
async function started({ answer = "S", name = HOST, isTrusted = true, maxVersion }: ServerSide) {
  const ca = await makeAuthority({ subject: "CN=test root" });
  const other = await makeAuthority({ subject: "CN=test root" });
  const { cert, key } = await makeLeaf({
    subject: `CN=${HOST}`,
    names: [name],
    issuer: isTrusted ? ca : other,
  });
  const old = maxVersion && { maxVersion, minVersion: maxVersion, ciphers: "DEFAULT@SECLEVEL=0" };
  let hello = false;
  const front = createServer((socket) => {
    socket.on("error", () => {});
    socket.once("data", () => {
      socket.write(answer);
      socket.pause();
      const secured = new tls.TLSSocket(socket, { isServer: true, cert, key, ...old });
      secured.on("error", () => {}).on("secure", () => (hello = true));
    });
  });
  const socket = connect(await listen(front), "127.0.0.1");
  const identity = {
    host: HOST,
    trust: "the test root",
    secureContext: backendSecureContext([ca.cert]),
  };
  try {
    const secured = await startBackendTls(socket, identity, AbortSignal.timeout(20_000));
    secured.destroy();
    return { hello };
  } catch (error) {
    assert.ok(error instanceof RdsIamError);
    return { code: error.code, detail: error.detail, hello };
  } finally {
    socket.destroy();
    front.close();
  }
}

test("startBackendTls() takes the wanted name under the trusted root, and nothing else", async () => {
  assert.equal((await started({})).code, undefined);
  for (const backend of [
    { name: "other.example.com" },
    { name: `x.${HOST}` },
    { isTrusted: false },
  ])
    assert.equal((await started(backend)).code, "ERR_CERTIFICATE", JSON.stringify(backend));
});

test("startBackendTls() refuses TLS older than 1.2", async () => {
  const { code } = await started({ maxVersion: "TLSv1.1" });
  assert.equal(code, "ERR_TLS");
});

const ANSWERS = [
  ["N", /answered the SSLRequest with N: there is no TLS/],
  ["E", /answered the SSLRequest with an error/],
  ["X", /something other than S or N/],
  ["SX", /sent data before TLS had started/],
] as const;
for (const [answer, detail] of ANSWERS) {
  test(`startBackendTls() goes no further after ${answer}`, async () => {
    const ended = await started({ answer });
    assert.equal(ended.code, "ERR_TLS");
    assert.match(ended.detail ?? "", detail);
    assert.equal(ended.hello, false);
  });
}
