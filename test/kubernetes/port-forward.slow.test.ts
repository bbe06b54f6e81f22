// The real kubectl, against an API server in Go (test/slow/kube-api) that forwards with Kubernetes' own server code: what rdsiam
// makes of what kubectl really does and says. Without Go or kubectl there is only its stand-in: test/via/kube.test.ts.
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import process from "node:process";
import { after, before, test } from "node:test";
import type { StandIn } from "../../src/demo/stand-in.ts";
import { type Finished, rdsiam, run } from "../support/program.ts";
import { startStage, untilSleeping } from "../support/stage.ts";
import { processes } from "../support/traces.ts";
import { lacking, programFile } from "../support/via-servers.ts";

const SOURCE = resolve("test/slow/kube-api");
const BUILT = resolve("build/kube-api");
const EKS = "arn:aws:eks:eu-west-1:123456789012:cluster/prod";
const skip = lacking("go", "kubectl", "psql");

let standIn: StandIn;
let api: ChildProcess | undefined;
let url = "";
let env: Readonly<Record<string, string>>;
before(async () => {
  if (skip !== false) return;
  await mkdir(resolve("build"), { recursive: true });
  const go = [programFile("go") ?? "go", "build", "-buildvcs=false", "-o", BUILT, "."];
  const { GOFLAGS, GOPROXY, HOME } = process.env;
  const built = await run(go, { cwd: SOURCE, env: { GOFLAGS, GOPROXY, HOME } });
  assert.equal(built.status, 0, built.stderr);
  standIn = await startStage();
  // Its own certificate is for 127.0.0.1, and is as little trusted as most in a test.
  const child = spawn(BUILT, { stdio: ["pipe", "pipe", "inherit"] });
  api = child;
  for await (const line of createInterface({ input: child.stdout })) {
    url = line;
    break;
  }
  const config = join(standIn.directory, "kubeconfig");
  const cluster = { server: url, "insecure-skip-tls-verify": true };
  const context = (user: string) => ({ cluster: "c", user });
  await writeFile(
    config,
    JSON.stringify({
      apiVersion: "v1",
      kind: "Config",
      clusters: [
        { name: "c", cluster },
        { name: "away", cluster: { server: "https://127.0.0.1:1" } },
      ],
      users: [
        { name: "good", user: { token: "good" } },
        { name: "bad", user: { token: "bad" } },
      ],
      contexts: [
        { name: EKS, context: context("good") },
        { name: "jane@c", context: context("bad") },
        { name: "away", context: { cluster: "away", user: "good" } },
      ],
      "current-context": EKS,
    }),
  );
  env = { ...standIn.env, KUBECONFIG: config, HOME: standIn.directory };
  for (const app of ["relay", "db"]) {
    await control(`app=${app}&port=8443&to=${standIn.gateway.port}`);
  }
});
after(async () => {
  api?.stdin?.end();
  await standIn?.[Symbol.asyncDispose]();
});

// The server's certificate is for nobody; curl does not mind.
async function control(words: string): Promise<void> {
  const done = await run(["curl", "-sSk", "-X", "POST", `${url}/control?${words}`]);
  assert.equal(done.status, 0, done.stderr);
}

function psql(via: string, sql = "select 42"): Promise<Finished> {
  return rdsiam(["psql", "--via", via, "prod", "-Atc", sql], { env });
}

test(
  "kubectl + a deployment, a service and a pod are forwarded to; 20 MB arrive",
  { skip },
  async () => {
    for (const via of [
      `kube://${EKS}/data/deploy/relay:8443`,
      "kube://data/svc/db",
      "kube://data/pod/db-2:8443",
    ]) {
      const ran = await psql(via);
      assert.deepEqual([ran.status, ran.stdout], [0, "42\n"], ran.stderr);
    }
    const long = await psql("kube://data/svc/db", "select repeat('x', 20000000)");
    assert.equal(long.stdout.length, 20_000_001);
    assert.deepEqual(
      (await processes()).filter(({ words }) => words.includes("port-forward")),
      [],
    );
  },
);

test(
  "kubectl + the pod dies under a session: the next login but one has the new pod",
  { skip },
  async () => {
    const go = join(standIn.directory, "killed");
    const script = `psql -Atc 'select pg_sleep(60)'; until [ -e '${go}' ]; do sleep 0.1; done; psql -Atc 'select 41'; psql -Atc 'select 42'`;
    const running = rdsiam(
      ["exec", "--via", "kube://data/deploy/relay:8443", "prod", "bash", "-c", script],
      { env },
    );
    await untilSleeping(standIn);
    await control("kill=relay");
    await writeFile(go, "");
    const ran = await running;
    assert.match(ran.stdout, /42\n$/, ran.stderr);
    assert.match(
      ran.stderr,
      /(?:rdsiam: error: |FATAL: {2})(?:the pod of deploy\/relay in data is gone|nothing accepts connections on port 8443)/,
    );
  },
);

const FAILURES: readonly (readonly [string, RegExp])[] = [
  ["kube://staging/data/svc/db", /kubectl has no context "staging"/],
  ["kube://nope/svc/db", /there is no namespace nope in the cluster/],
  ["kube://data/svc/nope", /there is no svc\/nope in the namespace data/],
  ["kube://data/deploy/nope", /there is no deploy\/nope in the namespace data/],
  ["kube://data/pod/nope", /there is no pod\/nope in the namespace data/],
  ["kube://data/deploy/denied", /kubectl may not forward a port to deploy\/denied in data/],
  ["kube://jane@c/data/svc/db", /the cluster does not accept the login of kubectl/],
  ["kube://away/data/svc/db", /kubectl cannot reach the cluster/],
  ["kube://data/deploy/stuck", /no pod of deploy\/stuck in data is running/],
  ["kube://data/deploy/none", /no pod of deploy\/none in data is running/],
  ["kube://data/svc/db:99", /svc\/db in data has no port 99/],
];

test("kubectl + each of its failures has its sentence", { skip }, async () => {
  for (const [via, message] of FAILURES) {
    const ran = await psql(via);
    assert.equal(ran.status, 125, `${via}: ${ran.stderr}`);
    assert.match(ran.stderr, message);
  }
  const nothing = await psql("kube://data/pod/db-2:1");
  assert.equal(nothing.status, 2);
  assert.match(
    nothing.stderr,
    /FATAL: {2}nothing accepts connections on port 1 of pod\/db-2 in data/,
  );
});
