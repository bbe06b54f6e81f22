// What `kubectl port-forward` is started with, what becomes of it, and a sentence for each way in which it fails. What it says then
// was said by the real ones, 1.27 to 1.33.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:net";
import type { Duplex } from "node:stream";
import { test } from "node:test";
import { join } from "node:path";
import process from "node:process";
import { RdsIamError } from "../../src/base/errors.ts";
import { kubeTunnel } from "../../src/via/kube.ts";
import type { Tunnel } from "../../src/via/tunnel.ts";
import type { KubeAddress } from "../../src/via/parse-server.ts";
import { startKubectl } from "../support/kubectl-stand-in.ts";
import { processes, until } from "../support/traces.ts";
import { keep } from "../support/keep.ts";
import { listen } from "../support/listen.ts";

const RELAY = { context: undefined, namespace: "data", resource: "svc/relay", port: 8443 };
const NOWHERE = { host: "db", port: 5432, address: "db" };

let broken: RdsIamError[] = [];
const kubectl = await keep(startKubectl());
const echo = await keep(
  listen(createServer((socket) => socket.on("error", () => {}).pipe(socket))),
);
await kubectl.lead("svc/relay", echo.port);

function open(kube: KubeAddress = RELAY) {
  const [bin = ""] = kubectl.env["PATH"]?.split(":") ?? [];
  broken = [];
  return kubeTunnel(kube, {
    env: { ...process.env, ...kubectl.env },
    connectTimeout: 10_000,
    findProgram: async (name) => join(bin, name),
    note: () => {},
    warn: () => {},
    onBroken: (error) => broken.push(error),
  });
}

async function echoed(stream: Duplex, text: string): Promise<string> {
  stream.write(text);
  const [back] = (await once(stream, "data")) as [Buffer];
  return back.toString();
}

// Why a new connection carries nothing: the error that whoever waits for an answer gets, and nothing is told beside it.
async function failure(tunnel: Tunnel): Promise<RdsIamError> {
  const stream = await tunnel.open(NOWHERE, AbortSignal.timeout(10_000));
  const error = await new Promise<unknown>((resolve) => {
    stream.once("error", resolve).once("end", resolve).resume().write("b");
  });
  stream.destroy();
  assert.ok(error instanceof RdsIamError, String(error));
  return error;
}

async function isRunning(pid: number | undefined): Promise<boolean> {
  return (await processes()).some((each) => each.pid === pid);
}

test("kubeTunnel() + one kubectl carries all connections, and ends with the tunnel", async () => {
  const before = (await kubectl.starts()).length;
  const tunnel = await open({ ...RELAY, context: "arn:aws:eks:eu-west-1:1:cluster/p" });
  const signal = AbortSignal.timeout(10_000);
  const streams = await Promise.all([1, 2, 3].map(() => tunnel.open(NOWHERE, signal)));
  const texts = streams.map((stream, index) => echoed(stream, `hello ${index}`));
  assert.deepEqual(await Promise.all(texts), ["hello 0", "hello 1", "hello 2"]);
  const started = (await kubectl.starts()).slice(before);
  assert.deepEqual(
    started.map(({ argv }) => argv),
    [
      [
        "--context=arn:aws:eks:eu-west-1:1:cluster/p",
        "--namespace=data",
        "port-forward",
        "--address=127.0.0.1",
        "--pod-running-timeout=9s",
        "svc/relay",
        ":8443",
      ],
    ],
  );
  await tunnel[Symbol.asyncDispose]();
  assert.equal(await isRunning(started[0]?.pid), false);
  assert.deepEqual(broken, []);
});

test("kubeTunnel() + the pod dies: what was open ends, and the connection after the one that finds out works", async () => {
  await using tunnel = await open();
  const signal = AbortSignal.timeout(10_000);
  const stream = await tunnel.open(NOWHERE, signal);
  assert.equal(await echoed(stream, "a"), "a");
  const ended = once(stream, "end");
  await kubectl.killPod();
  stream.resume();
  await ended;
  stream.destroy();
  const { detail, hint, message } = await failure(tunnel);
  assert.equal(message, "the pod of svc/relay in data is gone");
  assert.match(
    detail ?? "",
    /^kubectl ended with exit status 1\. It said: E1129 .*lost connection to pod$/,
  );
  assert.equal(hint, "The next login starts it again. Look at: kubectl -n data get svc,pods");
  const again = await tunnel.open(NOWHERE, signal);
  assert.equal(await echoed(again, "c"), "c");
});

test("kubeTunnel() + kubectl dies under a connection that has carried something: it is told", async () => {
  await using tunnel = await open();
  const stream = await tunnel.open(NOWHERE, AbortSignal.timeout(10_000));
  assert.equal(await echoed(stream, "a"), "a");
  const failing = once(stream, "error");
  process.kill((await kubectl.starts()).at(-1)?.pid ?? 0, "SIGKILL");
  const [error] = (await failing) as [RdsIamError];
  assert.equal(error.message, "kubectl port-forward to svc/relay in data broke");
  await until(async () => broken.length === 1, "it is told");
});

test("kubeTunnel() + nothing listens on the port in the pod", async () => {
  await using tunnel = await open({ ...RELAY, resource: "pod/other", port: 1 });
  const { message } = await failure(tunnel);
  assert.equal(message, "nothing accepts connections on port 1 of pod/other in data");
});

const FAILURES: readonly (readonly [string, string, RegExp])[] = [
  ['error: context "prod" does not exist', 'kubectl has no context "prod"', /get-contexts/],
  [
    'Error from server (NotFound): namespaces "data" not found',
    "there is no namespace data in the cluster",
    /kubectl --context prod get namespaces$/,
  ],
  [
    'Error from server (NotFound): services "relay" not found',
    "there is no svc/relay in the namespace data",
    /kubectl --context prod -n data get svc,pods$/,
  ],
  [
    'error: error upgrading connection: pods "relay-4" is forbidden: User "jane" cannot create resource "pods/portforward" in API group "" in the namespace "data"',
    "kubectl may not forward a port to svc/relay in data",
    /create pods\/portforward/,
  ],
  [
    "error: You must be logged in to the server (Unauthorized)",
    "the cluster does not accept the login of kubectl",
    /aws sso login/,
  ],
  [
    "E1129 23:15:04.478329    7409 memcache.go:265] noise\nUnable to connect to the server: getting credentials: exec: executable aws failed with exit code 255",
    "the cluster does not accept the login of kubectl",
    /aws sso login/,
  ],
  [
    "The connection to the server localhost:8080 was refused - did you specify the right host or port?",
    "kubectl cannot reach the cluster",
    /VPN, KUBECONFIG/,
  ],
  [
    "Unable to connect to the server: dial tcp: lookup x.eks.amazonaws.com: no such host",
    "kubectl cannot reach the cluster",
    /cluster-info/,
  ],
  [
    "error: unable to forward port because pod is not running. Current status=Pending",
    "no pod of svc/relay in data is running",
    /get svc,pods$/,
  ],
  [
    "error: timed out waiting for the condition",
    "no pod of svc/relay in data is running",
    /get svc,pods$/,
  ],
  [
    "error: Service relay does not have a service port 8443",
    "svc/relay in data has no port 8443",
    /See its ports/,
  ],
  [
    "panic: of another day",
    "kubectl port-forward to svc/relay in data opened no port",
    /^Check with: kubectl/,
  ],
];

test("kubeTunnel() + each failure of kubectl has its sentence", async () => {
  for (const [said, message, hint] of FAILURES) {
    await kubectl.say(said);
    await assert.rejects(open({ ...RELAY, context: "prod" }), (error) => {
      assert.ok(error instanceof RdsIamError);
      assert.equal(error.message, message);
      assert.match(error.hint ?? "", hint, said);
      const last = said.split("\n").at(-1);
      assert.equal(error.detail, `kubectl ended with exit status 1. It said: ${last}`);
      return true;
    });
  }
  await kubectl.say(undefined);
});

test("kubeTunnel() + without kubectl it says where it is from", async () => {
  const options = {
    env: {},
    connectTimeout: 1_000,
    findProgram: () => Promise.reject(new Error("none")),
    note: () => {},
    warn: () => {},
    onBroken: () => {},
  };
  await assert.rejects(kubeTunnel(RELAY, options), { message: "kubectl was not found" });
});
