// Every --via against the real thing on loopback: sshd, a SOCKS5 and a CONNECT proxy, socat; for Systems Manager a stand-in
// for the API, the agent and the plugin. The 100 MB dumps are `npm run test:slow -- via`.
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { afterEach, test } from "node:test";
import { rdsiam } from "../support/program.ts";
import { marked, until } from "../support/traces.ts";
import { dumpThrough, fillTable } from "../support/via-dump.ts";
import {
  lackingFor,
  sshMasters,
  startViaScene,
  type TestWay,
  type WayName,
  WAYS,
} from "../support/via-scene.ts";
import { keep } from "../support/keep.ts";
import { untilSleeping } from "../support/stage.ts";

const scene = await keep(startViaScene());
const digest = await fillTable(scene.standIn, 4);

// A server does not notice that a sleeper's connection is gone.
afterEach(async () => {
  await scene.standIn.postgres.query(
    "select pg_terminate_backend(pid) from pg_stat_activity where query ~ '^select pg_sleep'",
  );
  await untilSleeping(scene.standIn, 0);
});

function way(name: WayName): TestWay {
  const found = scene.ways.get(name);
  assert.ok(found !== undefined);
  return found;
}

for (const name of WAYS) {
  const skip = lackingFor(name);

  test(`--via ${name}: pg_dump gets every byte`, { skip }, async () => {
    const logins = scene.standIn.gateway.logins.length;
    const dump = await dumpThrough(scene.standIn, way(name));
    assert.deepEqual([dump.status, dump.stderr, dump.digest], [0, "", digest]);
    assert.equal(scene.standIn.gateway.logins.length, logins + 1);
    assert.equal(
      scene.standIn.gateway.logins.at(-1)?.signedHost?.split(":")[0],
      scene.standIn.canonicalHost,
    );
  });

  test(
    `--via ${name}: its process dies in a session, the tool hears of it, the next login works`,
    { skip },
    async () => {
      const { args, breakIt, env, isOurs, mend } = way(name);
      const mark = `via-dies-${name}-${process.pid}`;
      const go = join(scene.standIn.directory, mark);
      const script = `psql -Atc 'select pg_sleep(60)'; echo "first=$?"; until [ -e '${go}' ]; do sleep 0.05; done; psql -Atc 'select 42'`;
      const running = rdsiam(["exec", ...args, "prod", "bash", "-c", script], {
        env: { ...scene.standIn.env, ...env, RDSIAM_TEST_MARK: mark },
      });
      await untilSleeping(scene.standIn);
      await breakIt(mark);
      await mend();
      await writeFile(go, "");
      const ran = await running;
      assert.equal(ran.stdout, "first=2\n42\n", ran.stderr);
      assert.match(ran.stderr, /closed the connection unexpectedly|connection .*lost/);
      if (isOurs)
        assert.match(ran.stderr, /^rdsiam: error: .* broke.*\nDETAIL: {2}\S.*\nHINT: {2}\S/m);
      else assert.doesNotMatch(ran.stderr, /rdsiam: error/);
      await until(async () => (await marked(mark)).length === 0, "nothing is left");
    },
  );

  test(`--via ${name}: a cancel goes the same way`, { skip }, async () => {
    const { args, env } = way(name);
    const cancels = scene.standIn.gateway.cancels;
    const script = `psql -Atc 'select pg_sleep(60)' & until [ -e "$1" ]; do sleep 0.05; done; kill -INT $!; wait $!; echo "psql=$?"`;
    const go = join(scene.standIn.directory, `cancel-${name}`);
    const tool = ["bash", "-c", script, "bash", go];
    const running = rdsiam(["exec", ...args, "prod", ...tool], {
      env: { ...scene.standIn.env, ...env },
    });
    await untilSleeping(scene.standIn);
    await writeFile(go, "");
    const ran = await running;
    assert.match(ran.stderr, /canceling statement due to user request/);
    assert.equal(ran.stdout, "psql=1\n");
    assert.equal(scene.standIn.gateway.cancels, cancels + 1);
  });
}

test(
  "--via: a run leaves no ssh, plugin or command behind",
  { skip: lackingFor("ssh") },
  async () => {
    for (const name of ["ssh", "ssm", "ssm-plugin", "command"] as const) {
      const { args, env } = way(name);
      const mark = `via-left-${name}-${process.pid}`;
      const ran = await rdsiam(["psql", ...args, "prod", "-Atc", "select 1"], {
        env: {
          ...scene.standIn.env,
          ...env,
          RDSIAM_TEST_MARK: mark,
          TMPDIR: scene.standIn.directory,
        },
      });
      assert.deepEqual([ran.status, ran.stdout, ran.stderr], [0, "1\n", ""]);
      await until(async () => (await marked(mark)).length === 0, `nothing of ${name} is left`);
    }
    const own = scene.ssm.sessions.filter(({ clientVersion }) => clientVersion !== undefined);
    assert.ok(own.length > 0 && own.every(({ ended }) => ended !== undefined));
    assert.deepEqual(await sshMasters(scene.ssh), []);
  },
);

test(
  "--via ssh, ssm-plugin: rdsiam killed outright leaves nothing either",
  { skip: lackingFor("ssh") },
  async () => {
    for (const name of ["ssh", "ssm-plugin"] as const) {
      const { args, env } = way(name);
      const mark = `via-killed-${name}-${process.pid}`;
      const running = rdsiam(["psql", ...args, "prod", "-Atc", "select pg_sleep(60)"], {
        env: { ...scene.standIn.env, ...env, RDSIAM_TEST_MARK: mark },
        started: (child) => {
          void untilSleeping(scene.standIn).then(() => child.kill("SIGKILL"));
        },
      });
      assert.equal((await running).signal, "SIGKILL");
      await until(async () => (await marked(mark)).length === 0, `nothing of ${name} is left`);
      await until(async () => (await sshMasters(scene.ssh)).length === 0, "no ssh is left");
    }
  },
);
