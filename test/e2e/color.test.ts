// rds_color: the prompt of psql, the connection line and the picker have the target's color; a prompt of psqlrc's own wins.
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { openTerminal } from "../support/pty.ts";
import { cleanEnvironment, COMMAND, rdsiam, without } from "../support/program.ts";
import { startStage } from "../support/stage.ts";
import { keep } from "../support/keep.ts";

const RED = "\u001B\\[1;31m|\u001B\\[1m\u001B\\[31m";

const standIn = await keep(startStage());
const settings = { ...standIn.targetSettings, rds_user: "app_ro", rds_color: "red" };
await standIn.addProfile("live", settings, standIn.key);

function environment(more: Readonly<Record<string, string>> = {}): Record<string, string> {
  return cleanEnvironment({ ...standIn.env, TERM: "xterm", NO_COLOR: "", ...more });
}

test(
  "rds_color colors the connection line and psql's prompt, and psqlrc's own prompt wins",
  { skip: without("psql") },
  async () => {
    await using plain = openTerminal([...COMMAND, "psql", "live"], environment());
    await plain.shows(new RegExp(`(?:${RED})rdsiam: live: app_ro`));
    await plain.shows(new RegExp(`(?:${RED})orders=>`));
    plain.type("\\q\r");
    assert.equal((await plain.exited).exitCode, 0);
    const psqlrc = join(standIn.directory, "psqlrc");
    await writeFile(psqlrc, "\\set PROMPT1 'mine> '\n");
    await using own = openTerminal([...COMMAND, "psql", "live"], environment({ PSQLRC: psqlrc }));
    assert.doesNotMatch(await own.shows(/orders[^]*mine> /), new RegExp(`(?:${RED})orders=`));
    own.type("\\q\r");
  },
);

test("rds_color colors the target where targets are offered", async () => {
  await using terminal = openTerminal([...COMMAND, "url"], environment());
  await terminal.shows(new RegExp(`(?:${RED})live +app_ro`));
  terminal.type("\u0003");
  assert.equal((await terminal.exited).exitCode, 130);
});

test("rds_color adds nothing where there is no terminal, and is one of eight colors", async () => {
  const args = ["psql", "live", "-Atc", "select 1", "-v", "VERBOSITY=verbose"];
  const run = await rdsiam(args, { env: standIn.env });
  assert.deepEqual([run.status, run.stdout, run.stderr], [0, "1\n", ""]);
  await standIn.addProfile("odd", { rds_host: standIn.canonicalHost, rds_color: "crimson" });
  const odd = await rdsiam(["psql", "odd"], { env: standIn.env });
  assert.match(odd.stderr, /rds_color must be one of black, red, green/);
});
