// Aurora DSQL end to end: a bare cluster ID, tokens of its own, direct TLS with SNI, its one database, and what it refuses.
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { cleanEnvironment, type Finished, rdsiam, run, without } from "../support/program.ts";
import { startStage } from "../support/stage.ts";
import { keep } from "../support/keep.ts";

const standIn = await keep(startStage({ dsql: { directOnly: true } }));

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

test(
  "rdsiam psql: an alias of a DSQL cluster is followed, signed and pinned",
  { skip },
  async () => {
    standIn.dns.set("books.db.example.com", { cname: standIn.dsqlHost });
    const words = ["--host", `books.db.example.com:${standIn.dsql.port}`, "-U", "admin"];
    const ran = await psql([...words, "-d", "postgres", "ledger", "-Atc", WHO]);
    assert.deepEqual([ran.status, ran.stdout], [0, "admin|postgres|60\n"], ran.stderr);
    const other = "abcdefghijklmnopqrst123456.dsql.eu-west-1.on.aws";
    standIn.dns.set("books.db.example.com", { cname: other });
    const moved = await psql([...words, "ledger", "-Atc", WHO]);
    assert.equal(moved.status, 125);
    assert.match(moved.stderr, /books\.db\.example\.com/);
    assert.match(moved.stderr, /abcdefghijklmnopqrst123456\.dsql/);
  },
);

test("rdsiam psql: through PrivateLink the private name is signed for", { skip }, async () => {
  const { dsql, privateLink } = standIn;
  const seen = dsql.tokens.length;
  const ran = await psql(["--host", `${privateLink.host}:${dsql.port}`, "ledger", "-Atc", WHO]);
  assert.deepEqual([ran.status, ran.stdout], [0, "admin|postgres|60\n"], ran.stderr);
  const [token = "", ...others] = dsql.tokens.slice(seen);
  assert.match(token, /^ledger\w{20}\.dsql-fnh4\.eu-west-1\.on\.aws\/\?Action=DbConnectAdmin&/);
  assert.deepEqual(others, []);
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
  const absent = await rdsiam(["doctor", "-U", "absent", "ledger"], { env: standIn.env });
  assert.match(absent.stdout, /remedy: As admin: CREATE ROLE "absent" WITH LOGIN; AWS IAM GRANT/);
  assert.doesNotMatch(absent.stdout, /dsql:DbConnect/);
  const policy = await rdsiam(["policy", "-U", "app_ro", "ledger"], { env: standIn.env });
  assert.match(
    policy.stdout,
    /"Action": "dsql:DbConnect",\n +"Resource": "arn:aws:dsql:eu-west-1:123456789012:cluster\/ledger/,
  );
  assert.match(policy.stdout, /AWS IAM GRANT "app_ro" TO 'arn:aws:iam::123456789012:user\/demo';/);
});

/** Runs a tool on a database of the server behind the stand-in, where nothing is refused. */
async function direct(database: string, words: readonly string[]): Promise<Finished> {
  const { directory, superuser } = standIn.postgres;
  const env = cleanEnvironment({ PGHOST: directory, PGUSER: superuser, PGDATABASE: database });
  const ran = await run(words, { env });
  assert.equal(ran.status, 0, ran.stderr);
  return ran;
}

test(
  "rdsiam exec pg_dump: what is restored from each format equals the source",
  { skip: without("pg_dump", "pg_restore", "psql") },
  async () => {
    // \restrict has another word in each dump.
    const dumpOf = async (database: string): Promise<string> =>
      (await direct(database, ["pg_dump"])).stdout.replaceAll(/^\\(?:un)?restrict .*$/gm, "");
    const source = await dumpOf("postgres");
    assert.match(source, /CREATE VIEW public\.balances/);
    for (const format of ["plain", "custom", "directory"]) {
      const file = join(standIn.directory, format);
      const words = ["exec", "ledger", "pg_dump", "--format", format, "--file", file];
      const dumped = await rdsiam(words, { env: standIn.env });
      assert.deepEqual([dumped.status, dumped.stderr], [0, ""], format);
      await standIn.postgres.query(`CREATE DATABASE restored_${format} TEMPLATE template0`);
      const database = `restored_${format}`;
      const restore = format === "plain" ? ["psql", "-qXf"] : ["pg_restore", "-d", database];
      await direct(database, [...restore, file]);
      assert.equal(await dumpOf(`restored_${format}`), source, format);
    }
  },
);

test(
  "rdsiam psql: what DSQL refuses and changes nothing succeeds, at the login too; -v names it",
  { skip },
  async () => {
    const sql =
      "SET statement_timeout = 0; BEGIN ISOLATION LEVEL READ COMMITTED; LOCK TABLE entries; COMMIT; SELECT 1/0";
    const env = { ...standIn.env, PGOPTIONS: "-c work_mem=1MB -c extra_float_digits=0" };
    const ran = await rdsiam(["psql", "-v", "ledger", "-Xc", sql], { env });
    assert.deepEqual(ran.stdout, "SET\nBEGIN\nLOCK TABLE\nCOMMIT\n");
    assert.match(ran.stderr, /^ERROR: {2}division by zero$/m);
    for (const name of ["SET work_mem", "SET statement_timeout", "LOCK TABLE", "BEGIN isolation"])
      assert.ok(ran.stderr.includes(`it changes nothing: ${name}`), `${name}: ${ran.stderr}`);
    // A promise that DSQL cannot keep is refused.
    const promise = await psql(["ledger", "-Xc", "SET default_transaction_read_only = on"]);
    assert.match(promise.stderr, /"default_transaction_read_only" not supported/);
    // So is what would change something.
    for (const statement of ["TRUNCATE entries", "BEGIN; SAVEPOINT one"]) {
      const refused = await psql(["ledger", "-Xc", statement]);
      assert.match(refused.stderr, /^ERROR: {2}unsupported statement: (?:TRUNCATE|SAVEPOINT)$/m);
    }
  },
);

// Of pgAdmin 9: _initialize() and _set_user_info() in web/pgadmin/utils/driver/psycopg3/connection.py.
const PGADMIN = [
  "SET DateStyle=ISO; SET client_min_messages=notice; SELECT set_config('bytea_output','hex',false) FROM pg_show_all_settings() WHERE name = 'bytea_output'; SET client_encoding='utf-8';",
  "SELECT version()",
  `
SELECT
    db.oid as did, db.datname, db.datallowconn,
    pg_encoding_to_char(db.encoding) AS serverencoding,
    has_database_privilege(db.oid, 'CREATE') as cancreate,
    datistemplate
FROM
    pg_catalog.pg_database db
WHERE db.datname = current_database()`,
  `
        SELECT
             gss_authenticated, encrypted
        FROM
            pg_catalog.pg_stat_gssapi
        WHERE pid = pg_backend_pid()`,
];

test("rdsiam psql: pgAdmin's first statements are answered", { skip }, async () => {
  const words = PGADMIN.flatMap((sql) => ["-c", sql]);
  const ran = await psql(["ledger", "-XAt", "-v", "ON_ERROR_STOP=1", ...words]);
  assert.match(
    ran.stdout,
    /^SET\nSET\nhex\nSET\nPostgreSQL .*\n\d+\|postgres\|t\|.*\nf\|f\n$/,
    ran.stderr,
  );
});

test("rds_dsql_dialect = off leaves all of it to DSQL", { skip }, async () => {
  const env = { ...standIn.env, RDSIAM_DSQL_DIALECT: "off" };
  const ran = await rdsiam(["psql", "ledger", "-Xc", "SET statement_timeout = 0"], { env });
  assert.equal(ran.status, 1);
  assert.match(ran.stderr, /"statement_timeout" not supported/);
});
