// `rdsiam proxy`: the built program with psql through it.
import assert from "node:assert/strict";
import type { Buffer } from "node:buffer";
import type { ChildProcess } from "node:child_process";
import { createSocket } from "node:dgram";
import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { after, test } from "node:test";
import { makeAuthority, makeLeaf } from "../../src/demo/certificates.ts";
import { type Finished, rdsiam, run, without } from "../support/program.ts";
import { startStage } from "../support/stage.ts";
import { keep, temporaryDirectory } from "../support/keep.ts";
import { until } from "../support/traces.ts";
import { freePort } from "../support/via-servers.ts";

const PSQL = { skip: without("psql") };
const SECRET = /:([\w-]{43})@/;

const running = new Set<ChildProcess>();
const standIn = await keep(startStage());
const directory = await temporaryDirectory("proxy");
const ca = await makeAuthority({ subject: "CN=a CA of the test's" });
const names = ["localhost", "127.0.0.1"];
const server = await makeLeaf({ subject: "CN=localhost", names, issuer: ca });
const files = { "ca.pem": ca.cert, "cert.pem": server.cert, "key.pem": server.key };
for (const [name, text] of Object.entries(files))
  await writeFile(path(name), text, { mode: 0o600 });
after(async () => {
  // Of a test that failed.
  for (const child of running) child.kill("SIGKILL");
});

function path(name: string): string {
  return join(directory, name);
}

/** A proxy that is ready. */
interface Ready {
  readonly lines: readonly string[];
  readonly url: string;
  readonly child: ChildProcess;
  /** Sends a signal; resolves when it has ended. */
  readonly stop: (signal?: NodeJS.Signals) => Promise<Finished>;
  readonly stderr: () => string;
}

async function proxy(args: readonly string[], env: Record<string, string> = {}): Promise<Ready> {
  let child: ChildProcess | undefined;
  let stderr = "";
  let ready: (text: string) => void = () => {};
  const printed = new Promise<string>((resolve) => (ready = resolve));
  const ending = rdsiam(["proxy", ...args], {
    env: { ...standIn.env, ...env },
    started: (started) => {
      child = started;
      running.add(started);
      started.once("close", () => running.delete(started));
      let text = "";
      started.stdout?.on("data", (chunk: Buffer) => {
        text += chunk.toString();
        if (text.endsWith("\n")) ready(text);
      });
      started.stderr?.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
    },
  });
  const text = await Promise.race([printed, ending.then(({ stderr: said }) => said)]);
  assert.ok(child !== undefined && child.exitCode === null, text);
  const open = child;
  const lines = text.trimEnd().split("\n");
  const stop = (signal: NodeJS.Signals = "SIGTERM"): Promise<Finished> => {
    open.kill(signal);
    return ending;
  };
  return { lines, url: lines[0] ?? "", child: open, stop, stderr: () => stderr };
}

function psql(url: string, query: string, env: Record<string, string> = {}): Promise<Finished> {
  return run(["psql", "-XAt", url, "-c", query], { env });
}

test("rdsiam proxy fails at its start where a CA file has a certificate that cannot be read", async () => {
  const file = path("broken.pem");
  await writeFile(file, `${ca.cert}-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n`);
  const ran = await rdsiam(["proxy", "--sslrootcert", file, "prod"], { env: standIn.env });
  const error = `rdsiam: error: certificate 2 in ${file} cannot be read\nHINT:  Fetch the file again.\n`;
  assert.deepEqual([ran.status, ran.stdout, ran.stderr], [125, "", error]);
});

test(
  "rdsiam proxy: one line, sessions through it, and its secret nowhere but there",
  PSQL,
  async () => {
    const ready = await proxy(["prod", "-v"]);
    assert.match(
      ready.url,
      /^postgresql:\/\/app_ro:[\w-]{43}@127\.0\.0\.1:\d+\/orders\?sslmode=disable$/,
    );
    const both = await Promise.all([1, 2].map(() => psql(ready.url, "select current_user")));
    assert.deepEqual(
      both.map(({ status, stdout }) => [status, stdout]),
      [0, 0].map((status) => [status, "app_ro\n"]),
    );
    const [, secret = ""] = SECRET.exec(ready.url) ?? [];
    const wrong = await psql(ready.url.replace(secret, "x".repeat(43)), "select 1");
    assert.match(wrong.stderr, /password authentication failed/);
    if (process.platform === "linux") {
      for (const file of ["cmdline", "environ"]) {
        const text = await readFile(`/proc/${ready.child.pid}/${file}`, "latin1");
        assert.ok(!text.includes(secret), file);
      }
    }
    const ended = await ready.stop();
    assert.deepEqual([ended.status, ended.stdout], [0, `${ready.url}\n`]);
    assert.ok(!ended.stderr.includes(secret));
    assert.doesNotMatch(ended.stderr, /X-Amz-/);
    assert.match(ended.stderr, /warning: refused a login: password authentication failed/);
  },
);

test(
  "rdsiam proxy: a fixed port, from option, environment and rds_local_port, which psql takes too; one that is taken is an error",
  PSQL,
  async () => {
    const port = await freePort();
    const first = await proxy(["prod", "--port", String(port), "--json"]);
    const told = JSON.parse(first.url) as Record<string, unknown>;
    const { password, url, ...rest } = told;
    assert.deepEqual(rest, {
      target: "prod",
      host: "127.0.0.1",
      port,
      user: "app_ro",
      dbname: "orders",
      sslmode: "disable",
    });
    assert.match(
      String(url),
      new RegExp(`app_ro:${String(password)}@127\\.0\\.0\\.1:${port}/orders`),
    );
    const taken = await rdsiam(["proxy", "prod"], {
      env: { ...standIn.env, RDSIAM_PORT: String(port) },
    });
    assert.deepEqual([taken.status, taken.stdout], [125, ""]);
    assert.match(taken.stderr, /could not listen on 127\.0\.0\.1 port \d+\nDETAIL: {2}EADDRINUSE/);
    assert.equal((await first.stop("SIGINT")).status, 0);
    const settings = {
      ...standIn.targetSettings,
      rds_user: "app_ro",
      rds_local_port: String(port),
    };
    await standIn.addProfile("fixed", settings, standIn.key);
    const asked = await rdsiam(["psql", "fixed", "-XAtc", "\\echo :PORT"], { env: standIn.env });
    assert.deepEqual([asked.stdout, asked.stderr], [`${port}\n`, ""]);
    const own = await proxy(["fixed"]);
    assert.match(own.url, new RegExp(`:${port}/`));
    assert.equal((await own.stop("SIGHUP")).status, 0);
  },
);

test(
  "rdsiam proxy --socket: a unix socket that only its owner reaches, gone at the end",
  PSQL,
  async () => {
    const socket = path("socket");
    const ready = await proxy(["prod", "--socket", socket]);
    assert.equal((await psql(ready.url, "select current_user")).stdout, "app_ro\n");
    assert.equal((await stat(socket)).mode & 0o777, 0o700);
    assert.equal((await stat(join(socket, ".s.PGSQL.5432"))).mode & 0o777, 0o600);
    const second = await rdsiam(["proxy", "prod", "--socket", socket], { env: standIn.env });
    assert.equal(second.status, 125);
    assert.match(second.stderr, /Another program listens there/);
    // Killed, it leaves its socket behind; the next run takes the place over.
    ready.child.kill("SIGKILL");
    await ready.stop("SIGKILL");
    const again = await proxy(["prod", "--socket", socket]);
    assert.equal((await psql(again.url, "select 1")).stdout, "1\n");
    assert.equal((await again.stop()).status, 0);
    await assert.rejects(stat(join(socket, ".s.PGSQL.5432")));
  },
);

test(
  "rdsiam proxy --tls-cert: psql verifies it in full, binds the login to it, and without TLS is refused",
  PSQL,
  async () => {
    const ready = await proxy([
      "prod",
      "--tls-cert",
      path("cert.pem"),
      "--tls-key",
      path("key.pem"),
      "--require-tls",
    ]);
    const full = `sslmode=verify-full&channel_binding=require&sslrootcert=${path("ca.pem")}`;
    const verified = ready.url.replace("sslmode=require", full);
    assert.deepEqual((await psql(verified, "select current_user")).stdout, "app_ro\n");
    const plain = await psql(ready.url.replace("require", "disable"), "select 1");
    assert.match(plain.stderr, /FATAL: {2}no pg_hba\.conf entry for host .*, no encryption/);
    const other = await makeAuthority({ subject: "CN=another CA" });
    await writeFile(path("other.pem"), other.cert);
    const wrong = await psql(verified.replace("ca.pem", "other.pem"), "select 1");
    assert.match(wrong.stderr, /certificate verify failed/);
    // Renewed while it runs.
    const leaf = await makeLeaf({ subject: "CN=new", names: ["127.0.0.1"], issuer: other });
    await writeFile(path("cert.pem"), leaf.cert);
    await writeFile(path("key.pem"), leaf.key);
    const renewed = await psql(verified.replace("ca.pem", "other.pem"), "select 1");
    assert.deepEqual([renewed.stdout, renewed.stderr], ["1\n", ""]);
    assert.equal((await ready.stop()).status, 0);
  },
);

test(
  "rdsiam proxy --password-file --client-auth: a password that stays, and is in no line",
  PSQL,
  async () => {
    const file = path("password");
    const args = ["prod", "--password-file", file, "--client-auth", "password"];
    const first = await proxy(args);
    assert.match(first.url, /^postgresql:\/\/app_ro@127\.0\.0\.1:\d+\/orders\?sslmode=disable$/);
    const PGPASSWORD = (await readFile(file, "utf8")).trim();
    assert.equal((await psql(first.url, "select 1", { PGPASSWORD })).stdout, "1\n");
    await first.stop();
    const second = await proxy([...args, "-v"]);
    assert.equal((await psql(second.url, "select 1", { PGPASSWORD })).stdout, "1\n");
    const ended = await second.stop();
    assert.ok(!`${ended.stdout}${ended.stderr}`.includes(PGPASSWORD));
  },
);

test(
  "rdsiam proxy a b: a port and a line each, or an array; one that fails ends all",
  PSQL,
  async () => {
    const ready = await proxy(["prod", "admin"]);
    const [one = "", two = ""] = ready.lines;
    assert.match(one, /^prod postgresql:\/\/app_ro:/);
    assert.match(two, /^admin postgresql:\/\/app_admin:/);
    const users = [one, two].map((line) => psql(line.split(" ")[1] ?? "", "select current_user"));
    assert.deepEqual(
      (await Promise.all(users)).map(({ stdout }) => stdout),
      ["app_ro\n", "app_admin\n"],
    );
    assert.equal((await ready.stop()).status, 0);
    const json = await proxy(["prod", "admin", "--json"]);
    const rows = JSON.parse(json.url) as readonly { target: string; port: number }[];
    assert.deepEqual(
      rows.map(({ target }) => target),
      ["prod", "admin"],
    );
    await json.stop();
    const failed = await rdsiam(["proxy", "prod", "no-such-target"], { env: standIn.env });
    assert.deepEqual([failed.status, failed.stdout], [125, ""]);
    assert.match(failed.stderr, /unknown target "no-such-target"/);
  },
);

test("rdsiam proxy: the first signal waits for sessions, the second ends them", PSQL, async () => {
  const ready = await proxy(["prod"]);
  const asking = await proxy(["admin"]);
  const isRunning = async (query: string): Promise<boolean> => {
    const asked = `select count(*) from pg_stat_activity where query = '${query}'`;
    return (await psql(asking.url, asked)).stdout === "1\n";
  };
  const slow = psql(ready.url, "select pg_sleep(600)");
  await until(() => isRunning("select pg_sleep(600)"));
  const ending = ready.stop();
  await until(() => ready.stderr().includes("waiting for 1 session to end"));
  const late = await psql(ready.url, "select 1");
  assert.match(late.stderr, /FATAL: {2}the proxy is shutting down/);
  // What ends the query comes from elsewhere; its session is there to tell of it.
  const cancel = "select pg_cancel_backend(pid) from pg_stat_activity where query like '%(600)'";
  await psql(asking.url, cancel);
  assert.equal((await slow).stderr, "ERROR:  canceling statement due to user request\n");
  assert.equal((await ending).status, 0);
  const endless = psql(asking.url, "select pg_sleep(601)");
  await until(() => isRunning("select pg_sleep(601)"));
  const cut = asking.stop("SIGTERM");
  await until(() => asking.stderr().includes("waiting for 1 session to end"));
  assert.equal((await asking.stop("SIGINT")).status, 130);
  await cut;
  assert.match((await endless).stderr, /closed the connection/);
});

test(
  "rdsiam proxy --auth pass-through: the database's own password, no AWS at all",
  PSQL,
  async () => {
    const signHost = `${standIn.canonicalHost}:${standIn.gateway.port}`;
    const tokens = standIn.sts.calls.length;
    const ready = await proxy(
      ["--auth", "pass-through", "-U", "legacy", "--sign-host", signHost, "prod"],
      { AWS_ACCESS_KEY_ID: "", AWS_CONFIG_FILE: standIn.env["AWS_CONFIG_FILE"] ?? "" },
    );
    const PGPASSWORD = standIn.legacyPassword;
    const right = await psql(ready.url, "select current_user", { PGPASSWORD });
    assert.deepEqual([right.stdout, right.stderr], ["legacy\n", ""]);
    const wrong = await psql(ready.url, "select 1", { PGPASSWORD: "wrong" });
    assert.match(wrong.stderr, /password authentication failed for user "legacy"/);
    assert.equal(standIn.sts.calls.length, tokens);
    assert.equal((await ready.stop()).status, 0);
  },
);

test("rdsiam proxy: beyond loopback without TLS is refused; a signal before it serves ends it at once", async () => {
  const open = await rdsiam(["proxy", "prod", "--listen", "0.0.0.0"], { env: standIn.env });
  assert.equal(open.status, 125);
  assert.match(
    open.stderr,
    /listening on 0\.0\.0\.0 needs TLS\nDETAIL: .*\nHINT: {2}Add --tls-cert/,
  );
  // A name server that is asked and never answers.
  const silent = createSocket("udp4");
  await new Promise<void>((resolve) => silent.bind(0, "127.0.0.1", resolve));
  const stopped = await rdsiam(["proxy", "prod"], {
    env: { ...standIn.env, RDSIAM_DNS_SERVERS: `127.0.0.1:${silent.address().port}` },
    started: (child) => silent.once("message", () => child.kill("SIGTERM")),
  });
  silent.close();
  assert.deepEqual([stopped.status, stopped.stdout], [143, ""]);
});
