// Redshift end to end, what takes longer: each command, refusals, passwords that become old, and the judges: AWS's own driver logs
// in to our stand-in, and another program's API answers our call.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { redshiftPassword } from "../../src/aws/redshift.ts";
import type { StandIn } from "../../src/demo/stand-in.ts";
import { connectionOptions, signingSource } from "../../src/library.ts";
import { startMoto, withoutMoto } from "../support/moto.ts";
import { openProxy } from "../support/open-proxy.ts";
import { cleanEnvironment, rdsiam, run, without } from "../support/program.ts";
import { startStage } from "../support/stage.ts";

let standIn: StandIn;
before(async () => {
  standIn = await startStage();
});
after(() => standIn[Symbol.asyncDispose]());

const skip = without("psql");
const WHO = "select current_user, current_database()";

function on(words: readonly string[]) {
  return rdsiam(words, { env: standIn.env });
}

/** A profile on the cluster, with keys of its own. */
async function addTarget(name: string, more: Readonly<Record<string, string>>): Promise<void> {
  const { key, redshift, redshiftHosts, targetSettings } = standIn;
  const cluster = { ...targetSettings, rds_host: redshiftHosts.cluster, rds_port: redshift.port };
  await standIn.addProfile(name, { ...cluster, ...more }, key);
}

test(
  "rdsiam proxy: MD5 too, a password is kept, and a refused one is fetched once more",
  { skip },
  async () => {
    const { calls, issued } = standIn.redshiftApis;
    calls.length = 0;
    standIn.redshiftApis.method = "md5";
    await using proxy = openProxy(["--show-password", "warehouse"], standIn.env);
    const [url = ""] = await proxy.printed(/postgresql:\S+/);
    const psql = () => run(["psql", url, "-Atc", WHO], { env: cleanEnvironment({}) });
    for (const method of ["md5", "digest"] as const) {
      standIn.redshiftApis.method = method;
      assert.equal((await psql()).stdout, "IAM:demo|orders\n");
    }
    assert.equal(calls.length, 1);
    issued.length = 0;
    const again = await psql();
    assert.deepEqual([again.status, again.stdout, again.stderr], [0, "IAM:demo|orders\n", ""]);
    assert.equal(calls.length, 2);
    assert.equal(standIn.redshift.refusals.splice(0).length, 1);
  },
);

test(
  "rdsiam token, url and env give the user that the API gave; -v tells of it",
  { skip },
  async () => {
    const { stdout, stderr } = await on(["token", "-v", "--json", "warehouse"]);
    const { token, user, expiresAt } = JSON.parse(stdout) as Record<string, string>;
    const last = standIn.redshiftApis.issued.at(-1);
    assert.deepEqual([token, user], [last?.password, "IAM:demo"]);
    assert.equal(expiresAt, last?.expiresAt.toISOString());
    assert.match(stderr, /database user: IAM:demo, until .*\n.* PostgreSQL 8\.0\.2/);
    const url = await on(["url", "-U", "analyst", "warehouse"]);
    const given = new URL(url.stdout.trim());
    assert.equal(decodeURIComponent(given.username), "IAM:analyst");
    // psql itself answers MD5, and not Redshift's digest.
    for (const [method, said] of [
      ["md5", /^analyst\|orders$/m],
      ["digest", /authentication method 13 not supported/],
    ] as const) {
      standIn.redshiftApis.method = method;
      const ran = await run(["psql", given.href, "-Atc", WHO], { env: cleanEnvironment({}) });
      assert.match(ran.stdout + ran.stderr, said);
    }
  },
);

test("psql and pg_dump see PostgreSQL 8.0.2", { skip: skip || without("pg_dump") }, async () => {
  const ran = await on(["psql", "warehouse", "-Atc", "\\echo :SERVER_VERSION_NAME"]);
  assert.equal(ran.stdout, "8.0.2\n");
  const dump = await on(["exec", "warehouse", "pg_dump"]);
  assert.notEqual(dump.status, 0);
  assert.match(dump.stderr, /server version mismatch/);
});

test("rdsiam doctor and policy know clusters and workgroups", async () => {
  for (const target of ["warehouse", "lake"]) {
    const doctor = await on(["doctor", target]);
    assert.equal(doctor.status, 0, doctor.stdout);
    assert.match(doctor.stdout, /ok +login +user "IAM", database "orders"/);
    assert.match(doctor.stdout, /ok +query +select 1 answers 1 \(Redshift/);
  }
  await addTarget("grouped", { rds_user: "analyst", rds_db_groups: "bi" });
  const { stdout } = await on(["policy", "grouped"]);
  assert.match(stdout, /"Action": "redshift:GetClusterCredentials",/);
  assert.match(stdout, /"redshift:JoinGroup",\n.*:dbgroup:warehouse\/bi"/);
  assert.match(stdout, /CREATE USER "analyst" PASSWORD DISABLE;/);
  const lake = await on(["policy", "lake"]);
  assert.match(lake.stdout, /:workgroup\/1f2e3d4c-[\w-]+"/);
  assert.match(lake.stdout, /GRANT USAGE ON SCHEMA public TO "IAM:demo";/);
});

test("rdsiam list, show and init know the usual port, user and database", async () => {
  const { env, key, redshift, redshiftHosts, targetSettings } = standIn;
  const { rds_sslrootcert = "", rds_dns_servers = "", region = "" } = targetSettings;
  const own = { region, rds_sslrootcert, rds_dns_servers };
  await standIn.addProfile("usual", { ...own, rds_host: redshiftHosts.workgroup }, key);
  const rows = (await on(["list"])).stdout.split("\n");
  assert.ok(rows.includes(`usual\t${redshiftHosts.workgroup}:5439\t\t\tusual`), rows.join("\n"));
  const shown = await on(["show", "usual"]);
  assert.match(shown.stdout, /^port\t5439\tdefault\nuser\tIAM\tdefault\ndbname\tdev\tdefault$/m);
  const host = `${redshiftHosts.cluster}:${redshift.port}`;
  const more = {
    RDSIAM_SSLROOTCERT: String(rds_sslrootcert),
    RDSIAM_DNS_SERVERS: String(rds_dns_servers),
  };
  const words = ["init", "dwh", "--host", host, "-d", "orders", "--profile", "prod", "--yes"];
  const made = await rdsiam(words, { env: { ...env, ...more } });
  assert.equal(made.status, 0, made.stdout + made.stderr);
  assert.match(made.stdout, /^\[dwh\]\nprofile = prod\nhost = \S+\nuser = IAM\ndbname = orders\n/);
  assert.match(made.stdout, /ok +login +user "IAM"/);
});

test(
  "rds_password_command and a tunnel: the digest is answered, and no API is asked for a password",
  { skip },
  async () => {
    const { redshift, redshiftApis } = standIn;
    redshiftApis.method = "digest";
    redshiftApis.calls.length = 0;
    const password = "a password of its own";
    const expiresAt = new Date(Date.now() + 3_600_000);
    redshiftApis.issued.push({ dbUser: "analyst", role: "analyst", password, expiresAt });
    await addTarget("own", { rds_user: "analyst", rds_password_command: `echo '${password}'` });
    const ran = await on(["psql", "--via", `127.0.0.1:${redshift.port}`, "own", "-Atc", WHO]);
    assert.deepEqual([ran.status, ran.stdout], [0, "analyst|orders\n"], ran.stderr);
    assert.deepEqual(redshiftApis.calls, []);
  },
);

test(
  "what cannot be is refused before a tool starts, and what AWS or the server refuses has its reason",
  { skip },
  async () => {
    standIn.redshiftApis.method = "digest";
    const { key, redshift, redshiftHosts, targetSettings } = standIn;
    await addTarget("no-user", { rds_db_groups: "bi" });
    await addTarget("other-name", { rds_redshift: "other" });
    await addTarget("ghost", { rds_user: "ghost" });
    await standIn.addProfile(
      "rds",
      { ...targetSettings, rds_user: "app_ro", rds_db_groups: "bi" },
      key,
    );
    const arn = "arn:aws:iam::123456789012:user/poor";
    const poor = standIn.keys.createStaticKey({ arn, databaseUsers: [] });
    const host = { ...targetSettings, rds_host: redshiftHosts.cluster, rds_port: redshift.port };
    await standIn.addProfile("poor", host, poor);
    const psql = (...words: readonly string[]) => on(["psql", ...words, "-c", "select 1"]);
    const cases: readonly (readonly [words: readonly string[], status: number, says: RegExp])[] = [
      [["--read-only", "warehouse"], 125, /cannot be opened read-only: it is Redshift\nDETAIL: /],
      [["no-user"], 125, /rds_db_groups needs a database user\nDETAIL: /],
      [["rds"], 125, /"rds" has rds_db_groups, but is not a Redshift database/],
      [
        ["other-name"],
        2,
        /redshift:GetClusterCredentialsWithIAM failed[^]*Cluster other not found/,
      ],
      [["poor"], 2, /not allowed to call redshift:GetClusterCredentialsWithIAM in eu-west-1/],
      [["ghost"], 2, /failed for user "IAM:ghost"\nDETAIL: .* database user "IAM:ghost" to the /],
    ];
    for (const [words, status, says] of cases) {
      const ran = await psql(...words);
      assert.match(ran.stderr, says);
      assert.equal(ran.status, status, words.join(" "));
    }
    const wrong = await on(["doctor", "rds"]);
    assert.match(wrong.stdout, /FAIL +login +"rds" has rds_db_groups, but is not/);
    const doctor = await on(["doctor", "poor"]);
    assert.match(doctor.stdout, /"Resource": "arn:aws:redshift:.*:dbname:warehouse\/orders"/);
    assert.match(
      doctor.stdout,
      /FAIL +login +not allowed to call redshift:GetClusterCredentialsWithIAM/i,
    );
    await assert.rejects(
      connectionOptions({ target: "warehouse", env: standIn.env }),
      /the library does not log in to .*: it is Redshift/,
    );
    const request = {
      host: redshiftHosts.cluster,
      port: redshift.port,
      region: "eu-west-1",
      user: "x",
    };
    await assert.rejects(
      async () => signingSource({ env: standIn.env, credentials: key })(request),
      /the library does not log in to .*: it is Redshift/,
    );
  },
);

test(
  "a custom domain is verified under its own name, and rds_redshift names the cluster",
  { skip },
  async () => {
    const { dns, redshift, redshiftApis, redshiftHosts } = standIn;
    redshift.refusals.length = 0;
    dns.set("dwh.example.com", { a: ["127.0.0.1"] });
    await addTarget("custom", { rds_host: "dwh.example.com", rds_redshift: "warehouse" });
    const refused = await on(["psql", "custom", "-Atc", WHO]);
    assert.match(refused.stderr, /dwh\.example\.com[^]*certificate/);
    // A CNAME that points to the endpoint needs no key, and is verified as the endpoint.
    dns.set("alias.example.com", { cname: redshiftHosts.cluster });
    await addTarget("alias", { rds_host: "alias.example.com", rds_user: "IAM" });
    const ran = await on(["psql", "alias", "-Atc", WHO]);
    assert.deepEqual([ran.status, ran.stdout], [0, "IAM:demo|orders\n"], ran.stderr);
    // The name of the stand-in's certificate, with the key: what a managed endpoint in another VPC is.
    redshiftApis.calls.length = 0;
    await addTarget("managed", { rds_redshift: "warehouse" });
    assert.equal((await on(["psql", "managed", "-Atc", WHO])).status, 0);
    assert.equal(redshiftApis.calls.length, 1);
    assert.deepEqual(redshift.refusals, []);
  },
);

test(
  "redshift_connector logs in to the stand-in, with the digest and MD5, and with no other password",
  { timeout: 300_000 },
  async (context) => {
    const directory = await mkdtemp(join(tmpdir(), "rdsiam-redshift-"));
    try {
      const python = join(directory, "venv", "bin", "python");
      spawnSync("python3", ["-m", "venv", join(directory, "venv")]);
      const words = ["-m", "pip", "install", "-q", "redshift_connector==2.1.5"];
      const installed = spawnSync(python, words, { encoding: "utf8" });
      if (installed.status !== 0) return context.skip(`no redshift_connector: ${installed.stderr}`);
      const { stdout } = await on(["token", "--json", "warehouse"]);
      const { token, user } = JSON.parse(stdout) as Record<string, string>;
      const { caFile, redshift, redshiftApis } = standIn;
      const logIn = async (password: string | undefined): Promise<unknown> => {
        const options = {
          host: "127.0.0.1",
          port: redshift.port,
          database: "orders",
          user,
          password,
        };
        const file = join(import.meta.dirname, "../support/redshift-driver.py");
        const env = cleanEnvironment({ SSL_CERT_FILE: caFile });
        const ran = await run([python, file], { env, input: JSON.stringify(options) });
        return JSON.parse(ran.stdout || JSON.stringify(ran.stderr));
      };
      for (const method of ["digest", "md5"] as const) {
        redshiftApis.method = method;
        assert.deepEqual(await logIn(token), ["IAM:demo", "orders"]);
        assert.match(String(await logIn(`${token}x`)), /password authentication failed/);
      }
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  },
);

test(
  "moto + GetClusterCredentials gives a user and a password",
  { skip: withoutMoto },
  async () => {
    using moto = startMoto("redshift");
    const { endpoint } = await moto.state();
    const { accessKeyId, secretAccessKey } = standIn.key;
    const credentials = async () => ({ accessKeyId, secretAccessKey, source: "the test" });
    const calls = { env: { AWS_ENDPOINT_URL: endpoint } };
    const caller = { credentials, region: "eu-west-1", calls, profile: undefined };
    const login = { service: "redshift", user: "jane", database: "sales" } as const;
    const found = await redshiftPassword({ ...login, name: "dwh", groups: ["bi"] }, caller);
    assert.equal(found.user, "IAM:jane");
    assert.ok(found.password.length > 8);
    assert.ok(Math.abs(found.expiresAt.getTime() - Date.now() - 900_000) < 60_000);
    await assert.rejects(
      redshiftPassword({ ...login, name: "other", groups: [] }, caller),
      /redshift:GetClusterCredentials failed in eu-west-1/,
    );
  },
);
