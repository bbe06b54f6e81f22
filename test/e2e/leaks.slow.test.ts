// No secret in what rdsiam prints, in any argument or environment of a process, in any file: on every path, with -v.
// `npm run test:slow -- leaks` looks at every write with strace too.
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { KEYS_IN_ENVIRONMENT, type LeakRun } from "../support/leak-runs.ts";
import { shown, startLeakScene } from "../support/leak-scene.ts";
import { type Finished, rdsiam, runtimeCaches, without } from "../support/program.ts";
import { filesBelow, HAS_PROC, type ProcessTrace, processes } from "../support/traces.ts";
import { keep, temporaryDirectory } from "../support/keep.ts";

const caches = await temporaryDirectory("caches");
const scene = await keep(startLeakScene());

function environment(more: Readonly<Record<string, string>> = {}): Record<string, string> {
  return { ...scene.standIn.env, ...runtimeCaches(caches), ...more };
}

function assertNoSecret(ran: Finished, run: LeakRun): void {
  assert.match(ran.stderr, run.says, run.name);
  assert.doesNotMatch(ran.stderr, /\n\s+at /, run.name);
  const secrets = scene.secrets();
  assert.deepEqual(shown(ran.stderr, secrets), [], `${run.name}: stderr: ${ran.stderr}`);
  if (run.printsToken) {
    assert.match(ran.stdout, /X-Amz-Signature=/, run.name);
    const signature = /X-Amz-Signature=(\w+)/.exec(ran.stdout)?.[1] ?? "";
    assert.ok(!ran.stderr.includes(signature), run.name);
    return;
  }
  assert.deepEqual(shown(ran.stdout, secrets), [], `${run.name}: stdout`);
}

test(
  "no secret on stdout, on stderr and in a file, on every path with -v",
  { skip: without("psql") },
  async () => {
    const before = await filesBelow(scene.standIn.directory);
    const todo = scene.runs.values();
    const worker = async (): Promise<void> => {
      for (const run of todo) {
        const ran = await rdsiam(run.args, { env: environment(run.env) });
        assertNoSecret(ran, run);
      }
    };
    await Promise.all([worker(), worker(), worker()]);
    assert.deepEqual(await filesBelow(scene.standIn.directory), before);
    for (const kept of ["cli", "sso"])
      await assertOwnersAlone(join(scene.standIn.directory, ".aws", kept, "cache"));
  },
);

// The places where secrets are written on purpose.
async function assertOwnersAlone(directory: string): Promise<void> {
  const files = await readdir(directory);
  assert.ok(files.length > 0, "something is kept");
  for (const name of ["", ...files])
    assert.equal((await stat(join(directory, name))).mode & 0o077, 0, `${directory}/${name}`);
}

// Which process has a secret where, but for the user's own AWS_* variables and the run's secret in PGPASSWORD.
function held(traces: readonly ProcessTrace[], runSecret: string): string[] {
  const secrets = scene.secrets({ "the run's secret": runSecret });
  return traces.flatMap(({ pid, words, variables }) => {
    const others = variables.filter(
      (variable) => variable !== `PGPASSWORD=${runSecret}` && !variable.startsWith("AWS_"),
    );
    const where = `process ${pid} (${words[0]})`;
    return [
      ...shown(words.join("\0"), secrets).map((name) => `${name} in the arguments of ${where}`),
      ...shown(others.join("\0"), secrets).map((name) => `${name} in the environment of ${where}`),
    ];
  });
}

const HOLDERS = [
  "exec with a role",
  "exec with a credential_process",
  "exec with a login",
  "exec with a secret",
  "exec on Redshift",
  KEYS_IN_ENVIRONMENT,
];
for (const name of HOLDERS) {
  test(
    `no process has a secret in its arguments or environment but PGPASSWORD: ${name}`,
    { skip: !HAS_PROC && "no /proc" },
    async () => {
      const run = scene.runs.find((each) => each.name === name);
      const traces: ProcessTrace[] = [];
      const script = 'psql -Atc "select 1" >/dev/null 2>&1; echo "$PGPASSWORD"; exec sleep 60';
      const ran = await rdsiam([...(run?.args.slice(0, -1) ?? []), script], {
        env: environment(run?.env),
        started: (child) =>
          child.stdout?.once("data", () => {
            void processes().then((found) => {
              traces.push(...found);
              child.kill("SIGTERM");
            });
          }),
      });
      const runSecret = ran.stdout.trim();
      assert.match(runSecret, /^[\w-]{43}$/);
      assert.deepEqual(held(traces, runSecret), []);
      assert.ok(traces.some(({ variables }) => variables.includes(`PGPASSWORD=${runSecret}`)));
      assert.deepEqual(shown(ran.stderr, scene.secrets({ "the run's secret": runSecret })), []);
    },
  );
}

test(
  "rdsiam demo shows none of its keys and none of the run's secrets",
  { skip: without("psql") },
  async () => {
    const script = `cat "$AWS_SHARED_CREDENTIALS_FILE"; rdsiam exec prod sh -c 'echo "run = $PGPASSWORD"; psql -Atc "select 1"'; rdsiam psql --region eu-central-1 prod`;
    const ran = await rdsiam(["demo", "-v", "--", "sh", "-c", script], { env: environment() });
    const found = [...ran.stdout.matchAll(/^(?:aws_secret_access_key|run) = (\S+)$/gm)];
    const secrets = new Map(found.map(([line, secret = ""]) => [line, secret]));
    assert.ok(secrets.size >= 2, ran.stdout);
    assert.match(ran.stderr, /login: app_ro to orders[^]*PAM authentication failed/);
    assert.deepEqual(shown(ran.stderr, secrets), []);
    assert.doesNotMatch(ran.stderr, /X-Amz-Signature=(?!\[secret\])/);
  },
);

test("shown() finds a secret in each form", async () => {
  const [secret] = scene.secrets().values();
  assert.ok(secret);
  const secrets = new Map([["it", secret]]);
  const credentials = await readFile(`${scene.standIn.directory}/.aws/credentials`, "utf8");
  assert.ok(shown(credentials, scene.secrets()).length > 0);
  for (const text of [secret, Buffer.from(secret).toString("base64"), secret.slice(0, -1)])
    assert.deepEqual(shown(`a ${text} b`, secrets), ["it"]);
  assert.deepEqual(shown("nothing", secrets), []);
});
