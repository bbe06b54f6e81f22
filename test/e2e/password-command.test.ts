// psql with the password of a command, on a real PostgreSQL that asks for SCRAM-SHA-256: no AWS anywhere.
import assert from "node:assert/strict";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { makeAuthority, makeLeaf } from "../../src/demo/certificates.ts";
import { startTlsPostgres } from "../support/tls-postgres.ts";
import { rdsiam, without } from "../support/program.ts";
import { HAS_PROC, marked, until } from "../support/traces.ts";
import { keep, temporaryDirectory } from "../support/keep.ts";

const PSQL = { skip: without("psql") };
const PASSWORD = "päß\u00a0wörd with 'quotes'";

const home = await temporaryDirectory("password");
const issuer = await makeAuthority({ subject: "CN=a CA" });
const certificate = await makeLeaf({ subject: "CN=localhost", names: ["localhost"], issuer });
const server = await keep(
  startTlsPostgres({
    certificate,
    hba: ["hostssl all all 127.0.0.1/32 scram-sha-256"],
    statements: [`create role app login password '${PASSWORD.replaceAll("'", "''")}'`],
  }),
);
await mkdir(join(home, ".aws"));
const config = `[profile local]
rds_host = localhost:${server.port}
rds_user = app
rds_dbname = postgres
rds_sslrootcert = ${join(home, "ca.pem")}
rds_password_command = cat '${join(home, "password")}'
`;
const files = { "ca.pem": issuer.cert, ".aws/config": config, password: PASSWORD };
for (const [name, text] of Object.entries(files)) await writeFile(join(home, name), text);

test(
  "rdsiam psql logs in with what the command prints, which nobody else gets to see",
  PSQL,
  async () => {
    // psql's own environment and command line, from inside of it.
    const own = "\\! env; ps -o args= -p $PPID 2>/dev/null";
    const words = ["psql", "-v", "local", "-XAt", "-c", "select current_user", "-c", own];
    const ran = await rdsiam(words, { env: { HOME: home } });
    assert.equal(ran.status, 0, ran.stderr);
    assert.match(ran.stdout, /^app\n/);
    assert.ok(!`${ran.stdout}${ran.stderr}`.includes(PASSWORD));
  },
);

test(
  "rdsiam psql: a command that fails, or prints another password, is told by psql",
  PSQL,
  async () => {
    const failed = await rdsiam(
      ["psql", "--password-command", "exit 4", "local", "-c", "select 1"],
      {
        env: { HOME: home },
      },
    );
    assert.equal(failed.status, 2);
    assert.match(
      failed.stderr,
      /the password command failed\nDETAIL: {2}It ended with exit status 4\./,
    );
    const wrong = await rdsiam(["psql", "local", "-c", "select 1"], {
      env: { HOME: home, RDSIAM_PASSWORD_COMMAND: "echo hunter2hunter2" },
    });
    assert.equal(wrong.status, 2);
    assert.match(
      wrong.stderr,
      /FATAL: {2}password authentication failed for user "app"\nDETAIL: {2}The server refused the password that the command printed\./,
    );
    assert.ok(!wrong.stderr.includes("hunter2"));
  },
);

test(
  "rdsiam psql: a password command is one to its line's end, with ; and # (A15)",
  PSQL,
  async () => {
    const commands = [
      `X=static ; cat '${join(home, "password")}'`,
      `x='a #b ;c' ; [ "$x" = "a #b ;c" ] && cat '${join(home, "password")}'`,
      `cat '${join(home, "password")}' # the password`,
    ];
    const config = join(home, ".aws", "config");
    const text = await readFile(config, "utf8");
    try {
      for (const command of commands) {
        const changed = text.replace(
          /^rds_password_command = .*/m,
          `rds_password_command = ${command}`,
        );
        await writeFile(config, changed);
        const words = ["psql", "local", "-XAtc", "select current_user"];
        const ran = await rdsiam(words, { env: { HOME: home } });
        assert.deepEqual([ran.stdout, ran.stderr], ["app\n", ""], command);
      }
    } finally {
      await writeFile(config, text);
    }
  },
);

test("rdsiam doctor tries the login with the password, and leaves AWS alone", PSQL, async () => {
  const ran = await rdsiam(["doctor", "local"], { env: { HOME: home } });
  assert.equal(ran.status, 0, ran.stdout);
  assert.match(
    ran.stdout,
    /^skip +credentials +the password comes from a command: AWS is not called$/m,
  );
  assert.match(ran.stdout, /^ok +login +user "app", database "postgres", \d+ ms$/m);
});

test(
  "rdsiam psql: a command that hangs is ended with rdsiam",
  { skip: PSQL.skip || !HAS_PROC },
  async () => {
    const mark = `password-command-${server.port}`;
    const env = {
      HOME: home,
      RDSIAM_TEST_MARK: mark,
      RDSIAM_PASSWORD_COMMAND: "echo up >&2; sleep 600; true",
    };
    const ran = await rdsiam(["psql", "local", "-c", "select 1"], {
      env,
      started: (child) => child.stderr?.once("data", () => child.kill("SIGTERM")),
    });
    assert.equal(ran.status, 143);
    await until(async () => (await marked(mark)).length === 0, "nothing is left");
  },
);
