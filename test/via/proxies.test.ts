// The bytes that proxies receive and answer: cut at every byte, with bytes injected, and from servers that are not proxies.
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { test } from "node:test";
import * as tls from "node:tls";
import { makeAuthority, makeLeaf } from "../../src/demo/certificates.ts";
import type { RdsIamError } from "../../src/base/errors.ts";
import { proxyTunnel, forwardedPort } from "../../src/via/proxies.ts";
import { tlsFailure } from "../../src/via/tunnel.ts";

const TARGET = { host: "db.example.com", port: 5432, address: "db.example.com" };

interface FakeProxy extends AsyncDisposable {
  readonly port: number;
  readonly received: () => Buffer;
}

/** Sends each answer once that many bytes have come in all; byte by byte when `cut`. */
async function startFakeProxy(
  answers: readonly (readonly [number, Buffer])[],
  cut = false,
): Promise<FakeProxy> {
  let received = Buffer.alloc(0);
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    const left = [...answers];
    socket.on("error", () => {});
    socket.on("data", (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      for (let next = left[0]; next !== undefined && received.length >= next[0]; next = left[0]) {
        left.shift();
        if (cut) for (const byte of next[1]) socket.write(Buffer.from([byte]));
        else socket.write(next[1]);
      }
    });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const dispose = async (): Promise<void> => {
    for (const socket of sockets) socket.destroy();
    server.close();
    await once(server, "close");
  };
  return { port, received: () => received, [Symbol.asyncDispose]: dispose };
}

interface Request {
  readonly user?: string;
  readonly password?: string;
  readonly address?: string;
}

async function open(
  kind: "socks5" | "http",
  port: number,
  { user, password, address = TARGET.address }: Request = {},
): Promise<Duplex> {
  const tunnel = proxyTunnel(kind, { host: "127.0.0.1", port, user, password });
  return tunnel.open({ ...TARGET, address }, AbortSignal.timeout(5_000));
}

async function echo(stream: Duplex, text: string): Promise<void> {
  stream.on("error", () => {});
  stream.write(text);
  await new Promise((resolve) => setImmediate(resolve));
  stream.destroy();
}

const OPENED = Buffer.from("05000001000000000000", "hex");
const NO_LOGIN = Buffer.from("0500", "hex");

// RFC 1928: version, methods; then version, CONNECT, reserved, type, address, port.
test("proxyTunnel() + SOCKS5 hands a name over, and addresses as bytes", async () => {
  for (const [address, hex] of [
    ["db.example.com", `030e${Buffer.from("db.example.com").toString("hex")}`],
    ["10.1.2.3", "010a010203"],
    ["2001:db8::1:0:a", "0420010db800000000000000010000000a".padEnd(34, "0")],
    ["::1", `04${"00".repeat(15)}01`],
  ] as const) {
    await using proxy = await startFakeProxy(
      [
        [3, NO_LOGIN],
        [6, OPENED],
      ],
      true,
    );
    await echo(await open("socks5", proxy.port, { address }), "");
    assert.equal(proxy.received().toString("hex"), `050100050100${hex}1538`, address);
  }
});

test("proxyTunnel() + SOCKS5 logs in as RFC 1929 says", async () => {
  await using proxy = await startFakeProxy([
    [4, Buffer.from("0502", "hex")],
    [14, Buffer.from("0100", "hex")],
    [15, OPENED],
  ]);
  await echo(await open("socks5", proxy.port, { user: "u", password: "pässw" }), "");
  const login = `0101${Buffer.from("u").toString("hex")}06${Buffer.from("pässw").toString("hex")}`;
  assert.equal(proxy.received().toString("hex").slice(0, 28), `05020002${login}`);
});

test("proxyTunnel() + each SOCKS5 reply code has its sentence", async () => {
  for (const [code, sentence] of [
    [1, /failed/],
    [2, /rules/],
    [3, /network/],
    [4, /host, or does not know the name/],
    [5, /refused/],
    [99, /code 99/],
  ] as const) {
    await using proxy = await startFakeProxy([
      [3, NO_LOGIN],
      [6, Buffer.from([5, code, 0, 1, 0, 0, 0, 0, 0, 0])],
    ]);
    await assert.rejects(open("socks5", proxy.port), (error: RdsIamError) => {
      assert.equal(error.code, "ERR_VIA");
      assert.match(error.detail ?? "", sentence);
      return true;
    });
  }
});

test("proxyTunnel() + a SOCKS5 proxy that speaks another protocol or sends more than its answer is told as such", async () => {
  for (const [answers, detail] of [
    [[[3, Buffer.from("HTTP/1.1 400 Bad")]], /does not speak SOCKS5/],
    [
      [
        [3, NO_LOGIN],
        [6, Buffer.from("04000001000000000000", "hex")],
      ],
      /does not speak SOCKS5/,
    ],
    [
      [
        [3, NO_LOGIN],
        [6, Buffer.concat([OPENED, Buffer.from("S")])],
      ],
      /more than its answer/,
    ],
  ] as const) {
    await using proxy = await startFakeProxy(answers);
    await assert.rejects(open("socks5", proxy.port), (error: RdsIamError) => {
      assert.match(error.detail ?? "", detail);
      return true;
    });
  }
});

test("proxyTunnel() + CONNECT sends host, port and login, and reads the answer byte by byte", async () => {
  await using proxy = await startFakeProxy(
    [[80, Buffer.from("HTTP/1.1 200 Connection established\r\nVia: x\r\n\r\n")]],
    true,
  );
  await echo(await open("http", proxy.port, { user: "u", password: "p:w" }), "");
  const [line, ...headers] = proxy.received().toString().split("\r\n");
  assert.equal(line, "CONNECT db.example.com:5432 HTTP/1.1");
  assert.deepEqual(headers, [
    "Host: db.example.com:5432",
    `Proxy-Authorization: Basic ${btoa("u:p:w")}`,
    "",
    "",
  ]);
});

test("proxyTunnel() + CONNECT: 403, 407, another protocol, extra bytes and an endless head are refusals", async () => {
  for (const [answer, text] of [
    ["HTTP/1.1 403 Forbidden\r\n\r\n", /HTTP status 403/],
    ["HTTP/1.0 407 Login\r\n\r\n", /asks for a user and a password/],
    ["SSH-2.0-OpenSSH\r\n\r\n", /does not speak HTTP/],
    ["HTTP/1.1 200 OK\r\n\r\nS", /more than its answer/],
    [`HTTP/1.1 200 OK\r\nX: ${"x".repeat(70_000)}`, /does not end/],
  ] as const) {
    await using proxy = await startFakeProxy([[60, Buffer.from(answer)]]);
    await assert.rejects(open("http", proxy.port), (error: RdsIamError) => {
      assert.match(error.detail ?? "", text);
      return true;
    });
  }
});

test("proxyTunnel() + an https proxy with an untrusted certificate receives no CONNECT", async () => {
  const authority = await makeAuthority({ subject: "CN=own root" });
  const leaf = await makeLeaf({ subject: "CN=localhost", names: ["localhost"], issuer: authority });
  let received = "";
  const server = tls.createServer({ cert: leaf.cert, key: leaf.key }, (socket) =>
    socket.on("data", (chunk: Buffer) => (received += chunk.toString())),
  );
  server.on("tlsClientError", () => {});
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const tunnel = proxyTunnel("https", {
    host: "localhost",
    port,
    user: "u",
    password: "hunter22",
  });
  await assert.rejects(tunnel.open(TARGET, AbortSignal.timeout(5_000)), (error: RdsIamError) => {
    assert.match(error.message, /^TLS with the proxy localhost:\d+ failed$/);
    return true;
  });
  assert.equal(received, "");
  server.close();
});

test("tlsFailure() + names the remedy for a certificate with other names, one out of its time, and one that is not trusted", () => {
  const of = (code: string) =>
    tlsFailure(Object.assign(new Error(code), { code }), { host: "relay.example.com", hint: "ca" });
  assert.deepEqual(of("ERR_TLS_CERT_ALTNAME_INVALID"), {
    detail: "Its certificate is for other names than relay.example.com.",
    hint: "Use a name that is in the certificate.",
  });
  assert.match(of("CERT_HAS_EXPIRED").hint, /clock .* renew the certificate/);
  assert.match(of("CERT_NOT_YET_VALID").hint, /clock/);
  const { detail, hint } = of("SELF_SIGNED_CERT_IN_CHAIN");
  assert.deepEqual([detail, hint], ["It ended with SELF_SIGNED_CERT_IN_CHAIN.", "ca"]);
});

test("forwardedPort(), proxyTunnel() + end with the signal's reason while the other side is silent", async () => {
  await using proxy = await startFakeProxy([]);
  const reason = new Error("time is up");
  const aborts = new AbortController();
  const opening = proxyTunnel("socks5", {
    host: "127.0.0.1",
    port: proxy.port,
    user: undefined,
    password: undefined,
  }).open(TARGET, aborts.signal);
  setImmediate(() => aborts.abort(reason));
  await assert.rejects(opening, reason);
  await assert.rejects(
    forwardedPort({ host: "127.0.0.1", port: proxy.port }).open(TARGET, AbortSignal.abort(reason)),
    reason,
  );
});
