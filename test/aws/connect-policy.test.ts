import assert from "node:assert/strict";
import { test } from "node:test";
import {
  attachAdvice,
  connectPolicy,
  connectResources,
  iamArn,
} from "../../src/aws/connect-policy.ts";

const PERMISSION = {
  service: "rds-db" as const,
  partition: "aws-cn",
  region: "cn-north-1",
  account: "123456789012",
  resourceId: "db-ABC",
  user: "app",
};

test("connectPolicy() allows one user of one database", () => {
  assert.deepEqual(connectPolicy(PERMISSION), {
    Version: "2012-10-17",
    Statement: [
      {
        Effect: "Allow",
        Action: "rds-db:connect",
        Resource: "arn:aws-cn:rds-db:cn-north-1:123456789012:dbuser:db-ABC/app",
      },
    ],
  });
});

test("connectResources() lets no character of a user's name stand for others", () => {
  const name = "a*b?c${aws:username}";
  assert.match(
    connectResources({ ...PERMISSION, user: name })[0] ?? "",
    /\/a\$\{\*\}b\$\{\?\}c\$\{\$\}\{aws:username\}$/,
  );
});

test("attachAdvice() knows roles, users with paths, SSO roles and what it does not know", () => {
  const advice = (arn: string | undefined): string =>
    attachAdvice(arn, "rdsiam policy prod --json");
  const account = "123456789012";
  assert.match(
    advice(`arn:aws:sts::${account}:assumed-role/db-reader/me`),
    /^Allow it: aws iam put-role-policy --role-name db-reader .* "\$\(rdsiam policy prod --json\)"$/,
  );
  assert.match(advice(`arn:aws:iam::${account}:user/team/ada`), /put-user-policy --user-name ada /);
  assert.match(
    advice(`arn:aws:sts::${account}:assumed-role/AWSReservedSSO_Dev_0a/ada`),
    /^Add the policy to the permission set behind AWSReservedSSO_Dev_0a in IAM Identity Center/,
  );
  assert.match(advice(`arn:aws:iam::${account}:root`), /^Attach the policy to the identity/);
  assert.match(advice(undefined), /^Attach the policy to the identity/);
});

test("connectPolicy() of Aurora DSQL has the action of the user and the cluster's ARN", () => {
  const cluster = {
    ...PERMISSION,
    service: "dsql" as const,
    resourceId: "abcdefghijklmnopqrst123456",
  };
  const [admin] = connectPolicy({ ...cluster, user: "admin" }).Statement;
  assert.equal(admin?.Action, "dsql:DbConnectAdmin");
  assert.match(
    String(admin.Resource),
    /^arn:aws-cn:dsql:cn-north-1:\d+:cluster\/abcdefghijklmnopqrst123456$/,
  );
  assert.equal(connectPolicy({ ...cluster, user: "Admin" }).Statement[0]?.Action, "dsql:DbConnect");
});

test("connectPolicy() of Redshift has the call's action, and what it names", () => {
  const cluster = { ...PERMISSION, service: "redshift" as const, resourceId: "dwh", dbname: "dev" };
  const arn = "arn:aws-cn:redshift:cn-north-1:123456789012";
  const allow = (Action: string, Resource: unknown) => ({ Effect: "Allow", Action, Resource });
  assert.deepEqual(connectPolicy({ ...cluster, user: "IAM" }).Statement, [
    allow("redshift:GetClusterCredentialsWithIAM", `${arn}:dbname:dwh/dev`),
  ]);
  assert.deepEqual(connectPolicy({ ...cluster, groups: ["bi", "a*"] }).Statement, [
    allow("redshift:GetClusterCredentials", [`${arn}:dbuser:dwh/app`, `${arn}:dbname:dwh/dev`]),
    allow("redshift:JoinGroup", [`${arn}:dbgroup:dwh/bi`, `${arn}:dbgroup:dwh/a${"$"}{*}`]),
  ]);
  const workgroup = { ...cluster, service: "redshift-serverless" as const, user: "IAM" };
  assert.deepEqual(connectPolicy(workgroup).Statement, [
    allow(
      "redshift-serverless:GetCredentials",
      "arn:aws-cn:redshift-serverless:cn-north-1:123456789012:workgroup/dwh",
    ),
  ]);
});

test("iamArn() is the role behind an assumed one", () => {
  const role = "arn:aws:iam::123456789012:role/db-reader";
  assert.equal(iamArn("arn:aws:sts::123456789012:assumed-role/db-reader/me"), role);
  assert.equal(
    iamArn("arn:aws:iam::123456789012:user/jane"),
    "arn:aws:iam::123456789012:user/jane",
  );
});
