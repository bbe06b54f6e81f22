// What a relay refuses, and what it dials: over TLS, with the test in the place of DNS, STS and the clock.
import assert from "node:assert/strict";
import { connect } from "node:net";
import process from "node:process";
import { after, afterEach, before, describe, test } from "node:test";
import { makeAuthority, makeLeaf } from "../../src/demo/certificates.ts";
import { closed } from "../support/listen.ts";
import { until } from "../support/traces.ts";
import { Buffer } from "node:buffer";
import { connectRequest, nonceOf, proofFields } from "../support/proof.ts";
import {
  type Client,
  HOST,
  READER,
  type Scene,
  SESSION,
  startScene,
} from "../support/relay-server-scene.ts";

let scene: Scene;
before(async () => {
  scene = await startScene();
});
after(() => scene[Symbol.asyncDispose]());
afterEach(() => {
  scene.arn = SESSION;
  scene.hangs = false;
  scene.ahead = 0;
  scene.lookups.length = 0;
  scene.stsRequests.length = 0;
  const loopback = [{ address: "127.0.0.1", family: 4 as const }];
  for (const host of [HOST, READER]) scene.dns.set(host, [loopback]);
});

const ROLE_SESSIONS = "arn:aws:sts::123456789012:assumed-role/db-reader";

const refusal = (word: string): RegExp => new RegExp(`^X-Rdsiam-Refusal: ${word}\r$`, "m");

// Answers the challenge of a request; resolves with the second answer.
async function ask(client: Client, host = HOST, ...fields: readonly string[]): Promise<string> {
  const { databasePort: port } = scene;
  client.send(connectRequest(host, port, ...fields));
  const challenge = await client.head();
  assert.match(challenge, /^HTTP\/1\.1 407 /);
  client.send(connectRequest(host, port, ...fields, ...(await proofFields(nonceOf(challenge)))));
  return client.head();
}

async function spoil(change: (url: string) => string, relay?: string): Promise<string> {
  const client = await scene.client();
  client.send(connectRequest(HOST, scene.databasePort));
  const nonce = nonceOf(await client.head());
  client.send(
    connectRequest(HOST, scene.databasePort, ...(await proofFields(nonce, change, relay))),
  );
  const head = await client.head();
  // A session that should not be there would last.
  client.socket.end();
  await client.closed;
  return head;
}

test("a caller that a rule names is admitted, and gets the address that was dialed", async () => {
  const client = await scene.client();
  assert.match(await ask(client), /^HTTP\/1\.1 200 [^]*\r\nX-Rdsiam-Address: 127\.0\.0\.1\r\n/);
  client.send("bytes of TLS\r\n\r\n");
  assert.equal(await client.head(), "bytes of TLS\r\n\r\n");
  client.socket.end();
  await client.closed;
  await until(async () => scene.events.at(-1)?.kind === "closed", "the end is told");
  const [opened, ended] = scene.events.slice(-2);
  assert.equal(opened?.kind === "opened" && opened.caller.arn, SESSION);
  assert.deepEqual(ended?.kind === "closed" && [ended.sent, ended.received], [16, 16]);
});

test("STS is not asked on behalf of a client that has gone", async () => {
  scene.hangs = true;
  const client = await scene.client();
  client.send(connectRequest(HOST, scene.databasePort));
  const fields = await proofFields(nonceOf(await client.head()));
  const events = scene.events.length;
  client.send(connectRequest(HOST, scene.databasePort, ...fields));
  await until(async () => scene.stsRequests.length === 1, "STS is asked");
  client.socket.destroy();
  await until(async () => scene.abandoned === 1, "the question is given up");
  assert.equal(scene.events.length, events);
});

describe("targets", () => {
  for (const [what, host, port] of [
    ["a host off the list", "other.c1a2b3c4d5e6.eu-west-1.rds.amazonaws.com", undefined],
    ["an address instead of a name", "127.0.0.1", undefined],
    ["another port of a host on the list", HOST, 22],
    ["the metadata service", "169.254.169.254", 80],
  ] as const) {
    test(`${what} is refused, and no name is looked up for it`, async () => {
      const client = await scene.client();
      const place = [host, port ?? scene.databasePort] as const;
      client.send(connectRequest(...place));
      const nonce = nonceOf(await client.head());
      client.send(connectRequest(...place, ...(await proofFields(nonce))));
      const head = await client.head();
      assert.match(head, /^HTTP\/1\.1 403 /);
      assert.match(head, refusal("not-allowed"));
      assert.match(head, new RegExp(`^X-Rdsiam-Identity: ${SESSION}\r$`, "m"));
      await client.closed;
      assert.deepEqual(scene.lookups, []);
    });
  }

  test("an unknown caller cannot tell a host on the list from one off it", async () => {
    const answers = await Promise.all(
      [HOST, "other.example.com"].map(async (host) => {
        const client = await scene.client();
        client.send(connectRequest(host, scene.databasePort));
        const head = await client.head();
        client.socket.destroy();
        return head.replace(/nonce="[^"]+"/, "");
      }),
    );
    assert.equal(answers[0], answers[1]);
  });

  test("a caller that no rule names is refused", async () => {
    scene.arn = "arn:aws:sts::123456789012:assumed-role/other/alice";
    assert.match(await ask(await scene.client()), refusal("not-allowed"));
  });
});

describe("addresses", () => {
  test("the address that was checked is dialed, whatever DNS answers the next time", async () => {
    scene.dns.set(HOST, [
      [{ address: "127.0.0.1", family: 4 }],
      [{ address: "169.254.169.254", family: 4 }],
    ]);
    const connections = scene.connections.length;
    const client = await scene.client();
    assert.match(await ask(client), /^X-Rdsiam-Address: 127\.0\.0\.1\r$/m);
    assert.deepEqual(scene.lookups, [HOST]);
    assert.equal(scene.connections.length, connections + 1);
    client.socket.destroy();
    const second = await scene.client();
    assert.match(await ask(second), refusal("address"));
    assert.equal(scene.connections.length, connections + 1);
  });

  test("without networks of its own, a relay dials no loopback, link-local or metadata address", async () => {
    await using own = await startScene({ networks: undefined });
    const bad = [
      "127.0.0.1",
      "169.254.169.254",
      "0.0.0.0",
      "::1",
      "fe80::1",
      "fd00:ec2::254",
      "::ffff:127.0.0.1",
      "::127.0.0.1",
      "64:ff9b:1::a9fe:a9fe",
      "2002:a9fe:a9fe::1",
    ];
    for (const address of bad) {
      own.dns.set(HOST, [[{ address, family: address.includes(":") ? 6 : 4 }]]);
      const client = await own.client();
      client.send(connectRequest(HOST, own.databasePort));
      const fields = await proofFields(nonceOf(await client.head()));
      client.send(connectRequest(HOST, own.databasePort, ...fields));
      assert.match(await client.head(), refusal("address"), address);
    }
    assert.equal(own.connections.length, 0);
  });

  const skip = process.platform !== "linux" && "loopback has one address alone on this system";
  test(
    "a cancel may ask for an address that DNS has, had, or has for another database of the caller",
    { skip },
    async () => {
      const reader = [{ address: "127.0.0.3", family: 4 as const }];
      scene.dns.set(READER, [reader, [{ address: "127.0.0.2", family: 4 }]]);
      for (const [why, address] of [
        ["has", "127.0.0.3"],
        ["had", "127.0.0.3"],
        ["has for another", "127.0.0.1"],
      ] as const) {
        const client = await scene.client();
        const head = await ask(client, READER, `X-Rdsiam-Address: ${address}`);
        assert.match(head, new RegExp(`^X-Rdsiam-Address: ${address}\r$`, "m"), why);
        client.socket.destroy();
      }
      for (const address of ["127.0.0.9", "169.254.169.254", "10.0.0.5", HOST]) {
        const head = await ask(await scene.client(), READER, `X-Rdsiam-Address: ${address}`);
        assert.match(head, refusal("address"), address);
      }
    },
  );

  test("a name that cannot be looked up, and a port that nothing listens on, have their own refusal words", async () => {
    scene.dns.set(HOST, []);
    assert.match(await ask(await scene.client()), refusal("dns"));
    // A cancel: that the name lacks its address is not known.
    const cancel = ask(await scene.client(), HOST, "X-Rdsiam-Address: 127.0.0.9");
    assert.match(await cancel, refusal("dns"));
    scene.dns.set(READER, [[{ address: "::1", family: 6 }]]);
    assert.match(await ask(await scene.client(), READER), refusal("unreachable"));
  });
});

describe("identities", () => {
  test("a proof that was seen on another connection is worthless", async () => {
    const first = await scene.client();
    first.send(connectRequest(HOST, scene.databasePort));
    const fields = await proofFields(nonceOf(await first.head()));
    first.send(connectRequest(HOST, scene.databasePort, ...fields));
    assert.match(await first.head(), /^HTTP\/1\.1 200 /);
    first.socket.destroy();
    const nonce = scene.stsRequests[0]?.headers["x-rdsiam-nonce"];
    const second = await scene.client();
    // Sent before any challenge, it is not looked at.
    second.send(connectRequest(HOST, scene.databasePort, ...fields));
    const challenge = await second.head();
    assert.match(challenge, /^HTTP\/1\.1 407 /);
    assert.equal(scene.stsRequests.length, 1);
    second.send(connectRequest(HOST, scene.databasePort, ...fields));
    await second.head();
    // STS is asked with this connection's nonce, which the signature does not cover: it refuses.
    assert.equal(scene.stsRequests[1]?.headers["x-rdsiam-nonce"], nonceOf(challenge));
    assert.notEqual(nonceOf(challenge), nonce);
  });

  test("a signature that STS rejects is refused", async () => {
    scene.arn = undefined;
    assert.match(await ask(await scene.client()), refusal("identity-refused"));
  });

  test("a proof that is too old, or from the future, is refused before STS is asked", async () => {
    for (const ahead of [400_000, -400_000]) {
      scene.ahead = ahead;
      assert.match(await spoil((url) => url), refusal("identity-expired"));
    }
    assert.equal(scene.stsRequests.length, 0);
  });

  test("a proof for another relay is refused", async () => {
    assert.match(await spoil((url) => url, "other.example.com"), refusal("identity-malformed"));
  });

  const spoils: Readonly<Record<string, (url: string) => string>> = {
    "another host": (url) => url.replace("sts.eu-west-1.amazonaws.com", "169.254.169.254"),
    "a host that begins like STS": (url) => url.replace(".com/", ".com.evil.example/"),
    "a user before the host": (url) => url.replace("https://", "https://x@"),
    "no TLS": (url) => url.replace("https:", "http:"),
    "a path": (url) => url.replace("/?", "/x?"),
    "another action": (url) => url.replace("GetCallerIdentity", "GetSessionToken"),
    "a parameter more": (url) => `${url}&X=1`,
    "a parameter twice": (url) => `${url}&Action=GetCallerIdentity`,
    "another Region": (url) => url.replace("eu-west-1%2Fsts", "us-east-1%2Fsts"),
    "another service": (url) => url.replace("%2Fsts%2F", "%2Frds-db%2F"),
    "a signature without the relay's name": (url) => url.replace("%3Bx-rdsiam-relay", ""),
    "a longer life than STS gives": (url) => url.replace("Expires=60", "Expires=999"),
    "another day in its scope": (url) => url.replace(/%2F\d{8}%2F/, "%2F20200101%2F"),
    "a fragment": (url) => `${url}#`,
    "a line break": (url) => url.replace("Action=", "Action=%0D%0A"),
  };
  for (const [what, change] of Object.entries(spoils)) {
    test(`a presigned URL with ${what} is never sent`, async () => {
      assert.match(await spoil(change), refusal("identity-malformed"));
      assert.equal(scene.stsRequests.length, 0);
    });
  }

  test("a client certificate is admitted by its own rule, without a challenge", async () => {
    const leaf = { subject: "CN=laptop", names: ["spiffe://example.com/alice"], client: true };
    const good = await makeLeaf({ ...leaf, issuer: scene.authority });
    const client = await scene.client(good);
    client.send(connectRequest(HOST, scene.databasePort));
    assert.match(await client.head(), /^HTTP\/1\.1 200 /);
    client.socket.destroy();
  });

  test("a client certificate of another CA, or one that has expired, is refused with its own word", async () => {
    const leaf = { subject: "CN=laptop", names: ["spiffe://example.com/alice"], client: true };
    const other = await makeAuthority({ subject: "CN=other" });
    const past = { notBefore: new Date(0), notAfter: new Date(86_400_000) };
    const bad = [
      await makeLeaf({ ...leaf, issuer: other }),
      await makeLeaf({ ...leaf, ...past, issuer: scene.authority }),
    ];
    for (const certificate of bad) {
      const client = await scene.client(certificate);
      client.send(connectRequest(HOST, scene.databasePort));
      assert.match(await client.head(), refusal("certificate"));
    }
  });
});

describe("requests", () => {
  for (const [what, status, text] of [
    ["an oversized header", 431, `CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\nX: ${"x".repeat(17_000)}`],
    ["too many fields", 431, `CONNECT a:1 HTTP/1.1\r\n${"X: 1\r\n".repeat(40)}\r\n`],
    ["another method", 405, "GET / HTTP/1.1\r\nHost: a\r\n\r\n"],
    ["another version of HTTP", 400, "CONNECT a:1 HTTP/1.0\r\nHost: a:1\r\n\r\n"],
    ["no port", 400, "CONNECT a HTTP/1.1\r\nHost: a\r\n\r\n"],
    ["another Host", 400, "CONNECT a:1 HTTP/1.1\r\nHost: b:1\r\n\r\n"],
    ["a field twice", 400, "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\nHost: a:1\r\n\r\n"],
    ["a folded field", 400, "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n x\r\n\r\n"],
    ["a bare line feed", 400, "CONNECT a:1 HTTP/1.1\nHost: a:1\r\n\r\n"],
    ["a body", 400, "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\nContent-Length: 1\r\n\r\nx"],
    ["bytes behind the head", 400, "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\nCONNECT"],
  ] as const) {
    test(`${what} is answered ${status} and the connection closed`, async () => {
      const client = await scene.client();
      client.send(text);
      assert.match(await client.head(), new RegExp(`^HTTP/1\\.1 ${status} `));
      await client.closed;
    });
  }

  test("a client that is slow in the handshake is disconnected", async () => {
    await using own = await startScene({ handshakeTimeout: 300 });
    await closed(connect({ host: "127.0.0.1", port: own.relay.port }));
  });

  test("a client that is slow in a request, and one behind a challenge, are disconnected", async () => {
    await using own = await startScene({ headTimeout: 1000 });
    const trickling = await own.client();
    const timer = setInterval(() => trickling.send("x"), 50);
    await trickling.closed;
    clearInterval(timer);
    const challenged = await own.client();
    challenged.send(connectRequest(HOST, own.databasePort));
    assert.match(await challenged.head(), /^HTTP\/1\.1 407 /);
    await challenged.closed;
  });

  test("clients that leave without a word leave no timer behind", async () => {
    const timers = (): number =>
      process.getActiveResourcesInfo().filter((kind) => kind === "Timeout").length;
    await using own = await startScene({ handshakeTimeout: 60_000 });
    const before = timers();
    const silent = Array.from({ length: 50 }, () =>
      connect({ host: "127.0.0.1", port: own.relay.port }),
    );
    await until(() => timers() >= before + 50, "each has its time limit");
    for (const socket of silent) socket.destroy();
    await until(() => timers() < before + 25, "they are gone with the clients");
  });

  test("silent clients go before those that have begun, and those before one that is proving itself", async () => {
    const { port } = scene.relay;
    const proving = await scene.client();
    proving.send(connectRequest(HOST, scene.databasePort));
    const fields = await proofFields(nonceOf(await proving.head()));
    const begun = connect({ host: "127.0.0.1", port });
    begun.on("error", () => {}).write(Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01]));
    const silent = Array.from({ length: 600 }, () => connect({ host: "127.0.0.1", port }));
    const ended = silent.map(closed);
    await Promise.all(ended.slice(0, 300));
    assert.ok(!begun.closed);
    begun.destroy();
    proving.send(connectRequest(HOST, scene.databasePort, ...fields));
    assert.match(await proving.head(), /^HTTP\/1\.1 200 /);
    for (const socket of [...silent, proving.socket]) socket.destroy();
  });

  test("clients that are stuck behind their challenge do not keep others out", async () => {
    const stuck: Client[] = [];
    for (let index = 0; index < 260; index += 1) {
      const client = await scene.client();
      client.send(connectRequest(HOST, scene.databasePort));
      await client.head();
      stuck.push(client);
    }
    const client = await scene.client();
    assert.match(await ask(client), /^HTTP\/1\.1 200 /);
    for (const { socket } of [...stuck, client]) socket.destroy();
  });

  test("a session beyond the limit is refused", async () => {
    await using own = await startScene({ maxConnections: 1 });
    const answers: string[] = [];
    const clients: Client[] = [];
    for (let index = 0; index < 2; index += 1) {
      const client = await own.client();
      clients.push(client);
      client.send(connectRequest(HOST, own.databasePort));
      const fields = await proofFields(nonceOf(await client.head()));
      client.send(connectRequest(HOST, own.databasePort, ...fields));
      answers.push(await client.head());
    }
    assert.match(answers[0] ?? "", /^HTTP\/1\.1 200 /);
    assert.match(answers[1] ?? "", refusal("busy"));
  });

  test("a session beyond the limit of its identity is refused, and another identity's is not", async () => {
    await using own = await startScene({ maxUserConnections: 1 });
    const answers: string[] = [];
    for (const arn of [SESSION, SESSION, `${ROLE_SESSIONS}/bob`]) {
      own.arn = arn;
      const client = await own.client();
      client.send(connectRequest(HOST, own.databasePort));
      const fields = await proofFields(nonceOf(await client.head()));
      client.send(connectRequest(HOST, own.databasePort, ...fields));
      answers.push(await client.head());
    }
    assert.match(answers[0] ?? "", /^HTTP\/1\.1 200 /);
    assert.match(answers[1] ?? "", refusal("user-busy"));
    assert.match(answers[2] ?? "", /^HTTP\/1\.1 200 /);
  });

  test("a session ends when it has lasted as long as it may, and the event says so", async () => {
    await using own = await startScene({ sessionTimeout: 900 });
    const client = await own.client();
    client.send(connectRequest(HOST, own.databasePort));
    const fields = await proofFields(nonceOf(await client.head()));
    client.send(connectRequest(HOST, own.databasePort, ...fields));
    assert.match(await client.head(), /^HTTP\/1\.1 200 /);
    await client.closed;
    await until(async () => own.events.at(-1)?.kind === "closed", "the end is told");
    const end = own.events.at(-1);
    assert.equal(end?.kind === "closed" && end.ended, "timeout");
    assert.equal(own.relay.sessions(), 0);
  });
});
