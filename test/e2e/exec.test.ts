// `rdsiam exec`: any tool, its exit status, its environment, its signals.
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { psqlIn, ROWS } from "../support/hostile-environment.ts";
import { rdsiam, without } from "../support/program.ts";
import { startStage } from "../support/stage.ts";
import { keep, temporaryDirectory } from "../support/keep.ts";

const standIn = await keep(startStage());
const directory = await temporaryDirectory("exec");

test(
  "rdsiam exec -- pg_dump writes a dump that restores to the same content",
  { skip: without("pg_dump", "pg_restore", "psql") },
  async () => {
    const file = join(directory, "x.dump");
    const env = { ...standIn.env, AWS_PROFILE: "admin" };
    const dump = await rdsiam(["exec", "--", "pg_dump", "-Fc", "-f", file], { env });
    assert.deepEqual([dump.status, dump.stderr], [0, ""]);
    const created = await rdsiam(["psql", "admin", "-qc", "create database restored"], { env });
    assert.deepEqual([created.status, created.stderr], [0, ""]);
    const restore = await rdsiam(
      ["exec", "-d", "restored", "admin", "pg_restore", "--no-owner", "-d", "restored", file],
      { env },
    );
    assert.deepEqual([restore.status, restore.stderr], [0, ""]);
    const script = async (database: string): Promise<string> => {
      const plain = await rdsiam(["exec", "-d", database, "admin", "pg_dump", "--no-owner"], {
        env,
      });
      assert.equal(plain.status, 0, plain.stderr);
      // Newer pg_dump writes a random key between the lines.
      return plain.stdout.replaceAll(/^\\(un)?restrict .*$/gm, "");
    };
    const original = await script("orders");
    assert.match(original, /COPY public\./);
    assert.equal(await script("restored"), original);
  },
);

test("rdsiam exec: the exit status is the tool's", async () => {
  const statuses = [0, 1, 2, 3, 7, 125, 255];
  const ran = await Promise.all(
    statuses.map((status) =>
      rdsiam(["exec", "prod", "sh", "-c", `exit ${status}`], { env: standIn.env }),
    ),
  );
  assert.deepEqual(
    ran.map(({ status }) => status),
    statuses,
  );
});

test("rdsiam psql: the exit status is psql's", { skip: without("psql") }, async () => {
  const ran = await rdsiam(["psql", "prod", "-v", "ON_ERROR_STOP=1", "-f", "-"], {
    env: standIn.env,
    input: "select 1/0;\n",
  });
  assert.equal(ran.status, 3, ran.stderr);
});

test("rdsiam exec: a tool ended by SIGTERM is 143, and SIGTERM to rdsiam ends the tool", async () => {
  const own = await rdsiam(["exec", "prod", "sh", "-c", "kill -TERM $$"], { env: standIn.env });
  assert.equal(own.status, 143);
  const passed = await rdsiam(["exec", "prod", "sh", "-c", "echo ready; exec sleep 60"], {
    env: standIn.env,
    started: (child) => child.stdout?.once("data", () => child.kill("SIGTERM")),
  });
  assert.equal(passed.status, 143);
});

test("rdsiam exec: 127 for a tool that is not there, 126 for one that cannot be executed", async () => {
  const missing = await rdsiam(["exec", "prod", "no-such-tool"], { env: standIn.env });
  assert.equal(missing.status, 127);
  assert.match(missing.stderr, /no-such-tool/);
  const file = join(directory, "plain-file");
  await writeFile(file, "not a program\n", { mode: 0o644 });
  const plain = await rdsiam(["exec", "prod", file], { env: standIn.env });
  assert.equal(plain.status, 126);
});

test("rdsiam psql: without psql the status is 127 and the package is named, before any DNS question", async () => {
  const questions = standIn.dns.queries.length;
  const ran = await rdsiam(["psql", "prod"], { env: { ...standIn.env, PATH: directory } });
  assert.equal(ran.status, 127);
  assert.match(ran.stderr, /psql/);
  assert.match(ran.stderr, /HINT: .*postgresql-client/);
  assert.equal(standIn.dns.queries.length, questions);
});

test("rdsiam exec: the tool's environment leads to the proxy and holds no token", async () => {
  const ran = await rdsiam(["exec", "prod", "env"], {
    env: { ...standIn.env, PGOPTIONS: "-c geqo=off" },
  });
  const env = Object.fromEntries(
    ran.stdout
      .trim()
      .split("\n")
      .map((line) => [line.split("=")[0], line.slice(line.indexOf("=") + 1)]),
  );
  assert.equal(env["PGHOST"], "127.0.0.1");
  assert.deepEqual(
    [env["PGUSER"], env["PGDATABASE"], env["PGOPTIONS"]],
    ["app_ro", "orders", "-c geqo=off"],
  );
  assert.deepEqual(
    [env["RDSIAM_TARGET"], env["RDSIAM_HOST"]],
    ["prod", `${standIn.canonicalHost}:${standIn.gateway.port}`],
  );
  assert.match(env["PGPASSWORD"] ?? "", /^[\w-]{43}$/);
  assert.doesNotMatch(ran.stdout, /X-Amz-|NODE_VERSION_SUPPORT_WARNING/);
});

// hostile.slow.test.ts has all.
test(
  "rdsiam psql: no hostile variable of the shell changes anything",
  { skip: without("psql") },
  () => psqlIn(standIn, [...ROWS.filter((_row, index) => index % 8 === 0), ...ROWS.slice(-1)]),
);
