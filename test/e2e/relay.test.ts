// psql through `rdsiam relay`: who gets through, who does not and what psql says, cancels, and the end of a relay.
import assert from "node:assert/strict";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { makeLeaf } from "../../src/demo/certificates.ts";
import type { StandIn } from "../../src/demo/stand-in.ts";
import { type Finished, rdsiam, RUNTIME, without } from "../support/program.ts";
import { DEMO_USER, startTestRelay, type TestRelay } from "../support/relay-scene.ts";
import { startStage } from "../support/stage.ts";
import { until } from "../support/traces.ts";

const RULES = `[allow demo]
arn = ${DEMO_USER}
targets = orders

[allow certificates]
certificate = URI:spiffe://example.com/*
tags = env=prod
`;

let standIn: StandIn;
let relay: TestRelay;
before(async () => {
  standIn = await startStage();
  relay = await startTestRelay(standIn, {
    rules: RULES,
    args: ["--tls-client-ca", standIn.caFile],
  });
});
after(async () => {
  await relay[Symbol.asyncDispose]();
  await standIn[Symbol.asyncDispose]();
});

const skip = without("psql");

function psql(target: string, sql: string, via = relay.via()): Promise<Finished> {
  return rdsiam(["psql", "--via", via, target, "-Atc", sql], { env: standIn.env });
}

async function waiting(): Promise<number> {
  const { rows } = await standIn.postgres.query(
    "select pid from pg_stat_activity where state = 'active' and query ~ '^select pg_(sleep|advisory_lock)'",
  );
  return rows.length;
}

test(
  "psql --via relay:// is admitted with its AWS identity, which STS has verified",
  { skip },
  async () => {
    const asked = standIn.sts.count("GetCallerIdentity");
    // The second and the third login have a ticket, which Deno cannot use.
    const thrice = "for i in 1 2 3; do psql -Atc 'select current_user'; done";
    const words = ["exec", "--via", relay.via(), "prod", "bash", "-c", thrice];
    const ran = await rdsiam(words, { env: standIn.env });
    assert.deepEqual([ran.status, ran.stdout, ran.stderr], [0, "app_ro\n".repeat(3), ""]);
    const proofs = standIn.sts.count("GetCallerIdentity") - asked;
    // Deno proves also what is opened ahead, and opened again on a slow machine.
    assert.ok(RUNTIME === "deno" ? proofs >= 3 : proofs === 1, String(proofs));
    await until(
      async () => /closed orders\.cluster-/.test(relay.output()),
      "the relay has told it",
    );
    assert.match(
      relay.output(),
      new RegExp(
        `opened ${standIn.canonicalHost}:\\d+ at 127\\.0\\.0\\.1 for ${DEMO_USER} from \\S+ by \\[allow demo\\]`,
      ),
    );
  },
);

test("a role that no rule names is refused, and the error names it", { skip }, async () => {
  const logins = standIn.gateway.connections;
  const ran = await psql("stage", "select 1");
  assert.equal(ran.status, 2);
  assert.match(
    ran.stderr,
    /FATAL: {2}the relay localhost:\d+ opened no connection to orders\.cluster-/,
  );
  assert.match(
    ran.stderr,
    /DETAIL: {2}It knows you as arn:aws:sts::123456789012:assumed-role\/db-reader\/\S+\. No rule/,
  );
  assert.match(ran.stderr, /HINT: {2}\S/);
  assert.equal(standIn.gateway.connections, logins);
});

test(
  "a client certificate that a rule names needs no AWS identity for the relay",
  { skip },
  async () => {
    const leaf = await makeLeaf({
      subject: "CN=laptop",
      names: ["spiffe://example.com/alice"],
      issuer: standIn.authority,
      client: true,
    });
    const client = {
      cert: join(standIn.directory, "alice.crt"),
      key: join(standIn.directory, "alice.key"),
    };
    await writeFile(client.cert, leaf.cert);
    await writeFile(client.key, leaf.key, { mode: 0o600 });
    const asked = standIn.sts.count("GetCallerIdentity");
    const ran = await psql("stage", "select 1", relay.via(client));
    assert.deepEqual([ran.status, ran.stdout, ran.stderr], [0, "1\n", ""]);
    assert.equal(standIn.sts.count("GetCallerIdentity"), asked);
  },
);

test("a cancel goes through the relay, to the address of its session", { skip }, async () => {
  const { cancels } = standIn.gateway;
  const script = `psql -Atc 'select pg_sleep(60)' & until [ -e "$1" ]; do sleep 0.05; done; kill -INT $!; wait $!; echo "psql=$?"`;
  const go = join(standIn.directory, "cancel-relay");
  const running = rdsiam(["exec", "--via", relay.via(), "prod", "bash", "-c", script, "bash", go], {
    env: standIn.env,
  });
  await until(async () => (await waiting()) === 1, "the query runs");
  await writeFile(go, "");
  const ran = await running;
  assert.match(ran.stderr, /canceling statement due to user request/);
  assert.equal(ran.stdout, "psql=1\n");
  assert.equal(standIn.gateway.cancels, cancels + 1);
});

test(
  "a relay whose certificate is not trusted gets no proof of the identity",
  { skip },
  async () => {
    const asked = standIn.sts.count("GetCallerIdentity");
    const ran = await psql("prod", "select 1", `relay://localhost:${relay.port}`);
    assert.equal(ran.status, 2);
    assert.match(ran.stderr, /FATAL: {2}TLS with localhost:\d+ failed/);
    assert.match(ran.stderr, /HINT: {2}.*\?ca=FILE/);
    assert.equal(standIn.sts.count("GetCallerIdentity"), asked);
  },
);

test("SIGTERM lets a session go on and ends with it; new ones are refused", { skip }, async () => {
  await using own = await startTestRelay(standIn, {
    rules: RULES,
    args: ["--tls-client-ca", standIn.caFile],
  });
  const exited = once(own.child, "exit");
  const keeper = standIn.postgres.makeClient("orders");
  await keeper.connect();
  await keeper.query("select pg_advisory_lock(1)");
  const session = psql("prod", "select pg_advisory_lock(1), 42", own.via());
  await until(async () => (await waiting()) === 1, "the session stands");
  own.child.kill("SIGTERM");
  await until(async () => /waits for open ones/.test(own.output()), "it drains");
  const late = await psql("prod", "select 1", own.via());
  assert.equal(late.status, 2, late.stderr);
  await keeper.end();
  const ran = await session;
  assert.deepEqual([ran.status, ran.stdout], [0, "|42\n"], ran.stderr);
  assert.deepEqual(await exited, [0, null]);
});

test("no token, key or proof is in the output of the relay", async () => {
  const said = relay.output();
  for (const key of standIn.keys.all()) {
    assert.ok(!said.includes(key.secretAccessKey));
    if (key.sessionToken !== undefined) assert.ok(!said.includes(key.sessionToken));
  }
  assert.doesNotMatch(said, /X-Amz-|RDSIAM-/);
});
