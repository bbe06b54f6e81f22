import assert from "node:assert/strict";
import { test } from "node:test";
import { checkStatement, grantStatements } from "../../src/rds/grants.ts";

test("grantStatements() leaves rds_iam to the proxy's own way of logging in", () => {
  const grantee = { user: "app", dbname: "orders", isProxied: true };
  assert.match(grantStatements(grantee)[1] ?? "", /^-- GRANT rds_iam TO "app";/);
  assert.equal(grantStatements({ ...grantee, isProxied: false })[1], 'GRANT rds_iam TO "app";');
});

test("checkStatement() quotes names with quotes and backslashes", () => {
  const sql = checkStatement({ user: "o'brien", dbname: "c:\\d" });
  assert.ok(sql.endsWith("WHERE rolname = 'o''brien';"), sql);
  assert.ok(sql.includes("datname = E'c:\\\\d'"), sql);
});
