// psql and others with a secret of AWS Secrets Manager, on the stand-in's PostgreSQL, which asks for SCRAM-SHA-256.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { LEGACY_SECRET, MASTER_SECRET, type StandIn } from "../../src/demo/stand-in.ts";
import { rdsiam, without } from "../support/program.ts";
import { startStage } from "../support/stage.ts";

const PSQL = { skip: without("psql") };
let standIn: StandIn;
before(async () => {
  standIn = await startStage();
  const { rds_host: _host, rds_port: _port, rds_dbname: _dbname, ...rest } = standIn.targetSettings;
  await standIn.addProfile("by-name", { ...rest, rds_secret: LEGACY_SECRET.name }, standIn.key);
  const master = { ...standIn.targetSettings, rds_secret: "auto" };
  await standIn.addProfile("master", master, standIn.key);
});
after(() => standIn[Symbol.asyncDispose]());

function passwords(): string[] {
  return [...standIn.secrets.secrets.values()].map(({ text }) => {
    const { password } = JSON.parse(text) as { readonly password: string };
    return password;
  });
}

test(
  "rdsiam psql --secret NAME: host, port, user and database are the secret's, and nobody else sees the password",
  PSQL,
  async () => {
    const own = "\\! env; ps -o args= -p $PPID 2>/dev/null";
    const words = ["psql", "-v", "by-name", "-XAt", "-c", "select current_user", "-c", own];
    const ran = await rdsiam(words, { env: standIn.env });
    assert.equal(ran.status, 0, ran.stderr);
    assert.match(ran.stdout, /^legacy\n/);
    assert.match(ran.stderr, /secret: orders\/legacy in eu-west-1\n[^]*login: legacy to orders/);
    for (const password of passwords()) assert.ok(!`${ran.stdout}${ran.stderr}`.includes(password));
    assert.deepEqual(standIn.secrets.calls.splice(0), ["eu-west-1 orders/legacy"]);
  },
);

test(
  "rdsiam exec with rds_secret = auto: rotated in the middle of a run, the next login works, with one further call",
  PSQL,
  async () => {
    const script =
      'psql -XAtc "select current_user"; read -r _; psql -XAtc "select current_database()"';
    const rotate = async (): Promise<void> => {
      await standIn.postgres.query("ALTER ROLE postgres PASSWORD 'rotated0rotated0'");
      const text = JSON.stringify({ username: "postgres", password: "rotated0rotated0" });
      standIn.secrets.secrets.set(MASTER_SECRET, { name: "rds!cluster-0a1b2c3d", text });
    };
    const ran = await rdsiam(["exec", "-v", "master", "sh", "-c", script], {
      env: standIn.env,
      started: (child) =>
        child.stdout?.once("data", () => void rotate().then(() => child.stdin?.end("go\n"))),
      keepsInput: true,
    });
    assert.equal(ran.stdout, "postgres\norders\n", ran.stderr);
    assert.deepEqual(standIn.secrets.calls.splice(0), Array(2).fill(`eu-west-1 ${MASTER_SECRET}`));
    assert.ok(!ran.stderr.includes("rotated0"));
  },
);

test(
  "rdsiam psql: a password that the server refuses, another user, and a secret that is not allowed are told by psql",
  PSQL,
  async () => {
    const secret = standIn.secrets.secrets.get(LEGACY_SECRET.arn);
    assert.ok(secret);
    const { text } = secret;
    const psql = (...words: string[]) =>
      rdsiam(["psql", "-q", ...words, "-c", "select 1"], { env: standIn.env });
    try {
      secret.text = text.replace(/"password":"\w+"/, '"password":"wrong-wrong"');
      const wrong = await psql("-d", "orders", "by-name");
      assert.match(
        wrong.stderr,
        /password authentication failed for user "legacy"\nDETAIL: {2}The server refused the password of the secret orders\/legacy, which was read once more/,
      );
      assert.ok(!wrong.stderr.includes("wrong-wrong"));
      secret.text = text;
      const other = await psql("-U", "app_admin", "by-name");
      assert.match(
        other.stderr,
        /the secret orders\/legacy has no password for "app_admin"\nDETAIL: {2}Its password is for "legacy"\./,
      );
      secret.fault = "denied";
      const denied = await psql("by-name");
      assert.equal(denied.status, 125);
      assert.match(
        denied.stderr,
        /^rdsiam: error: not allowed to call secretsmanager:GetSecretValue on orders\/legacy in eu-west-1\n/,
      );
    } finally {
      Object.assign(secret, { text, fault: undefined });
    }
    const unmanaged = await psql("--secret", "auto", "ledger");
    assert.match(unmanaged.stderr, /ledger6\S+ has no master user secret\n/);
  },
);

test(
  "rdsiam doctor has a step for the secret; token, url, env and policy refuse it",
  PSQL,
  async () => {
    for (const target of ["by-name", "master"]) {
      const { status, stdout } = await rdsiam(["doctor", target], { env: standIn.env });
      assert.equal(status, 0, stdout);
      assert.match(
        stdout,
        /^ok {4}secret +(?:orders\/legacy, of user "legacy"|auto, of user "postgres")$/m,
      );
      assert.match(stdout, /^ok {4}login +user "(?:legacy|postgres)", database "orders"/m);
      assert.match(stdout, /\n13 ok, 0 failed, 1 skipped\n$/);
    }
    const token = await rdsiam(["token", "by-name"], { env: standIn.env });
    assert.match(
      token.stderr,
      /"by-name" uses a secret of Secrets Manager, so there is no auth token\nDETAIL: {2}Its password is the one in the secret orders\/legacy\./,
    );
    const others = await rdsiam(["proxy", "--match-user", "-U", "postgres", "master"], {
      env: standIn.env,
    });
    assert.match(others.stderr, /--match-user does not follow orders\.db\.example\.com by DNS/);
    const shown = await rdsiam(["show", "by-name"], { env: standIn.env });
    assert.equal(shown.status, 0, shown.stdout + shown.stderr);
    assert.match(shown.stdout, /^secret\torders\/legacy\t/m);
  },
);
