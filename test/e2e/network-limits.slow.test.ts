// Where AWS is called, as the environment and the config file say, and how long a call may take.
import assert from "node:assert/strict";
import { createServer } from "node:net";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { ROLE, startScene, startSilence } from "../support/network-scene.ts";
import { keep } from "../support/keep.ts";
import { listen } from "../support/listen.ts";

const scene = await keep(startScene());

/** Writes a config file with one target more and returns the environment for it. */
async function configured(name: string, keys: Readonly<Record<string, string>>, more = "") {
  const { env, targetSettings } = scene.standIn;
  const all = { ...targetSettings, rds_user: "app_ro", rds_role_arn: ROLE, ...keys };
  const lines = Object.entries(all).map(([key, value]) => `${key} = ${value}`);
  const own = await readFile(env["AWS_CONFIG_FILE"] ?? "", "utf8");
  const text = `${own}\n[profile ${name}]\n${lines.join("\n")}\n${more}`;
  const { accessKeyId, secretAccessKey } = scene.standIn.key;
  const key = `aws_access_key_id = ${accessKeyId}\naws_secret_access_key = ${secretAccessKey}\n`;
  return {
    AWS_CONFIG_FILE: await scene.write(`${name}.config`, text),
    AWS_SHARED_CREDENTIALS_FILE: await scene.write(`${name}.credentials`, `[${name}]\n${key}`),
    AWS_ENDPOINT_URL_STS: undefined,
    HTTPS_PROXY: undefined,
  };
}

test("the profile's endpoint_url, [services] and ca_bundle count where the environment says nothing", async () => {
  const dead = "http://127.0.0.1:9";
  const services = `[services corp]\nsts =\n  endpoint_url = ${scene.sts}\n`;
  const keys = { ca_bundle: scene.caFile, endpoint_url: dead, services: "corp" };
  const inSection = await configured("insection", keys, services);
  assert.equal((await scene.token("insection", inSection)).status, 0);
  const refused = await scene.token("insection", { ...inSection, AWS_ENDPOINT_URL: dead });
  assert.match(refused.stderr, /127\.0\.0\.1:9/);
  const direct = await configured("direct", { ca_bundle: scene.caFile, endpoint_url: scene.sts });
  const ran = await scene.token("direct", direct);
  assert.equal(ran.status, 0, ran.stderr);
  assert.match(ran.stdout, /X-Amz-Credential=ASIA/);
});

test("an endpoint that is not a URL is an error that names the setting", async () => {
  const ran = await scene.token("stage", { AWS_ENDPOINT_URL_STS: "sts.example.com" });
  assert.equal(ran.status, 125);
  assert.match(ran.stderr, /^rdsiam: error: .*AWS_ENDPOINT_URL_STS is not a valid URL$/m);
});

test("--aws-timeout, its variable and rds_aws_timeout end a call that hangs, with its answer begun or not", async () => {
  await using silence = await startSilence();
  const half = "HTTP/1.1 200 OK\r\ncontent-type: text/xml\r\ncontent-length: 99\r\n\r\n<Assume";
  await using stalling = await listen(
    createServer((socket) => void socket.once("data", () => socket.write(half))),
  );
  const hung = await configured("hung", { rds_aws_timeout: "1" });
  for (const [target, port, env] of [
    ["stage", silence.port, { RDSIAM_AWS_TIMEOUT: "1" }],
    ["stage", stalling.port, { RDSIAM_AWS_TIMEOUT: "1" }],
    ["hung", silence.port, hung],
  ] as const) {
    const start = performance.now();
    const ran = await scene.token(target, {
      ...env,
      AWS_ENDPOINT_URL_STS: `http://127.0.0.1:${port}`,
    });
    const took = performance.now() - start;
    assert.equal(ran.status, 125, ran.stderr);
    assert.match(ran.stderr, /does not answer in time/);
    assert.ok(took < 5_000, `${took} ms`);
  }
});

test("an instance metadata service that hangs costs a second at most", async () => {
  await using silence = await startSilence();
  const host = scene.standIn.canonicalHost;
  const env = {
    AWS_SHARED_CREDENTIALS_FILE: await scene.write("none.credentials", ""),
    RDSIAM_HOST: host,
    RDSIAM_USER: "app_ro",
    RDSIAM_DNS_SERVERS: scene.standIn.dns.address,
    AWS_CONFIG_FILE: await scene.write(
      "none.config",
      "[profile p]\nregion = eu-west-1\nrds_user = u\n",
    ),
  };
  const timed = async (more: Readonly<Record<string, string | undefined>>) => {
    const start = performance.now();
    const ran = await scene.token("p", { ...env, ...more });
    assert.equal(ran.status, 125, ran.stderr);
    assert.match(ran.stderr, /no AWS credentials/);
    return performance.now() - start;
  };
  const without = await timed({});
  const hanging = await timed({
    AWS_EC2_METADATA_DISABLED: undefined,
    AWS_EC2_METADATA_SERVICE_ENDPOINT: `http://127.0.0.1:${silence.port}`,
    // Never through a proxy: it would ask its own instance.
    HTTP_PROXY: scene.proxyUrl,
  });
  assert.ok(hanging - without < 1_500, `${without} ms, ${hanging} ms`);
  assert.ok(
    !scene.proxy.asked.some((line) => line.includes("meta-data")),
    scene.proxy.asked.join(),
  );
});
