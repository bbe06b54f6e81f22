// AWS calls on a corporate network: an https STS with a private CA behind a CONNECT proxy that wants a password, and
// what is said when a part of that fails. Each run is `rdsiam token` on a target whose role must be assumed.
import assert from "node:assert/strict";
import { createServer } from "node:net";
import { test } from "node:test";
import { makeAuthority } from "../../src/demo/certificates.ts";
import { LOGIN, startScene, startSilence } from "../support/network-scene.ts";
import type { Finished } from "../support/program.ts";
import { keep } from "../support/keep.ts";
import { listen } from "../support/listen.ts";

const scene = await keep(startScene());
const { proxy } = scene;

/** The environment of a machine on that network. */
function corporate(extra: Readonly<Record<string, string | undefined>> = {}) {
  return {
    AWS_ENDPOINT_URL_STS: scene.sts,
    HTTPS_PROXY: scene.proxyUrl,
    AWS_CA_BUNDLE: scene.caFile,
    ...extra,
  };
}

/** Runs and counts what the proxy and STS were asked for. */
async function token(env: Readonly<Record<string, string | undefined>>, target = "stage") {
  proxy.asked.length = 0;
  const before = scene.standIn.sts.count("AssumeRole");
  const ran = await scene.token(target, env);
  assertNoSecret(ran);
  return {
    ...ran,
    assumed: scene.standIn.sts.count("AssumeRole") - before,
    asked: [...proxy.asked],
  };
}

function assertNoSecret({ stdout, stderr }: Finished): void {
  const login = Buffer.from(`${LOGIN.user}:${LOGIN.password}`).toString("base64");
  for (const secret of [LOGIN.password, encodeURIComponent(LOGIN.password), login, "PROXYPASS"]) {
    assert.ok(!`${stdout}${stderr}`.includes(secret), stderr);
  }
}

function assertWorked(ran: Awaited<ReturnType<typeof token>>, asked: readonly string[]): void {
  assert.equal(ran.status, 0, ran.stderr);
  assert.match(ran.stdout, /X-Amz-Credential=ASIA/);
  assert.deepEqual([ran.assumed, ran.asked], [1, asked], ran.stderr);
}

/** The three parts of what was said. */
function assertFailed(ran: Awaited<ReturnType<typeof token>>, said: readonly RegExp[]): void {
  assert.equal(ran.status, 125, ran.stderr);
  assert.equal(ran.stdout, "");
  for (const part of said) assert.match(ran.stderr, part);
  assert.doesNotMatch(ran.stderr, /^ +at /m);
}

const connect = (): string => `CONNECT ${new URL(scene.sts).host}`;

test("HTTPS_PROXY with a password and AWS_CA_BUNDLE lead to STS", async () => {
  assertWorked(await token(corporate()), [connect()]);
  const lower = { HTTPS_PROXY: undefined, https_proxy: scene.proxyUrl };
  assertWorked(await token(corporate(lower)), [connect()]);
  const both = { HTTPS_PROXY: "http://127.0.0.1:9", https_proxy: scene.proxyUrl };
  assertWorked(await token(corporate(both)), [connect()]);
});

test("DEBUG does not make the proxy's library print its password", async () => {
  assertWorked(await token(corporate({ DEBUG: "*" })), [connect()]);
});

test("NO_PROXY goes around the proxy", async () => {
  const port = new URL(scene.sts).port;
  for (const list of ["localhost", "example.com, localhost", `LOCALHOST:${port}`, "*"]) {
    assertWorked(await token(corporate({ NO_PROXY: list })), []);
  }
  assertWorked(await token(corporate({ no_proxy: "localhost", NO_PROXY: "x" })), []);
  assertWorked(await token(corporate({ NO_PROXY: "ocalhost,localhost:1" })), [connect()]);
});

test("HTTP_PROXY leads to an STS without TLS", async () => {
  const { endpoint } = scene.standIn.sts;
  const plain = corporate({
    AWS_ENDPOINT_URL_STS: endpoint,
    HTTPS_PROXY: undefined,
    HTTP_PROXY: scene.proxyUrl,
  });
  assertWorked(await token(plain), [`POST ${endpoint}/`]);
  assertWorked(await token({ ...plain, NO_PROXY: "127.0.0.1" }), []);
  const refused = await token({ ...plain, HTTP_PROXY: `http://127.0.0.1:${proxy.port}` });
  assertFailed(refused, [/refused the call to 127.0.0.1:\d+: 407$/m, /HTTP_PROXY has none/]);
});

test("a proxy that wants a password, or another one, is named with the way to give it", async () => {
  const wrong = scene.proxyUrl.replace("0001", "0002");
  const address = `127.0.0.1:${proxy.port}`;
  assertFailed(await token(corporate({ HTTPS_PROXY: wrong })), [
    new RegExp(
      `^rdsiam: error: the proxy ${address} refused the call to localhost:\\d+: 407$`,
      "m",
    ),
    /^DETAIL: +It did not accept the user name and password in HTTPS_PROXY\.$/m,
    /^HINT: +Correct HTTPS_PROXY=http:\/\/USER:\S+@127.*NO_PROXY=localhost$/m,
  ]);
  assertFailed(await token(corporate({ HTTPS_PROXY: address })), [
    /^DETAIL: +It asks for a user name and a password, and HTTPS_PROXY has none\.$/m,
  ]);
});

test("a proxy that does not allow the host is named with its answer", async () => {
  proxy.refuse = 403;
  const ran = await token(corporate());
  proxy.refuse = undefined;
  assertFailed(ran, [
    /^rdsiam: error: the proxy 127\.0\.0\.1:\d+ refused the call to localhost:\d+: 403$/m,
    /^HINT: +Ask the proxy's administrators.*NO_PROXY=localhost$/m,
  ]);
  assert.equal(ran.assumed, 0);
});

test("a proxy that is down, unknown or silent is named, not AWS", async () => {
  assertFailed(await token(corporate({ HTTPS_PROXY: "http://u:PROXYPASSWORD-0001@127.0.0.1:9" })), [
    /^rdsiam: error: the proxy 127\.0\.0\.1:9 cannot be reached$/m,
    /^DETAIL: +HTTPS_PROXY names it for the call to localhost:\d+, and the connection was refused\.$/m,
    /^HINT: +Check HTTPS_PROXY.*NO_PROXY=localhost$/m,
  ]);
  assertFailed(await token(corporate({ HTTPS_PROXY: "http://proxy.invalid:3128" })), [
    /^rdsiam: error: the proxy proxy\.invalid:3128 cannot be reached$/m,
  ]);
  await using silence = await startSilence();
  const start = performance.now();
  const silent = { HTTPS_PROXY: `http://127.0.0.1:${silence.port}`, RDSIAM_AWS_TIMEOUT: "2" };
  assertFailed(await token(corporate(silent)), [/cannot be reached$/m, /does not answer in time/]);
  assert.ok(performance.now() - start < 5_000);
  await using closing = await listen(createServer((socket) => socket.end()));
  const closed = { HTTPS_PROXY: `http://127.0.0.1:${closing.port}` };
  assertFailed(await token(corporate(closed)), [
    /^rdsiam: error: the proxy 127\.0\.0\.1:\d+ cannot/m,
  ]);
});

test("HTTPS_PROXY that is not a valid proxy address is refused without its text", async () => {
  for (const value of ["http://PROXYPASSWORD-0001 x:y:z", "socks5://u:PROXYPASSWORD-0001@h:1"]) {
    const ran = await token(corporate({ HTTPS_PROXY: value }));
    assertFailed(ran, [/^rdsiam: error: HTTPS_PROXY is not a valid proxy address$/m, /^HINT: /m]);
  }
});

test("a certificate of another CA is named with the CA file that counts", async () => {
  const other = await makeAuthority({ subject: "CN=Other Root" });
  const file = await scene.write("other.pem", other.cert);
  for (const around of [{}, { NO_PROXY: "localhost" }]) {
    const ran = await token(corporate({ AWS_CA_BUNDLE: file, ...around }));
    assertFailed(ran, [
      /^rdsiam: error: the certificate of localhost:\d+ cannot be verified$/m,
      new RegExp(`^DETAIL: +TLS ended with [A-Z_]+.*the 1 in ${file} \\(AWS_CA_BUNDLE\\)\\.$`, "m"),
      /^HINT: +Add the CA that issued it to /m,
    ]);
    assert.equal(ran.assumed, 0);
  }
  assertFailed(await token(corporate({ AWS_CA_BUNDLE: undefined })), [
    /^DETAIL: .*called through the proxy 127\.0\.0\.1:\d+; .*the runtime's own list\.$/m,
    /^HINT: .*AWS_CA_BUNDLE=FILE$/m,
  ]);
});

test("AWS_CA_BUNDLE that is no CA file is refused, whatever the runtime would make of it", async () => {
  const garbage = await scene.write("garbage.pem", "garbage");
  const begin = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
  for (const [file, said] of [
    [
      "/nonexistent/ca.pem",
      /cannot read the file of AWS_CA_BUNDLE, \/nonexistent\/ca\.pem: ENOENT$/m,
    ],
    [garbage, /there is no certificate in the file of AWS_CA_BUNDLE/],
    [await scene.write("empty.pem", ""), /there is no certificate/],
    [
      await scene.write("broken.pem", begin),
      /certificate 1 in the file of AWS_CA_BUNDLE.* cannot be read$/m,
    ],
  ] as const) {
    const ran = await token(corporate({ AWS_CA_BUNDLE: file }));
    assertFailed(ran, [said, /^HINT: +Correct AWS_CA_BUNDLE/m]);
    assert.equal(ran.assumed, 0);
  }
});
