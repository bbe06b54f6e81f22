// The login, rule by rule: what the tool sends, what the backend hears of it, what the tool gets. The numbers are
// those of the rules in SECURITY.md and the protocol's chapter on start-up.
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { once } from "node:events";
import { test } from "node:test";
import { RdsIamError } from "../../src/base/errors.ts";
import { backendSecureContext } from "../../src/proxy/backend-tls.ts";
import { startProxy } from "../../src/proxy/proxy.ts";
import type { ProxyEvent } from "../../src/proxy/proxy-options.ts";
import { encodeCancelRequest, encodeSslRequest } from "../../src/protocol/startup-packet.ts";
import {
  errorFields,
  int32,
  packet,
  password,
  RawFrontend,
  startup,
} from "../support/raw-frontend.ts";
import {
  ASK_CLEARTEXT,
  AUTHENTICATION_OK,
  KEY,
  logIn,
  message,
  HOST,
  READY,
  scene,
  type Scene,
  type Script,
  startBackend,
  TOKEN,
} from "../support/scripted-backend.ts";

const USER = { user: "app", database: "orders" };
const GSSENC = Buffer.from("0000000804d21630", "hex");
const echo: Script = async (peer) => {
  await logIn(peer);
  peer.socket.on("data", () => {});
};

async function refusedLogin(stage: Scene): Promise<Record<string, string>> {
  const frontend = new RawFrontend(stage.proxy.port);
  frontend.send(startup(USER));
  await frontend.prove(stage.proxy.secret);
  const fields = errorFields((await frontend.messages("EZ")).at(-1));
  await frontend.closed;
  return fields;
}

test("proxy 1, 2: SSLRequest and GSSENCRequest are answered N, in either order", async () => {
  await using stage = await scene(echo);
  for (const [first, second] of [
    [encodeSslRequest(), GSSENC] as const,
    [GSSENC, encodeSslRequest()] as const,
  ]) {
    const frontend = new RawFrontend(stage.proxy.port);
    frontend.send(first);
    assert.equal((await frontend.bytes(1)).toString(), "N");
    frontend.send(second);
    assert.equal((await frontend.bytes(1)).toString(), "N");
    frontend.send(startup(USER));
    await frontend.prove(stage.proxy.secret);
    assert.deepEqual(
      (await frontend.messages("EZ")).map(({ type }) => type),
      ["R", "K", "Z"],
    );
    frontend.socket.destroy();
    await frontend.closed;
  }
});

test("proxy 2: a second GSSENCRequest is 08P01", async () => {
  await using stage = await scene(echo);
  const frontend = new RawFrontend(stage.proxy.port);
  frontend.send(GSSENC);
  await frontend.bytes(1);
  frontend.send(GSSENC);
  assert.equal(errorFields(await frontend.message())["C"], "08P01");
  await frontend.closed;
});

test("proxy 5, 11: a ClientHello, HTTP, junk and bad lengths are closed in silence", async () => {
  await using stage = await scene(echo);
  const lengths = [0, 4, 7, -1, 10_005].map((length) =>
    Buffer.concat([int32(length), Buffer.alloc(16)]),
  );
  for (const junk of [
    Buffer.from("16030100", "hex"),
    Buffer.from("GET / HTTP/1.1\r\n\r\n"),
    Buffer.from("POST / HTTP/1.1\r\n\r\n"),
    ...lengths,
  ]) {
    const frontend = new RawFrontend(stage.proxy.port);
    frontend.send(junk);
    assert.equal((await frontend.rest()).length, 0, junk.toString("latin1"));
  }
  assert.equal(stage.connections(), 0);
});

test("proxy 6: protocol 4.0 is 0A000, 2.0 gets the old format", async () => {
  await using stage = await scene(echo);
  const new4 = new RawFrontend(stage.proxy.port);
  new4.send(packet(int32(4 << 16), Buffer.from("user\0a\0\0")));
  assert.equal(errorFields(await new4.message())["C"], "0A000");
  const old = new RawFrontend(stage.proxy.port);
  old.send(packet(int32(2 << 16), Buffer.alloc(288)));
  assert.match(
    (await old.rest()).toString(),
    /^EFATAL: {2}unsupported frontend protocol 2\.0: .*\n\0$/,
  );
});

test("proxy 7: a newer minor version and _pq_ options get NegotiateProtocolVersion once, before R; plain 3.0 and 3.2 none", async () => {
  const asked: number[] = [];
  await using stage = await scene(async (peer) => {
    asked.push((await peer.packet()).readInt32BE(0));
    peer.send(message("v", int32(196_608), int32(0)), ASK_CLEARTEXT);
    await peer.message();
    peer.send(AUTHENTICATION_OK, KEY, READY);
  });
  for (const { version, parameters, expected } of [
    { version: 196_608, parameters: USER, expected: undefined },
    { version: 196_610, parameters: USER, expected: undefined },
    {
      version: 196_608 + 9_999,
      parameters: { ...USER, "_pq_.made_up": "1" },
      expected: "\0\x03\0\x02\0\0\0\x01_pq_.made_up\0",
    },
    {
      version: 196_608,
      parameters: { ...USER, "_pq_.a": "1" },
      expected: "\0\x03\0\0\0\0\0\x01_pq_.a\0",
    },
  ]) {
    const frontend = new RawFrontend(stage.proxy.port);
    frontend.send(startup(parameters, version));
    if (expected !== undefined) {
      const negotiate = await frontend.message();
      assert.equal(negotiate?.type, "v");
      assert.equal(negotiate.body.toString("latin1"), expected);
    }
    assert.equal((await frontend.prove(stage.proxy.secret))?.type, "R");
    assert.deepEqual(
      (await frontend.messages("EZ")).map(({ type }) => type),
      ["R", "K", "Z"],
    );
    frontend.socket.destroy();
    await frontend.closed;
  }
  assert.deepEqual(asked, [196_608, 196_610, 196_610, 196_608]);
});

test("proxy 8: parameters reach the backend byte for byte, without the _pq_ options", async () => {
  let seen = "";
  await using stage = await scene(async (peer) => {
    seen = (await peer.packet()).toString("latin1");
    peer.send(AUTHENTICATION_OK, READY);
  });
  const frontend = new RawFrontend(stage.proxy.port);
  const body = "user\0a\xff\0_pq_.x\0y\0options\0-c a=b\0options\0-c c=d\0\0";
  frontend.send(packet(int32(196_608), Buffer.from(body, "latin1")));
  await frontend.message();
  await frontend.prove(stage.proxy.secret);
  await frontend.messages("Z");
  assert.equal(seen, `\0\x03\0\0${body.replace("_pq_.x\0y\0", "")}`);
});

const READ_ONLY = { parameters: { default_transaction_read_only: "on" } };
const SET = "SET default_transaction_read_only TO 'on'";
const reported = (value: string): Buffer =>
  message("S", `default_transaction_read_only\0${value}\0`);

for (const login of [undefined, "pass-through"] as const) {
  for (const sqlState of ["0A000", "08P01"]) {
    test(`startProxy() + parameters that the server refuses with ${sqlState} are set after the login, ${login ?? "IAM"} (A28)`, async () => {
      const statements: string[] = [];
      const script: Script = async (peer) => {
        const isAsked = (await peer.packet()).includes("default_transaction_read_only");
        if (isAsked) return peer.send(message("E", `SFATAL\0C${sqlState}\0Mno\0\0`));
        peer.send(AUTHENTICATION_OK, reported("off"), KEY, READY);
        statements.push((await peer.message()).body.toString());
        peer.send(message("C", "SET\0"), reported("on"), READY);
      };
      await using stage = await scene(script, { backend: READ_ONLY, ...(login && { login }) });
      for (const expected of [2, 3]) {
        const frontend = new RawFrontend(stage.proxy.port);
        frontend.send(startup(USER));
        if (login === undefined) await frontend.prove(stage.proxy.secret);
        const got = (await frontend.messages("EZ")).map(({ type }) => type);
        assert.equal(got.join("").replace(/^R+/, ""), "SKSZ", "nothing of the statement");
        assert.equal(stage.connections(), expected, "it is known from then on");
        frontend.socket.destroy();
      }
      assert.deepEqual(statements, [`${SET}\0`, `${SET}\0`]);
    });
  }
}

test("startProxy() + a parameter that was ignored is set, and a session without it is refused (A28)", async () => {
  const script: Script = async (peer) => {
    await peer.packet();
    peer.send(AUTHENTICATION_OK, reported("off"), KEY, READY);
    assert.equal((await peer.message()).body.toString(), `${SET}\0`);
    peer.send(message("E", "SERROR\0C42501\0Mpermission denied\0\0"), READY);
  };
  await using stage = await scene(script, { backend: READ_ONLY });
  const fields = await refusedLogin(stage);
  assert.match(fields["D"] ?? "", /permission denied/);
  assert.equal(fields["C"], "28000");
});

test("proxy 8: no user is 28000 and replication=maybe 22023, before anything leaves", async () => {
  await using stage = await scene(echo);
  for (const [parameters, code] of [
    [{}, "28000"],
    [{ user: "" }, "28000"],
    [{ user: "a", replication: "maybe" }, "22023"],
  ] as const) {
    const frontend = new RawFrontend(stage.proxy.port);
    frontend.send(startup(parameters));
    assert.equal(errorFields(await frontend.message())["C"], code);
  }
  assert.equal(stage.connections(), 0);
});

test("proxy 9: a StartupMessage in single bytes is read", async () => {
  await using stage = await scene(echo);
  const frontend = new RawFrontend(stage.proxy.port);
  await once(frontend.socket, "connect");
  for (const byte of startup(USER)) frontend.socket.write(Buffer.of(byte));
  assert.equal((await frontend.prove(stage.proxy.secret))?.body.readInt32BE(0), 12);
});

test("proxy 9: anything but a password while one is awaited is 08P01", async () => {
  await using stage = await scene(echo);
  const frontend = new RawFrontend(stage.proxy.port);
  frontend.send(startup(USER), message("Q", "select 1\0"));
  await frontend.message();
  assert.equal(errorFields(await frontend.message())["C"], "08P01");
  assert.equal(stage.connections(), 0);
});

test("proxy 10: data pipelined behind SSLRequest or GSSENCRequest is 08P01", async () => {
  await using stage = await scene(echo);
  for (const request of [encodeSslRequest(), GSSENC]) {
    const frontend = new RawFrontend(stage.proxy.port);
    frontend.send(request, startup(USER));
    assert.equal(errorFields(await frontend.message())["C"], "08P01");
  }
});

test("proxy 11: a silent connection is closed when its time is over, without a word", async () => {
  await using stage = await scene(echo, { loginTimeout: 600 });
  const silent = new RawFrontend(stage.proxy.port);
  assert.equal((await silent.rest()).length, 0);
  const stuck = new RawFrontend(stage.proxy.port);
  stuck.send(startup(USER));
  assert.equal((await stuck.message())?.type, "R");
  assert.equal((await stuck.rest()).length, 0);
});

test("proxy 12: a wrong secret is 28P01, and RDS does not hear of it", async () => {
  await using stage = await scene(echo);
  const frontend = new RawFrontend(stage.proxy.port);
  frontend.send(startup(USER));
  const answer = await frontend.prove(`${stage.proxy.secret}x`);
  assert.equal(errorFields(answer)["C"], "28P01");
  await frontend.closed;
  assert.equal(stage.connections(), 0);
});

test("proxy 12: channel binding, an authzid, another mechanism and long messages are refused", async () => {
  await using stage = await scene(echo);
  const initial = (mechanism: string, data: string): Buffer =>
    password(Buffer.concat([Buffer.from(`${mechanism}\0`), int32(data.length), Buffer.from(data)]));
  for (const bad of [
    initial("SCRAM-SHA-256", "p=tls-unique,,n=,r=abc"),
    initial("SCRAM-SHA-256", "n,a=x,n=,r=abc"),
    initial("SCRAM-SHA-256-PLUS", "n,,n=,r=abc"),
    initial("SCRAM-SHA-256", `n,,n=,r=${"a".repeat(1100)}`),
    password(Buffer.from("md5...\0")),
  ]) {
    const frontend = new RawFrontend(stage.proxy.port);
    frontend.send(startup(USER));
    await frontend.message();
    frontend.send(bad);
    assert.equal(errorFields(await frontend.message())["C"], "08P01");
  }
  assert.equal(stage.connections(), 0);
});

test("proxy 13, 14: AuthenticationOk is held back until RDS agrees, and a notice waits behind it", async () => {
  let go: () => void = () => {};
  const agreed = new Promise<void>((resolve) => (go = resolve));
  await using stage = await scene(async (peer) => {
    await peer.packet();
    peer.send(message("N", "SNOTICE\0Mhello\0\0"), ASK_CLEARTEXT);
    await peer.message();
    await agreed;
    peer.send(AUTHENTICATION_OK, message("S", "a\0b\0"), KEY, READY);
  });
  const frontend = new RawFrontend(stage.proxy.port);
  frontend.send(startup(USER));
  const final = await frontend.prove(stage.proxy.secret);
  assert.equal(final?.body.readInt32BE(0), 12);
  let early = true;
  const next = frontend.message().then((received) => ({ received, early }));
  while (!stage.received().includes(TOKEN)) await new Promise((resolve) => setImmediate(resolve));
  early = false;
  go();
  const first = await next;
  assert.equal(first.early, false);
  assert.equal(first.received?.body.readInt32BE(0), 0);
  assert.deepEqual(
    (await frontend.messages("Z")).map(({ type }) => type),
    ["N", "S", "K", "Z"],
  );
});

test("proxy 15: the server's ErrorResponse passes byte for byte, with DETAIL and HINT where it had none", async () => {
  const own =
    'SFATAL\0VFATAL\0C28000\0MPAM authentication failed for user "app"\0Fauth.c\0L1\0Rauth_failed\0\0';
  await using stage = await scene(
    async (peer) => {
      await peer.packet();
      peer.send(ASK_CLEARTEXT);
      await peer.message();
      peer.send(message("E", own));
      peer.socket.end();
    },
    { explain: (user) => ({ detail: `detail for ${user}`, hint: "hint" }) },
  );
  const fields = await refusedLogin(stage);
  assert.equal(fields["M"], 'PAM authentication failed for user "app"');
  assert.deepEqual(
    [fields["C"], fields["D"], fields["H"], fields["L"]],
    ["28000", "detail for app", "hint", "1"],
  );
});

test("proxy 15: a refused login with a reused token is tried once more with a new one", async () => {
  const asked: boolean[] = [];
  let logins = 0;
  await using stage = await scene(
    async (peer) => {
      await peer.packet();
      peer.send(ASK_CLEARTEXT);
      await peer.message();
      logins += 1;
      if (logins > 1) peer.send(AUTHENTICATION_OK, READY);
      else peer.send(message("E", "SFATAL\0C28000\0MPAM authentication failed\0\0"));
    },
    {
      login: {
        kind: "auth token",
        get: (_who, { fresh }) => {
          asked.push(fresh);
          return Promise.resolve({ password: TOKEN, reused: !fresh });
        },
      },
    },
  );
  const frontend = new RawFrontend(stage.proxy.port);
  frontend.send(startup(USER));
  await frontend.prove(stage.proxy.secret);
  assert.deepEqual(
    (await frontend.messages("EZ")).map(({ type }) => type),
    ["R", "Z"],
  );
  assert.deepEqual(asked, [false, true]);
});

test("proxy 19: MD5, SASL and GSS get no token and the tool is told to GRANT rds_iam", async () => {
  for (const ask of [
    message("R", int32(5), "salt"),
    message("R", int32(10), "SCRAM-SHA-256\0\0"),
    message("R", int32(7)),
    message("R", int32(99)),
  ]) {
    await using stage = await scene(async (peer) => {
      await peer.packet();
      peer.send(ask);
      await peer.message();
    });
    const fields = await refusedLogin(stage);
    assert.equal(fields["C"], "28000");
    assert.match(fields["H"] ?? "", /GRANT rds_iam TO "app";/);
    assert.ok(!stage.received().includes(TOKEN));
  }
});

test("proxy 19: a second request for the token, oversized and unexpected messages end the login", async () => {
  for (const bad of [
    ASK_CLEARTEXT,
    message("R", Buffer.alloc(2_001)),
    message("E", Buffer.alloc(30_001)),
    READY,
  ]) {
    await using stage = await scene(async (peer) => {
      await peer.packet();
      peer.send(ASK_CLEARTEXT);
      await peer.message();
      peer.send(bad);
      await peer.message();
    });
    assert.equal((await refusedLogin(stage))["C"], "08001");
  }
});

test("proxy 19: an ErrorResponse without any field is passed on", async () => {
  await using stage = await scene(async (peer) => {
    await peer.packet();
    peer.send(message("E", "\0"));
  });
  assert.deepEqual(await refusedLogin(stage), {});
});

test("proxy 15, 19: an ErrorResponse after AuthenticationOk reaches the tool too, and is known as one", async () => {
  const stages: boolean[] = [];
  await using stage = await scene(
    async (peer) => {
      await peer.packet();
      peer.send(ASK_CLEARTEXT);
      await peer.message();
      peer.send(
        AUTHENTICATION_OK,
        message("E", 'SFATAL\0C3D000\0Mdatabase "orders" does not exist\0\0'),
      );
    },
    {
      explain: (_user, { isAfterLogin, isOfPassword }) => {
        stages.push(isAfterLogin, isOfPassword);
        return {};
      },
    },
  );
  assert.equal((await refusedLogin(stage))["C"], "3D000");
  assert.deepEqual(stages, [true, false]);
});

test("proxy 20: BackendKeyData may be missing and may be 256 bytes long", async () => {
  for (const greeting of [Buffer.alloc(0), message("K", int32(7), Buffer.alloc(256, 3))]) {
    await using stage = await scene(async (peer) => logIn(peer, greeting));
    const frontend = new RawFrontend(stage.proxy.port);
    frontend.send(startup(USER, 196_610));
    await frontend.prove(stage.proxy.secret);
    const all = await frontend.messages("Z");
    assert.deepEqual(
      all.find(({ type }) => type === "K")?.body,
      greeting.length === 0 ? undefined : greeting.subarray(5),
    );
  }
});

test("proxy 21: a cancel goes over TLS to the session's address; a forged one never leaves", async () => {
  let cancels = 0;
  let dialed = 0;
  await using stage = await scene(
    async (peer) => {
      const first = await peer.packet();
      if (first.readInt32BE(0) === 80_877_102) {
        cancels += 1;
        assert.equal(first.toString("latin1", 4), "\0\0\x10\x92\x01\x02\x03\x04");
        peer.socket.end();
        return;
      }
      peer.send(AUTHENTICATION_OK, KEY, READY);
      await peer.read(1_000_000);
    },
    {
      backend: {
        addresses: () => {
          dialed += 1;
          return Promise.resolve([{ address: "127.0.0.1", family: 4 as const }]);
        },
      },
    },
  );
  const frontend = new RawFrontend(stage.proxy.port);
  frontend.send(startup(USER));
  await frontend.prove(stage.proxy.secret);
  await frontend.messages("Z");
  for (const [pid, key] of [
    [4242, "\x01\x02\x03\x05"],
    [4243, "\x01\x02\x03\x04"],
    [4242, "\x01\x02\x03\x04\x05"],
  ] as const) {
    const forged = new RawFrontend(stage.proxy.port);
    forged.send(encodeCancelRequest(pid, Buffer.from(key, "latin1")));
    assert.equal((await forged.rest()).length, 0);
  }
  assert.equal(stage.connections(), 1);
  const cancel = new RawFrontend(stage.proxy.port);
  cancel.send(encodeCancelRequest(4242, Buffer.from("\x01\x02\x03\x04", "latin1")));
  assert.equal((await cancel.rest()).length, 0);
  assert.deepEqual([cancels, stage.connections(), dialed], [1, 2, 1]);
});

test("proxy 21: a cancel that could not be taken to the server is reported", async () => {
  await using scripted = await startBackend(echo);
  let trusted = true;
  const events: ProxyEvent[] = [];
  await using proxy = await startProxy({
    login: { kind: "auth token", get: () => Promise.resolve({ password: TOKEN, reused: false }) },
    onEvent: (event) => void events.push(event),
    backend: {
      host: HOST,
      port: scripted.port,
      verification: () => {
        if (!trusted) throw new RdsIamError("the roots are gone", { code: "ERR_CERTIFICATE" });
        return { secureContext: backendSecureContext([scripted.ca]), trust: "the test root" };
      },
      addresses: () => Promise.resolve([{ address: "127.0.0.1", family: 4 as const }]),
      connectTimeout: 5_000,
      loginTimeout: 5_000,
    },
  });
  const frontend = new RawFrontend(proxy.port);
  frontend.send(startup(USER));
  await frontend.prove(proxy.secret);
  await frontend.messages("Z");
  trusted = false;
  const cancel = new RawFrontend(proxy.port);
  cancel.send(encodeCancelRequest(4242, Buffer.from("\x01\x02\x03\x04", "latin1")));
  assert.equal((await cancel.rest()).length, 0);
  const [told] = events.filter(({ kind }) => kind === "cancel");
  assert.match(JSON.stringify(told), /"found":true,"failed":.*the roots are gone/);
});

test("proxy 22: a backend's FIN and what came before it reach the tool, and a tool that goes takes its backend along", async () => {
  const gone: Promise<unknown>[] = [];
  await using stage = await scene(async (peer) => {
    await logIn(peer);
    gone.push(once(peer.socket, "close"));
    const { body } = await peer.message();
    if (body.toString() === "bye\0") return;
    peer.send(message("E", "SFATAL\0C57P01\0Mterminating connection\0\0"));
    peer.socket.end();
  });
  const log = async (text: string): Promise<RawFrontend> => {
    const frontend = new RawFrontend(stage.proxy.port);
    frontend.send(startup(USER));
    await frontend.prove(stage.proxy.secret);
    await frontend.messages("Z");
    frontend.send(message("Q", `${text}\0`));
    return frontend;
  };
  const ended = await log("end");
  assert.equal(errorFields(await ended.message())["C"], "57P01");
  await ended.closed;
  const leaving = await log("bye");
  leaving.socket.resetAndDestroy();
  await Promise.all(gone);
});

test("proxy: more than the allowed sessions are 53300, and a free place is given again", async () => {
  await using stage = await scene(echo, { maxSessions: 1 });
  const first = new RawFrontend(stage.proxy.port);
  first.send(startup(USER));
  await first.prove(stage.proxy.secret);
  await first.messages("Z");
  const second = new RawFrontend(stage.proxy.port);
  second.send(startup(USER));
  const refusal = errorFields(await second.prove(stage.proxy.secret));
  assert.equal(refusal["C"], "53300");
  assert.match(refusal["H"] ?? "", /--max-connections/);
  first.socket.resetAndDestroy();
  const answers = new Set<string>();
  while (!answers.has("Z")) {
    const third = new RawFrontend(stage.proxy.port);
    third.send(startup(USER));
    await third.prove(stage.proxy.secret);
    answers.add((await third.messages("EZ")).at(-1)?.type ?? "closed");
    third.socket.destroy();
  }
});

test("proxy: more than the allowed sessions of one user are 53300, and other users get in", async () => {
  await using stage = await scene(echo, { maxUserSessions: 1 });
  const answers: string[] = [];
  const frontends: RawFrontend[] = [];
  for (const user of ["app", "app", "other"]) {
    const frontend = new RawFrontend(stage.proxy.port);
    frontends.push(frontend);
    frontend.send(startup({ user }));
    const refusal = errorFields(await frontend.prove(stage.proxy.secret));
    answers.push(refusal["C"] ?? "");
    if (refusal["C"] === undefined) await frontend.messages("Z");
    else assert.match(refusal["H"] ?? "", /--max-user-connections/);
  }
  assert.deepEqual(answers, ["", "53300", ""]);
  for (const { socket } of frontends) socket.destroy();
});

test("proxy: of 65 connections that prove nothing the oldest goes", async () => {
  await using stage = await scene(echo);
  const oldest = new RawFrontend(stage.proxy.port);
  await once(oldest.socket, "connect");
  const others: RawFrontend[] = [];
  for (let count = 0; count < 64; count += 1) {
    const other = new RawFrontend(stage.proxy.port);
    await once(other.socket, "connect");
    others.push(other);
  }
  await oldest.closed;
  assert.ok(others.every(({ socket }) => !socket.destroyed));
  for (const { socket } of others) socket.destroy();
});
