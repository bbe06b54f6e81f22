// `--direct`: libpq connects by itself, with verified TLS and a token out of a file that is gone when the tool is.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { StandIn } from "../../src/demo/stand-in.ts";
import { rdsiam, without } from "./program.ts";
import { startStage } from "./stage.ts";

let standIn: StandIn;
let temporary: string;
before(async () => {
  standIn = await startStage();
  temporary = await mkdtemp(join(tmpdir(), "rdsiam-direct-test-"));
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
    assert.match(ran.stderr, /^rdsiam: warning: .*\/rdsiam-direct-\w+\/pgpass \(mode 0600\).*\n$/);
    assert.equal(standIn.gateway.logins.length, logins + 1);
    assert.deepEqual(await readdir(temporary), []);
  },
);

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

const REFUSED: readonly (readonly [string, readonly string[], RegExp])[] = [
  [
    "a way that is the proxy's",
    ["psql", "--direct", "--via", "ssh://bastion", "prod"],
    /ssh -N -L/,
  ],
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
