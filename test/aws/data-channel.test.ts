// How a data channel is dialed: verified with the user's CA bundle, through the environment's proxy, signed.
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { connect } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { signedDial } from "../../src/aws/data-channel.ts";
import { makeAuthority, makeLeaf } from "../../src/demo/certificates.ts";
import { carry } from "../support/ssm-bytes.ts";
import { startSsmScene } from "../support/ssm-scene.ts";
import { temporaryDirectory } from "../support/keep.ts";
import { listen } from "../support/listen.ts";

const directory = await temporaryDirectory("data-channel");
const issuer = await makeAuthority({ subject: "CN=Test" });
const pem = await makeLeaf({ subject: "CN=localhost", names: ["localhost"], issuer });
const bundle = join(directory, "root.pem");
await writeFile(bundle, issuer.cert);

// An HTTP proxy that lets in whom it knows.
async function startProxy(authorization?: string) {
  const requests: string[] = [];
  const server = createServer().on("connect", (request, socket) => {
    requests.push(request.url ?? "");
    if (request.headers["proxy-authorization"] !== authorization) {
      socket.end("HTTP/1.1 407 Who are you\r\ncontent-length: 0\r\n\r\n");
      return;
    }
    const there = connect(Number(request.url?.split(":")[1]), "127.0.0.1", () => {
      socket.write("HTTP/1.1 200 OK\r\n\r\n");
      there.pipe(socket).pipe(there);
    });
    there.on("error", () => socket.destroy());
    socket.on("error", () => there.destroy());
  });
  const running = await listen(server);
  return { ...running, requests, address: `127.0.0.1:${running.port}` };
}

test("signedDial() + a data channel with a certificate of the bundle's", async () => {
  await using scene = await startSsmScene({ pem, env: { AWS_CA_BUNDLE: bundle } });
  const stream = await scene.connect();
  assert.equal((await carry(stream, { up: 10_000, down: 10_000 })).isExact, true);
  stream.destroy();
});

test("signedDial() + a certificate that nobody vouches for ends it, with what to do", async () => {
  await using scene = await startSsmScene({ pem });
  await assert.rejects(scene.connect(), {
    code: "ERR_CERTIFICATE",
    message: /^the certificate of localhost:\d+ cannot be verified$/,
    hint: /AWS_CA_BUNDLE=FILE/,
  });
});

test("signedDial() + HTTPS_PROXY carries it, with the proxy's password", async () => {
  const login = `Basic ${Buffer.from("u:p").toString("base64")}`;
  await using proxy = await startProxy(login);
  const env = { AWS_CA_BUNDLE: bundle, HTTPS_PROXY: `http://u:p@${proxy.address}` };
  await using scene = await startSsmScene({ pem, env });
  const stream = await scene.connect();
  assert.equal((await carry(stream, { up: 10_000, down: 10_000 })).isExact, true);
  assert.match(proxy.requests.join(), /^localhost:\d+$/);
  stream.destroy();
});

test("signedDial() + a proxy that refuses it is named", async () => {
  await using proxy = await startProxy("Basic x");
  const env = { AWS_CA_BUNDLE: bundle, HTTPS_PROXY: `http://${proxy.address}` };
  await using scene = await startSsmScene({ pem, env });
  await assert.rejects(scene.connect(), {
    code: "ERR_CONNECT",
    message: /^the proxy 127\.0\.0\.1:\d+ refused the call to localhost:\d+: 407$/,
  });
});

test("signedDial() + without TLS only where the API has none either", async () => {
  await using scene = await startSsmScene();
  const url = "ws://ssmmessages.eu-west-1.amazonaws.com/v1/data-channel/x?role=publish_subscribe";
  const endpoint = "https://ssm.eu-west-1.amazonaws.com";
  await assert.rejects(signedDial({ endpoint, url }, scene.caller), { code: "ERR_VIA" });
  const { agent, headers } = await signedDial({ endpoint: scene.ssm.endpoint, url }, scene.caller);
  assert.equal(agent, undefined);
  assert.match(headers["authorization"] ?? "", /\/eu-west-1\/ssmmessages\/aws4_request/);
});

test("signedDial() + a URL that is signed already gets no second signature", async () => {
  await using scene = await startSsmScene();
  const url = "wss://localhost/v1/data-channel/x?X-Amz-Signature=0";
  const { headers } = await signedDial({ endpoint: scene.ssm.endpoint, url }, scene.caller);
  assert.deepEqual(headers, {});
});
