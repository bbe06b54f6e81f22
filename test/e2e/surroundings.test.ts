// What a run finds around it: no home directory, Kubernetes' variables.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { COMMAND, rdsiam, run, runtimeCaches, without } from "../support/program.ts";
import { startStage } from "../support/stage.ts";
import { keep } from "../support/keep.ts";

const standIn = await keep(startStage());

// A user without an entry in passwd.
const NOBODY = ["setpriv", "--reuid", "54321", "--regid", "54321", "--clear-groups", "--"];
const OPEN = 'mkdir -p "$1/caches"; chmod -R a+rX "$1"; chmod 777 "$1/caches"';

for (const home of [undefined, "/dev/null"]) {
  test(`no home directory: ${home ?? "HOME is not set"} (A33)`, async (context) => {
    const caches = runtimeCaches(join(standIn.directory, "caches"));
    const { AWS_CONFIG_FILE, AWS_SHARED_CREDENTIALS_FILE } = standIn.env;
    const files = { AWS_CONFIG_FILE, AWS_SHARED_CREDENTIALS_FILE };
    const env = { ...files, AWS_EC2_METADATA_DISABLED: "true", HOME: home, ...caches };
    await run(["sh", "-c", OPEN, "sh", standIn.directory]);
    const probe = await run([...NOBODY, ...COMMAND, "--version"], { env }).catch(() => undefined);
    if (probe?.status !== 0) {
      return context.skip(`cannot start rdsiam as another user: ${probe?.stderr ?? "no setpriv"}`);
    }
    const as = (...args: string[]) => run([...NOBODY, ...COMMAND, ...args], { env });
    assert.match((await as("list")).stdout, /^prod\torders/m);
    const ran = await as("exec", "prod", "sh", "-c", "echo ${HOME-none} $PGUSER");
    assert.equal(ran.stderr, "");
    assert.equal(ran.stdout, `${home ?? "none"} app_ro\n`);
    const unknown = await as("token", "nope");
    assert.match(unknown.stderr, /^rdsiam: error: unknown target "nope"\n/);
    assert.match(
      (await as("completion", "zsh", "--install")).stderr,
      /error: cannot write .*: ENOTDIR\n/,
    );
  });
}

test(
  "Kubernetes' variables of a Service called rdsiam are no settings (A29)",
  { skip: without("psql") },
  async () => {
    const service = {
      RDSIAM_PORT: "tcp://10.0.171.239:5432",
      RDSIAM_PORT_5432_TCP: "tcp://10.0.171.239:5432",
      RDSIAM_SERVICE_HOST: "10.0.171.239",
      RDSIAM_HEALTH_PORT: "udp://[fd00::1]:53",
    };
    const env = { ...standIn.env, ...service };
    const ran = await rdsiam(["psql", "prod", "-Atc", "select 1"], { env });
    assert.deepEqual([ran.stdout, ran.stderr], ["1\n", ""]);
    const tool = await rdsiam(["exec", "--target", "a=prod", "printenv", "RDSIAM_PORT"], { env });
    assert.equal(tool.stdout, "tcp://10.0.171.239:5432\n", "the tool has it as it is");
    const proxy = await rdsiam(["proxy", "prod"], {
      env,
      started: (child) => child.stdout?.once("data", () => child.kill("SIGTERM")),
    });
    assert.equal(proxy.status, 0, proxy.stderr);
    const wrong = await rdsiam(["psql", "prod"], { env: { ...env, RDSIAM_PORT: "tcp:5432" } });
    assert.match(wrong.stderr, /"tcp:5432" is not a valid port/);
  },
);

test(
  "a client that insists on TLS is explained by the proxy (A30)",
  { skip: without("psql") },
  async () => {
    const words = (port: string) =>
      `host=127.0.0.1 port=${port} user=app_ro dbname=orders sslmode=require`;
    const ran = await rdsiam(["proxy", "prod", "--json"], {
      env: standIn.env,
      started: (child) =>
        child.stdout?.once("data", (line: Buffer) => {
          const [, port = ""] = /"port": ?(\d+)/.exec(String(line)) ?? [];
          void run(["psql", words(port), "-c", "select 1"]).finally(() => child.kill("SIGTERM"));
        }),
    });
    assert.match(
      ran.stderr,
      /^rdsiam: warning: refused a login: the client requires TLS, and disconnected\n/,
    );
    assert.match(
      ran.stderr,
      /^HINT: {2}Use sslmode=disable in the client, or start rdsiam proxy with --tls-cert/m,
    );
  },
);

test("connection words that the proxy cannot satisfy are refused before any login (A30, A37)", async () => {
  for (const [words, message] of [
    [["psql", "prod", "dbname=orders sslmode=require"], "sslmode=require would make psql refuse"],
    [
      ["exec", "prod", "pg_dump", "postgresql:///orders?channel_binding=require"],
      "channel_binding=require would make pg_dump refuse",
    ],
    [["exec", "prod", "--", "pg_dump", "-p", "5432", "orders"], "-p 5432 would bypass"],
  ] as const) {
    const ran = await rdsiam(words, { env: standIn.env });
    assert.equal(ran.status, 125);
    assert.ok(ran.stderr.startsWith(`rdsiam: error: ${message} rdsiam's proxy\n`), ran.stderr);
  }
});

test("a tool with a limit for connecting starts when the credentials are there (A27)", async () => {
  const unreachable = {
    AWS_ENDPOINT_URL_STS: "http://127.0.0.1:1",
    RDSIAM_AWS_TIMEOUT: "2",
    RDSIAM_NO_CACHE: "1",
  };
  const tool = (variables: Readonly<Record<string, string>>, ...words: string[]) =>
    rdsiam(["exec", "-v", "stage", "sh", "-c", "echo started", ...words], {
      env: { ...standIn.env, ...unreachable, ...variables },
    });
  const [timed, inWords, free, off] = await Promise.all([
    tool({ PGCONNECT_TIMEOUT: "3" }),
    tool({}, "dbname=orders connect_timeout = 3"),
    tool({}),
    tool({ PGCONNECT_TIMEOUT: "0" }),
  ]);
  for (const ran of [timed, inWords]) {
    assert.deepEqual([ran.status, ran.stdout], [125, ""]);
    assert.match(ran.stderr, /^rdsiam: waiting for arn:\S+: the tool has a limit of its own/m);
    assert.match(
      ran.stderr,
      /^rdsiam: error: cannot assume arn:\S+: http:\/\/127\.0\.0\.1:1 cannot be reached\n/m,
    );
  }
  for (const ran of [free, off]) {
    assert.equal(ran.stdout, "started\n");
    assert.doesNotMatch(ran.stderr, /waiting for/);
  }
});

test("bytes that are not UTF-8 are refused in arguments, and named in the environment", async () => {
  if (!existsSync("/proc/self/cmdline")) return;
  const typed = (script: string) =>
    run(["bash", "-c", script, "sh", ...COMMAND], { env: standIn.env });
  const argument = await typed(`"$@" exec prod printf %s $'a\\xffb'`);
  assert.deepEqual([argument.status, argument.stdout], [125, ""]);
  assert.match(argument.stderr, /^rdsiam: error: an argument of the tool is not UTF-8\n/);
  const variable = await typed(`X_BYTES=$'v\\xfe' "$@" exec prod echo ran`);
  assert.equal(variable.stdout, "ran\n");
  assert.match(variable.stderr, /^rdsiam: warning: not UTF-8, .*: X_BYTES\n/);
  const written = await typed(`"$@" exec prod printf %s $'a\\xef\\xbf\\xbdb'`);
  assert.deepEqual([written.stdout, written.stderr], ["a\uFFFDb", ""], "U+FFFD itself is UTF-8");
});
