// What pgpx does by its own documents, by the command line that docs/migrate.md makes of it: a real PostgreSQL with each
// method of a password, and the stand-in for RDS with the auth token that a command prints.
// https://github.com/kurianoff/pgpx
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { after, before, test } from "node:test";
import { makeAuthority, makeLeaf } from "../../src/demo/certificates.ts";
import { type OpenProxy, openProxy } from "../support/open-proxy.ts";
import { COMMAND, type Finished, run, without } from "../support/program.ts";
import { startStage } from "../support/stage.ts";
import { startTlsPostgres, type TlsPostgres } from "../support/tls-postgres.ts";
import { until } from "../support/traces.ts";

const PSQL = { skip: without("psql") };
const USERS = { app_plain: "plain text", app_md5: "of md5", app_scram: "päß\u00a0wörd" } as const;
type User = keyof typeof USERS;

let directory: string;
let server: TlsPostgres;
before(async () => {
  directory = await mkdtemp(join(tmpdir(), "rdsiam-pgpx-"));
  const ca = await makeAuthority({ subject: "CN=a CA" });
  const other = await makeAuthority({ subject: "CN=another CA" });
  const certificate = await makeLeaf({
    subject: "CN=localhost",
    names: ["localhost"],
    issuer: ca,
  });
  await writeFile(path("ca.pem"), ca.cert);
  await writeFile(path("other.pem"), other.cert);
  const role = (user: User): string => `create role ${user} login password '${USERS[user]}'`;
  server = await startTlsPostgres({
    certificate,
    hba: [
      "hostssl all app_plain 127.0.0.1/32 password",
      "hostssl all app_md5 127.0.0.1/32 md5",
      "hostssl all app_scram 127.0.0.1/32 scram-sha-256",
    ],
    statements: [
      role("app_plain"),
      role("app_scram"),
      `set password_encryption = 'md5'; ${role("app_md5")}`,
    ],
  });
  for (const [user, password] of Object.entries(USERS)) await writeFile(path(user), password);
});
after(async () => {
  await server[Symbol.asyncDispose]();
  await rm(directory, { recursive: true, force: true });
});

function path(name: string): string {
  return join(directory, name);
}

/** `pgpx --pgHostPort=localhost:PORT --dbCertPath=CA --credsCmd=COMMAND`, with what else is given. */
function pgpx(command: string, ...more: readonly string[]): OpenProxy {
  const words = ["--host", `localhost:${server.port}`, "--sslrootcert", path("ca.pem")];
  const env = { HOME: directory, DIRECTORY: directory };
  return openProxy([...words, "--password-command", command, ...more], env);
}

// The command says on stderr that it ran, and whose password it was to print.
const BY_USER = 'echo "for $RDSIAM_USER on $RDSIAM_DBNAME" >&2; cat "$DIRECTORY/$RDSIAM_USER"';

async function psql(
  proxy: OpenProxy,
  login: { readonly user: string; readonly password?: string },
  query = "select current_user, ssl from pg_stat_ssl where pid = pg_backend_pid()",
): Promise<Finished> {
  const [, port = ""] = await proxy.printed(/^postgresql:\/\/\S*127\.0\.0\.1:(\d+)\/.*\n/);
  const place = `host=localhost port=${port} dbname=postgres user=${login.user}`;
  const env = { HOME: directory, PGPASSWORD: login.password };
  return run(["psql", "-XAt", place, "-c", query], { env });
}

function runsOf(proxy: OpenProxy, user: User): number {
  return proxy.stderr().split(`for ${user} on postgres\n`).length - 1;
}

test(
  "pgpx: whatever password the client has, the command's is used: cleartext, MD5 and SCRAM-SHA-256",
  PSQL,
  async () => {
    await using proxy = pgpx(BY_USER, "--client-auth", "trust", "-v");
    for (const user of ["app_plain", "app_md5", "app_scram"] as const) {
      for (const password of ["ANY PASSWORD", undefined]) {
        const ran = await psql(proxy, password === undefined ? { user } : { user, password });
        assert.deepEqual([ran.status, ran.stdout], [0, `${user}|t\n`], ran.stderr);
      }
      // A login, a run.
      assert.equal(runsOf(proxy, user), 2);
    }
    const said = `${proxy.stdout()}${proxy.stderr()}`;
    for (const password of Object.values(USERS)) assert.ok(!said.includes(password));
    if (process.platform === "linux") {
      for (const file of ["cmdline", "environ"]) {
        const text = await readFile(`/proc/${proxy.child.pid}/${file}`, "utf8");
        for (const password of Object.values(USERS)) assert.ok(!text.includes(password), file);
      }
    }
    assert.equal(await proxy.end(), 0);
  },
);

test(
  "pgpx: with the user in the command, others log in with their own password",
  PSQL,
  async () => {
    const command = `cat '${path("app_md5")}'; echo ran >&2`;
    const words = ["--match-user", "--user", "app_md5", "--client-auth", "trust"];
    await using proxy = pgpx(command, ...words);
    const own = await psql(proxy, { user: "app_md5", password: "ANY PASSWORD" });
    assert.equal(own.stdout, "app_md5|t\n", own.stderr);
    for (const user of ["app_plain", "app_scram"] as const) {
      const right = await psql(proxy, { user, password: USERS[user] });
      assert.equal(right.stdout, `${user}|t\n`, right.stderr);
      const wrong = await psql(proxy, { user, password: "ANY PASSWORD" });
      assert.match(wrong.stderr, /FATAL: {2}password authentication failed for user "app_/);
      assert.doesNotMatch(wrong.stderr, /command/);
    }
    assert.equal(proxy.stderr().split("ran\n").length - 1, 1);
  },
);

test("pgpx -credsOverride=false: every password is the client's", PSQL, async () => {
  const words = ["--host", `localhost:${server.port}`, "--sslrootcert", path("ca.pem")];
  await using proxy = openProxy([...words, "--auth", "pass-through"], { HOME: directory });
  for (const user of ["app_plain", "app_md5", "app_scram"] as const) {
    const right = await psql(proxy, { user, password: USERS[user] });
    assert.equal(right.stdout, `${user}|t\n`, right.stderr);
  }
});

test(
  "unlike pgpx: strangers need the proxy's own password, and the server's certificate counts",
  PSQL,
  async () => {
    await using proxy = pgpx(BY_USER);
    const stranger = await psql(proxy, { user: "app_md5", password: "ANY PASSWORD" });
    assert.match(
      stranger.stderr,
      /FATAL: {2}password authentication failed.*\nDETAIL: {2}This is rdsiam's proxy/,
    );
    assert.equal(runsOf(proxy, "app_md5"), 0);
    const [, secret = ""] = await proxy.printed(/:\/\/:([\w-]{43})@/);
    const known = await psql(proxy, { user: "app_md5", password: secret });
    assert.equal(known.stdout, "app_md5|t\n", known.stderr);
    await using wrongCa = pgpx(
      BY_USER,
      "--client-auth",
      "trust",
      "--sslrootcert",
      path("other.pem"),
    );
    const refused = await psql(wrongCa, { user: "app_md5" });
    assert.match(refused.stderr, /the certificate of localhost is not trusted/);
    assert.equal(runsOf(wrongCa, "app_md5"), 0);
  },
);

test("unlike pgpx: a query can be cancelled", PSQL, async () => {
  await using proxy = pgpx(BY_USER, "--client-auth", "trust");
  const query = "set statement_timeout = '60s'; select pg_sleep(60)";
  let interrupt: () => void = () => {};
  const [, port = ""] = await proxy.printed(/127\.0\.0\.1:(\d+)/);
  const place = `host=127.0.0.1 port=${port} dbname=postgres user=app_scram`;
  const ran = run(["psql", "-XAt", place, "-c", query], {
    started: (child) => (interrupt = () => void child.kill("SIGINT")),
  });
  const sleeping =
    "select 1 from pg_stat_activity where query like '%pg_sleep(60)' and usename = 'app_scram'";
  await until(async () => (await server.query(sleeping)).length > 0);
  interrupt();
  assert.match((await ran).stderr, /^Cancel request sent$/m);
  assert.match(await server.log(), /ERROR: {2}canceling statement due to user request/);
});

test(
  "unlike pgpx: what the command says on stderr is no part of the password, and its failure is told",
  PSQL,
  async () => {
    await using proxy = pgpx("echo plain >&2; exit 7", "--client-auth", "trust");
    const failed = await psql(proxy, { user: "app_plain" });
    assert.match(
      failed.stderr,
      /FATAL: {2}the password command failed\nDETAIL: {2}It ended with exit status 7\./,
    );
    await using wrong = pgpx("echo hunter2hunter2", "--client-auth", "trust", "-v");
    const refused = await psql(wrong, { user: "app_md5" });
    const said = `${refused.stderr}${wrong.stderr()}`;
    assert.match(said, /DETAIL: {2}The server refused the password that the command printed\./);
    assert.doesNotMatch(said, /hunter2|\bIAM\b|rds_iam|auth token/);
  },
);

test(
  "pgpx in front of RDS: the auth token of a command, for whatever user the client names",
  PSQL,
  async () => {
    await using standIn = await startStage();
    const place = `${standIn.canonicalHost}:${standIn.gateway.port}`;
    const token = `${COMMAND.map((word) => `'${word}'`).join(" ")} token prod`;
    const words = ["--host", place, "--sslrootcert", standIn.caFile, "--password-command", token];
    const env = { ...standIn.env, RDSIAM_DNS_SERVERS: standIn.dns.address };
    await using proxy = openProxy([...words, "--client-auth", "trust"], env);
    for (const user of ["app_ro", "app_admin"]) {
      const { stdout, stderr } = await psql(
        proxy,
        { user, password: "ANY PASSWORD" },
        "select current_user",
      );
      assert.equal(stdout, `${user}\n`, stderr);
    }
    assert.equal(standIn.gateway.logins.length, 2);
    for (const secret of standIn.gateway.tokens) assert.ok(!proxy.stderr().includes(secret));
  },
);

test(
  "pgpx in front of RDS, with the user in the command: IAM for that one, passwords for the others",
  PSQL,
  async () => {
    await using standIn = await startStage();
    const words = ["prod", "--match-user", "--client-auth", "trust"];
    const alias = await run([...COMMAND, "proxy", ...words], { env: standIn.env });
    assert.equal(alias.status, 125);
    assert.match(
      alias.stderr,
      /--match-user does not follow .*\nDETAIL: .*\nHINT: .*--sign-host orders\.cluster-/,
    );
    const { canonicalHost, gateway, legacyPassword } = standIn;
    const host = ["--host", `${canonicalHost}:${gateway.port}`];
    await using proxy = openProxy([...host, ...words], standIn.env);
    const own = await psql(
      proxy,
      { user: "app_ro", password: "ANY PASSWORD" },
      "select current_user",
    );
    assert.equal(own.stdout, "app_ro\n", own.stderr);
    const other = await psql(
      proxy,
      { user: "legacy", password: legacyPassword },
      "select current_user",
    );
    assert.equal(other.stdout, "legacy\n", other.stderr);
    const wrong = await psql(proxy, { user: "legacy", password: "ANY PASSWORD" });
    assert.match(wrong.stderr, /password authentication failed for user "legacy"/);
    assert.equal(standIn.gateway.tokens.length, 1);
  },
);
