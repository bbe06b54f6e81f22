// Where an alias led is remembered after a login that worked, and a change is told before anybody logs in.
import assert from "node:assert/strict";
import { mkdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { beforeEach, test } from "node:test";
import { type Finished, rdsiam, without } from "../support/program.ts";
import { startStage } from "../support/stage.ts";
import { keep } from "../support/keep.ts";

const standIn = await keep(startStage());
const file = join(standIn.env["XDG_STATE_HOME"] ?? "", "rdsiam", "known_hosts");
beforeEach(() => rm(dirname(file), { recursive: true, force: true }));

function psql(options: readonly string[] = [], target = "prod"): Promise<Finished> {
  return rdsiam(["psql", ...options, target, "-XAtc", "select 1"], { env: standIn.env });
}

const skip = without("psql");

test(
  "rdsiam psql remembers where the alias led, once, after the first login",
  { skip },
  async () => {
    const first = await psql();
    assert.deepEqual([first.status, first.stdout, first.stderr], [0, "1\n", ""]);
    const line = `${standIn.alias} ${standIn.canonicalHost}\n`;
    assert.equal(await readFile(file, "utf8"), line);
    assert.equal((await stat(file)).mode & 0o777, 0o600);
    const second = await psql();
    assert.deepEqual([second.status, second.stderr], [0, ""]);
    assert.equal(await readFile(file, "utf8"), line);
  },
);

test(
  "rdsiam psql remembers nothing when the login fails, or the name is RDS's own",
  { skip },
  async () => {
    assert.notEqual((await psql(["--user", "nobody"])).status, 0);
    await assert.rejects(stat(file), { code: "ENOENT" });
    const port = String(standIn.targetSettings["rds_port"]);
    assert.equal((await psql(["--host", `${standIn.canonicalHost}:${port}`])).status, 0);
    await assert.rejects(stat(file), { code: "ENOENT" });
  },
);

test(
  "rdsiam warns when the alias leads elsewhere than before, and names both and the file",
  { skip },
  async () => {
    await mkdir(dirname(file), { recursive: true });
    const before = `other.cluster-c1a2b3c4d5e6.eu-west-1.rds.amazonaws.com`;
    await writeFile(file, `${standIn.alias} ${before}\n`);
    const ran = await psql();
    assert.deepEqual([ran.status, ran.stdout], [0, "1\n"]);
    const [warning = "", detail = "", hint = ""] = ran.stderr.split("\n");
    assert.equal(
      warning,
      `rdsiam: warning: ${standIn.alias} now points to ${standIn.canonicalHost}, not to ${before}`,
    );
    assert.ok(detail.startsWith(`DETAIL:  ${file} has`));
    // The warning stays until a person has accepted the change, with the command of the HINT.
    assert.equal(await readFile(file, "utf8"), `${standIn.alias} ${before}\n`);
    const accept = /: (echo .*)$/.exec(hint)?.[1] ?? "";
    const { execFileSync } = await import("node:child_process");
    execFileSync("sh", ["-c", accept]);
    assert.equal((await psql(["--strict-host"])).stderr, "");
  },
);

test(
  "rdsiam does not take a known_hosts that cannot be read for an empty one",
  { skip },
  async () => {
    await mkdir(file, { recursive: true });
    const ran = await psql();
    assert.deepEqual([ran.status, ran.stdout], [125, ""]);
    assert.match(ran.stderr, /^rdsiam: error: cannot read \S+known_hosts: EISDIR\n/);
    assert.match(ran.stderr, /^HINT: {2}.*--strict-host=no/m);
    assert.equal((await psql(["--strict-host=no"])).stdout, "1\n");
  },
);

test(
  "rdsiam refuses a changed alias with --strict-host, RDSIAM_STRICT_HOST and rds_strict_host",
  { skip },
  async () => {
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, `${standIn.alias} other.c1a2b3c4d5e6.eu-west-1.rds.amazonaws.com\n`);
    await standIn.addProfile(
      "strict",
      { ...standIn.targetSettings, rds_user: "app_ro", rds_strict_host: "yes" },
      standIn.key,
    );
    const env = { ...standIn.env, RDSIAM_STRICT_HOST: "yes" };
    const runs = [
      await psql(["--strict-host"]),
      await rdsiam(["token", "prod"], { env }),
      await psql([], "strict"),
    ];
    for (const ran of runs) {
      assert.deepEqual([ran.status, ran.stdout], [125, ""]);
      assert.match(ran.stderr, /^rdsiam: error: \S+ now points to \S+, not to other\./);
    }
  },
);

test(
  "rdsiam refuses an alias that leads to another account, and warns with rds_strict_host = no",
  { skip },
  async () => {
    await mkdir(dirname(file), { recursive: true });
    const before = "orders.cluster-c9z8y7x6w5v4.eu-west-1.rds.amazonaws.com";
    await writeFile(file, `${standIn.alias} ${before}\n`);
    const refused = await psql();
    assert.deepEqual([refused.status, refused.stdout], [125, ""]);
    assert.match(refused.stderr, /^rdsiam: error: \S+ now points to .*\nDETAIL: .*another account/);
    await standIn.addProfile(
      "lenient",
      { ...standIn.targetSettings, rds_user: "app_ro", rds_strict_host: "no" },
      standIn.key,
    );
    const warned = await psql([], "lenient");
    assert.deepEqual([warned.status, warned.stdout], [0, "1\n"]);
    assert.match(
      warned.stderr,
      /^rdsiam: warning: \S+ now points to .*\nDETAIL: .*another account/,
    );
    // An option wins over the target's key.
    assert.equal((await psql(["--strict-host"], "lenient")).status, 125);
  },
);

test("rdsiam logs in where the state directory cannot be written", { skip }, async () => {
  await writeFile(dirname(file), "no directory");
  const ran = await psql(["-v"]);
  assert.deepEqual([ran.status, ran.stdout], [0, "1\n"]);
  assert.match(ran.stderr, /cannot remember in \S+known_hosts where \S+ points: (ENOTDIR|EEXIST)/);
});

test("rdsiam psql --sign-host dials the typed host and verifies the other", { skip }, async () => {
  const port = String(standIn.targetSettings["rds_port"]);
  const sign = ["--sign-host", `${standIn.canonicalHost}:${port}`];
  // The canonical name has no address here, as behind a bastion.
  standIn.dns.delete(standIn.instanceHost);
  const ran = await psql(["-v", "--host", `127.0.0.1:${port}`, ...sign]);
  standIn.dns.set(standIn.instanceHost, { a: ["127.0.0.1"] });
  assert.deepEqual([ran.status, ran.stdout], [0, "1\n"], ran.stderr);
  assert.match(ran.stderr, /^rdsiam: login: app_ro to orders at 127\.0\.0\.1 in \d+ ms$/m);
  await assert.rejects(stat(file), { code: "ENOENT" });
  await standIn.addProfile(
    "tunnel",
    {
      ...standIn.targetSettings,
      rds_user: "app_ro",
      rds_host: "127.0.0.1",
      rds_sign_host: `${standIn.canonicalHost}:${port}`,
    },
    standIn.key,
  );
  assert.equal((await psql([], "tunnel")).stdout, "1\n");
  // Inside `rdsiam exec`, the same target goes the same way.
  const words = ["exec", "tunnel", "sh", "-c", `echo "$RDSIAM_HOST"; env`];
  const inside = await rdsiam(words, { env: standIn.env });
  assert.equal(inside.stdout.split("\n")[0], `127.0.0.1:${port}`);
  const env = { ...standIn.env, RDSIAM_TARGET: "tunnel", RDSIAM_HOST: `127.0.0.1:${port}` };
  const nested = await rdsiam(["token"], { env });
  assert.ok(nested.stdout.startsWith(`${standIn.canonicalHost}:${port}/`), nested.stderr);
  // A target's sign host does not go with another host.
  const other = await psql(["--host", `127.0.0.2:${port}`], "tunnel");
  assert.match(other.stderr, /127\.0\.0\.2 is not an RDS endpoint/);
});
