import assert from "node:assert/strict";
import { test } from "node:test";
import { checkStatement, grantStatements } from "../../src/rds/grants.ts";

test("grantStatements() leaves rds_iam to the proxy's own way of logging in", () => {
  const grantee = { user: "app", dbname: "orders", server: "proxy" } as const;
  assert.match(grantStatements(grantee)[1] ?? "", /^-- GRANT rds_iam TO "app";/);
  assert.equal(grantStatements({ ...grantee, server: "database" })[1], 'GRANT rds_iam TO "app";');
});

test("checkStatement() quotes names with quotes and backslashes", () => {
  const sql = checkStatement({ user: "o'brien", dbname: "c:\\d", server: "database" });
  assert.ok(sql.endsWith("WHERE rolname = 'o''brien';"), sql);
  assert.ok(sql.includes("datname = E'c:\\\\d'"), sql);
});

test("grantStatements() maps the IAM role to a role of Aurora DSQL, and needs nothing for admin", () => {
  const grantee = { user: "o'b\"x", dbname: "postgres", server: "dsql" } as const;
  const iamArn = "arn:aws:iam::123456789012:role/it's";
  assert.deepEqual(grantStatements({ ...grantee, iamArn }), [
    `CREATE ROLE "o'b""x" WITH LOGIN;  -- unless it exists`,
    `AWS IAM GRANT "o'b""x" TO 'arn:aws:iam::123456789012:role/it''s';`,
  ]);
  assert.match(grantStatements({ ...grantee, user: "admin" }).join(), /^-- none/);
});
