// Aurora DSQL end to end: a bare cluster ID, tokens of its own, direct TLS with SNI, its one database, and what it refuses.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { StandIn } from "../../src/demo/stand-in.ts";
import { rdsiam, without } from "../support/program.ts";
import { startStage } from "../support/stage.ts";

let standIn: StandIn;
before(async () => {
  standIn = await startStage({ dsql: { directOnly: true } });
});
after(() => standIn[Symbol.asyncDispose]());

const skip = without("psql");
const WHO = "select current_user, current_database(), count(*) from entries";

function psql(words: readonly string[], input = "") {
  return rdsiam(["psql", ...words], { env: standIn.env, input });
}

test(
  "rdsiam psql: a cluster ID and a Region are enough for admin on postgres",
  { skip },
  async () => {
    const ran = await psql(["ledger", "-Atc", WHO]);
    assert.deepEqual(ran, { status: 0, signal: null, stdout: "admin|postgres|60\n", stderr: "" });
    assert.match(
      standIn.dsql.tokens.at(-1) ?? "",
      /^ledger\w{20}\.dsql\.eu-west-1\.on\.aws\/\?Action=DbConnectAdmin&/,
    );
  },
);

test(
  "rdsiam psql: every other user is signed for with DbConnect, by \\c too",
  { skip },
  async () => {
    const ran = await psql(["ledger", "-Atq"], "\\c - app_ro\nselect current_user;\n");
    assert.deepEqual([ran.status, ran.stdout], [0, "app_ro\n"], ran.stderr);
    assert.match(standIn.dsql.tokens.at(-1) ?? "", /\?Action=DbConnect&/);
    assert.deepEqual(standIn.dsql.refusals, []);
  },
);

test("rdsiam psql: an alias of a DSQL cluster is followed and signed", { skip }, async () => {
  standIn.dns.set("books.db.example.com", { cname: standIn.dsqlHost });
  const words = ["--host", `books.db.example.com:${standIn.dsql.port}`, "-U", "admin"];
  const ran = await psql([...words, "-d", "postgres", "ledger", "-Atc", WHO]);
  assert.deepEqual([ran.status, ran.stdout], [0, "admin|postgres|60\n"], ran.stderr);
});

test("rdsiam psql: a role that DSQL does not have is created and mapped", { skip }, async () => {
  const ran = await psql(["-U", "auditor", "ledger", "-c", "select 1"]);
  assert.equal(ran.status, 2);
  assert.match(
    ran.stderr,
    /FATAL: +Role auditor does not exist\nDETAIL: .*\nHINT: +As admin: CREATE ROLE "auditor" WITH LOGIN; AWS IAM GRANT "auditor" TO /,
  );
});

test("rdsiam psql: an identity that may not connect is told the action", { skip }, async () => {
  const arn = "arn:aws:iam::123456789012:user/poor";
  const key = standIn.keys.createStaticKey({ arn, databaseUsers: [] });
  const { dsqlHost, dsql, targetSettings } = standIn;
  const ledger = { ...targetSettings, rds_host: dsqlHost, rds_port: dsql.port };
  await standIn.addProfile("poor", { ...ledger, rds_dbname: "postgres" }, key);
  const ran = await psql(["poor", "-c", "select 1"]);
  assert.match(ran.stderr, /lacks dsql:DbConnectAdmin on the cluster, or this machine's clock/);
});

test("rdsiam psql --read-only is refused before the tool starts", { skip }, async () => {
  const ran = await psql(["--read-only", "ledger", "-c", "select 1"]);
  assert.equal(ran.status, 125);
  assert.match(ran.stderr, /cannot be opened read-only: it is Aurora DSQL\nDETAIL: /);
});

test("rdsiam doctor and policy know a DSQL cluster", async () => {
  const doctor = await rdsiam(["doctor", "ledger"], { env: standIn.env });
  assert.equal(doctor.status, 0, doctor.stdout);
  assert.match(doctor.stdout, /ok +login +user "admin", database "postgres"/);
  const policy = await rdsiam(["policy", "-U", "app_ro", "ledger"], { env: standIn.env });
  assert.match(
    policy.stdout,
    /"Action": "dsql:DbConnect",\n +"Resource": "arn:aws:dsql:eu-west-1:123456789012:cluster\/ledger/,
  );
  assert.match(policy.stdout, /AWS IAM GRANT "app_ro" TO 'arn:aws:iam::123456789012:user\/demo';/);
});
