// psql through `kubectl port-forward`: to a forwarder, to a relay, and to a server of the old rds-auth-proxy.
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { makeLeaf } from "../../src/demo/certificates.ts";
import { startKubectl } from "../support/kubectl-stand-in.ts";
import { rdsiam, without } from "../support/program.ts";
import { startRdsAuthProxy } from "../support/rds-auth-proxy-stand-in.ts";
import { DEMO_USER, startTestRelay } from "../support/relay-scene.ts";
import { startStage, untilSleeping } from "../support/stage.ts";
import { processes, until } from "../support/traces.ts";
import { keep } from "../support/keep.ts";

const PROD = ["prod", "-Atc"];

const standIn = await keep(startStage());
const kubectl = await keep(startKubectl());
const { port } = standIn.gateway;
const rules = `[allow demo]\narn = ${DEMO_USER}\ntargets = orders\n`;
const relay = await keep(startTestRelay(standIn, { rules }));
const server = await keep(
  startRdsAuthProxy({
    certificate: await makeLeaf({ subject: "O=Mothership", names: ["localhost"] }),
    allowed: `${standIn.canonicalHost}:${port}`,
    databasePort: port,
    databaseCa: standIn.authority.cert,
  }),
);
await kubectl.lead("deploy/db", port);
await kubectl.lead("svc/relay", Number(/:(\d+)\?/.exec(relay.via())?.[1]));
await kubectl.lead("pod/old-0", server.port);
const env = { ...standIn.env, ...kubectl.env };

const skip = without("psql");

async function isLeft(): Promise<boolean> {
  const pids = (await kubectl.starts()).map(({ pid }) => pid);
  return (await processes()).some(({ pid }) => pids.includes(pid));
}

for (const [what, via, warning] of [
  ["to a forwarder", () => "kube://jane@prod/data/deploy/db", /^$/],
  [
    "to a relay, which is verified by its name",
    () => `kube+relay://data/svc/relay?ca=${standIn.caFile}&host=localhost`,
    /^$/,
  ],
  [
    "to an rds-auth-proxy",
    () => "kube+rds-auth-proxy://data/pod/old-0?sslmode=require",
    /^rdsiam: warning: rds-auth-proxy at old-0\.data\.svc reads the auth token/,
  ],
] as const) {
  test(
    `psql --via kube, ${what}: the login works, and kubectl ends with the run`,
    { skip },
    async () => {
      const ran = await rdsiam(["psql", "--via", via(), ...PROD, "select current_user"], { env });
      assert.deepEqual([ran.status, ran.stdout], [0, "app_ro\n"], ran.stderr);
      assert.match(ran.stderr, warning);
      assert.equal(await isLeft(), false);
    },
  );
}

test(
  "psql --via kube: a relay under another name than its certificate's is not trusted",
  { skip },
  async () => {
    const via = `kube+relay://data/svc/relay?ca=${standIn.caFile}`;
    const ran = await rdsiam(["psql", "--via", via, ...PROD, "select 1"], { env });
    assert.equal(ran.status, 2);
    assert.match(
      ran.stderr,
      /TLS with relay\.data\.svc:8443 failed\nDETAIL: .*\nHINT: .*kube\+relay:\/\/NAMESPACE\/svc\/NAME\?ca=FILE&host=NAME/,
    );
  },
);

test(
  "psql --via kube: what kubectl refuses is known before the tool starts",
  { skip },
  async () => {
    await kubectl.say('Error from server (NotFound): services "db" not found');
    const ran = await rdsiam(["psql", "--via", "kube://data/svc/db", ...PROD, "select 1"], { env });
    await kubectl.say(undefined);
    assert.equal(ran.status, 125);
    assert.equal(
      ran.stderr,
      'rdsiam: error: there is no svc/db in the namespace data\nDETAIL:  kubectl ended with exit status 1. It said: Error from server (NotFound): services "db" not found\nHINT:  See what there is: kubectl -n data get svc,pods\n',
    );
  },
);

test(
  "exec --via kube: the pod dies, the session ends, and after one failed login the next works",
  { skip },
  async () => {
    const starts = (await kubectl.starts()).length;
    const go = join(standIn.directory, "pod-died");
    const script = `psql -Atc 'select pg_sleep(60)'; until [ -e '${go}' ]; do sleep 0.05; done; psql -Atc 'select 41'; psql -Atc 'select 42'`;
    const running = rdsiam(
      ["exec", "--via", "kube://data/deploy/db", "prod", "bash", "-c", script],
      { env },
    );
    await untilSleeping(standIn);
    await kubectl.killPod();
    await writeFile(go, "");
    const ran = await running;
    assert.equal(ran.stdout, "42\n", ran.stderr);
    assert.match(
      ran.stderr,
      /(?:rdsiam: error: |FATAL: {2})the pod of deploy\/db in data is gone\nDETAIL: {2}\S.*\nHINT: {2}The next login/,
    );
    assert.equal((await kubectl.starts()).length, starts + 2);
    assert.equal(await isLeft(), false);
  },
);

test("psql --via kube: rdsiam killed outright leaves no kubectl", { skip }, async () => {
  const starts = (await kubectl.starts()).length;
  const running = rdsiam(
    ["psql", "--via", "kube://data/deploy/db", ...PROD, "select pg_sleep(60)"],
    {
      env,
      started: (child) => {
        void until(async () => (await kubectl.starts()).length > starts, "kubectl runs").then(() =>
          child.kill("SIGKILL"),
        );
      },
    },
  );
  assert.equal((await running).signal, "SIGKILL");
  await until(async () => !(await isLeft()), "kubectl has ended");
});
