import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { runList } from "../../src/commands/list.ts";
import { appendProfile, makeEnvironment, makeHome } from "../../src/demo/home.ts";
import { runCommand } from "../support/in-process.ts";
import { temporaryDirectory } from "../support/keep.ts";

const directory = await temporaryDirectory("list");
const home = await makeHome(directory);
const env = makeEnvironment(home, { sts: "http://127.0.0.1:1" });
const rds_host = "orders.cluster-c1a2b3c4d5e6.eu-west-1.rds.amazonaws.com";
await appendProfile(home, "prod", { rds_host, rds_user: "app_ro" });
await appendProfile(home, "stage", { rds_host: "stage.example.com:6432", rds_dbname: "orders" });
await appendProfile(home, "corp", { region: "eu-west-1" });

test("list is a line each with tabs where stdout is no terminal", async () => {
  const { stdout } = await runCommand(runList, ["list"], { env });
  assert.equal(
    stdout,
    "prod\torders.cluster-c1a2b3c4d5e6.eu-west-1.rds.amazonaws.com:5432\tapp_ro\tapp_ro\tprod\n" +
      "stage\tstage.example.com:6432\t\torders\tstage\n",
  );
});

test("list shows no control or bidi character of a name, and JSON has it escaped", async () => {
  const text = '[red\u202e]\nhost = db.example.com\nuser = "a\\u001b[2Jb"\n';
  const own = join(directory, "own");
  await writeFile(own, text);
  const input = { env: { ...env, RDSIAM_CONFIG_FILE: own } };
  const { stdout } = await runCommand(runList, ["list"], input);
  assert.match(stdout, /^red\?\tdb\.example\.com:5432\ta\?\[2Jb\t/m);
  const table = await runCommand(runList, ["list"], { ...input, width: 200 });
  assert.match(table.stdout, /^red\? +db\.example\.com:5432 +a\?\[2Jb /m);
  const json = await runCommand(runList, ["list", "--json"], input);
  assert.match(json.stdout, /"red\\u202e"/);
  assert.match(json.stdout, /"a\\u001b\[2Jb"/);
});

test("list is a table that fits the terminal", async () => {
  const { stdout } = await runCommand(runList, ["list"], { env, width: 60 });
  const lines = stdout.split("\n").slice(0, -1);
  assert.match(lines[0] ?? "", /^TARGET +HOST +USER +DATABASE +PROFILE$/);
  assert.match(lines[1] ?? "", /^prod +orders\.cluster-\S+… +app_ro +app_ro +prod$/);
  assert.equal(lines.length, 3);
  assert.ok(
    lines.every((line) => line.length <= 60),
    stdout,
  );
});
