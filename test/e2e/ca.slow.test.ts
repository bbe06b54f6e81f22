// `rdsiam ca update`: what it fetches is trusted by the next login, and the server must be AWS's, whatever else is trusted here.
import assert from "node:assert/strict";
import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { beforeEach, test } from "node:test";
import { type Certificate, makeAuthority, makeLeaf } from "../../src/demo/certificates.ts";
import { startFakeRds } from "../support/fake-rds.ts";
import { type Finished, LAUNCHER, rdsiam, run } from "../support/program.ts";
import { HOST, startTrustScene } from "../support/trust-scene.ts";
import { keep, temporaryDirectory } from "../support/keep.ts";
import { listen } from "../support/listen.ts";

const TRUSTSTORE = "truststore.pki.rds.amazonaws.com";
const AWS = { subject: `CN=${TRUSTSTORE}`, names: [TRUSTSTORE] };

let requests = 0;
let body = "";

/** Starts a server in place of AWS's, behind an HTTP proxy; answers the proxy's URL. */
async function serve(leaf: Certificate): Promise<string> {
  const server = createHttpsServer({ cert: leaf.cert, key: leaf.key }, (_request, response) => {
    requests += 1;
    response.end(body);
  });
  const { port } = await keep(listen(server));
  const proxy = createServer();
  proxy.on("connect", ({ url }, socket: Socket) => {
    assert.equal(url, `${TRUSTSTORE}:443`);
    const onward = connect(port, "127.0.0.1", () => {
      socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
      onward.pipe(socket).pipe(onward);
    });
    onward.on("error", () => socket.destroy());
    socket.on("error", () => onward.destroy());
  });
  return `http://127.0.0.1:${(await keep(listen(proxy))).port}`;
}

const directory = await temporaryDirectory("ca-e2e");
const data = join(directory, "data");
const rootFile = join(directory, "root.pem");
const scene = await keep(startTrustScene());
const rdsRoot = await makeAuthority({
  subject: "CN=Amazon RDS eu-west-1 Root CA ECC256 G9, OU=Amazon RDS",
});
const otherRoot = await makeAuthority({ subject: "CN=Interception CA" });
await writeFile(rootFile, scene.certificates.root.cert);
beforeEach(async () => {
  requests = 0;
  body = rdsRoot.cert;
  await rm(data, { recursive: true, force: true });
});

// With the scene's own root in place of Amazon's.
function update(proxy: string): Promise<Finished> {
  const child = join(import.meta.dirname, "../support/ca-update-child.ts");
  return run([...LAUNCHER, child, rootFile], { env: environment(proxy) });
}

function environment(proxy: string): Readonly<Record<string, string>> {
  return { HOME: directory, XDG_DATA_HOME: data, HTTPS_PROXY: proxy, DENO_NO_UPDATE_CHECK: "1" };
}

async function goodServer(): Promise<string> {
  return serve(await makeLeaf({ ...AWS, issuer: scene.certificates.root }));
}

test("rdsiam ca update stores the bundle, and the next login trusts it", async () => {
  const leaf = await makeLeaf({ subject: "CN=db", names: [HOST], issuer: rdsRoot });
  await using server = await startFakeRds({ answer: "S", tls: { cert: leaf.cert, key: leaf.key } });
  // In the scene's own home, which has no bundle yet; the built-in roots count.
  const how = {
    settings: { rds_sslrootcert: rootFile },
    env: { XDG_DATA_HOME: data, RDSIAM_SSLROOTCERT: "system" },
  };
  const refused = await scene.logIn(server.port, how);
  assert.notEqual(refused.status, 0);
  assert.match(refused.stderr, /rdsiam ca update/);
  assert.doesNotMatch(server.received(), /Action=connect/);

  const ran = await update(await goodServer());
  assert.equal(ran.status, 0, ran.stderr);
  assert.equal(
    ran.stdout,
    `${join(data, "rdsiam/ca/aws.pem")}: 1 certificate of RDS in 1 Region\n`,
  );
  assert.equal(await readFile(join(data, "rdsiam/ca/aws.pem"), "utf8"), rdsRoot.cert);
  await scene.logIn(server.port, how);
  assert.match(server.received(), /Action=connect/);
});

test("rdsiam ca update keeps the stored bundle when the new one is bad", async () => {
  const proxy = await goodServer();
  assert.equal((await update(proxy)).status, 0);
  body = `${rdsRoot.cert}${otherRoot.cert}`;
  const ran = await update(proxy);
  assert.deepEqual([ran.status, ran.stdout], [125, ""]);
  assert.match(ran.stderr, /global-bundle\.pem, certificate 2: it does not name RDS/);
  assert.equal(await readFile(join(data, "rdsiam/ca/aws.pem"), "utf8"), rdsRoot.cert);
  assert.deepEqual(await readdir(join(data, "rdsiam/ca")), ["aws.pem"]);
});

test("rdsiam ca update takes no server that only this machine's own settings trust", async () => {
  const proxy = await serve(await makeLeaf({ ...AWS, issuer: otherRoot }));
  const file = join(directory, "other.pem");
  await writeFile(file, otherRoot.cert);
  const trusting = ["NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE", "AWS_CA_BUNDLE", "DENO_CERT"];
  const ran = await rdsiam(["ca", "update"], {
    env: {
      ...environment(proxy),
      ...Object.fromEntries(trusting.map((name) => [name, file])),
      DENO_TLS_CA_STORE: "system",
      NODE_TLS_REJECT_UNAUTHORIZED: "0",
    },
  });
  assert.deepEqual([ran.status, ran.stdout, requests], [125, "", 0]);
  assert.match(
    ran.stderr,
    /error: the certificate of truststore\.pki\.rds\.amazonaws\.com\S* cannot be verified/,
  );
  await assert.rejects(readdir(data), { code: "ENOENT" });
});

test("rdsiam ca update takes no server with another name", async () => {
  const leaf = { ...AWS, names: ["truststore.example.com"] };
  const ran = await update(
    await serve(await makeLeaf({ ...leaf, issuer: scene.certificates.root })),
  );
  assert.deepEqual([ran.status, requests], [125, 0]);
  assert.match(ran.stderr, /cannot be verified/);
});

test("rdsiam ca wants to know what, and rdsiam ca --help says", async () => {
  const bare = await rdsiam(["ca"]);
  assert.deepEqual([bare.status, bare.stdout], [125, ""]);
  assert.match(bare.stderr, /error: missing subcommand: rdsiam ca update\n/);
  assert.match((await rdsiam(["ca", "upgrade"])).stderr, /unexpected argument "upgrade"/);
  assert.match((await rdsiam(["ca", "update", "now"])).stderr, /unexpected argument "now"/);
  assert.match((await rdsiam(["ca", "--help"])).stdout, /rdsiam ca update/);
  const ran = await rdsiam(["ca", "update", "--partition", "aws-eusc"]);
  assert.match(ran.stderr, /--partition cannot be "aws-eusc"/);
  const elsewhere = await rdsiam(["ca", "update", "--region", "eusc-de-east-1"]);
  assert.match(elsewhere.stderr, /no address is known for the RDS certificates of aws-eusc/);
});
