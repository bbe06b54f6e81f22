// `rdsiam psql prod` end to end: config file, credentials, two CNAMEs, token, verified TLS, proxy, real psql.
import assert from "node:assert/strict";
import { test } from "node:test";
import { ROLE_ARN } from "../../src/demo/stand-in.ts";
import { rdsiam, run, without, RDSIAM } from "../support/program.ts";
import { startStage } from "../support/stage.ts";
import { keep } from "../support/keep.ts";

const standIn = await keep(startStage());

const skip = without("psql");

test("rdsiam psql TARGET opens psql as the IAM user through the CNAMEs", { skip }, async () => {
  const ran = await rdsiam(["psql", "prod", "-Atc", "select current_user"], { env: standIn.env });
  assert.deepEqual(ran, { status: 0, signal: null, stdout: "app_ro\n", stderr: "" });
});

test(
  "rdsiam psql: -v shows the hops, the Region and the identity, and no secret",
  { skip },
  async () => {
    const ran = await rdsiam(["psql", "-v", "prod", "-Atc", "select 1"], { env: standIn.env });
    assert.equal(ran.stdout, "1\n");
    assert.match(
      ran.stderr,
      /orders\.db\.example\.com -> orders-primary\.db\.example\.com -> orders\.cluster-/,
    );
    assert.match(ran.stderr, /eu-west-1/);
    assert.match(ran.stderr, /profile "prod"/);
    assert.doesNotMatch(ran.stderr, /X-Amz-Signature=(?!\[secret\])/);
  },
);

test("rdsiam psql: profile names with dots work", { skip }, async () => {
  const ran = await rdsiam(["psql", "prod.eu-west.1", "-Atc", "select current_user"], {
    env: standIn.env,
  });
  assert.deepEqual([ran.status, ran.stdout], [0, "app_ro\n"], ran.stderr);
});

test("rdsiam psql: odd user names are signed as they are", { skip }, async () => {
  const ran = await rdsiam(
    ["psql", "-U", "jane.doe+x@corp", "prod", "-Atc", "select current_user"],
    { env: standIn.env },
  );
  assert.deepEqual([ran.status, ran.stdout], [0, "jane.doe+x@corp\n"], ran.stderr);
});

test("rdsiam psql: -U and \\c after the target log in as that user", { skip }, async () => {
  const after = await rdsiam(["psql", "prod", "-U", "app_admin", "-Atc", "select current_user"], {
    env: standIn.env,
  });
  assert.deepEqual([after.status, after.stdout], [0, "app_admin\n"], after.stderr);
  const switched = await rdsiam(["psql", "prod", "-Atq"], {
    env: standIn.env,
    input: "\\c - app_admin\nselect current_user;\n",
  });
  assert.match(switched.stdout, /app_admin/, switched.stderr);
});

test("rdsiam psql: SQL on stdin belongs to psql", { skip }, async () => {
  const ran = await rdsiam(["psql", "prod", "-At"], {
    env: standIn.env,
    input: "select 1;\nselect 2;\n",
  });
  assert.deepEqual([ran.status, ran.stdout], [0, "1\n2\n"], ran.stderr);
});

test("rdsiam psql: -f <(generator) is read", { skip }, async () => {
  const ran = await run(["bash", "-c", `${RDSIAM} psql prod -At -f <(echo 'select 40 + 2')`], {
    env: standIn.env,
  });
  assert.deepEqual([ran.status, ran.stdout], [0, "42\n"], ran.stderr);
});

test("rdsiam psql: a role from rds_role_arn and from --role-arn is assumed", { skip }, async () => {
  const calls = (): number => standIn.sts.count("AssumeRole");
  const start = calls();
  const configured = await rdsiam(["psql", "stage", "-Atc", "select current_user"], {
    env: standIn.env,
  });
  assert.deepEqual([configured.status, configured.stdout], [0, "app_ro\n"], configured.stderr);
  assert.equal(calls(), start + 1);
  const given = await rdsiam(
    ["psql", "--role-arn", ROLE_ARN, "prod", "-Atc", "select current_user"],
    // Both are the same role: the second one would come from the AWS CLI's cache.
    { env: { ...standIn.env, RDSIAM_NO_CACHE: "1" } },
  );
  assert.deepEqual([given.status, given.stdout], [0, "app_ro\n"], given.stderr);
  assert.equal(calls(), start + 2);
});

test("rdsiam psql: environment keys count when no profile is meant", { skip }, async () => {
  const key = standIn.key;
  const host = `${standIn.canonicalHost}:${standIn.gateway.port}`;
  const env = {
    ...standIn.env,
    AWS_ACCESS_KEY_ID: key.accessKeyId,
    AWS_SECRET_ACCESS_KEY: key.secretAccessKey,
    RDSIAM_DNS_SERVERS: standIn.dns.address,
    RDSIAM_SSLROOTCERT: standIn.caFile,
  };
  const ran = await rdsiam(
    ["psql", "--host", host, "-U", "app_ro", "-d", "orders", "--", "-Atc", "select current_user"],
    { env },
  );
  assert.deepEqual([ran.status, ran.stdout], [0, "app_ro\n"], ran.stderr);
});

test("rdsiam psql: a refused token says what it was signed for", { skip }, async () => {
  const ran = await rdsiam(["psql", "--region", "eu-central-1", "prod", "-c", "select 1"], {
    env: standIn.env,
  });
  assert.equal(ran.status, 2);
  assert.match(ran.stderr, /PAM authentication failed for user "app_ro"/);
  assert.match(
    ran.stderr,
    /DETAIL: .*signed for user "app_ro" on orders\.cluster-.* in eu-central-1/,
  );
  assert.match(ran.stderr, /HINT: /);
});

test(
  "rdsiam psql: a user outside rds_iam is told to be granted it, and gets no token sent",
  { skip },
  async () => {
    const ran = await rdsiam(["psql", "-U", "legacy", "prod", "-c", "select 1"], {
      env: standIn.env,
    });
    assert.equal(ran.status, 2);
    assert.match(ran.stderr, /GRANT rds_iam TO "legacy";/);
  },
);

test("rdsiam psql: a missing database is named by the server, with a HINT", { skip }, async () => {
  const ran = await rdsiam(["psql", "-d", "nowhere", "prod", "-c", "select 1"], {
    env: standIn.env,
  });
  assert.equal(ran.status, 2);
  assert.match(ran.stderr, /database "nowhere" does not exist/);
  assert.match(ran.stderr, /HINT: .*-d DB/);
});
