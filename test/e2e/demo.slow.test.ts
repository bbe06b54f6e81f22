// `rdsiam demo` in every shell, without psql, ended by SIGHUP and while it starts.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdir, rm, symlink } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { assertNothingLeft, demo, directory } from "../support/demo-runs.ts";
import { COMMAND, rdsiam, without } from "../support/program.ts";
import { openTerminal } from "../support/pty.ts";

test("rdsiam demo without psql asks one query itself and says so; a shell is offered what works", async () => {
  const bin = join(directory, "bin");
  await rm(bin, { recursive: true, force: true });
  await mkdir(bin);
  for (const tool of ["sh", "setpriv", "setsid", "rm", "cp", "env", "node"]) {
    const found = spawnSync("sh", ["-c", `command -v ${tool}`], { encoding: "utf8" }).stdout.trim();
    if (found !== "") await symlink(found, join(bin, tool));
  }
  const ran = await rdsiam(["demo", "-Atc", "select current_user"], {
    env: { TMPDIR: directory, PATH: bin },
  });
  assert.deepEqual([ran.status, ran.stdout], [0, "app_ro\n"], ran.stderr);
  assert.match(ran.stderr, /psql was not found/);
  const words = [...COMMAND, "demo", "--", "sh"];
  await using terminal = openTerminal(words, { TMPDIR: directory, PATH: bin });
  await terminal.shows(
    /Try: rdsiam doctor prod {2}\| {2}rdsiam show prod {2}\| {2}[^]*\(demo\) \$ /,
  );
  terminal.type("exit\r");
  assert.equal((await terminal.exited).exitCode, 0);
  await assertNothingLeft();
});

test("rdsiam demo leaves nothing behind after SIGHUP", async () => {
  const ran = await demo(
    ["--", "sh", "-c", "echo ready; exec sleep 60 >/dev/null 2>&1"],
    (child) => {
      child.stdout?.once("data", () => child.kill("SIGHUP"));
    },
  );
  assert.equal(ran.status, 129);
  await assertNothingLeft();
});

test("rdsiam demo leaves nothing behind when it is ended while it starts", async () => {
  for (const delay of [100, 300, 600]) {
    await demo(["--", "sleep", "60"], (child) => setTimeout(() => child.kill("SIGTERM"), delay));
    await assertNothingLeft();
  }
});

const SHELLS = [["bash", "--norc"], ["bash", "-l"], ["fish"], ["zsh"], ["sh"]] as const;

for (const [shell, ...words] of SHELLS) {
  test(
    `rdsiam demo -- ${[shell, ...words].join(" ")} says what to try, has a prompt of its own, and leaves nothing behind`,
    { skip: without(shell) },
    async () => {
      // The user's own files and prompt are not the demo's.
      const own = { HISTFILE: "/nonexistent/history", ZDOTDIR: "/nonexistent", PS1: "mine> " };
      const env = { ...own, PATH: process.env["PATH"] ?? "", TMPDIR: directory };
      await using terminal = openTerminal([...COMMAND, "demo", "--", shell, ...words], env);
      await terminal.shows(
        /Try: rdsiam psql prod {2}\| {2}rdsiam doctor prod {2}\| {2}rdsiam exec prod pg_dump -s {2}\| {2}rdsiam setup inventory --grant read\r/,
      );
      await terminal.shows(/\(demo\) \$ /);
      terminal.type("rdsiam list --names\r");
      await terminal.shows(/prod\r\nadmin\r/);
      terminal.type("exit\r");
      assert.equal((await terminal.exited).exitCode, 0);
      await assertNothingLeft();
    },
  );
}

test("rdsiam demo -- rdsiam init makes a target that works in there", async () => {
  const script = `found=$(rdsiam discover --profile prod --region eu-west-1 --json)
    value() { echo "$found" | sed -n "s/^ *\\"$1\\": \\"*\\([^,\\"]*\\).*/\\1/p" | head -n 1; }
    rdsiam init mine --profile prod --host "$(value host):$(value port)" --user app_ro --dbname orders && rdsiam token mine`;
  const ran = await demo(["--", "sh", "-c", script]);
  assert.equal(ran.status, 0, ran.stderr + ran.stdout);
  assert.match(ran.stdout, /ok +query[^]*Action=connect&/);
  await assertNothingLeft();
});
