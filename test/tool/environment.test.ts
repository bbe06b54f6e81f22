// Every variable of the lists, one by one, with a hostile value.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type ProxyTarget, toolEnvironment } from "../../src/tool/environment.ts";

const SET = {
  PGHOST: "127.0.0.1",
  PGPORT: "23456",
  PGUSER: "app_ro",
  PGDATABASE: "orders",
  PGPASSWORD: "run-secret",
  PGSSLMODE: "disable",
  PGGSSENCMODE: "disable",
  PGCHANNELBINDING: "disable",
  PGREQUIREAUTH: "scram-sha-256",
  RDSIAM_HOST: "db1.abc.eu-west-1.rds.amazonaws.com",
  RDSIAM_TARGET: "prod",
};

const DELETED =
  `PGHOSTADDR PGSERVICE PGSERVICEFILE PGSYSCONFDIR PGPASSFILE PGREQUIRESSL PGREQUIREPEER PGTARGETSESSIONATTRS
  PGLOADBALANCEHOSTS PGSSLNEGOTIATION PGSSLROOTCERT PGSSLCERT PGSSLKEY PGSSLCERTMODE PGSSLCRL PGSSLCRLDIR PGSSLSNI
  PGSSLCOMPRESSION PGSSLMINPROTOCOLVERSION PGSSLMAXPROTOCOLVERSION PGSSLPASSWORD PGMINPROTOCOLVERSION PGKRBSRVNAME
  PGGSSLIB PGGSSDELEGATION PGREALM PGAUTHTYPE PGTTY PGUSERNAME PGSSL PGOAUTHDEBUG`.split(/\s+/);

const KEPT =
  `PGAPPNAME PGOPTIONS PGTZ PGDATESTYLE PGCLIENTENCODING PGGEQO PGCONNECT_TIMEOUT PGMAXPROTOCOLVERSION PGLOCALEDIR
  PG_COLOR PG_COLORS PSQLRC PSQL_HISTORY PSQL_EDITOR PSQL_PAGER PSQL_WATCH_PAGER PAGER PATH HOME LANG AWS_PROFILE`.split(
    /\s+/,
  );

const PROXY: ProxyTarget = {
  prefix: "",
  host: "127.0.0.1",
  port: 23456,
  user: "app_ro",
  dbname: "orders",
  password: "run-secret",
  target: "prod",
  rdsHost: "db1.abc.eu-west-1.rds.amazonaws.com",
};

function environmentFor(
  env: Record<string, string | undefined>,
  changes: Partial<ProxyTarget> = {},
): Record<string, string> {
  return toolEnvironment(env, [{ ...PROXY, ...changes }], true);
}

describe("toolEnvironment()", () => {
  test("sets these variables and no others", () => {
    assert.deepEqual(environmentFor({}), SET);
  });

  for (const [name, value] of Object.entries(SET)) {
    test(`replaces a hostile ${name}`, () => {
      assert.equal(environmentFor({ [name]: "hostile" })[name], value);
    });
  }

  for (const name of ["PGGSSENCMODE", "PGCHANNELBINDING", "PGREQUIREAUTH"]) {
    test(`deletes ${name} for tools that may not be made with libpq: lib/pq refuses it`, () => {
      const environment = toolEnvironment({ [name]: "mine", PGSSLMODE: "require" }, [PROXY], false);
      assert.equal(Object.hasOwn(environment, name), false);
      assert.equal(environment["PGSSLMODE"], "disable");
    });
  }

  for (const name of DELETED) {
    for (const value of ["hostile", ""]) {
      test(`deletes ${name}=${value}`, () => {
        assert.equal(Object.hasOwn(environmentFor({ [name]: value }), name), false);
      });
    }
  }

  for (const name of KEPT) {
    test(`keeps ${name}`, () => {
      assert.equal(environmentFor({ [name]: "mine" })[name], "mine");
    });
  }

  test("sets PGAPPNAME to the application name of the target", () => {
    assert.equal(environmentFor({}, { applicationName: "nightly" })["PGAPPNAME"], "nightly");
  });

  test("leaves the user's PGAPPNAME before the target's", () => {
    const environment = environmentFor({ PGAPPNAME: "mine" }, { applicationName: "nightly" });
    assert.equal(environment["PGAPPNAME"], "mine");
  });

  test("deletes an outer RDSIAM_TARGET where every target has a prefix", () => {
    const environment = environmentFor({ RDSIAM_TARGET: "outer" }, { prefix: "SRC_" });
    assert.equal(Object.hasOwn(environment, "RDSIAM_TARGET"), false);
    assert.equal(environment["SRC_PGPORT"], "23456");
    assert.equal(Object.hasOwn(environment, "PGPORT"), false);
  });

  test("sets the variables of several targets, each under its prefix", () => {
    const copy = { ...PROXY, prefix: "DST_", port: 23457, dbname: "copy" };
    const environment = toolEnvironment({}, [PROXY, copy], true);
    assert.equal(environment["PGPORT"], "23456");
    assert.equal(environment["DST_PGPORT"], "23457");
    assert.equal(environment["DST_PGDATABASE"], "copy");
    assert.equal(environment["RDSIAM_TARGET"], "prod");
  });

  test("drops variables without a value and leaves its input alone", () => {
    const env = Object.freeze({ A: undefined, PGSERVICE: "x" });
    assert.equal(Object.hasOwn(environmentFor(env), "A"), false);
    assert.equal(env.PGSERVICE, "x");
  });
});
