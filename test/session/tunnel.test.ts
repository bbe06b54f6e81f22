// A relay names the STS endpoint that a proof is for; one that is not AWS's is given none.
import assert from "node:assert/strict";
import { test } from "node:test";
import { identityProver } from "../../src/session/tunnel.ts";

const ENV = { AWS_ENDPOINT_URL_STS: "https://sts.corp.example/" };
const CHALLENGE = { region: "eu-west-1", relay: "relay.example.com", nonce: "n0nce" };
const KEYS = {
  accessKeyId: "AKIAIOSFODNN7EXAMPLE",
  secretAccessKey: "x".repeat(40),
  source: "the test",
};

const OWN = [
  "https://sts.eu-west-1.amazonaws.com",
  "https://sts-fips.eu-west-1.amazonaws.com",
  "https://vpce-0a1b2c.sts.eu-west-1.vpce.amazonaws.com",
  "https://sts.corp.example",
];
for (const endpoint of OWN) {
  test(`identityProver() signs for ${endpoint}, the relay and its nonce`, async () => {
    const prove = identityProver(
      () => ({ env: ENV }),
      async () => KEYS,
    );
    const { url } = { url: String(await prove({ ...CHALLENGE, endpoint })) };
    assert.ok(url.startsWith(`${endpoint}/?`), url);
    assert.match(url, /X-Amz-SignedHeaders=host%3Bx-rdsiam-nonce%3Bx-rdsiam-relay/);
  });
}

const FOREIGN = [
  "https://sts.eu-west-1.amazonaws.com.attacker.example",
  "https://attacker.example",
  "https://sts.us-east-1.amazonaws.com",
  "http://sts.eu-west-1.amazonaws.com",
  "https://sts.eu-west-1.amazonaws.com.cn",
  "https://stsXeu-west-1.amazonaws.com",
  "https://sts.eu-west-1.amazonaws.com/path",
];
for (const endpoint of FOREIGN) {
  test(`identityProver() signs nothing for ${endpoint}`, async () => {
    let isAsked = false;
    const prove = identityProver(
      () => ({ env: ENV }),
      async () => {
        isAsked = true;
        return KEYS;
      },
    );
    await assert.rejects(prove({ ...CHALLENGE, endpoint }), {
      code: "ERR_VIA",
      message:
        "the relay relay.example.com asked for a proof addressed to a service other than AWS STS",
    });
    assert.equal(isAsked, false);
  });
}
