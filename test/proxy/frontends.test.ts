// Who gets in and how a proxy ends: client-auth, pass-through logins, unix sockets, idle sessions, draining.
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { mkdtemp, rm } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import type { ProxyEvent } from "../../src/proxy/proxy-options.ts";
import { encodeCancelRequest } from "../../src/protocol/startup-packet.ts";
import {
  errorFields,
  int32,
  packet,
  password,
  RawFrontend,
  startup,
} from "../support/raw-frontend.ts";
import {
  AUTHENTICATION_OK,
  type BackendPeer,
  KEY,
  logIn,
  message,
  READY,
  scene,
  type Script,
} from "../support/scripted-backend.ts";

const USER = { user: "app", database: "orders" };
const SECRET = "a-password-of-this-test";

const echo: Script = async (peer) => {
  await logIn(peer);
  for (;;) peer.send(message("D", (await peer.message()).body), READY);
};

function record(): { events: ProxyEvent[]; onEvent: (event: ProxyEvent) => void } {
  const events: ProxyEvent[] = [];
  return { events, onEvent: (event) => void events.push(event) };
}

test("--client-auth password: AuthenticationCleartextPassword, and the right one gets in", async () => {
  await using stage = await scene(echo, { clientAuth: "password", secret: SECRET });
  assert.equal(stage.proxy.secret, SECRET);
  const frontend = new RawFrontend(stage.proxy.port);
  frontend.send(startup(USER));
  const asked = await frontend.message();
  assert.deepEqual([asked?.type, asked?.body.toString("hex")], ["R", "00000003"]);
  frontend.send(password(Buffer.from(`${SECRET}\0`)));
  const types = (await frontend.messages("EZ")).map(({ type }) => type);
  assert.deepEqual(types, ["R", "K", "Z"]);
  frontend.socket.destroy();
});

test("--client-auth password: everything else is refused before the server hears of it", async () => {
  const { events, onEvent } = record();
  await using stage = await scene(echo, { clientAuth: "password", secret: SECRET, onEvent });
  const wrong: readonly (readonly [string, Buffer])[] = [
    ["28P01", password(Buffer.from("another\0"))],
    ["28P01", password(Buffer.from("\0"))],
    ["28P01", password(Buffer.alloc(0))],
    ["28P01", password(Buffer.from(SECRET))],
    ["28P01", password(Buffer.from(`${SECRET}x`))],
    ["28P01", password(Buffer.from(`${SECRET}\0\0`))],
    ["28P01", password(Buffer.from(`${SECRET}\0more\0`))],
    ["28P01", password(Buffer.from(`${SECRET.toUpperCase()}\0`))],
    ["08P01", message("Q", "select 1\0")],
    ["08P01", Buffer.concat([Buffer.from("p"), int32(65_540), Buffer.alloc(100)])],
  ];
  for (const [sqlState, answer] of wrong) {
    const frontend = new RawFrontend(stage.proxy.port);
    frontend.send(startup(USER));
    await frontend.message();
    frontend.send(answer);
    const fields = errorFields(await frontend.message());
    assert.equal(fields["C"], sqlState, answer.toString("latin1", 0, 60));
    await frontend.closed;
  }
  assert.equal(stage.connections(), 0);
  assert.doesNotMatch(JSON.stringify(events), new RegExp(SECRET, "i"));
});

test("--client-auth trust: nothing is asked", async () => {
  await using stage = await scene(echo, { clientAuth: "trust" });
  const frontend = new RawFrontend(stage.proxy.port);
  frontend.send(startup(USER));
  const types = (await frontend.messages("EZ")).map(({ type }) => type);
  assert.deepEqual(types, ["R", "K", "Z"]);
  frontend.socket.destroy();
});

const SASL = (...names: string[]): Buffer =>
  message("R", int32(10), `${names.map((name) => `${name}\0`).join("")}\0`);

test("--auth pass-through: every message goes on as it came, but for SCRAM-SHA-256-PLUS, and no token is asked for", async () => {
  const startups: string[] = [];
  const heard: string[] = [];
  const { events, onEvent } = record();
  await using stage = await scene(
    async (peer) => {
      startups.push((await peer.packet()).toString("latin1"));
      peer.send(message("v", int32(0x3_0002), int32(0)), message("N", "SNOTICE\0\0"));
      peer.send(SASL("SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"));
      heard.push((await peer.message()).body.toString());
      peer.send(message("R", int32(11), "r=x"));
      heard.push((await peer.message()).body.toString());
      peer.send(message("R", int32(12), "v=y"), AUTHENTICATION_OK);
      peer.send(message("S", "a\0b\0"), KEY, READY, message("A", "and more"));
    },
    { login: "pass-through", onEvent },
  );
  const frontend = new RawFrontend(stage.proxy.port);
  const body = "user\0app\0database\0orders\0_pq_.x\0y\0options\0-c a=\xff\0\0";
  frontend.send(packet(int32(0x3_0063), Buffer.from(body, "latin1")));
  const offered = await frontend.messages("R");
  assert.deepEqual(
    offered.map(({ type, body: bytes }) => [type, bytes.toString("latin1")]),
    [
      ["v", "\0\x03\0\x02\0\0\0\0"],
      ["N", "SNOTICE\0\0"],
      ["R", "\0\0\0\x0aSCRAM-SHA-256\0\0"],
    ],
  );
  frontend.send(password(Buffer.from("first")));
  assert.equal((await frontend.message())?.body.toString("latin1"), "\0\0\0\x0br=x");
  frontend.send(password(Buffer.from("final")));
  const rest = (await frontend.messages("A")).map(({ type }) => type);
  assert.deepEqual(rest, ["R", "R", "S", "K", "Z", "A"]);
  assert.deepEqual(heard, ["first", "final"]);
  assert.equal(startups[0], `\0\x03\0\x63${body}`);
  assert.deepEqual(
    events.map(({ kind }) => kind),
    ["login"],
  );
  frontend.socket.destroy();
});

test("--auth pass-through: a cancel finds its session, a forged one does not", async () => {
  let cancels = 0;
  let arrived: () => void = () => {};
  const cancel = new Promise<void>((resolve) => (arrived = resolve));
  await using stage = await scene(
    async (peer) => {
      if ((await peer.packet()).readInt32BE(0) !== 80_877_102)
        return peer.send(AUTHENTICATION_OK, KEY, READY);
      cancels += 1;
      peer.socket.destroy();
      arrived();
    },
    { login: "pass-through" },
  );
  const frontend = new RawFrontend(stage.proxy.port);
  frontend.send(startup(USER));
  await frontend.messages("Z");
  const forged = new RawFrontend(stage.proxy.port);
  forged.send(encodeCancelRequest(4242, Buffer.from("01020305", "hex")));
  const right = new RawFrontend(stage.proxy.port);
  right.send(encodeCancelRequest(4242, Buffer.from("01020304", "hex")));
  await cancel;
  await forged.closed;
  assert.equal(cancels, 1);
  frontend.socket.destroy();
});

test("--auth pass-through: the server's refusal reaches the tool, with a hint where channel binding was in the way", async () => {
  const { events, onEvent } = record();
  const said = "SFATAL\0VFATAL\0C28000\0MSCRAM channel binding negotiation error\0\0";
  await using stage = await scene(
    async (peer) => {
      await peer.packet();
      peer.send(message("E", said));
      peer.socket.end();
    },
    { login: "pass-through", onEvent, explain: () => ({ hint: "the hint" }) },
  );
  const frontend = new RawFrontend(stage.proxy.port);
  frontend.send(startup(USER));
  const fields = errorFields(await frontend.message());
  assert.deepEqual([fields["C"], fields["H"]], ["28000", "the hint"]);
  await frontend.closed;
  assert.deepEqual(
    events.map(({ kind }) => kind),
    ["refused"],
  );
});

test("--auth pass-through: a tool that leaves takes its connection along, a server that does is 08001, a flood before the login ends it", async () => {
  const peers: BackendPeer[] = [];
  let leaves = false;
  await using stage = await scene(
    async (peer) => {
      await peer.packet();
      peers.push(peer);
      if (leaves) peer.socket.end();
      else peer.send(SASL("SCRAM-SHA-256"));
    },
    { login: "pass-through" },
  );
  const leaver = new RawFrontend(stage.proxy.port);
  leaver.send(startup(USER));
  await leaver.message();
  const gone = new Promise((resolve) => peers[0]?.socket.once("close", resolve));
  leaver.socket.destroy();
  await gone;
  const flood = new RawFrontend(stage.proxy.port);
  flood.send(startup(USER));
  await flood.message();
  flood.send(Buffer.alloc(300 * 1024));
  assert.equal(errorFields(await flood.message())["C"], "08P01");
  leaves = true;
  const left = new RawFrontend(stage.proxy.port);
  left.send(startup(USER));
  assert.equal(errorFields(await left.message())["C"], "08001");
  await left.closed;
});

test("--auth pass-through: a session too many is 53300 before AuthenticationOk", async () => {
  await using stage = await scene(
    async (peer) => {
      await peer.packet();
      peer.send(AUTHENTICATION_OK, KEY, READY);
    },
    { login: "pass-through", maxSessions: 1 },
  );
  const first = new RawFrontend(stage.proxy.port);
  first.send(startup(USER));
  await first.messages("Z");
  const second = new RawFrontend(stage.proxy.port);
  second.send(startup(USER));
  assert.equal(errorFields(await second.message())["C"], "53300");
  first.socket.destroy();
});

test("startProxy() + a path listens on a unix socket, where SCRAM works the same", async () => {
  const directory = await mkdtemp(join(tmpdir(), "rdsiam-socket-"));
  try {
    const socketPath = join(directory, ".s.PGSQL.6000");
    await using stage = await scene(echo, { socketPath, port: 6000 });
    assert.deepEqual([stage.proxy.socketPath, stage.proxy.port], [socketPath, 6000]);
    const frontend = new RawFrontend(connect(socketPath));
    frontend.send(startup(USER));
    await frontend.prove(stage.proxy.secret);
    assert.equal((await frontend.messages("EZ")).at(-1)?.type, "Z");
    frontend.socket.destroy();
  } finally {
    await rm(directory, { recursive: true });
  }
});

test("--idle-timeout ends a session that waits for a command with 57P05, one in a transaction with 25P03, and the server hears Terminate", async () => {
  for (const [status, sqlState] of [
    ["I", "57P05"],
    ["T", "25P03"],
    ["E", "25P03"],
  ] as const) {
    const { events, onEvent } = record();
    let last: string | undefined;
    await using stage = await scene(
      async (peer) => {
        await logIn(peer);
        await peer.message();
        // In two pieces: the end of a message may lie anywhere.
        const answer = message("Z", status);
        peer.send(answer.subarray(0, 3));
        await new Promise((resolve) => setImmediate(resolve));
        peer.send(answer.subarray(3));
        last = (await peer.message()).type;
      },
      { idleTimeout: 600, onEvent },
    );
    const frontend = new RawFrontend(stage.proxy.port);
    frontend.send(startup(USER));
    await frontend.prove(stage.proxy.secret);
    await frontend.messages("Z");
    frontend.send(message("Q", "begin\0"));
    await frontend.messages("Z");
    assert.equal(errorFields(await frontend.message())["C"], sqlState);
    await frontend.closed;
    for (let turn = 0; turn < 2_000 && events.at(-1)?.kind !== "closed"; turn += 1)
      await new Promise((resolve) => setTimeout(resolve, 5));
    assert.deepEqual(events.at(-1), { kind: "closed", user: "app", timeout: "idle" });
    assert.equal(last, "X");
  }
});

test("--session-timeout ends a session with 57P01 between messages, and without a word in the middle of one", async () => {
  for (const [sent, last, idleTimeout] of [
    [READY, "57P01", undefined],
    [message("D", "half of an answer"), undefined, 60_000],
  ] as const) {
    const { events, onEvent } = record();
    await using stage = await scene(
      async (peer) => {
        await logIn(peer);
        await peer.message();
        peer.send(sent);
        await peer.message();
      },
      { sessionTimeout: 900, idleTimeout, onEvent },
    );
    const frontend = new RawFrontend(stage.proxy.port);
    frontend.send(startup(USER));
    await frontend.prove(stage.proxy.secret);
    await frontend.messages("Z");
    frontend.send(message("Q", "select 1\0"));
    await frontend.message();
    const errors = (await frontend.messages("E")).filter(({ type }) => type === "E");
    assert.deepEqual(
      errors.map((each) => errorFields(each)["C"]),
      last === undefined ? [] : [last],
    );
    await frontend.closed;
    for (let turn = 0; turn < 2_000 && events.at(-1)?.kind !== "closed"; turn += 1)
      await new Promise((resolve) => setTimeout(resolve, 5));
    assert.deepEqual(events.at(-1), { kind: "closed", user: "app", timeout: "session" });
  }
});

test("--idle-timeout leaves a query that runs alone, and a session that works", async () => {
  let answer: () => void = () => {};
  const answering = new Promise<void>((resolve) => (answer = resolve));
  await using stage = await scene(
    async (peer) => {
      await logIn(peer);
      for (let turn = 0; turn < 6; turn += 1) {
        await peer.message();
        peer.send(READY);
      }
      await peer.message();
      await answering;
      peer.send(message("C", "SELECT 1\0"), READY);
    },
    { idleTimeout: 900 },
  );
  const frontend = new RawFrontend(stage.proxy.port);
  frontend.send(startup(USER));
  await frontend.prove(stage.proxy.secret);
  await frontend.messages("Z");
  for (let turn = 0; turn < 6; turn += 1) {
    await new Promise((resolve) => setTimeout(resolve, 200));
    frontend.send(message("Q", "select 1\0"));
    await frontend.messages("Z");
  }
  frontend.send(message("Q", "select pg_sleep(1)\0"));
  await new Promise((resolve) => setTimeout(resolve, 700));
  answer();
  const types = (await frontend.messages("EZ")).map(({ type }) => type);
  assert.deepEqual(types, ["C", "Z"]);
  frontend.socket.destroy();
});

test("--idle-timeout waits for commands that were sent ahead, and ends a session that had a notification", async () => {
  const [one, two] = [message("Q", "one\0"), message("Q", "two\0")];
  const [execute, sync] = [message("E", "\0\0\0\0\0"), message("S")];
  const [copyIn, copyDone] = [message("G", "\0\0\0"), message("c")];
  // What the tool sends and the server answers, in turn.
  const cases: readonly { rounds: readonly (readonly [Buffer[], Buffer[]])[]; ends: boolean }[] = [
    { rounds: [[[one, two], [READY]]], ends: false },
    { rounds: [[[execute, sync, execute, sync], [READY]]], ends: false },
    { rounds: [[[execute, sync, execute], [READY]]], ends: false },
    {
      rounds: [
        [
          [one, two],
          [READY, READY],
        ],
      ],
      ends: true,
    },
    { rounds: [[[one], [READY, message("A", int32(1), "channel\0\0")]]], ends: true },
    {
      rounds: [
        [[one], [copyIn]],
        [[copyDone], [READY]],
      ],
      ends: true,
    },
    // A COPY by Execute: the Sync that comes before its end has no answer.
    {
      rounds: [
        [[execute, sync], [copyIn]],
        [[copyDone, sync], [READY]],
      ],
      ends: true,
    },
  ];
  for (const { rounds, ends } of cases) {
    await using stage = await scene(
      async (peer) => {
        await logIn(peer);
        for (const [sent, answers] of rounds) {
          for (const _ of sent) await peer.message();
          peer.send(...answers);
        }
        await peer.message();
      },
      { idleTimeout: 500 },
    );
    const frontend = new RawFrontend(stage.proxy.port);
    frontend.send(startup(USER));
    await frontend.prove(stage.proxy.secret);
    await frontend.messages("Z");
    for (const [sent, answers] of rounds) {
      frontend.send(...sent);
      for (const _ of answers) await frontend.message();
    }
    const last = frontend.message();
    const quiet = delay(1_000, undefined);
    const error = await Promise.race([last, ends ? last : quiet]);
    assert.equal(error && errorFields(error)["C"], ends ? "57P05" : undefined);
    frontend.socket.destroy();
    await last;
  }
});

test("drain() + lets sessions finish and be cancelled, refuses new ones with 57P03, and resolves with the last end", async () => {
  await using stage = await scene(echo);
  const { port, secret } = stage.proxy;
  const frontend = new RawFrontend(port);
  frontend.send(startup(USER));
  await frontend.prove(secret);
  await frontend.messages("Z");
  let drained = false;
  const draining = stage.proxy.drain().then(() => (drained = true));
  const late = new RawFrontend(port);
  late.send(startup(USER));
  const fields = errorFields(await late.message());
  assert.deepEqual([fields["C"], fields["M"]], ["57P03", "the proxy is shutting down"]);
  const cancel = new RawFrontend(port);
  cancel.send(encodeCancelRequest(4242, Buffer.from("01020304", "hex")));
  await cancel.closed;
  frontend.send(message("Q", "still here\0"));
  const [answer] = await frontend.messages("Z");
  assert.equal(answer?.body.toString(), "still here\0");
  assert.deepEqual([drained, stage.proxy.sessions()], [false, 1]);
  frontend.socket.end();
  await draining;
  assert.equal(stage.proxy.sessions(), 0);
  await stage.proxy.drain();
});
