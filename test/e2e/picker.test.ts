// Without a target on a terminal: the targets are offered there, and stdin stays the tool's.
import assert from "node:assert/strict";
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { startStandIn } from "../../src/demo/stand-in.ts";
import { openShell } from "../support/pty.ts";
import { cleanEnvironment, RDSIAM } from "../support/program.ts";
import { keep } from "../support/keep.ts";

const standIn = await keep(startStandIn({ env: process.env, from: [process.cwd()] }));
const terminal = await keep(openShell(cleanEnvironment({ ...standIn.env, TERM: "xterm" })));

function type(text: string): void {
  terminal.type(text);
}

test("the picker filters as one types, and gives the tool its stdin and what was typed ahead", async () => {
  type(`echo 'select 40 + 2' | ${RDSIAM} psql -q -- -At; read line; echo "got $line"\r`);
  await terminal.shows(
    /Target: _[^]*> prod +app_ro +orders\.db\.example\.com:\d+ +orders[^]*Esc to leave/,
  );
  type("STAGE app");
  await terminal.shows(/Target: STAGE app_/);
  // In one piece with the Enter, as it is while a person waits for psql.
  type("\rahead\r");
  await terminal.shows(/Target: stage\r[^]*42\r[^]*got ahead\r[^]*prompt> $/);
});

test("the picker has the target that was used last at the top, and arrows move to others", async () => {
  const file = join(standIn.env["XDG_STATE_HOME"] ?? "", "rdsiam", "recent_targets");
  assert.equal(await readFile(file, "utf8"), "stage\n");
  assert.equal((await stat(file)).mode & 0o777, 0o600);
  type(`${RDSIAM} token --json; echo status=$?\r`);
  await terminal.shows(/> stage[^]* {2}prod [^]*Esc to leave/);
  type("\x1b[B");
  await terminal.shows(/> prod /);
  type("\x1b[B");
  await terminal.shows(/> admin /);
  type("\r");
  await terminal.shows(/"user":"app_admin"[^]*status=0/);
  assert.equal(await readFile(file, "utf8"), "admin\nstage\n");
});

for (const [name, key] of [
  ["Esc", "\x1b"],
  ["Ctrl-C", "\x03"],
] as const) {
  test(`the picker ends with 130 on ${name}, and leaves the terminal as it was`, async () => {
    type(`${RDSIAM} url; echo status=$?\r`);
    await terminal.shows(/Target: _[^]*Esc to leave/);
    type(key);
    await terminal.shows(/interrupted at the terminal's question\r[^]*status=130\r[^]*prompt> $/);
    type("stty -a\r");
    await terminal.shows(/\nisig icanon iexten echo [^]*prompt> $/);
  });
}

test("the picker takes no target that does not match, and no key that is not there", async () => {
  type(`${RDSIAM} show; echo status=$?\r`);
  await terminal.shows(/Target: _[^]*Esc to leave/);
  type("nowhere");
  await terminal.shows(/nothing matches/);
  type("\r");
  type("\x15adm");
  await terminal.shows(/> admin /);
  type("\r");
  await terminal.shows(/admin {2}\([^]*status=0\r/);
});

test("--no-input, RDSIAM_NO_INPUT and TERM=dumb make it the error of a script", async () => {
  for (const words of [
    `${RDSIAM} doctor --no-input`,
    `RDSIAM_NO_INPUT=1 ${RDSIAM} env`,
    `TERM=dumb ${RDSIAM} policy`,
  ]) {
    type(`${words}\r`);
    await terminal.shows(/no target was given[^]*prompt> $/);
  }
});
