// Whether a tool may start before its credentials are there: only where nobody can be asked for anything.
import assert from "node:assert/strict";
import { test } from "node:test";
import { type CredentialEffort, credentialEffort } from "../../src/aws/credential-effort.ts";
import type { ProfileKeys } from "../../src/aws/profile-files.ts";

const KEYS = { aws_access_key_id: "AKIDEXAMPLE", aws_secret_access_key: "SECRET" };
const ROLE = "arn:aws:iam::123456789012:role/reader";
const DEVICE = "arn:aws:iam::123456789012:mfa/jane";

const PROFILES: Readonly<Record<string, ProfileKeys>> = {
  keys: KEYS,
  role: { role_arn: ROLE, source_profile: "keys" },
  mfa: { role_arn: ROLE, source_profile: "keys", mfa_serial: DEVICE },
  chained: { role_arn: ROLE, source_profile: "mfa" },
  process: { credential_process: "vault-of-secrets" },
  over: { role_arn: ROLE, source_profile: "process" },
  instance: { role_arn: ROLE, credential_source: "Ec2InstanceMetadata" },
};

const files = {
  paths: { configFilepath: "config", filepath: "credentials" },
  profiles: new Map(Object.entries(PROFILES)),
  ssoSessions: new Map(),
  services: new Map(),
  warnings: [],
};

function effort(profile: string | undefined, more: { env?: object; mfaSerial?: string } = {}) {
  const role = "mfaSerial" in more ? { roleArn: ROLE, mfaSerial: more.mfaSerial } : undefined;
  return credentialEffort({ profile, role, files, env: { ...more.env } });
}

const CASES: readonly (readonly [string, CredentialEffort])[] = [
  ["keys", "reading"],
  ["role", "calling"],
  ["mfa", "asking"],
  ["chained", "asking"],
  ["process", "asking"],
  ["over", "asking"],
  ["instance", "calling"],
];

for (const [profile, expected] of CASES) {
  test(`credentialEffort() + profile "${profile}" is ${expected}`, () => {
    assert.equal(effort(profile), expected);
  });
}

test("credentialEffort() + a role on top of keys calls, and asks where it wants a code", () => {
  assert.equal(effort("keys", { mfaSerial: undefined as unknown as string }), "calling");
  assert.equal(effort("keys", { mfaSerial: DEVICE }), "asking");
  assert.equal(effort("mfa", { mfaSerial: undefined as unknown as string }), "asking");
});

test("credentialEffort() + no profile reads the environment's keys, else calls", () => {
  const env = { AWS_ACCESS_KEY_ID: "AKIDEXAMPLE", AWS_SECRET_ACCESS_KEY: "SECRET" };
  assert.equal(effort(undefined, { env }), "reading");
  assert.equal(effort(undefined), "calling");
  const off = { AWS_EC2_METADATA_DISABLED: "true" };
  assert.equal(effort(undefined, { env: off }), "reading");
  const container = { AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: "/v2/credentials" };
  assert.equal(effort(undefined, { env: { ...off, ...container } }), "calling");
});

test("credentialEffort() + a broken profile throws what is wrong with it", () => {
  assert.throws(() => effort("nobody"), /nobody/);
});
