// What `rdsiam policy` prints: the whole document where AWS may be asked, placeholders where not.
import assert from "node:assert/strict";
import { test } from "node:test";
import { runPolicy } from "../../src/commands/policy.ts";
import { startRdsApi } from "../support/rds-api.ts";
import { startStage } from "../support/stage.ts";
import { type CommandRun, runCommand } from "../support/in-process.ts";
import { keep } from "../support/keep.ts";

const standIn = await keep(startStage());

function policy(args: readonly string[], env: Record<string, string> = {}): Promise<CommandRun> {
  return runCommand(runPolicy, ["policy", ...args], { env: { ...standIn.env, ...env } });
}

test("policy --json prints the document alone, with account and resource id", async () => {
  const { stdout, stderr, status } = await policy(["prod", "--json"]);
  assert.equal(status, 0);
  assert.equal(stderr, "");
  assert.deepEqual(JSON.parse(stdout), {
    Version: "2012-10-17",
    Statement: [
      {
        Effect: "Allow",
        Action: "rds-db:connect",
        Resource: "arn:aws:rds-db:eu-west-1:123456789012:dbuser:cluster-ABCDEFGHIJKL01234/app_ro",
      },
    ],
  });
});

test("policy prints the GRANTs with quoted names, and they work", async () => {
  const user = `o"brien $ü`;
  const { stdout } = await policy(["prod", "-U", user]);
  const [, sql = ""] = stdout.split("-- SQL, as an administrator of the database:\n");
  assert.match(sql, /^CREATE USER "o""brien \$ü" WITH LOGIN;/m);
  assert.match(sql, /^GRANT CONNECT ON DATABASE "orders" TO "o""brien \$ü";$/m);
  assert.match(sql, /^-- GRANT SELECT ON ALL TABLES/m);
  await standIn.postgres.query(sql.replaceAll(/^-- (?=GRANT)/gm, ""));
  assert.equal(await standIn.postgres.isIamUser(user), true);
});

test("policy has placeholders and the commands that fill them where AWS cannot be asked", async () => {
  const nowhere = "http://127.0.0.1:1";
  const env = { AWS_ENDPOINT_URL_STS: nowhere, AWS_ENDPOINT_URL_RDS: nowhere };
  const { stdout, stderr, status } = await policy(["prod", "--json"], env);
  assert.equal(status, 0);
  assert.match(stdout, /arn:aws:rds-db:eu-west-1:ACCOUNT:dbuser:RESOURCE-ID\/app_ro/);
  assert.match(
    stderr,
    /warning: ACCOUNT is not known: .*\n(?:DETAIL: .*\n)?HINT: .* aws sts get-caller-identity/,
  );
  assert.match(stderr, /warning: RESOURCE-ID is not known/);
});

test("policy says that IAM authentication is off", async () => {
  const inventory = {
    DescribeDBClusters: [
      {
        DBClusterIdentifier: "orders",
        DBClusterArn: "arn:aws:rds:eu-west-1:123456789012:cluster:orders",
        DbClusterResourceId: "cluster-X",
        IAMDatabaseAuthenticationEnabled: "false",
      },
    ],
  };
  await using api = await startRdsApi({ keys: standIn.keys, regions: { "eu-west-1": inventory } });
  const { stderr } = await policy(["prod"], { AWS_ENDPOINT_URL_RDS: api.endpoint });
  assert.match(stderr, /IAM authentication is off for cluster-X/);
});
