// The bundled client's output, byte for byte as psql prints it.
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";

import { startPostgres } from "../../src/demo/postgres.ts";
import { formatAligned, runQuery } from "../../src/demo/query.ts";

const ENV = { PATH: process.env["PATH"], TMPDIR: process.env["TMPDIR"] };

test("formatAligned() prints psql's aligned style", () => {
  const columns = [
    { name: "name", numeric: false },
    { name: "n", numeric: true },
  ];
  assert.equal(
    formatAligned(columns, [
      ["Zoë", "1"],
      ["李雷", "200"],
    ]),
    " name |  n  \n------+-----\n Zoë  |   1\n 李雷   | 200\n(2 rows)\n\n",
  );
});

test("runQuery() prints what psql prints, aligned and with -At", async (t) => {
  if (spawnSync("psql", ["--version"], { env: ENV }).status !== 0) {
    t.skip("no psql on this machine");
    return;
  }
  const temporaryDirectory = "/tmp";
  const from = [join(import.meta.dirname, "..", "..")];
  const postgres = await startPostgres({ env: ENV, from, temporaryDirectory });
  t.after(() => postgres[Symbol.asyncDispose]());
  const to = {
    host: postgres.directory,
    port: postgres.port,
    user: postgres.superuser,
    database: "postgres",
  };
  const psql = (...words: string[]): string =>
    execFileSync("psql", ["-X", "-P", "pager=off", ...words], {
      env: { ...ENV, PGHOST: to.host, PGUSER: to.user, PGDATABASE: to.database, LC_ALL: "C.UTF-8" },
      encoding: "utf8",
    });
  for (const sql of [
    "select current_user",
    "select 1 as a, 'Zoë' as \"long name\", null as c, 2.50 as d, true as e",
    "select n, repeat('x', n) as x, now() > 'epoch' as t from generate_series(1, 3) n",
    "select 1 where false",
  ]) {
    assert.equal(await runQuery(sql, to), psql("-c", sql), sql);
    assert.equal(await runQuery(sql, { ...to, tuplesOnly: true }), psql("-Atc", sql), sql);
  }
  for (const [at, words] of [["-c"], ["-Atc"]].entries()) {
    const sql = `create table made_${at} (n int); insert into made_${at} values (1), (2)`;
    const tuplesOnly = at === 1;
    const printed = await runQuery(sql, { ...to, tuplesOnly });
    assert.equal(printed, psql(...words, sql.replaceAll("made", "psql")));
  }
});
