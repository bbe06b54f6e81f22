// Whether a tool may start before its credentials are there: only where no one may be asked for anything.
import assert from "node:assert/strict";
import { test } from "node:test";
import { type CredentialNeed, credentialNeed } from "../../src/aws/credentials.ts";
import { profileFiles } from "../support/profile-values.ts";

const KEYS = { aws_access_key_id: "AKIDEXAMPLE", aws_secret_access_key: "SECRET" };
const ROLE = "arn:aws:iam::123456789012:role/reader";
const DEVICE = "arn:aws:iam::123456789012:mfa/jane";

const PROFILES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  keys: KEYS,
  role: { role_arn: ROLE, source_profile: "keys" },
  mfa: { role_arn: ROLE, source_profile: "keys", mfa_serial: DEVICE },
  chained: { role_arn: ROLE, source_profile: "mfa" },
  process: { credential_process: "vault-of-secrets" },
  over: { role_arn: ROLE, source_profile: "process" },
  instance: { role_arn: ROLE, credential_source: "Ec2InstanceMetadata" },
};

const files = profileFiles(PROFILES);

function need(profile: string | undefined, more: { env?: object; mfaSerial?: string } = {}) {
  const role = "mfaSerial" in more ? { roleArn: ROLE, mfaSerial: more.mfaSerial } : undefined;
  return credentialNeed({ profile, role, files, env: { ...more.env } });
}

const CASES: readonly (readonly [string, CredentialNeed])[] = [
  ["keys", "files"],
  ["role", "network"],
  ["mfa", "terminal"],
  ["chained", "terminal"],
  ["process", "terminal"],
  ["over", "terminal"],
  ["instance", "network"],
];

for (const [profile, expected] of CASES) {
  test(`credentialNeed() + profile "${profile}" is ${expected}`, () => {
    assert.equal(need(profile), expected);
  });
}

test("credentialNeed() + a role on top of keys needs the network, and the terminal for a code", () => {
  assert.equal(need("keys", { mfaSerial: undefined as unknown as string }), "network");
  assert.equal(need("keys", { mfaSerial: DEVICE }), "terminal");
  assert.equal(need("mfa", { mfaSerial: undefined as unknown as string }), "terminal");
});

test("credentialNeed() + no profile needs nothing with keys in the environment, else the network", () => {
  const env = { AWS_ACCESS_KEY_ID: "AKIDEXAMPLE", AWS_SECRET_ACCESS_KEY: "SECRET" };
  assert.equal(need(undefined, { env }), "files");
  assert.equal(need(undefined), "network");
  const off = { AWS_EC2_METADATA_DISABLED: "true" };
  assert.equal(need(undefined, { env: off }), "files");
  const container = { AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: "/v2/credentials" };
  assert.equal(need(undefined, { env: { ...off, ...container } }), "network");
});

test("credentialNeed() + a broken profile throws what is wrong with it", () => {
  assert.throws(() => need("nobody"), /nobody/);
});
