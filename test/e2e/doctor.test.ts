// The doctor as a user meets it: everything well, IAM saying no, a name that does not exist. Every single way to fail is
// in test/commands/doctor.test.ts.
import assert from "node:assert/strict";
import { test } from "node:test";
import { rdsiam, without } from "../support/program.ts";
import { startStage } from "../support/stage.ts";
import { keep } from "../support/keep.ts";

const STEPS =
  "config environment tool credentials identity role dns reachability tls clock login query latency";

const standIn = await keep(startStage());

interface Report {
  readonly ok: boolean;
  readonly steps: readonly {
    readonly step: string;
    readonly status: string;
    readonly summary: string;
    readonly cause?: string;
    readonly policy?: unknown;
  }[];
}

test("rdsiam doctor finds a target well, and exits with 0", { skip: without("psql") }, async () => {
  const { status, stdout, stderr } = await rdsiam(["doctor", "stage"], { env: standIn.env });
  assert.equal(status, 0, stdout + stderr);
  assert.equal(stderr, "");
  const words = stdout.split("\n").flatMap((line) => /^ok {4}(\w+)/.exec(line)?.[1] ?? []);
  assert.equal(words.join(" "), STEPS);
  assert.match(stdout, /^ok {4}tls +TLSv1\.[23], verified as orders\.cluster-/m);
  assert.match(stdout, /\n13 ok, 0 failed, 0 skipped\n$/);
  assert.equal(standIn.gateway.logins.length, 1);
});

test("rdsiam doctor --json tells what IAM has to allow, and no secret", async () => {
  const arn = "arn:aws:iam::123456789012:user/nobody";
  const key = standIn.keys.createStaticKey({ arn, databaseUsers: [] });
  await standIn.addProfile("refused", { ...standIn.targetSettings, rds_user: "app_ro" }, key);
  const ran = await rdsiam(["doctor", "refused", "--json", "-v"], { env: standIn.env });
  assert.equal(ran.status, 1);
  const { ok, steps } = JSON.parse(ran.stdout) as Report;
  assert.equal(ok, false);
  assert.equal(steps.map(({ step }) => step).join(" "), STEPS);
  const login = steps.find(({ step }) => step === "login");
  assert.equal(login?.summary, '28000 PAM authentication failed for user "app_ro"');
  const resource = "arn:aws:rds-db:eu-west-1:123456789012:dbuser:cluster-ABCDEFGHIJKL01234/app_ro";
  assert.equal(login.cause, `Most likely ${arn} lacks rds-db:connect on ${resource}.`);
  assert.match(JSON.stringify(login.policy), /"Action":"rds-db:connect"/);
  for (const secret of [key.secretAccessKey, "X-Amz-Signature=", ...standIn.gateway.tokens]) {
    assert.ok(!`${ran.stdout}${ran.stderr}`.includes(secret), secret);
  }
});

test("rdsiam doctor goes on after a name that does not exist", async () => {
  const settings = { ...standIn.targetSettings, rds_host: "nowhere.example.com", rds_user: "app" };
  await standIn.addProfile("nowhere", settings, standIn.key);
  const ran = await rdsiam(["doctor", "nowhere"], { env: standIn.env });
  assert.equal(ran.status, 1);
  assert.match(ran.stdout, /^FAIL {2}dns +host nowhere\.example\.com does not exist$/m);
  assert.match(ran.stdout, /^ +remedy: Check the name/m);
  assert.match(ran.stdout, /^ok {4}identity +arn:aws:iam::123456789012:user\/demo$/m);
  assert.match(ran.stdout, /^ok {4}clock /m);
  assert.match(ran.stdout, /^skip {2}login /m);
});

test("rdsiam doctor says what was meant by an endpoint in the target's place", async () => {
  const ran = await rdsiam(["doctor", standIn.canonicalHost], { env: standIn.env });
  assert.equal(ran.status, 1);
  assert.match(ran.stdout, /^FAIL {2}config +"orders\.\S+" is an RDS endpoint, not a target$/m);
  assert.match(ran.stdout, /remedy: Write: rdsiam doctor --host orders\.\S+ -U USER -d DB/);
});
