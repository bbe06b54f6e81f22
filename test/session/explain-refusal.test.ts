// What is added to a login that the server refused.
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import { BackendRefusal } from "../../src/proxy/failure.ts";
import {
  explainPassedLogin,
  explainPasswordRefusal,
  explainRefusals,
} from "../../src/session/explain-refusal.ts";

const TARGET = { host: "db1.abc.eu-west-1.rds.amazonaws.com", port: 5432, region: "eu-west-1" };
const NOW = Date.parse("2026-01-01T00:00:00Z");

interface Refused {
  readonly isOfPassword?: boolean;
  readonly isReplication?: boolean;
  readonly isAfterLogin?: boolean;
}

function explained(code: string, message: string, refused: Refused = {}) {
  const refusals = explainRefusals(TARGET, () => NOW);
  const end = (seconds: number): Date => new Date(NOW + seconds * 1_000);
  const { isOfPassword = true, isReplication = false, isAfterLogin = false } = refused;
  if (isOfPassword) {
    refusals.signed({
      identity: { source: 'profile "prod"', expiration: end(100) },
      token: { expiresAt: end(42), host: TARGET.host },
    });
  }
  const fields = new Map([
    ["C", code],
    ["M", message],
  ]);
  const refusal = new BackendRefusal(Buffer.alloc(0), fields, isOfPassword);
  refusal.isReplication = isReplication;
  refusal.isAfterLogin = isAfterLogin;
  return refusals.explain('a"b', refusal);
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

test("explainRefusals() knows IAM's refusal in any language, by what was asked and not by its text", () => {
  const german = explained("28000", "PAM-Authentifizierung für Benutzer »a« fehlgeschlagen");
  assert.match(german.hint ?? "", /rds-db:connect/);
  const before = explained("28000", "PAM authentication failed", { isOfPassword: false });
  assert.match(before.hint ?? "", /GRANT rds_iam/);
});

test("explainRefusals() does not take a user without LOGIN for a missing rds_iam", () => {
  const { detail, hint } = explained("28000", 'role "a" is not permitted to log in', {
    isOfPassword: false,
    isAfterLogin: true,
  });
  assert.match(detail ?? "", /accepted the auth token/);
  assert.equal(hint, 'As an administrator of the database: ALTER ROLE "a""b" LOGIN;');
});

test("explainRefusals() does not take a refused replication connection for a missing rds_iam", () => {
  const { hint } = explained("28000", "no pg_hba.conf entry for replication connection", {
    isOfPassword: false,
    isReplication: true,
  });
  assert.match(hint ?? "", /rds\.iam_auth_for_replication/);
  assert.doesNotMatch(hint ?? "", /GRANT rds_iam/);
});

test("explainRefusals() says when no token was asked for", () => {
  assert.match(
    explained("28000", "no pg_hba.conf entry", { isOfPassword: false }).detail ?? "",
    /before it asked/,
  );
});

test("explainRefusals() knows what rds-auth-proxy says without a code, and adds nothing to its other words", () => {
  const { detail } = explained("", "SASL auth not supported");
  assert.match(detail ?? "", /^The database asked for SCRAM-SHA-256/);
  assert.deepEqual(explained("", "something else"), {});
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

function refused(code: string, message: string, isOfPassword: boolean): BackendRefusal {
  const fields = new Map([
    ["C", code],
    ["M", message],
  ]);
  return new BackendRefusal(Buffer.alloc(0), fields, isOfPassword);
}

test("explainRefusals() + names no credentials where rdsiam has signed no token", () => {
  const { explain } = explainRefusals(TARGET, () => NOW);
  const { detail } = explain("a", refused("28000", "PAM authentication failed", true));
  assert.match(detail ?? "", /before it asked/);
});

test("explainPasswordRefusal() + names the command for a password that was refused, and for nothing else", () => {
  for (const [code, isOfPassword, hint] of [
    ["28P01", true, /^Run the password command by hand/],
    ["28P01", false, /^Run the password command by hand/],
    ["28000", true, /^Run the password command by hand/],
    ["28000", false, undefined],
    ["3D000", true, /^Name an existing database/],
    ["53300", true, /connection limit/],
  ] as const) {
    const added = explainPasswordRefusal(refused(code, "no", isOfPassword));
    if (hint === undefined) assert.deepEqual(added, {}, code);
    else assert.match(added.hint ?? "", hint, code);
  }
});

test("explainPassedLogin() + explains channel binding alone", () => {
  const bound = refused("28000", "server does not support channel binding", false);
  assert.match(explainPassedLogin(bound).hint ?? "", /channel_binding=disable/);
  assert.deepEqual(explainPassedLogin(refused("28P01", "no", true)), {});
});

test("explainRefusals() + Aurora DSQL: what the role lacks, what IAM lacks, and what only has to be tried again", () => {
  const { explain } = explainRefusals({ ...TARGET, isDsql: true }, () => NOW);
  for (const [user, code, message, isOfPassword, hint] of [
    ["app", "28000", 'role "app" does not exist', true, /^As admin: CREATE ROLE "app"/],
    ["app", "28000", "access denied", true, /lacks dsql:DbConnect on .* is not mapped to "app"/],
    ["admin", "28000", "access denied", true, /lacks dsql:DbConnectAdmin on the cluster, or/],
    ["admin", "28000", 'role "admin" does not exist', true, /lacks dsql:DbConnectAdmin/],
    ["app", "53400", "rate exceeded", true, /try again/],
    ["app", "53300", "too many", false, /connection limit/],
    ["app", "3D000", 'database "x" does not exist', false, /no database other than postgres/],
    ["app", "28000", "access denied", false, undefined],
  ] as const) {
    const added = explain(user, refused(code, message, isOfPassword));
    if (hint === undefined) assert.deepEqual(added, {}, message);
    else assert.match(added.hint ?? "", hint, message);
  }
});
