// TLS towards the tool: the SSLRequest, direct TLS, client certificates, channel binding, and everything that is refused.
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createHash, randomBytes, X509Certificate } from "node:crypto";
import { once } from "node:events";
import type { connect } from "node:net";
import { before, test } from "node:test";
import type { ProxyEvent } from "../../src/proxy/proxy-options.ts";
import { encodeCancelRequest, encodeSslRequest } from "../../src/protocol/startup-packet.ts";
import { random } from "../support/random.ts";
import { errorFields, RawFrontend, startup } from "../support/raw-frontend.ts";
import {
  logIn,
  message,
  READY,
  type Scene,
  scene,
  type Script,
} from "../support/scripted-backend.ts";
import {
  type Certificates,
  makeCertificates,
  proveBound,
  served,
  tlsFrontend,
} from "../support/tls-frontend.ts";

const USER = { user: "app", database: "orders" };
const GSSENC = Buffer.from("0000000804d21630", "hex");
const CANCEL = encodeCancelRequest(4242, Buffer.from("01020304", "hex"));

let certificates: Certificates;
before(async () => {
  certificates = await makeCertificates();
});

const echo: Script = async (peer) => {
  await logIn(peer);
  for (;;) peer.send(message("D", (await peer.message()).body), READY);
};

async function session(frontend: RawFrontend, { proxy }: Scene): Promise<void> {
  frontend.send(startup(USER));
  await frontend.prove(proxy.secret);
  const types = (await frontend.messages("EZ")).map(({ type }) => type);
  assert.deepEqual(types, ["R", "K", "Z"]);
}

async function query(frontend: RawFrontend, text: string): Promise<void> {
  frontend.send(message("Q", `${text}\0`));
  const [answer] = await frontend.messages("Z");
  assert.equal(answer?.body.toString(), `${text}\0`);
}

async function refusal(frontend: RawFrontend): Promise<Record<string, string>> {
  frontend.send(startup(USER));
  const fields = errorFields(await frontend.message());
  await frontend.closed;
  return fields;
}

test("proxy TLS: a session after SSLRequest, and one by direct TLS", async () => {
  const { ca, server } = certificates;
  await using stage = await scene(echo, { tls: served(server) });
  for (const direct of [false, true]) {
    const frontend = await tlsFrontend(stage.proxy.port, { ca, direct });
    await session(frontend, stage);
    await query(frontend, "select 1");
    frontend.socket.destroy();
    await frontend.closed;
  }
});

test("proxy TLS: where it is served and not required, a session without it works", async () => {
  await using stage = await scene(echo, { tls: served(certificates.server) });
  const frontend = new RawFrontend(stage.proxy.port);
  await session(frontend, stage);
  frontend.socket.destroy();
});

test("proxy TLS: 8 MiB come back as they went", async () => {
  const { ca, server } = certificates;
  await using stage = await scene(
    async (peer) => {
      await logIn(peer);
      peer.socket.on("data", (chunk: Buffer) => peer.socket.write(chunk));
    },
    { tls: served(server) },
  );
  const frontend = await tlsFrontend(stage.proxy.port, { ca });
  await session(frontend, stage);
  const sent = randomBytes(8 * 1024 * 1024);
  const hash = createHash("sha256");
  let left = sent.length;
  frontend.socket.removeAllListeners("data").on("data", (chunk: Buffer) => {
    hash.update(chunk);
    left -= chunk.length;
    if (left === 0) frontend.socket.destroy();
  });
  frontend.socket.write(sent);
  await frontend.closed;
  assert.equal(left, 0);
  assert.equal(hash.digest("hex"), createHash("sha256").update(sent).digest("hex"));
});

test("proxy TLS: direct TLS without ALPN is closed, another ALPN protocol fails the handshake", async () => {
  const { ca, server } = certificates;
  const events: ProxyEvent[] = [];
  const onEvent = (event: ProxyEvent): void => void events.push(event);
  await using stage = await scene(echo, { tls: served(server), onEvent });
  const silent = await tlsFrontend(stage.proxy.port, { ca, direct: true, alpn: [] });
  silent.send(startup(USER));
  assert.equal((await silent.rest()).length, 0);
  for (const direct of [false, true]) {
    await assert.rejects(tlsFrontend(stage.proxy.port, { ca, direct, alpn: ["h2"] }));
  }
  // After an SSLRequest ALPN is nothing that must be: libpq 16 and older do not know it.
  const older = await tlsFrontend(stage.proxy.port, { ca, alpn: [] });
  await session(older, stage);
  older.socket.destroy();
  const reasons = events.flatMap((event) =>
    event.kind === "unauthenticated" ? [event.reason] : [],
  );
  assert.equal(reasons[0], "direct TLS without the ALPN protocol postgresql");
  assert.match(reasons[1] ?? "", /^the TLS handshake failed: /);
});

test("proxy TLS 10: what is pipelined behind an SSLRequest is 08P01, a ClientHello too", async () => {
  await using stage = await scene(echo, { tls: served(certificates.server) });
  const hello = Buffer.from("16030100050100000100", "hex");
  for (const stuffed of [startup(USER), hello, Buffer.from("x")]) {
    const frontend = new RawFrontend(stage.proxy.port);
    frontend.send(encodeSslRequest(), stuffed);
    const fields = errorFields(await frontend.message());
    assert.equal(fields["C"], "08P01");
    assert.match(fields["M"] ?? "", /^received unencrypted data after SSL request$/);
    await frontend.closed;
  }
});

test("proxy TLS: inside TLS a second SSLRequest is 08P01 and a GSSENCRequest is answered N; a ClientHello after N is closed", async () => {
  const { ca, server } = certificates;
  await using stage = await scene(echo, { tls: served(server) });
  const again = await tlsFrontend(stage.proxy.port, { ca, direct: true });
  again.send(encodeSslRequest());
  assert.equal(errorFields(await again.message())["C"], "08P01");
  const kerberos = await tlsFrontend(stage.proxy.port, { ca });
  kerberos.send(GSSENC);
  assert.equal((await kerberos.bytes(1)).toString(), "N");
  await session(kerberos, stage);
  kerberos.socket.destroy();
  const late = new RawFrontend(stage.proxy.port);
  late.send(GSSENC);
  await late.bytes(1);
  late.send(Buffer.from("1603010005", "hex"));
  assert.equal((await late.rest()).length, 0);
});

test("proxy TLS: required, a login without it is 28000 as PostgreSQL words it; a cancel without it works", async () => {
  let cancelled: Buffer | undefined;
  let arrived: () => void = () => {};
  const cancel = new Promise<void>((resolve) => (arrived = resolve));
  await using stage = await scene(
    async (peer) => {
      const packet = await peer.packet();
      if (packet.readInt32BE(0) === 80_877_102) {
        cancelled = packet;
        arrived();
        return void peer.socket.destroy();
      }
      peer.send(message("R", "\0\0\0\0"), message("K", "\0\0\x10\x92\x01\x02\x03\x04"), READY);
    },
    { tls: served(certificates.server, { required: true }) },
  );
  const fields = await refusal(new RawFrontend(stage.proxy.port));
  assert.equal(fields["C"], "28000");
  assert.equal(
    fields["M"],
    'no pg_hba.conf entry for host "127.0.0.1", user "app", database "orders", no encryption',
  );
  assert.equal(stage.connections(), 0);
  const frontend = await tlsFrontend(stage.proxy.port, { ca: certificates.ca });
  await session(frontend, stage);
  // libpq 16 and older send it in the clear, libpq 17 over TLS.
  const plain = new RawFrontend(stage.proxy.port);
  plain.send(CANCEL);
  await cancel;
  await plain.closed;
  assert.equal(cancelled?.toString("hex"), CANCEL.subarray(4).toString("hex"));
  const secured = await tlsFrontend(stage.proxy.port, { ca: certificates.ca, direct: true });
  secured.send(CANCEL);
  await secured.closed;
  assert.equal(stage.connections(), 3);
  frontend.socket.destroy();
});

test("proxy TLS: with a client CA, only a certificate of that CA gets in", async () => {
  const { ca, client, server } = certificates;
  const others = await makeCertificates();
  const tls = served(server, { required: true, clientCa: [ca.cert] });
  let logins = 0;
  const onEvent = ({ kind }: ProxyEvent): void => void (logins += kind === "login" ? 1 : 0);
  await using stage = await scene(echo, { tls, onEvent });
  for (const direct of [false, true]) {
    const right = await tlsFrontend(stage.proxy.port, { ca, client, direct });
    await session(right, stage);
    right.socket.destroy();
    const without = await refusal(await tlsFrontend(stage.proxy.port, { ca, direct }));
    assert.deepEqual(
      [without["C"], without["M"], without["D"]],
      ["28000", "connection requires a valid client certificate", "None came."],
    );
    const stranger = { ca, client: others.client, direct };
    const foreign = await refusal(await tlsFrontend(stage.proxy.port, stranger));
    assert.deepEqual([foreign["C"], /not from a CA/.test(foreign["D"] ?? "")], ["28000", true]);
    // One that may only show who a server is.
    const misused = await refusal(
      await tlsFrontend(stage.proxy.port, { ca, client: server, direct }),
    );
    assert.equal(misused["C"], "28000");
  }
  assert.equal(logins, 2);
});

test("proxy TLS: SCRAM-SHA-256-PLUS is bound to the certificate that is served", async () => {
  const { ca, server } = certificates;
  const events: ProxyEvent[] = [];
  const onEvent = (event: ProxyEvent): void => void events.push(event);
  await using stage = await scene(echo, { tls: served(server), onEvent });
  const { port, secret } = stage.proxy;
  const binding = createHash("sha256").update(new X509Certificate(server.cert).raw).digest();
  const bound = await tlsFrontend(port, { ca });
  bound.send(startup(USER));
  const final = await proveBound(bound, { secret, binding });
  assert.deepEqual([final?.type, final?.body.readInt32BE(0)], ["R", 12]);
  bound.socket.destroy();
  const wrong: readonly (readonly [string, Parameters<typeof proveBound>[1]])[] = [
    ["28P01", { secret, binding: randomBytes(32) }],
    ["28P01", { secret: "another", binding }],
    ["28000", { secret, binding: Buffer.alloc(0), mechanism: "SCRAM-SHA-256", gs2Header: "y,," }],
    ["08P01", { secret, binding, mechanism: "SCRAM-SHA-256" }],
    ["08P01", { secret, binding: Buffer.alloc(0), gs2Header: "n,," }],
    ["08P01", { secret, binding, gs2Header: "p=tls-unique,," }],
    ["08P01", { secret, binding, mechanism: "SCRAM-SHA-1" }],
    ["08P01", { secret, binding: Buffer.alloc(0), mechanism: "SCRAM-SHA-1", gs2Header: "n,," }],
  ];
  for (const [sqlState, proof] of wrong) {
    const frontend = await tlsFrontend(port, { ca });
    frontend.send(startup(USER));
    const fields = errorFields(await proveBound(frontend, proof));
    assert.equal(fields["C"], sqlState, JSON.stringify(proof));
    await frontend.closed;
  }
  assert.doesNotMatch(JSON.stringify(events), new RegExp(secret));
});

test("proxy TLS: without TLS there is no SCRAM-SHA-256-PLUS", async () => {
  await using stage = await scene(echo, { tls: served(certificates.server) });
  const frontend = new RawFrontend(stage.proxy.port);
  frontend.send(startup(USER));
  const proof = { secret: stage.proxy.secret, binding: Buffer.alloc(0) };
  assert.equal(errorFields(await proveBound(frontend, proof))["C"], "08P01");
});

test("proxy TLS: each handshake is served with the certificate of its time", async () => {
  const first = certificates;
  const second = await makeCertificates();
  let now = first;
  const certificate = () => served(now.server).certificate();
  await using stage = await scene(echo, { tls: { certificate, required: true } });
  const open = await tlsFrontend(stage.proxy.port, { ca: first.ca });
  await session(open, stage);
  now = second;
  const renewed = await tlsFrontend(stage.proxy.port, { ca: second.ca });
  await session(renewed, stage);
  await query(open, "still here");
  await assert.rejects(tlsFrontend(stage.proxy.port, { ca: first.ca }));
  for (const { socket } of [open, renewed]) socket.destroy();
});

test("proxy TLS: a handshake that stalls ends with the time for the login", async () => {
  await using stage = await scene(echo, { tls: served(certificates.server), loginTimeout: 300 });
  for (const direct of [false, true]) {
    const frontend = new RawFrontend(stage.proxy.port);
    if (!direct) {
      frontend.send(encodeSslRequest());
      await frontend.bytes(1);
    }
    // The head of a record whose rest never comes.
    frontend.send(Buffer.from("1603010200010001fc0303", "hex"));
    await frontend.closed;
  }
});

test("proxy TLS: a peer that ends in the middle of the handshake is closed at once", async () => {
  await using stage = await scene(echo, { tls: served(certificates.server), loginTimeout: 60_000 });
  for (const direct of [false, true]) {
    const frontend = new RawFrontend(stage.proxy.port);
    if (!direct) {
      frontend.send(encodeSslRequest());
      await frontend.bytes(1);
    }
    frontend.socket.end(Buffer.from("1603010200010001fc0303", "hex"));
    await frontend.closed;
  }
});

test("proxy TLS: a tool that has ended its side still gets the answers", async () => {
  const { ca, server } = certificates;
  let ended: () => void = () => {};
  const end = new Promise<void>((resolve) => (ended = resolve));
  await using stage = await scene(
    async (peer) => {
      await logIn(peer);
      peer.socket.allowHalfOpen = true;
      peer.socket.once("end", ended);
      await end;
      peer.socket.end(message("D", "the last answer"));
    },
    { tls: served(server) },
  );
  const frontend = await tlsFrontend(stage.proxy.port, { ca });
  await session(frontend, stage);
  frontend.socket.end();
  assert.equal((await frontend.message())?.body.toString(), "the last answer");
  await frontend.closed;
});

test("proxy TLS: 200 broken handshakes get nowhere, and a good one works after them", async () => {
  const { ca, server } = certificates;
  await using stage = await scene(echo, { tls: served(server), loginTimeout: 2_000 });
  const { port } = stage.proxy;
  const hello = await recordHello(ca.cert);
  const attack = async (number: number): Promise<void> => {
    const from = random(20_261_121, number);
    const frontend = new RawFrontend(port);
    if (from.below(2) === 0) {
      frontend.send(encodeSslRequest());
      await frontend.bytes(1);
    }
    const broken = Buffer.from(hello.subarray(0, 1 + from.below(hello.length)));
    for (let flips = from.below(8); flips > 0; flips -= 1)
      broken[from.below(broken.length)] = from.below(256);
    frontend.send(broken);
    if (from.below(4) === 0) frontend.socket.resetAndDestroy();
    else frontend.socket.end(startup(USER));
    const answer = await frontend.rest();
    frontend.socket.destroy();
    assert.doesNotMatch(answer.toString("latin1"), /SCRAM/);
  };
  const numbers = Array.from({ length: 200 }, (_, number) => number);
  const worker = async (): Promise<void> => {
    for (let next = numbers.pop(); next !== undefined; next = numbers.pop()) await attack(next);
  };
  await Promise.all(Array.from({ length: 8 }, worker));
  const frontend = await tlsFrontend(port, { ca });
  await session(frontend, stage);
  assert.equal(stage.connections(), 1);
  frontend.socket.destroy();
});

// What a TLS client says first.
async function recordHello(ca: string): Promise<Buffer> {
  const { createServer } = await import("node:net");
  const { connect: connectTls } = await import("node:tls");
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const arrived = once(server, "connection") as Promise<[ReturnType<typeof connect>]>;
  const { port } = server.address() as { port: number };
  const client = connectTls({ host: "127.0.0.1", port, ca, ALPNProtocols: ["postgresql"] });
  client.on("error", () => {});
  const [peer] = await arrived;
  const [hello] = (await once(peer, "data")) as [Buffer];
  client.destroy();
  peer.destroy();
  server.close();
  return hello;
}
