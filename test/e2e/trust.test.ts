// Who gets an auth token: the server whose certificate stands for the canonical name, and nobody else. Each impostor
// here asks for the token as soon as it can, and must not get one byte of it.
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { after, before, test } from "node:test";
import * as tls from "node:tls";
import type { Certificate } from "../../src/demo/certificates.ts";
import { errorResponse, type FakeRds, type FakeRdsOptions, startFakeRds } from "./fake-rds.ts";
import { type Finished, RUNTIME } from "./program.ts";
import {
  type Certificates,
  HOST,
  type LogIn,
  LOOKALIKE,
  startTrustScene,
  type TrustScene,
} from "./trust-scene.ts";

// Deno verifies inside its TLS library and tells neither the certificate nor the dates.
const DESCRIBES = RUNTIME !== "deno";
const TOKEN_PARTS = ["X-Amz", "Action=connect", "AKIAIOSFODNN7EXAMPLE", `${HOST}:`];
const NOT_ECHOED = "words-of-an-impostor";

let scene: TrustScene;
before(async () => {
  scene = await startTrustScene();
});
after(async () => {
  await scene[Symbol.asyncDispose]();
});

interface Impostor {
  readonly server: (certificates: Certificates) => FakeRdsOptions;
  /** What the tool must say: the failure, DETAIL, HINT. */
  readonly says: readonly RegExp[];
}

function withCertificate(choose: (certificates: Certificates) => Certificate): Impostor["server"] {
  return (certificates) => {
    const { cert, key } = choose(certificates);
    return { answer: "S", tls: { cert, key } };
  };
}

function untrusted(reason: RegExp, denoReason = /No trusted root stands behind it/): RegExp[] {
  return [
    new RegExp(`the certificate of ${HOST} is not trusted`),
    DESCRIBES ? reason : denoReason,
    /Trusted were: the certificates in .*root\.pem\. No auth token was sent\./,
  ];
}

const NO_TLS = /does not offer TLS as PostgreSQL on RDS does/;
const PRESENTED = `DETAIL: +The server presented a certificate of "${HOST}", issued by`;
const WRONG_NAME = /certificate of ".*", issued by "Test Root CA"\. It is for DNS:.*, not for /;

const IMPOSTORS: Readonly<Record<string, Impostor>> = {
  "answers N": {
    server: () => ({ answer: "N" }),
    says: [NO_TLS, /DETAIL: .*there is no TLS at this port\. No auth token was sent/, /HINT: /],
  },
  "answers an ErrorResponse": {
    server: () => ({ answer: errorResponse(NOT_ECHOED) }),
    says: [NO_TLS, /DETAIL: .*with an error\. No auth token was sent/, /HINT: /],
  },
  "stuffs bytes behind S": {
    server: ({ good }) => ({
      answer: Buffer.concat([Buffer.from("S"), errorResponse(NOT_ECHOED)]),
      tls: { cert: good.cert, key: good.key },
    }),
    says: [NO_TLS, /DETAIL: .*sent data before TLS had started\. No auth token/, /HINT: /],
  },
  "answers something else": {
    server: () => ({ answer: NOT_ECHOED }),
    says: [NO_TLS, /DETAIL: .*something else than S or N\. No auth token/, /HINT: /],
  },
  "offers TLS 1.1 only": {
    server: ({ good }) => ({ answer: "S", tls: { cert: good.cert, key: good.key, ...TLS_1_1 } }),
    says: [
      /TLS with .* failed/,
      /DETAIL: .*no TLS version from 1\.2 on/,
      /HINT: +TLS 1\.2 or newer/,
    ],
  },
  "has a self-signed certificate": {
    server: withCertificate(({ selfSigned }) => selfSigned),
    says: [
      ...untrusted(
        new RegExp(`${PRESENTED} "${HOST}"\\. It is signed by itself`),
        /signed by itself/,
      ),
      /HINT: .*--sslrootcert/,
    ],
  },
  "has an expired certificate": {
    server: withCertificate(({ expired }) => expired),
    says: [
      ...untrusted(
        /issued by "Test Root CA"\. It expired on \d{4}-\d\d-\d\dT/,
        /or its dates are wrong/,
      ),
      /HINT: /,
    ],
  },
  "has a certificate that is not yet valid": {
    server: withCertificate(({ notYetValid }) => notYetValid),
    says: [
      ...untrusted(/It is not valid yet, only from \d{4}-\d\d-\d\dT/, /or its dates are wrong/),
      /HINT: /,
    ],
  },
  "has a certificate for another name": {
    server: withCertificate(({ wrongName }) => wrongName),
    says: [...untrusted(WRONG_NAME, WRONG_NAME), /HINT: .*not the one that the canonical name/],
  },
  "has the right name in the subject alone": {
    server: withCertificate(({ nameInSubject }) => nameInSubject),
    says: [...untrusted(WRONG_NAME, WRONG_NAME), /HINT: /],
  },
  "has the certificate of a look-alike name": {
    server: withCertificate(({ lookalike }) => lookalike),
    says: [...untrusted(WRONG_NAME, WRONG_NAME), /HINT: /],
  },
  "has the right name from another root": {
    server: withCertificate(({ wrongRoot }) => wrongRoot),
    says: [
      ...untrusted(new RegExp(`${PRESENTED} "Interception CA"\\. No trusted root`)),
      /HINT: .*--sslrootcert FILE .*TLS inspection/,
    ],
  },
  "leaves out its intermediate certificate": {
    server: withCertificate(({ deep }) => deep),
    says: [
      ...untrusted(/issued by "Test Intermediate CA"\. .*left out an intermediate certificate/),
      /HINT: /,
    ],
  },
};

const TLS_1_1 = {
  minVersion: "TLSv1.1",
  maxVersion: "TLSv1.1",
  ciphers: "DEFAULT@SECLEVEL=0",
} as const;

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

test("no environment variable of a runtime adds a trusted root", async () => {
  const { wrongRoot } = scene.certificates;
  const { otherRootFile: file } = scene;
  await using server = await startFakeRds({ answer: "S", tls: wrongRoot });
  const ran = await scene.logIn(server.port, {
    env: {
      ...{ NODE_EXTRA_CA_CERTS: file, SSL_CERT_FILE: file, DENO_CERT: file, AWS_CA_BUNDLE: file },
      ...{ NODE_USE_SYSTEM_CA: "1", DENO_TLS_CA_STORE: "system" },
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
  assertRefused(cluster, [/Trusted were: the built-in RDS roots of eu-west-1\./]);
  const rdsProxy = await scene.logIn(server.port, { settings: { ...builtIn, rds_host: proxy } });
  assertRefused(rdsProxy, [/Trusted were: the built-in Amazon roots for RDS Proxy\./]);
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
    ...{ answer: "S", tls: good, afterwards: errorResponse(NOT_ECHOED) },
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
