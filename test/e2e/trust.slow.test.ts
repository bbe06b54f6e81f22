// Who gets an auth token: the server whose certificate stands for the canonical name, and nobody else. Each impostor
// here asks for the token as soon as it can, and must not get one byte of it.
import assert from "node:assert/strict";
import { test } from "node:test";
import * as tls from "node:tls";
import { errorResponse, type FakeRds, startFakeRds } from "../support/fake-rds.ts";
import { IMPOSTORS, NOT_ECHOED, TLS_1_1 } from "../support/impostors.ts";
import type { Finished } from "../support/program.ts";
import { HOST, type LogIn, LOOKALIKE, startTrustScene } from "../support/trust-scene.ts";
import { keep } from "../support/keep.ts";

const TOKEN_PARTS = ["X-Amz", "Action=connect", "AKIAIOSFODNN7EXAMPLE", `${HOST}:`];

const scene = await keep(startTrustScene());

function assertNoToken(server: FakeRds): void {
  for (const part of TOKEN_PARTS) assert.ok(!server.received().includes(part), `${part} was sent`);
}

function assertRefused(ran: Finished, says: readonly RegExp[]): void {
  assert.notEqual(ran.status, 0, ran.stderr);
  for (const said of says) assert.match(ran.stderr, said);
  assert.doesNotMatch(ran.stderr, new RegExp(`${NOT_ECHOED}|X-Amz|Warning`));
}

for (const [name, impostor] of Object.entries(IMPOSTORS)) {
  test(`no auth token for a server that ${name}, whatever NODE_TLS_REJECT_UNAUTHORIZED says`, async () => {
    await using server = await startFakeRds(impostor.server(scene.certificates));
    const off = { env: { NODE_TLS_REJECT_UNAUTHORIZED: "0" } };
    const [plain, unauthorized] = await Promise.all([
      scene.logIn(server.port),
      scene.logIn(server.port, off),
    ]);
    assertRefused(plain, impostor.says);
    assertRefused(unauthorized, impostor.says);
    assert.ok(server.connections() >= 2, "the server was not reached");
    assertNoToken(server);
  });
}

test("the right certificate gets the auth token, with its intermediate too", async () => {
  const { good, deep, intermediate } = scene.certificates;
  for (const { cert, key } of [good, { cert: deep.cert + intermediate.cert, key: deep.key }]) {
    await using server = await startFakeRds({ answer: "S", tls: { cert, key } });
    await scene.logIn(server.port);
    for (const part of TOKEN_PARTS) assert.ok(server.received().includes(part), `${part} not sent`);
  }
});

test("no byte goes where a CNAME leads outside of RDS, whatever Region and roots are set", async () => {
  scene.dns.set("foreign.test", { cname: "foreign-too.test" });
  scene.dns.set("foreign-too.test", { cname: "db.attacker.example" });
  scene.dns.set("db.attacker.example", { a: ["127.0.0.1"] });
  const { good } = scene.certificates;
  await using server = await startFakeRds({ answer: "S", tls: good });
  const how: readonly LogIn[] = [
    { settings: { rds_host: "foreign.test", rds_region: "eu-west-1" } },
    { settings: { rds_host: "foreign-too.test", rds_sslrootcert: "system" } },
  ];
  for (const { settings } of how) {
    const ran = await scene.logIn(server.port, { settings, env: { RDSIAM_REGION: "eu-west-1" } });
    assertRefused(ran, [
      /is not an RDS endpoint/,
      /foreign-too\.test -> db\.attacker\.example\) has an address but no CNAME/,
    ]);
  }
  assert.equal(server.connections(), 0);
  // The same name is dialed where it was typed, and RDS's roots alone are trusted for it.
  const typed = { rds_host: "db.attacker.example", rds_region: "eu-west-1", rds_sslrootcert: "" };
  const ran = await scene.logIn(server.port, { settings: typed });
  assertRefused(ran, [/Trusted CAs: the built-in RDS roots of eu-west-1\./]);
  assert.ok(server.connections() > 0);
  assertNoToken(server);
});

test("no environment variable of a runtime adds a trusted root", async () => {
  const { wrongRoot } = scene.certificates;
  const { otherRootFile: file } = scene;
  await using server = await startFakeRds({ answer: "S", tls: wrongRoot });
  const ran = await scene.logIn(server.port, {
    env: {
      NODE_EXTRA_CA_CERTS: file,
      NODE_USE_SYSTEM_CA: "1",
      SSL_CERT_FILE: file,
      DENO_CERT: file,
      DENO_TLS_CA_STORE: "system",
      AWS_CA_BUNDLE: file,
    },
  });
  assertRefused(ran, [/is not trusted/]);
  assert.equal(server.connections() > 0, true);
  assertNoToken(server);
});

test("the kind of name chooses the built-in roots", async () => {
  const { good } = scene.certificates;
  const proxy = "orders.proxy-c1a2b3c4d5e6.eu-west-1.rds.amazonaws.com";
  scene.dns.set(proxy, { a: ["127.0.0.1"] });
  await using server = await startFakeRds({ answer: "S", tls: good });
  const builtIn: LogIn["settings"] = { rds_sslrootcert: "" };
  const cluster = await scene.logIn(server.port, { settings: builtIn });
  assertRefused(cluster, [/Trusted CAs: the built-in RDS roots of eu-west-1 and Amazon's\./]);
  const wrongRegion = await scene.logIn(server.port, {
    settings: { ...builtIn, rds_region: "us-east-1" },
  });
  assertRefused(wrongRegion, [
    /the host is in eu-west-1, but rds_region is us-east-1/,
    /the built-in RDS roots of eu-west-1 and Amazon's\./,
  ]);
  const rdsProxy = await scene.logIn(server.port, { settings: { ...builtIn, rds_host: proxy } });
  assertRefused(rdsProxy, [/Trusted CAs: the built-in Amazon roots for RDS Proxy\./]);
  assertNoToken(server);
});

test("a look-alike name that an alias leads to is never dialled", async () => {
  const { lookalike } = scene.certificates;
  scene.dns.set("orders.db.example.com", { cname: LOOKALIKE });
  await using server = await startFakeRds({ answer: "S", tls: lookalike });
  for (const host of ["orders.db.example.com", LOOKALIKE]) {
    const ran = await scene.logIn(server.port, { settings: { rds_host: host } });
    assert.equal(ran.status, 125);
    assert.match(ran.stderr, /rdsiam: error: .*\n?DETAIL: .*\n?HINT: /);
  }
  assert.equal(server.connections(), 0);
});

test("bytes stuffed in behind S a moment later end the TLS handshake", async () => {
  const { good } = scene.certificates;
  await using server = await startFakeRds({
    answer: "S",
    tls: good,
    afterwards: errorResponse(NOT_ECHOED),
  });
  assertRefused(await scene.logIn(server.port), [/No auth token was sent/]);
  assertNoToken(server);
});

test("the TLS 1.1 server of these tests can do TLS 1.1", async () => {
  const { good, root } = scene.certificates;
  const server = tls.createServer({ cert: good.cert, key: good.key, ...TLS_1_1 });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  assert.ok(address !== null && typeof address === "object");
  const { port } = address;
  const client = tls.connect({
    port,
    host: "127.0.0.1",
    servername: HOST,
    ca: root.cert,
    ...TLS_1_1,
  });
  const protocol = await new Promise((resolve, reject) => {
    client.once("secureConnect", () => resolve(client.getProtocol())).once("error", reject);
  });
  assert.equal(protocol, "TLSv1.1");
  client.destroy();
  await new Promise((resolve) => server.close(resolve));
});
