// What tools send to Aurora DSQL, and what becomes of it.
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import { startupForDsql } from "../../src/protocol/dsql-startup.ts";
import { isIgnored, rewriteForDsql } from "../../src/protocol/dsql-statements.ts";

/** The text that DSQL gets; blanks that only fill up are left out. */
function sent(sql: string): string {
  const latin1 = Buffer.from(sql).toString("latin1");
  const rewritten = rewriteForDsql(latin1, new Map())?.sql ?? latin1;
  return Buffer.from(rewritten, "latin1").toString().replaceAll(/ {2,}/g, " ").trimEnd();
}

const NEUTRAL = "SET enable_tidscan TO DEFAULT";

test("rewriteForDsql() replaces what tools send and DSQL refuses", () => {
  const cases: Readonly<Record<string, Readonly<Record<string, string>>>> = {
    "pg_dump 15": {
      "SET synchronize_seqscans TO off": NEUTRAL,
      "SET statement_timeout = 0": NEUTRAL,
      "SET lock_timeout = 0": NEUTRAL,
      "SET idle_in_transaction_session_timeout = 0": NEUTRAL,
      "SET row_security = off": NEUTRAL,
      "SELECT set_config(name, 'view, foreign-table', false) FROM pg_settings WHERE name = 'restrict_nonsystem_relation_kind'":
        "SELECT 'view, foreign-table'::text AS set_config FROM pg_settings WHERE name = 'restrict_nonsystem_relation_kind'",
      "SELECT pg_catalog.set_config('search_path', '', false);":
        "SET search_path TO ''; SELECT ''::text AS set_config ;",
      "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY": NEUTRAL,
      'LOCK TABLE public."Or""ders", ONLY é.b IN ACCESS SHARE MODE': NEUTRAL,
    },
    "a dump that is restored": {
      "SET client_min_messages = warning;": `${NEUTRAL};`,
      "SET standard_conforming_strings = on;": `${NEUTRAL};`,
      "SET check_function_bodies = false;": `${NEUTRAL};`,
      "SET xmloption = content;": `${NEUTRAL};`,
      "SET default_tablespace = '';": `${NEUTRAL};`,
      "SET default_transaction_read_only = off;": `${NEUTRAL};`,
      "SET XML OPTION DOCUMENT": NEUTRAL,
    },
    pgAdmin: {
      "SET client_min_messages=notice; SELECT set_config('bytea_output','hex',false) FROM pg_show_all_settings() WHERE name = 'bytea_output'; SET client_encoding='UTF8';":
        "SET enable_tidscan TO DEFAULT; SELECT 'hex'::text AS set_config FROM pg_show_all_settings() WHERE name = 'bytea_output'; SET client_encoding='UTF8';",
    },
    JDBC: {
      "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL READ COMMITTED": NEUTRAL,
      "BEGIN ISOLATION LEVEL READ COMMITTED": "BEGIN",
      "SET SESSION statement_timeout TO 5000": "SET SESSION enable_tidscan TO DEFAULT",
    },
    Npgsql: {
      "START TRANSACTION ISOLATION LEVEL READ COMMITTED, READ ONLY": "START TRANSACTION read only",
      "SET lock_timeout TO DEFAULT": NEUTRAL,
      "RESET statement_timeout": "RESET enable_tidscan",
    },
    psycopg: {
      "BEGIN READ ONLY NOT DEFERRABLE": "BEGIN read only",
      "SELECT set_config('app.user', $1, true)": "SELECT $1::text AS set_config",
    },
    "node-postgres, Rails, Django": {
      "set local work_mem to '64MB'": "set local enable_tidscan TO DEFAULT",
      "SET SESSION intervalstyle TO iso_8601, bytea_output = 'hex'":
        "SET SESSION intervalstyle TO iso_8601, bytea_output = 'hex'",
      'SET "idle_session_timeout" = -1': NEUTRAL,
      "SELECT set_config('jit', 'off', false) AS \"Jit\", pg_catalog.set_config('work_mem', NULL, true)":
        "SELECT 'off'::text AS \"Jit\", NULL::text AS set_config",
    },
  };
  for (const [tool, statements] of Object.entries(cases))
    for (const [sql, expected] of Object.entries(statements))
      assert.equal(sent(sql), expected, `${tool}: ${sql}`);
});

test("rewriteForDsql() leaves what DSQL takes, what is a promise, and what only looks like it", () => {
  for (const sql of [
    "SET DATESTYLE = ISO",
    "SET INTERVALSTYLE = POSTGRES",
    "SET extra_float_digits TO 3",
    "SET application_name = 'PostgreSQL JDBC Driver'",
    "SET client_encoding='UTF8'",
    "SET \"TimeZone\" = 'UTC'",
    "SET TIME ZONE 'UTC'",
    "SET NAMES 'UTF8'",
    "SET ROLE app",
    "SET SESSION AUTHORIZATION app",
    "SET SCHEMA 'a'",
    "SET enable_seqscan = off",
    "SET dsql.enable_batched_nestloop = on",
    "SET CONSTRAINTS ALL DEFERRED",
    "SET TRANSACTION SNAPSHOT '00000003-0000001B-1'",
    "RESET ALL",
    "RESET timezone",
    "DISCARD ALL",
    "SHOW statement_timeout",
    "BEGIN",
    "BEGIN ISOLATION LEVEL REPEATABLE READ",
    "START TRANSACTION READ ONLY",
    // Promises.
    "BEGIN ISOLATION LEVEL SERIALIZABLE, READ ONLY, DEFERRABLE",
    "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE",
    "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
    "SET default_transaction_read_only = on",
    "SELECT set_config('transaction_read_only', 'on', false)",
    "SET standard_conforming_strings = off",
    // Errors, and what is not certain.
    "SET statement_timeout",
    "SET statement_timeout =",
    "SET statement_timeout = 0 0",
    "SET statement_timeout FROM CURRENT",
    "LOCK TABLE",
    "LOCK TABLE a IN SOME MODE",
    "SELECT set_config('a', 'b')",
    "SELECT set_config('a', 'b', false) FROM pg_settings",
    "SELECT set_config('a', 'b' || 'c', false)",
    "SELECT 1, set_config('a', 'b', false)",
    "SET statement_timeout = 0; SELECT 'open",
    "SET statement_timeout = 0; SELECT $x$ open $y$",
    "SET statement_timeout = 0 /* open /* */",
    // Texts.
    "SELECT 'SET a = 1; LOCK b', \"SET a = 1\", $$SET a = 1$$, $f_1$;$$;SET a = 1;$f_1$",
    "SELECT E'\\'; SET a = 1; --', U&'; LOCK a' -- ; SET a = 1",
    "/* SET a = 1; /* nested; */ LOCK a; */ SELECT 1",
    "UPDATE lock SET reset = 'set' WHERE \"set\" = 1",
    "CREATE FUNCTION f() RETURNS int LANGUAGE sql SET work_mem = '1MB' AS $$ SELECT 1; SET a = 1 $$",
    "ALTER ROLE app SET statement_timeout = 0",
    "COMMENT ON TABLE a IS 'LOCK'",
  ])
    assert.equal(sent(sql), sql);
});

test("rewriteForDsql() finds the statements of a text, and leaves all else of it as it is", () => {
  assert.equal(
    sent("-- é\n;;SELECT 'a''; SET b=1';set\n/*x*/ b /* /* */ */ = 1;;LOCK c\n;SELECT $1;RESET x"),
    `-- é\n;;SELECT 'a''; SET b=1';set\n/*x*/ enable_tidscan TO DEFAULT;;${NEUTRAL}\n;SELECT $1;RESET enable_tidscan`,
  );
  assert.deepEqual(rewriteForDsql('SELECT 1; LOCK c; SET "Ab" = x', new Map()), {
    sql: `SELECT 1; ${NEUTRAL}; ${NEUTRAL}`,
    tags: [undefined, "LOCK TABLE", undefined],
    shifts: [
      { at: 11, by: 23 },
      { at: 46, by: 17 },
    ],
    ignored: ["LOCK TABLE", "SET ab"],
  });
});

test("rewriteForDsql() takes time in proportion to the text", () => {
  const start = performance.now();
  const many = 15_000;
  for (const text of [
    "SET a = 1;".repeat(many),
    `LOCK TABLE ${"a, ".repeat(many)}b c`,
    `SET a = '${"''".repeat(many)}'; SELECT E'${"\\'".repeat(many)}'`,
    `SET a = ${"1, ".repeat(many)};`,
    `${"/*".repeat(many)} SET a = 1`,
    `SET ${"a.".repeat(many)}`,
    `BEGIN ${"read only, ".repeat(many)} x`,
    `SELECT set_config('a', 'b', true)${", set_config('a', 'b', true)".repeat(many)}`,
    `PREPARE a(${"b c, ".repeat(many)}d) AS SELECT ${"$1, ".repeat(many)}`,
  ])
    rewriteForDsql(text, new Map());
  // A tenth of that on a slow machine; the square of it would be minutes.
  assert.ok(performance.now() - start < 30_000, `${performance.now() - start} ms`);
});

test("isIgnored() passes over no promise", () => {
  for (const [name, value] of [
    ["STATEMENT_TIMEOUT", "5s"],
    ["default_transaction_read_only", "off"],
    ["default_transaction_isolation", "read committed"],
    ["standard_conforming_strings", "on"],
  ] as const)
    assert.ok(isIgnored(name, value), name);
  for (const [name, value] of [
    ["Search_Path", "a"],
    ["enable_sort", "off"],
    ["default_transaction_read_only", "yes"],
    ["transaction_isolation", "SERIALIZABLE"],
    ["standard_conforming_strings", "0"],
    ["session_authorization", "app"],
  ] as const)
    assert.ok(!isIgnored(name, value), name);
});

test("startupForDsql() leaves settings out that would refuse the login, and adds the cluster's ID", () => {
  const startup = (parameters: Readonly<Record<string, string>>, clusterId?: string) => {
    const list = Object.entries(parameters).map(([name, value]) => ({
      name: Buffer.from(name),
      value: Buffer.from(value),
    }));
    const { message, ignored } = startupForDsql({ minor: 2, parameters: list }, { clusterId });
    assert.equal(message.minor, 2);
    const kept = message.parameters.map(({ name, value }) => [name.toString(), value.toString()]);
    return [Object.fromEntries(kept), ignored];
  };
  const login = {
    user: "admin",
    database: "postgres",
    application_name: "é",
    client_encoding: "UTF8",
  };
  assert.deepEqual(
    startup({ ...login, DateStyle: "ISO", TimeZone: "UTC", extra_float_digits: "2" }),
    [{ ...login, DateStyle: "ISO", TimeZone: "UTC", extra_float_digits: "2" }, []],
  );
  assert.deepEqual(
    startup({ ...login, Statement_Timeout: "5", jit: "off", "_pq_.x": "1", options: "" }),
    [{ ...login, "_pq_.x": "1" }, ["SET statement_timeout", "SET jit"]],
  );
  const options =
    "-c statement_timeout=5s  -cwork_mem=1MB --lock-timeout=3 -c search_path=a\\ b,c --jit=of\\ f -c\tdatestyle=ISO -e";
  assert.deepEqual(startup({ ...login, options }, "abc"), [
    { ...login, options: "-c search_path=a\\ b,c -c\tdatestyle=ISO -e -c amzn-cluster-id=abc" },
    ["SET statement_timeout", "SET work_mem", "SET lock_timeout", "SET jit"],
  ]);
  assert.deepEqual(startup({ user: "a", options: "-c amzn-cluster-id=mine" }), [
    { user: "a", options: "-c amzn-cluster-id=mine" },
    [],
  ]);
  const whole = { minor: 0, parameters: [{ name: Buffer.from("jit"), value: Buffer.from("off") }] };
  const { message, ignored } = startupForDsql(whole, { clusterId: "abc", isWhole: true });
  assert.deepEqual(
    message.parameters.map(({ name, value }) => `${name.toString()} ${value.toString()}`),
    ["jit off", "options -c amzn-cluster-id=abc"],
  );
  assert.deepEqual(ignored, []);
  // A session that is to be read only must not begin as another.
  const promise = {
    user: "a",
    default_transaction_read_only: "on",
    options: "-c transaction_read_only=1",
  };
  assert.deepEqual(startup(promise), [promise, []]);
});
