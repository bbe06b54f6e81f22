// The doctor meets every way to fail: each test breaks one thing and looks for the step that says so.
import assert from "node:assert/strict";
import { mkdir, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { runDoctor } from "../../src/commands/doctor.ts";
import { makeAuthority } from "../../src/demo/certificates.ts";
import { type StandIn } from "../../src/demo/stand-in.ts";
import { type Finding } from "../../src/doctor/finding.ts";
import { startRdsApi } from "../support/rds-api.ts";
import { without } from "../support/program.ts";
import { startStage } from "../support/stage.ts";
import { runCommand } from "../support/in-process.ts";
import { keep, temporaryDirectory } from "../support/keep.ts";

const ACCOUNT = "123456789012";
const CLUSTER = "arn:aws:rds:eu-west-1:123456789012:cluster:orders";

let clock = 0; // ms that AWS's clock is ahead of this machine's
const standIn = await keep(startStage({ now: () => new Date(Date.now() + clock) }));
const directory = await temporaryDirectory("doctor");
// The doctor asks for its version alone.
if (without("psql") !== false) {
  await mkdir(join(directory, "bin"));
  await writeFile(join(directory, "bin", "psql"), "#!/bin/sh\necho 'psql (PostgreSQL) 15.0'\n", {
    mode: 0o755,
  });
}

interface Examined {
  readonly status: number;
  /** The verdicts in their order, `step:status` for all that is not ok. */
  readonly verdicts: string;
  readonly find: (step: Finding["step"]) => Finding;
}

let profiles = 0;

interface Broken {
  readonly settings?: Readonly<Record<string, string | number>>;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly key?: StandIn["key"];
}

async function examine({ settings = {}, args = [], env = {}, key }: Broken): Promise<Examined> {
  const name = `broken-${(profiles += 1)}`;
  const all = { ...standIn.targetSettings, rds_user: "app_ro", ...settings };
  const given = Object.entries(all).filter(([, value]) => value !== "");
  await standIn.addProfile(name, Object.fromEntries(given), key ?? standIn.key);
  return diagnose([name, ...args], env);
}

async function diagnose(args: readonly string[], env: Broken["env"] = {}): Promise<Examined> {
  const whole = { ...standIn.env, PATH: `${process.env["PATH"]}:${directory}/bin`, ...env };
  const run = await runCommand(runDoctor, ["doctor", "--json", ...args], { env: whole });
  assertNoSecrets(run.stdout + run.stderr);
  const { ok, steps } = JSON.parse(run.stdout) as { ok: boolean; steps: Finding[] };
  assert.equal(run.status, ok ? 0 : 1);
  const verdicts = steps.filter(({ status }) => status !== "ok");
  return {
    status: run.status,
    verdicts: verdicts.map(({ step, status }) => `${step}:${status}`).join(" "),
    find: (step) => steps.find((each) => each.step === step) ?? assert.fail(step),
  };
}

function assertNoSecrets(text: string): void {
  for (const { secretAccessKey, sessionToken } of standIn.keys.all()) {
    assert.ok(!text.includes(secretAccessKey), "a secret key");
    assert.ok(sessionToken === undefined || !text.includes(sessionToken), "a session token");
  }
  assert.doesNotMatch(text, /X-Amz-Signature/);
}

const AFTER_LOGIN = "query:skip latency:skip";
const AFTER_DNS = `reachability:skip tls:skip login:skip ${AFTER_LOGIN}`;

test("doctor finds nothing wrong where nothing is", async () => {
  const { status, verdicts, find } = await examine({});
  assert.equal(verdicts, "role:skip");
  assert.equal(status, 0);
  assert.match(
    find("dns").summary,
    /^orders\.db\.example\.com -> .* -> orders\.cluster-\S+ \(cluster\)$/,
  );
  assert.match(find("reachability").summary, /^127\.0\.0\.1:\d+, [\d.]+ ms$/);
  assert.match(find("tls").summary, /^TLSv1\.3, verified as orders\.cluster-/);
  assert.match(find("tls").notes?.join() ?? "", /29 days left,root: Amazon RDS eu-west-1 Root CA/);
  assert.match(find("clock").summary, /^\d\.\d s /);
  assert.match(find("latency").summary, /^10 queries: min [\d.]+ ms, median [\d.]+ ms, max /);
});

test("doctor names the role that was assumed", async () => {
  const { verdicts, find } = await examine({
    settings: { rds_role_arn: "arn:aws:iam::123456789012:role/db-reader" },
  });
  assert.equal(verdicts, "");
  assert.match(find("role").summary, /role\/db-reader assumed/);
  assert.match(find("identity").summary, /assumed-role\/db-reader\//);
  assert.match(find("credentials").summary, /59 minutes left/);
});

test("doctor: a mistyped key, a missing user, an unknown target", async () => {
  const typo = await examine({ settings: { rds_hots: "x", rds_host: "" } });
  assert.match(typo.find("config").summary, /has no rds_host/);
  assert.match(typo.find("config").notes?.join() ?? "", /rds_hots .* did you mean rds_host\?/);
  assert.equal(typo.find("tool").status, "ok");
  const nobody = await examine({ settings: { rds_user: "" } });
  assert.match(nobody.find("config").remedy ?? "", /-U USER/);
  assert.equal(nobody.verdicts, `config:fail role:skip login:skip ${AFTER_LOGIN}`);
  assert.equal(nobody.find("login").summary, 'skipped: needs "config"');
  const unknown = await diagnose(["prodd"]);
  assert.match(unknown.find("config").remedy ?? "", /Did you mean "prod"/);
});

test("doctor: a way that cannot be read blocks what needs it alone", async () => {
  const { verdicts, find } = await examine({ args: ["--via", "carrier-pigeon"] });
  assert.match(find("config").summary, /^--via "carrier-pigeon" is not a valid tunnel/);
  assert.match(verdicts, /^config:fail role:skip reachability:skip tls:skip login:skip/);
});

test("doctor goes the way of --via", async () => {
  const { port } = standIn.gateway;
  const { verdicts, find } = await examine({ args: ["--via", `127.0.0.1:${port}`] });
  assert.equal(verdicts, "role:skip");
  assert.match(find("reachability").summary, / through the tunnel at 127\.0\.0\.1:\d+, [\d.]+ ms$/);
  const closed = await examine({ args: ["--via", "127.0.0.1:1"] });
  assert.match(closed.find("reachability").summary, /the tunnel at 127\.0\.0\.1:1/);
  assert.equal(closed.verdicts, `role:skip reachability:fail tls:skip login:skip ${AFTER_LOGIN}`);
});

test("doctor: a variable that is not a valid proxy address, and variables that do not count", async () => {
  const bad = await examine({
    env: { HTTPS_PROXY: "ftp://user:hunter22@proxy", NO_PROXY: "127.0.0.1" },
  });
  assert.match(bad.find("environment").summary, /^HTTPS_PROXY is not a valid proxy address/);
  assert.doesNotMatch(JSON.stringify(bad.find("environment")), /hunter22/);
  const env = { PGUSER: "me", AWS_PROFILE: "other", RDSIAM_USR: "x", RDSIAM_AWS_TIMEOUT: "20" };
  const notes = (await examine({ env })).find("environment").notes?.join("\n") ?? "";
  assert.match(notes, /^PGUSER: not used/m);
  assert.match(notes, /^AWS_PROFILE=other: not used; profile "broken-\d+"/m);
  assert.match(notes, /^RDSIAM_USR: not a variable of rdsiam; did you mean RDSIAM_USER\?$/m);
  assert.match(notes, /^RDSIAM_AWS_TIMEOUT: used as options$/m);
});

test("doctor: no psql, one that does not run, one that is too old", async () => {
  const none = await examine({ env: { PATH: directory } });
  assert.match(none.find("tool").remedy ?? "", /apt install postgresql-client/);
  assert.equal(none.verdicts, "tool:fail role:skip");
  const old = join(directory, "psql");
  await writeFile(old, "#!/bin/sh\necho 'psql (PostgreSQL) 9.6.24'\n", { mode: 0o755 });
  const found = await examine({ env: { PATH: `${directory}:/usr/bin:/bin` } });
  assert.match(found.find("tool").summary, /9\.6\.24 is too old/);
  await rm(old);
  await symlink("/bin/false", old);
  const dead = await examine({ env: { PATH: `${directory}:/usr/bin:/bin` } });
  assert.match(dead.find("tool").summary, /does not run/);
});

test("doctor: credentials that have expired, and a key that was deleted", async () => {
  const key = standIn.keys.createSessionKey({
    arn: `arn:aws:sts::${ACCOUNT}:assumed-role/gone/session`,
    userId: "AROA:session",
    expiration: new Date(Date.now() - 60_000),
  });
  const expired = await examine({ key });
  assert.match(expired.find("identity").summary, /expired/);
  assert.match(expired.verdicts, /^identity:fail role:skip login:fail/);
  const deleted = standIn.keys.createStaticKey({ arn: `arn:aws:iam::${ACCOUNT}:user/former` });
  standIn.keys.delete(deleted.accessKeyId);
  const former = await examine({ key: deleted });
  assert.match(former.find("identity").cause ?? "", /security token .* is invalid/);
  assert.match(former.find("login").cause ?? "", /^AWS refused the credentials/);
  const env = { AWS_ACCESS_KEY_ID: undefined };
  const none = await diagnose(["--host", standIn.canonicalHost, "-U", "app_ro"], env);
  assert.match(none.verdicts, /^credentials:fail identity:skip role:skip/);
});

test("doctor: a role that may not be assumed is told apart from the credentials under it", async () => {
  const role = "arn:aws:iam::123456789012:role/nobody";
  const { verdicts, find } = await examine({ settings: { rds_role_arn: role } });
  assert.equal(verdicts, `role:fail login:skip ${AFTER_LOGIN}`);
  assert.match(find("role").summary, /cannot assume arn:aws:iam::123456789012:role\/nobody/);
  assert.match(find("identity").summary, /user\/demo$/);
});

test("doctor: a name that does not exist, and one that is no RDS name", async () => {
  const gone = await examine({ settings: { rds_host: "nowhere.example.com" } });
  assert.match(gone.find("dns").summary, /^host nowhere\.example\.com does not exist/);
  assert.equal(gone.verdicts, `role:skip dns:fail ${AFTER_DNS}`);
  assert.equal(gone.find("login").summary, 'skipped: needs "dns"');
  const alias = await examine({ settings: { rds_host: "localhost", rds_dns_servers: "" } });
  assert.match(alias.find("dns").remedy ?? "", /--sign-host/);
});

test("doctor: a closed port", async () => {
  const { verdicts, find } = await examine({ settings: { rds_port: 1 } });
  assert.equal(verdicts, `role:skip reachability:fail tls:skip login:skip ${AFTER_LOGIN}`);
  assert.match(find("reachability").cause ?? "", /127\.0\.0\.1: ECONNREFUSED/);
});

test("doctor: a certificate that nobody trusted vouches for, and a CA file that is not there", async () => {
  const other = join(directory, "other.pem");
  await writeFile(other, (await makeAuthority({ subject: "CN=Other CA" })).cert);
  const { verdicts, find } = await examine({ settings: { rds_sslrootcert: other } });
  assert.equal(verdicts, `role:skip tls:fail login:skip ${AFTER_LOGIN}`);
  assert.match(find("tls").cause ?? "", /issued by "Amazon RDS eu-west-1 Root CA/);
  const missing = await examine({ settings: { rds_sslrootcert: join(directory, "missing.pem") } });
  assert.match(missing.find("tls").summary, /cannot read the CA file/);
});

test("doctor: a clock that is wrong", async (context) => {
  context.after(() => (clock = 0));
  clock = 20 * 60_000;
  const { find, verdicts } = await examine({});
  assert.match(find("clock").summary, /^1[12]\d\d s behind AWS's clock$/);
  assert.match(find("clock").remedy ?? "", /timedatectl set-ntp true/);
  assert.equal(verdicts, `role:skip clock:fail login:fail ${AFTER_LOGIN}`);
  assert.match(find("login").cause ?? "", /clock is wrong/);
  clock = -2 * 60_000;
  const bearable = await examine({});
  assert.match(bearable.find("clock").summary, /^1[12]\d s ahead of AWS's clock$/);
  assert.equal(bearable.find("clock").status, "ok");
});

test("doctor: a user without rds_iam", async () => {
  const { find } = await examine({ settings: { rds_user: "legacy" } });
  assert.match(find("login").summary, /does not accept an IAM auth token for this user/);
  assert.ok(find("login").sql?.includes('GRANT rds_iam TO "legacy";'));
});

test("doctor: a database that does not exist", async () => {
  const { find } = await examine({ settings: { rds_dbname: "nowhere" } });
  assert.equal(find("login").summary, '3D000 database "nowhere" does not exist');
  assert.equal(find("login").cause, "The login itself worked.");
});

test("doctor: IAM says no, and nobody may ask the RDS API why", async () => {
  const key = standIn.keys.createStaticKey({
    arn: `arn:aws:iam::${ACCOUNT}:user/team/reader`,
    databaseUsers: ["somebody_else"],
  });
  const regions = { "eu-west-1": {} };
  await using api = await startRdsApi({
    keys: standIn.keys,
    regions,
    denied: new Set(["DescribeDBClusters"]),
  });
  const env = { AWS_ENDPOINT_URL_RDS: api.endpoint };
  const { find, verdicts } = await examine({ key, env });
  assert.equal(verdicts, `role:skip login:fail ${AFTER_LOGIN}`);
  const login = find("login");
  assert.match(login.summary, /^28000 PAM authentication failed for user "app_ro"$/);
  const resource = `arn:aws:rds-db:eu-west-1:${ACCOUNT}:dbuser:RESOURCE-ID/app_ro`;
  assert.match(JSON.stringify(login.policy), new RegExp(`"Resource":"${resource}"`));
  assert.match(login.remedy ?? "", /aws iam put-user-policy --user-name reader /);
  const notes = login.notes?.join("\n") ?? "";
  assert.match(
    notes,
    /^ruled out: the host .*; the Region .*; expired credentials .*; the clock .*; a missing rds_iam/m,
  );
  assert.match(
    notes,
    /^RESOURCE-ID is not known \(not allowed to call rds:DescribeDBClusters .* aws rds describe-db-clusters --db-cluster-identifier orders /m,
  );
  assert.match(login.sql?.join() ?? "", /pg_has_role\(oid, 'rds_iam', 'MEMBER'\)/);
});

test("doctor: IAM says no, and the RDS API tells the resource id, or that IAM authentication is off", async () => {
  const key = standIn.keys.createStaticKey({
    arn: `arn:aws:iam::${ACCOUNT}:user/reader`,
    databaseUsers: [],
  });
  const cluster = {
    DBClusterIdentifier: "orders",
    DBClusterArn: CLUSTER,
    DbClusterResourceId: "cluster-ABCDEFGHIJ",
    IAMDatabaseAuthenticationEnabled: "true",
  };
  const inventory = { DescribeDBClusters: [cluster] };
  await using api = await startRdsApi({ keys: standIn.keys, regions: { "eu-west-1": inventory } });
  const env = { AWS_ENDPOINT_URL_RDS: api.endpoint };
  const on = (await examine({ key, env })).find("login");
  const resource = `arn:aws:rds-db:eu-west-1:${ACCOUNT}:dbuser:cluster-ABCDEFGHIJ/app_ro`;
  assert.equal(
    on.cause,
    `Most likely arn:aws:iam::${ACCOUNT}:user/reader lacks rds-db:connect on ${resource}.`,
  );
  assert.match(on.notes?.join() ?? "", /IAM authentication switched off \(it is on\)/);
  cluster.IAMDatabaseAuthenticationEnabled = "false";
  const off = (await examine({ key, env })).find("login");
  assert.equal(off.cause, "IAM authentication is off for cluster-ABCDEFGHIJ.");
  assert.match(
    off.remedy ?? "",
    /aws rds modify-db-cluster --db-cluster-identifier orders --enable-iam/,
  );
});

test("doctor prints lines for people, with the last one counting", async () => {
  const { stdout, status } = await runCommand(runDoctor, ["doctor", "prod", "-d", "nowhere"], {
    env: { ...standIn.env, PATH: process.env["PATH"] },
  });
  assert.equal(status, 1);
  assert.match(stdout, /^ok {4}config {8}target "prod" in /m);
  assert.match(stdout, /^skip {2}role {10}no role is configured/m);
  assert.match(stdout, /^FAIL {2}login {9}3D000 database/m);
  assert.match(stdout, /^ {20}remedy: Name an existing database with -d DB/m);
  assert.match(stdout, /\n\d+ ok, \d failed, \d skipped\n$/);
});
