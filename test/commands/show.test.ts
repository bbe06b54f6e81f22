// `rdsiam show` on files of its own: each setting has the place that it comes from, and a broken target is marked.
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { test } from "node:test";
import { runShow } from "../../src/commands/show.ts";
import { makeEnvironment, makeHome } from "../../src/demo/home.ts";
import { type CommandRun, runCommand } from "../support/in-process.ts";
import { temporaryDirectory } from "../support/keep.ts";

const directory = await temporaryDirectory("show");
const home = await makeHome(directory);
const env = makeEnvironment(home, { sts: "http://127.0.0.1:1" });
await writeFile(
  home.config,
  `[profile prod]
region = eu-west-1
RDS_Hostname = orders.example.com:6432
rds_user = app_ro
rds_via = socks5://me:hunter2@proxy.example.com:1080
rds_cache = off
aws_access_key_id = AKIAIOSFODNN7EXAMPLE
aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY

[profile bad]
rds_host = http://x

[profile only-keys]
rds_discover_ = off
rds_user = x
`,
);
await writeFile(
  home.own,
  `[reader]
profile = prod
host = orders-ro.example.com
user = app_ro
dbname = orders
password_command = echo hunter2

[lost]
profile = gone
host = lost.example.com
user = app_ro
`,
);

function show(args: readonly string[], more: Readonly<Record<string, string>> = {}) {
  return runCommand(runShow, ["show", ...args], { env: { ...env, ...more } });
}

function rowsOf({ stdout }: CommandRun): Record<string, readonly string[]> {
  const lines = stdout.trimEnd().split("\n").slice(1);
  return Object.fromEntries(
    lines.map((line) => line.split("\t")).map(([key, ...rest]) => [key, rest]),
  );
}

test("show has the line of each key, the host's for its port, and the default of what nothing sets", async () => {
  const ran = await show(["prod"]);
  assert.equal(ran.status, 0, ran.stdout);
  assert.equal(ran.stdout.split("\n")[0], `prod  (${home.config})`);
  const rows = rowsOf(ran);
  const expected = {
    host: ["orders.example.com", `${home.config}, line 3`],
    port: ["6432", `${home.config}, line 3`],
    user: ["app_ro", `${home.config}, line 4`],
    dbname: ["app_ro", "default"],
    via: ["(not shown)", `${home.config}, line 5`],
    read_only: ["no", "default"],
    tls_negotiation: ["auto", "default"],
    connect_timeout: ["10", "default"],
    profile: ["prod", "the target itself"],
    cache: ["off", `${home.config}, line 6`],
  };
  // Other settings with a default may be added to the table.
  assert.deepEqual({ ...rows, ...expected }, rows);
  const others = Object.entries(rows).filter(([key]) => !(key in expected));
  assert.ok(others.every(([, [, origin]]) => origin === "default"));
});

test("show names the option or the variable that wins over the file, and shows no secret", async () => {
  const given = ["--user", "admin", "--read-only", "--no-cache", "reader"];
  const ran = await show(given, { RDSIAM_DBNAME: "billing", RDSIAM_AWS_TIMEOUT: "3" });
  const rows = rowsOf(ran);
  assert.deepEqual(rows["user"], ["admin", "--user"]);
  assert.deepEqual(rows["dbname"], ["billing", "RDSIAM_DBNAME"]);
  assert.deepEqual(rows["aws_timeout"], ["3", "RDSIAM_AWS_TIMEOUT"]);
  assert.deepEqual(rows["read_only"], ["yes", "--read-only"]);
  assert.deepEqual(rows["cache"], ["off", "--no-cache"]);
  assert.deepEqual(rows["profile"], ["prod", `${home.own}, line 2`]);
  assert.deepEqual(rows["password_command"], ["(not shown)", `${home.own}, line 6`]);
  assert.doesNotMatch(ran.stdout, /hunter2/);
});

test("show takes the host of --host, and RDSIAM_HOST where it applies", async () => {
  const typed = rowsOf(await show(["--host", "h.example.com:7000", "reader"]));
  assert.deepEqual(typed["host"], ["h.example.com", "--host"]);
  assert.deepEqual(typed["port"], ["7000", "--host"]);
  const outer = { RDSIAM_TARGET: "reader", RDSIAM_HOST: "h.example.com" };
  assert.deepEqual(rowsOf(await show([], outer))["host"], ["h.example.com", "RDSIAM_HOST"]);
  const other = rowsOf(await show(["prod"], outer));
  assert.deepEqual(other["host"], ["orders.example.com", `${home.config}, line 3`]);
});

test("show of a broken target has the reason and status 1", async () => {
  const bad = await show(["bad"]);
  assert.equal(bad.status, 1);
  assert.match(
    bad.stdout,
    /error: target "bad" cannot be used as it is configured\n {2}DETAIL: rds_host must be a host name, not a URL \(.*config, line 11\)/,
  );
  const lost = await show(["lost"]);
  assert.equal(lost.status, 1);
  assert.match(lost.stdout, /^host\tlost\.example\.com[^]*error: .*"gone"/m);
});

test("show --all marks what is broken, and leaves out a profile that is not there to be connected to", async () => {
  const ran = await show(["--all", "--json"]);
  assert.equal(ran.status, 1);
  const all = JSON.parse(ran.stdout) as { target: string; ok: boolean; settings: object[] }[];
  assert.deepEqual(
    all.map(({ target, ok }) => [target, ok]),
    [
      ["reader", true],
      ["lost", false],
      ["prod", true],
      ["bad", false],
    ],
  );
  assert.deepEqual(all[0]?.settings[0], {
    key: "host",
    value: "orders-ro.example.com",
    origin: { source: "file", file: home.own, line: 3 },
  });
});

test("show of an unknown target is an error", async () => {
  await assert.rejects(show(["nowhere"]), /unknown target "nowhere"/);
});
