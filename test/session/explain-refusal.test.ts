// What is added to a login that the server refused.
import assert from "node:assert/strict";
import { test } from "node:test";
import { explainRefusals } from "../../src/session/explain-refusal.ts";

const TARGET = { host: "db1.abc.eu-west-1.rds.amazonaws.com", port: 5432, region: "eu-west-1" };
const NOW = Date.parse("2026-01-01T00:00:00Z");

function explained(code: string, message: string, signed = true) {
  const refusals = explainRefusals(TARGET, () => NOW);
  const end = (seconds: number): Date => new Date(NOW + seconds * 1_000);
  if (signed) {
    refusals.signed({
      identity: { source: 'profile "prod"', expiration: end(100) },
      token: { expiresAt: end(42) },
    });
  }
  const fields = new Map([
    ["C", code],
    ["M", message],
  ]);
  return refusals.explain('a"b', fields);
}

test("explainRefusals() tells for what and as whom a token that PAM refused was signed", () => {
  const { detail, hint } = explained("28000", 'PAM authentication failed for user "a"');
  assert.equal(
    detail,
    'The auth token was signed for user "a""b" on db1.abc.eu-west-1.rds.amazonaws.com:5432 in eu-west-1 with the ' +
      'credentials of profile "prod"; the auth token had 42 s left, the credentials 100 s.',
  );
  assert.match(hint ?? "", /rds-db:connect on dbuser:RESOURCE-ID\/a"b/);
});

test("explainRefusals() says when no token was asked for", () => {
  assert.match(explained("28000", "no pg_hba.conf entry", false).detail ?? "", /before it asked/);
});

test("explainRefusals() names the remedy for a missing grant, database and place", () => {
  assert.match(
    explained("28P01", "password authentication failed").hint ?? "",
    /GRANT rds_iam TO "a""b";/,
  );
  assert.match(explained("3D000", "database does not exist").hint ?? "", /rds_dbname/);
  assert.match(explained("53300", "too many clients").hint ?? "", /connection limit/);
  assert.deepEqual(explained("57P03", "the database system is starting up"), {});
});
