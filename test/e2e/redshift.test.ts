// Redshift end to end, provisioned and serverless: both APIs with signed calls, their users in the StartupMessage, and the
// digest that psql itself cannot answer.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { StandIn } from "../../src/demo/stand-in.ts";
import { rdsiam, without } from "../support/program.ts";
import { startStage } from "../support/stage.ts";

let standIn: StandIn;
before(async () => {
  standIn = await startStage();
});
after(() => standIn[Symbol.asyncDispose]());

const skip = without("psql");
const WHO = "select current_user, current_database()";

test(
  "rdsiam psql: a cluster's user is the IAM identity, and one call does for several logins",
  { skip },
  async () => {
    const { calls } = standIn.redshiftApis;
    const input = `${WHO};\n\\c\n${WHO};\n`;
    const ran = await rdsiam(["psql", "warehouse", "-Atq"], { env: standIn.env, input });
    assert.deepEqual([ran.status, ran.stderr], [0, ""]);
    assert.equal(ran.stdout, "IAM:demo|orders\nIAM:demo|orders\n");
    const action = "GetClusterCredentialsWithIAM";
    const withIam = { action, user: undefined, database: "orders", groups: [] };
    assert.deepEqual(calls.splice(0), [withIam]);
    assert.deepEqual(standIn.redshift.refusals, []);
  },
);

test(
  "rdsiam psql: a user is asked for by name, joins its groups, and the role is assumed first",
  { skip },
  async () => {
    const { key, redshift, redshiftApis, redshiftHosts, targetSettings } = standIn;
    const cluster = { ...targetSettings, rds_host: redshiftHosts.cluster, rds_port: redshift.port };
    const analyst = { ...cluster, rds_user: "analyst", rds_db_groups: "bi, sales" };
    await standIn.addProfile("analyst", analyst, key);
    const input = `${WHO};\n\\c - IAM\n${WHO};\n`;
    const words = ["psql", "--role-arn", "arn:aws:iam::123456789012:role/db-reader", "analyst"];
    const ran = await rdsiam([...words, "-Atq"], { env: standIn.env, input });
    assert.equal(ran.stdout, "analyst|orders\n", ran.stderr);
    assert.match(ran.stderr, /rds_db_groups needs a database user/);
    const call = { user: "analyst", database: "orders", groups: ["bi", "sales"] };
    assert.deepEqual(redshiftApis.calls.splice(0), [{ action: "GetClusterCredentials", ...call }]);
  },
);

test(
  "rdsiam psql: a workgroup's user is the IAM identity too, and no other",
  { skip },
  async () => {
    const { calls } = standIn.redshiftApis;
    const words = ["--role-arn", "arn:aws:iam::123456789012:role/db-reader", "lake", "-Atc", WHO];
    const ran = await rdsiam(["psql", ...words], { env: standIn.env });
    assert.deepEqual([ran.status, ran.stdout], [0, "IAMR:db-reader|orders\n"], ran.stderr);
    const call = { action: "GetCredentials", user: undefined, database: "orders", groups: [] };
    assert.deepEqual(calls.splice(0), [call]);
    const other = await rdsiam(["psql", "-U", "analyst", "lake", "-c", WHO], { env: standIn.env });
    assert.equal(other.status, 125);
    assert.match(other.stderr, /the workgroup lake does not accept a database user\nDETAIL: /);
  },
);
