// A way and the terminal: ssh may ask before the tool starts, and a Ctrl-C is for the tool alone.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { openShell } from "../support/pty.ts";
import { cleanEnvironment, RDSIAM } from "../support/program.ts";
import { lackingFor, startViaScene } from "../support/via-scene.ts";
import { keep } from "../support/keep.ts";
import { untilSleeping } from "../support/stage.ts";

const scene = await keep(startViaScene());

const PROMPT = /orders=> $/;

for (const name of ["ssh", "ssm", "command"] as const) {
  test(
    `--via ${name}: Ctrl-C cancels the query and leaves the way alone`,
    { skip: lackingFor(name) },
    async () => {
      const way = scene.ways.get(name);
      const args = way?.args.map((word) => `'${word}'`).join(" ") ?? "";
      await using terminal = await openShell(
        cleanEnvironment({ ...scene.standIn.env, ...way?.env }),
      );
      terminal.type(`${RDSIAM} psql ${args} prod\r`);
      await terminal.shows(PROMPT);
      for (const _ of [1, 2]) {
        terminal.type("select pg_sleep(30);\r");
        await untilSleeping(scene.standIn);
        terminal.type("\x03");
        await terminal.shows(/ERROR: {2}canceling statement due to user request[^]*orders=> $/);
      }
      terminal.type("select 40 + 2 as answer;\r");
      await terminal.shows(/ 42\r[^]*orders=> $/);
      terminal.type("\\q\r");
      await terminal.shows(/prompt> $/);
    },
  );
}

test(
  "--via ssh: a passphrase is asked for on the terminal, before the tool has it",
  { skip: lackingFor("ssh") },
  async () => {
    const { ssh, standIn } = scene;
    assert.ok(ssh !== undefined);
    const key = join(ssh.directory, "user");
    const plain = await readFile(key);
    execFileSync("ssh-keygen", ["-q", "-p", "-N", "open sesame", "-P", "", "-f", key]);
    await using terminal = await openShell(cleanEnvironment({ ...standIn.env, ...ssh.env }));
    terminal.type(`echo 'select 40 + 2' | ${RDSIAM} psql --via ${ssh.via} prod -At\r`);
    await terminal.shows(/Enter passphrase for key[^]*: $/);
    terminal.type("open sesame\r");
    await terminal.shows(/42\r[^]*prompt> $/);
    // Ctrl-C at the question ends rdsiam, and nothing is left of it.
    terminal.type(`${RDSIAM} psql --via ${ssh.via} prod\r`);
    await terminal.shows(/Enter passphrase for key[^]*: $/);
    terminal.type("\x03");
    // ssh ends its question with a line end, which may come after the shell's prompt.
    await terminal.shows(/prompt> (?:\r\n)?$/);
    await writeFile(key, plain, { mode: 0o600 });
  },
);
