// `--direct`: libpq connects by itself, with verified TLS and a token out of a file that is gone when the tool is.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import process from "node:process";
import { after, before, test } from "node:test";
import type { StandIn } from "../../src/demo/stand-in.ts";
import { rdsiam, without } from "../support/program.ts";
import { startStage } from "../support/stage.ts";

let standIn: StandIn;
let temporary: string;
let knownHosts: string;
before(async () => {
  standIn = await startStage();
  temporary = await mkdtemp(join(tmpdir(), "rdsiam-direct-test-"));
  knownHosts = join(standIn.env["XDG_STATE_HOME"] ?? "", "rdsiam", "known_hosts");
});
after(async () => {
  await standIn[Symbol.asyncDispose]();
  await rm(temporary, { recursive: true, force: true });
});

const skip = without("psql");
const env = () => ({ ...standIn.env, TMPDIR: temporary });

test(
  "rdsiam psql --direct logs in without the proxy, and says where the token is",
  { skip },
  async () => {
    const logins = standIn.gateway.logins.length;
    const words = ["psql", "--direct", "prod", "-Atc", "select current_user", "-c", "\\conninfo"];
    const ran = await rdsiam(words, { env: env() });
    assert.equal(ran.status, 0, ran.stderr);
    assert.match(ran.stdout, /^app_ro\n/);
    assert.ok(ran.stdout.includes(`on host "${standIn.canonicalHost}"`), ran.stdout);
    assert.match(ran.stdout, /SSL connection/);
    assert.match(
      ran.stderr,
      /^rdsiam: warning: .*\/rdsiam-direct-[\w-]+\/pgpass \(mode 0600\).*\n$/,
    );
    assert.equal(standIn.gateway.logins.length, logins + 1);
    assert.deepEqual(await readdir(temporary), []);
    assert.equal(await readFile(knownHosts, "utf8"), `${standIn.alias} ${standIn.canonicalHost}\n`);
  },
);

test("rdsiam exec --direct remembers nothing of a tool that failed, and tells an alias that changed", async () => {
  await rm(knownHosts, { force: true });
  const failed = await rdsiam(["exec", "--direct", "prod", "sh", "-c", "exit 3"], { env: env() });
  assert.equal(failed.status, 3, failed.stderr);
  assert.equal(existsSync(knownHosts), false);
  const before = "other.c1a2b3c4d5e6.eu-west-1.rds.amazonaws.com";
  await mkdir(dirname(knownHosts), { recursive: true });
  await writeFile(knownHosts, `${standIn.alias} ${before}\n`);
  const ran = await rdsiam(["exec", "--direct", "prod", "true"], { env: env() });
  await rm(knownHosts);
  assert.equal(ran.status, 0, ran.stderr);
  assert.match(
    ran.stderr,
    new RegExp(`^rdsiam: warning: \\S+ leads to \\S+ now, not to ${before}`, "m"),
  );
});

const LOOK = 'ls -ld "$(dirname "$PGPASSFILE")" "$PGPASSFILE" | cut -c1-10; env; cat "$PGPASSFILE"';

test("rdsiam exec --direct: the token is in a 0600 file in a 0700 directory, and nowhere else", async () => {
  const ran = await rdsiam(["exec", "-v", "--direct", "prod", "sh", "-c", LOOK], { env: env() });
  assert.equal(ran.status, 0, ran.stderr);
  const [directory, file, ...rest] = ran.stdout.trimEnd().split("\n");
  assert.deepEqual([directory, file], ["drwx------", "-rw-------"]);
  const line = rest.pop() ?? "";
  const signature = /X-Amz-Signature=([0-9a-f]{64})/.exec(line)?.[1] ?? "none";
  assert.ok(!`${rest.join("\n")}${ran.stderr}`.includes(signature));
  const variables = new Map(
    rest.map((each) => each.split(/=(.*)/s).slice(0, 2) as [string, string]),
  );
  assert.equal(variables.get("PGHOST"), standIn.canonicalHost);
  assert.equal(variables.get("PGHOSTADDR"), "127.0.0.1");
  assert.equal(variables.get("PGSSLMODE"), "verify-full");
  assert.equal(variables.get("PGREQUIREAUTH"), "password");
  assert.equal(variables.get("PGPASSWORD"), undefined);
  assert.equal(existsSync(variables.get("PGPASSFILE") ?? ""), false);
  assert.deepEqual(await readdir(temporary), []);
});

test("rdsiam exec --direct: a signal leaves no file behind, a tunnel's address is dialled", async () => {
  const via = `127.0.0.1:${standIn.gateway.port}`;
  const ran = await rdsiam(
    [
      "exec",
      "--direct",
      "--via",
      via,
      "prod",
      "sh",
      "-c",
      "echo $PGHOSTADDR:$PGPORT; exec sleep 60",
    ],
    {
      env: env(),
      started: (child) => child.stdout?.once("data", () => child.kill("SIGTERM")),
    },
  );
  assert.deepEqual([ran.status, ran.stdout], [143, `${via}\n`], ran.stderr);
  assert.deepEqual(await readdir(temporary), []);
});

test("rdsiam exec --direct: nothing stays of a tool that was interrupted, or did not start", async () => {
  const both = ["sh", "-c", "kill -INT $PPID $$"];
  const interrupted = await rdsiam(["exec", "--direct", "prod", ...both], { env: env() });
  assert.equal(interrupted.status, 130, interrupted.stderr);
  const broken = join(standIn.directory, "broken-tool");
  await writeFile(broken, "#!/nonexistent/interpreter\n", { mode: 0o755 });
  const never = await rdsiam(["exec", "--direct", "prod", broken], { env: env() });
  assert.equal(never.status, 127, never.stderr);
  assert.deepEqual(await readdir(temporary), []);
});

test("rdsiam exec --direct takes away what a killed run has left, and nothing of one that runs", async () => {
  const tool = ["exec", "--direct", "prod", "sh", "-c", "echo $$; exec sleep 60"];
  let inside: Awaited<ReturnType<typeof rdsiam>> | undefined;
  const killed = await rdsiam(tool, {
    env: env(),
    started: (child) =>
      child.stdout?.once("data", (pid: string) => {
        const next = ["exec", "--direct", "prod", "sh", "-c", 'ls "$TMPDIR" | wc -l'];
        void rdsiam(next, { env: env() }).then((ran) => {
          inside = ran;
          child.kill("SIGKILL");
          process.kill(Number(pid));
        });
      }),
  });
  assert.equal(killed.status, null);
  assert.equal(inside?.stdout.trim(), "2", inside?.stderr);
  assert.equal((await readdir(temporary)).length, 1);
  const next = await rdsiam(["exec", "--direct", "prod", "true"], { env: env() });
  assert.equal(next.status, 0, next.stderr);
  assert.deepEqual(await readdir(temporary), []);
});

const REFUSED: readonly (readonly [string, readonly string[], RegExp])[] = [
  [
    "a way that is the proxy's",
    ["psql", "--direct", "--via", "ssh://bastion", "prod"],
    /ssh -N -L/,
  ],
  ["--port", ["psql", "--direct", "--port", "15432", "prod"], /--host HOST:PORT/],
  ["--read-only", ["psql", "--direct", "--read-only", "prod"], /without rdsiam's proxy/],
  ["--database-url", ["exec", "--direct", "--database-url", "prod", "true"], /PGPASSFILE/],
];

for (const [what, words, said] of REFUSED) {
  test(`--direct does not go with ${what}`, { skip }, async () => {
    const ran = await rdsiam(words, { env: env() });
    assert.equal(ran.status, 125);
    assert.match(ran.stderr, /^rdsiam: error: --direct does not go with /);
    assert.match(ran.stderr, said);
    assert.deepEqual(await readdir(temporary), []);
  });
}
