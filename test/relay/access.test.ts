import assert from "node:assert/strict";
import type { PeerCertificate } from "node:tls";
import { test } from "node:test";
import { parseOwnFile } from "../../src/config/own-file.ts";
import {
  allowingRule,
  arnPattern,
  certificateNames,
  certificatePattern,
  isCallerArn,
  type RelayTarget,
} from "../../src/relay/access.ts";
import { readRelayConfig } from "../../src/relay/config.ts";

const SESSION = "arn:aws:sts::123456789012:assumed-role/db-reader/alice@example.com";

test("arnPattern() + a role matches its sessions, a star everything but a slash", () => {
  for (const [pattern, arn, matches] of [
    ["arn:aws:iam::123456789012:role/db-reader", SESSION, true],
    ["arn:aws:iam::123456789012:role/db-*", SESSION, true],
    ["arn:aws:sts::123456789012:assumed-role/db-reader/*", SESSION, true],
    ["arn:aws:sts::123456789012:assumed-role/db-reader/alice@*", SESSION, true],
    ["arn:aws:sts::123456789012:assumed-role/*", SESSION, false],
    ["arn:aws:iam::123456789012:role/reader", SESSION, false],
    ["arn:aws:iam::123456789012:role/db.reader", SESSION, false],
    ["arn:aws:iam::210987654321:role/db-reader", SESSION, false],
    ["arn:aws-cn:iam::123456789012:role/db-reader", SESSION, false],
    ["arn:aws:iam::123456789012:user/*", "arn:aws:iam::123456789012:user/bob", true],
    ["arn:aws:iam::123456789012:user/*", "arn:aws:iam::123456789012:user/team/bob", false],
    ["arn:aws:iam::123456789012:user/bob", "arn:aws:iam::123456789012:user/bob2", false],
    ["arn:aws:iam::123456789012:root", "arn:aws:iam::123456789012:root", true],
  ] as const) {
    assert.equal(arnPattern(pattern, "here")(arn), matches, `${pattern} ${arn}`);
  }
});

test("arnPattern() + refuses an account that is not spelled out, and a role with its path", () => {
  for (const text of [
    "*",
    "arn:aws:iam::*:role/x",
    "arn:aws:iam:::role/x",
    "arn:aws:s3:::bucket",
    "role/x",
  ]) {
    assert.throws(
      () => arnPattern(text, "relay.ini [allow x] arn"),
      /\[allow x\] arn: .* is not the ARN/,
    );
  }
  assert.throws(
    () => arnPattern("arn:aws:iam::123456789012:role/team/x", "here"),
    /has the role's path/,
  );
});

test("isCallerArn() + accepts what STS reports, and nothing that could break a line", () => {
  assert.ok(isCallerArn(SESSION));
  assert.ok(!isCallerArn(`${SESSION}\r\nX: 1`));
  assert.ok(!isCallerArn("arn:aws:iam::1:user/x"));
});

test("certificatePattern() + a star stays within a label of a DNS name, and within a segment elsewhere", () => {
  for (const [pattern, name, matches] of [
    ["CN:alice", "CN:alice", true],
    ["CN:alice", "DNS:alice", false],
    ["DNS:*.example.com", "DNS:a.example.com", true],
    ["DNS:*.example.com", "DNS:a.b.example.com", false],
    ["DNS:*.example.com", "DNS:a.exampleXcom", false],
    ["URI:spiffe://example.com/db/*", "URI:spiffe://example.com/db/alice", true],
    ["URI:spiffe://example.com/*", "URI:spiffe://example.com/db/alice", false],
  ] as const) {
    assert.equal(certificatePattern(pattern, "here")(name), matches, `${pattern} ${name}`);
  }
  assert.throws(() => certificatePattern("alice", "here"), /is not a certificate's name/);
});

test("certificateNames() + leaves out ambiguous alternative names", () => {
  const certificate = (subjectaltname: string): PeerCertificate =>
    ({ subject: { CN: "laptop" }, subjectaltname }) as PeerCertificate;
  assert.deepEqual(
    certificateNames(certificate("DNS:a.example.com, email:a@example.com, IP Address:10.0.0.1")),
    ["CN:laptop", "DNS:a.example.com", "email:a@example.com"],
  );
  // As Node writes `a.example.com, DNS:admin.example.com` in one entry since CVE-2021-44532.
  const quoted = `DNS:"a.example.com, DNS:admin.example.com", DNS:b.example.com`;
  assert.deepEqual(certificateNames(certificate(quoted)), ["CN:laptop"]);
});

test("allowingRule() + every key of a rule has to match, any value of a key is enough", () => {
  const sections = parseOwnFile(
    `[target orders]
host = orders.c1.eu-west-1.rds.amazonaws.com
tags = env=prod, team=shop
[allow both]
arn = arn:aws:iam::123456789012:user/alice, arn:aws:iam::123456789012:user/bob
certificate = CN:laptop
targets = ORDERS, other
tags = env=prod, team
blocked_tags = secret=yes, old
`,
    "relay.ini",
  );
  const { rules, targets } = readRelayConfig(sections, "relay.ini");
  const [target] = targets;
  assert.ok(target !== undefined);
  const bob = { arn: "arn:aws:iam::123456789012:user/bob", certificate: ["CN:laptop"] };
  const allows = (caller: typeof bob | object, changed: Partial<RelayTarget> = {}): boolean =>
    allowingRule(rules, caller, { ...target, ...changed }) !== undefined;
  assert.ok(allows(bob));
  assert.ok(!allows({ arn: bob.arn }));
  assert.ok(!allows({ certificate: bob.certificate }));
  assert.ok(!allows({ ...bob, arn: "arn:aws:iam::123456789012:user/eve" }));
  assert.ok(!allows(bob, { name: "elsewhere", host: "elsewhere" }));
  assert.ok(!allows(bob, { tags: [{ env: "prod" }] }));
  assert.ok(!allows(bob, { tags: [{ env: "stage", team: "shop" }] }));
  assert.ok(!allows(bob, { tags: [{ env: "prod", team: "shop", old: "" }] }));
  assert.ok(allows(bob, { tags: [{ env: "prod", team: "shop", secret: "no" }] }));
  assert.ok(allows(bob, { tags: [{ env: "prod" }, { team: "shop" }] }));
  assert.ok(
    !allows(bob, { tags: [{ env: "prod", team: "shop", secret: "no" }, { secret: "yes" }] }),
  );
  assert.ok(!allows(bob, { tags: undefined }));
});
