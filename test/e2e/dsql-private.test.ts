// Aurora DSQL through PrivateLink, where the server wants what AWS's documentation says: a token for the public endpoint, and the
// cluster's ID at an interface endpoint.
import assert from "node:assert/strict";
import { test } from "node:test";
import { LEDGER_ID } from "../../src/demo/stand-in.ts";
import { rdsiam, without } from "../support/program.ts";
import { startStage } from "../support/stage.ts";
import { keep } from "../support/keep.ts";

const PUBLIC = `${LEDGER_ID}.dsql.eu-west-1.on.aws`;
const PRIVATE = `${LEDGER_ID}.dsql-fnh4.eu-west-1.on.aws`;

const standIn = await keep(startStage({ dsql: { clusterId: LEDGER_ID, tokenHost: PUBLIC } }));
const { addProfile, dsql, key, keys, privateLink, targetSettings } = standIn;
const settings = {
  ...targetSettings,
  rds_host: privateLink.interfaceHost,
  rds_sign_host: LEDGER_ID,
  rds_port: dsql.port,
  rds_dbname: "postgres",
};
await addProfile("vpce", settings, key);
await addProfile("poor", settings, keys.createStaticKey({ arn: key.arn, databaseUsers: [] }));

/** The hosts of the tokens that the server has got since the last call. */
function signedFor(): readonly string[] {
  return standIn.dsql.tokens.splice(0).map((token) => token.slice(0, token.indexOf("/")));
}

test(
  "rdsiam psql: through an interface endpoint, a token for the private name is tried, then the public one's, which stays",
  { skip: without("psql") },
  async () => {
    const words = ["psql", "vpce", "-XAtq"];
    const input = "select current_user;\n\\c - app_ro\nselect current_user;\n";
    const ran = await rdsiam(words, { env: standIn.env, input });
    assert.deepEqual([ran.status, ran.stdout], [0, "admin\napp_ro\n"], ran.stderr);
    assert.deepEqual(signedFor(), [PRIVATE, PUBLIC, PUBLIC]);
  },
);

test(
  "rdsiam psql: the cluster's ID goes along with rds_dsql_dialect = off too",
  { skip: without("psql") },
  async () => {
    const env = { ...standIn.env, RDSIAM_DSQL_DIALECT: "off" };
    const ran = await rdsiam(["psql", "vpce", "-XAtc", "select current_user"], { env });
    assert.deepEqual([ran.status, ran.stdout], [0, "admin\n"], ran.stderr);
    signedFor();
  },
);

test("rdsiam doctor: a login is tried with both tokens", async () => {
  const ran = await rdsiam(["doctor", "vpce"], { env: standIn.env });
  assert.equal(ran.status, 0, ran.stdout);
  assert.match(ran.stdout, /ok +login +user "admin", database "postgres"/);
  assert.deepEqual(signedFor(), [PRIVATE, PUBLIC]);
});

test(
  "rdsiam psql: who is refused with both tokens is told for what they were signed",
  { skip: without("psql") },
  async () => {
    const ran = await rdsiam(["psql", "poor", "-c", "select 1"], { env: standIn.env });
    assert.equal(ran.status, 2);
    assert.match(ran.stderr, /on ledger6\w+\.dsql\.eu-west-1\.on\.aws:\d+ in eu-west-1/);
    assert.match(
      ran.stderr,
      /One that was signed for ledger6\w+\.dsql-fnh4\.\S+ was refused before\./,
    );
    assert.deepEqual(signedFor(), [PRIVATE, PUBLIC]);
  },
);
