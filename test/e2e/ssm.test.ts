// The tunnel through Systems Manager without a plugin, against a stand-in whose agents AWS's own plugin has talked to as well.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { StandIn } from "../../src/demo/stand-in.ts";
import { type Finished, rdsiam } from "../support/program.ts";
import { type SsmStandIn, startSsmStandIn } from "../support/ssm-stand-in.ts";
import { startStage } from "../support/stage.ts";
import { until } from "../support/traces.ts";
import { freePort, lacking } from "../support/via-servers.ts";

const VIA = ["--via", "ssm://i-0123456789abcdef0"];
const PLAIN = "3.0.100.0";
const MUXED = "3.3.3050.0";
const KEY = "arn:aws:kms:eu-west-1:123456789012:key/orders";

let standIn: StandIn;
let ssm: SsmStandIn;
before(async () => {
  standIn = await startStage();
  ssm = await startSsmStandIn(standIn.keys);
});
after(async () => {
  await ssm[Symbol.asyncDispose]();
  await standIn[Symbol.asyncDispose]();
});

const skip = lacking("psql");

function run(words: readonly string[]): Promise<Finished> {
  return rdsiam(words, { env: { ...standIn.env, ...ssm.env } });
}

// The sessions that an action opens.
async function during<T>(action: () => Promise<T>) {
  const first = ssm.sessions.length;
  const result = await action();
  const sessions = ssm.sessions.slice(first);
  await until(
    async () => sessions.every(({ ended }) => ended !== undefined),
    "all sessions have ended",
  );
  return { result, sessions };
}

for (const version of [MUXED, PLAIN]) {
  test(
    `--via ssm + an agent ${version} and AWS KMS: psql works, and no secret is in what -v tells`,
    { skip },
    async () => {
      ssm.agent.version = version;
      ssm.agent.kmsKey = KEY;
      const { result, sessions } = await during(() =>
        run(["psql", "-v", ...VIA, "prod", "-Atc", "select 42"]),
      );
      assert.deepEqual([result.status, result.stdout], [0, "42\n"], result.stderr);
      assert.match(
        result.stderr,
        /^rdsiam: tunnel: session demo-\d+ to .* encrypted with AWS KMS$/m,
      );
      assert.deepEqual(
        sessions.map(({ clientVersion, ended, options }) => [ended, options.target, clientVersion]),
        [["by its client", "i-0123456789abcdef0", "1.3.0.0"]],
      );
      for (const secret of [...ssm.tokens, ...ssm.dataKeys])
        assert.ok(!result.stderr.includes(secret));
      ssm.agent.kmsKey = undefined;
    },
  );
}

test("--via ssm + each connection has a session, up to --ssm-sessions", { skip }, async () => {
  ssm.agent.version = MUXED;
  const script = `for i in 1 2 3; do psql -Atc 'select pg_sleep(1)' & done; wait`;
  const { result, sessions } = await during(() =>
    run(["exec", ...VIA, "--ssm-sessions", "2", "prod", "bash", "-c", script]),
  );
  assert.deepEqual([result.status, result.stdout, result.stderr], [0, "\n\n\n", ""]);
  assert.equal(sessions.length, 2);
});

test(
  "--via ssm + a WebSocket that is cut is resumed, and the session goes on",
  { skip },
  async () => {
    const running = during(() =>
      run(["psql", ...VIA, "prod", "-At", "-c", "select pg_sleep(1)", "-c", "select 42"]),
    );
    await until(async () => {
      const { rows } = await standIn.postgres.query(
        "select 1 from pg_stat_activity where state = 'active' and query ~ '^select pg_sleep'",
      );
      return rows.length === 1;
    }, "the query runs");
    for (const session of ssm.sessions) session.cut();
    const { result, sessions } = await running;
    assert.deepEqual([result.status, result.stdout, result.stderr], [0, "\n42\n", ""]);
    assert.deepEqual(
      sessions.map(({ resumed, ended }) => [resumed, ended]),
      [[1, "by its client"]],
    );
  },
);

test("--via ssm + a port that the instance does not reach", { skip }, async () => {
  const host = `${standIn.canonicalHost}:${await freePort()}`;
  const { result } = await during(() =>
    run(["psql", ...VIA, "--host", host, "prod", "-Atc", "select 42"]),
  );
  assert.equal(result.status, 2);
  assert.match(
    result.stderr,
    /FATAL: {2}i-0123456789abcdef0 opened no connection to orders\S+ port \d+\nDETAIL: {2}The agent could not connect to it\.\nHINT: {2}Check that the instance resolves and reaches /,
  );
});

test(
  "--via ssm + a key of AWS KMS that may not be used says so, and leaves no session",
  { skip },
  async () => {
    ssm.agent.kmsKey = KEY;
    ssm.refuseWith = "AccessDeniedException";
    ssm.refuseOnly = "GenerateDataKey";
    const { result, sessions } = await during(() =>
      run(["psql", ...VIA, "prod", "-Atc", "select 42"]),
    );
    ssm.agent.kmsKey = undefined;
    ssm.refuseWith = undefined;
    ssm.refuseOnly = undefined;
    assert.equal(result.status, 2);
    assert.match(
      result.stderr,
      /not allowed to call kms:GenerateDataKey in eu-west-1\nDETAIL: .*\nHINT: {2}Allow kms:GenerateDataKey/,
    );
    assert.ok(sessions.length > 0);
  },
);

test("--via ssm + Systems Manager ends the session: the reason is told", { skip }, async () => {
  const running = during(() => run(["psql", ...VIA, "prod", "-Atc", "select pg_sleep(30)"]));
  await until(async () => {
    const { rows } = await standIn.postgres.query(
      "select 1 from pg_stat_activity where state = 'active' and query ~ '^select pg_sleep'",
    );
    return rows.length === 1;
  }, "the query runs");
  for (const session of ssm.sessions) session.end("by the service", "Session timed out");
  const { result } = await running;
  assert.equal(result.status, 2);
  assert.match(
    result.stderr,
    /^rdsiam: error: the Session Manager connection to \S+ port \d+ broke\nDETAIL: {2}Systems Manager ended the session: Session timed out\.\nHINT: /m,
  );
});
