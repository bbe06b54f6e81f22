// What goes straight to the database: rdsiam url and env, with psql at the other end.
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Finished, rdsiam, run, without } from "../support/program.ts";
import { startStage } from "../support/stage.ts";
import { keep } from "../support/keep.ts";

const standIn = await keep(startStage());

// A clean environment but for what the test gives: what the shell reads is all there is.
function psql(args: readonly string[], env: Record<string, string> = {}): Promise<Finished> {
  return run(["psql", "-XAtc", "select current_user", ...args], { env });
}

test("rdsiam url leads psql straight to the database", { skip: without("psql") }, async () => {
  const person = "jane.doe+x@corp";
  const ran = await rdsiam(["url", "prod", "-U", person], { env: standIn.env });
  assert.equal(ran.status, 0, ran.stderr);
  assert.match(ran.stderr, /^rdsiam: valid for new connections until \S+Z \(15 min\); .*\n$/);
  assert.match(
    ran.stdout,
    /^postgresql:\/\/jane\.doe%2Bx%40corp:\S+\?sslmode=verify-full&sslrootcert=\S+&hostaddr=127\.0\.0\.1\n$/,
  );
  const asked = await psql([ran.stdout.trim()]);
  assert.equal(asked.stdout, `${person}\n`, asked.stderr);
  assert.equal(standIn.gateway.logins.at(-1)?.signedHost, standIn.canonicalHost);
});

test(
  "rdsiam env is read by a shell, and takes what is in the way away",
  { skip: without("psql") },
  async () => {
    const env = { ...standIn.env, PGSERVICE: "elsewhere", PGREQUIREAUTH: "scram-sha-256" };
    const ran = await rdsiam(["env", "-q", "prod"], { env });
    assert.equal(ran.stderr, "");
    const script = `${ran.stdout}\nexec psql -XAtc 'select current_user'`;
    const asked = await run(["sh", "-c", script], { env });
    assert.equal(asked.stdout, "app_ro\n", asked.stderr);
  },
);

test("rdsiam env --json has the variables, and the token in none but PGPASSWORD", async () => {
  const ran = await rdsiam(["env", "--json", "prod", "-v"], { env: standIn.env });
  const variables = JSON.parse(ran.stdout) as Record<string, string>;
  const { PGPASSWORD: token = "", ...rest } = variables;
  assert.deepEqual(rest, {
    PGHOST: standIn.canonicalHost,
    PGHOSTADDR: "127.0.0.1",
    PGPORT: String(standIn.gateway.port),
    PGUSER: "app_ro",
    PGDATABASE: "orders",
    PGSSLMODE: "verify-full",
    PGSSLROOTCERT: standIn.caFile,
  });
  assert.match(token, /X-Amz-Signature=/);
  assert.doesNotMatch(ran.stderr, /X-Amz-Signature=[0-9a-f]/);
});

test("a database name that names another server is an error, and no token is printed", async () => {
  for (const command of ["env", "url", "psql"]) {
    const args = [command, "-d", "host=elsewhere dbname=x", "prod"];
    const ran = await rdsiam(args, { env: standIn.env });
    assert.deepEqual([ran.status, ran.stdout], [125, ""]);
    assert.match(
      ran.stderr,
      /error: the database name is a connection string\nDETAIL: {2}It names a host/,
    );
  }
});
