// `rdsiam demo`: works without an AWS account and leaves no process, port or directory behind.
import assert from "node:assert/strict";
import { type ChildProcess, spawnSync } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { after, before, test } from "node:test";
import { COMMAND, type Finished, rdsiam, without } from "../support/program.ts";
import { openTerminal } from "../support/pty.ts";

let directory: string;
before(async () => {
  directory = await mkdtemp(join(tmpdir(), "rdsiam-dt-"));
});
after(() => rm(directory, { recursive: true, force: true }));

// TMPDIR is the test's own, so that what is left in it can be seen; every process of the demo knows it.
function demo(args: readonly string[], started?: (child: ChildProcess) => void): Promise<Finished> {
  return rdsiam(["demo", ...args], { env: { TMPDIR: directory }, ...(started && { started }) });
}

async function leftBehind(): Promise<string[]> {
  const files = (await readdir(directory)).filter((name) => name !== "bin");
  return [...files, ...(await processes())];
}

// `PID COMMAND...` of every process whose command line or environment names the directory; Linux alone has /proc.
async function processes(): Promise<string[]> {
  if (process.platform !== "linux") return [];
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const found: string[] = [];
  for (const pid of pids.filter((name) => name !== String(process.pid))) {
    const read = (file: string): Promise<string> =>
      readFile(`/proc/${pid}/${file}`, "utf8").catch(() => "");
    const words = await read("cmdline");
    if (`${words}\0${await read("environ")}`.includes(directory)) {
      found.push(`${pid} ${words.replaceAll("\0", " ")}`);
    }
  }
  return found;
}

// The guard of the server ends a moment after a killed demo: wait for the condition, not for a time.
async function assertNothingLeft(): Promise<void> {
  const deadline = Date.now() + 20_000;
  let left = await leftBehind();
  while (left.length > 0 && Date.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    left = await leftBehind();
  }
  assert.deepEqual(left, []);
}

test("rdsiam demo runs psql as the IAM user", { skip: without("psql") }, async () => {
  const ran = await demo(["-Atc", "select current_user"]);
  assert.deepEqual([ran.status, ran.stdout, ran.stderr], [0, "app_ro\n", ""]);
  await assertNothingLeft();
});

test("rdsiam demo -- COMMAND has rdsiam on its PATH and prod among its targets", async () => {
  const ran = await demo(["--", "sh", "-c", "rdsiam list --names; rdsiam token prod; exit 7"]);
  assert.equal(ran.status, 7, ran.stderr);
  assert.match(ran.stdout, /^prod$/m);
  assert.match(ran.stdout, /Action=connect&/);
  await assertNothingLeft();
});

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

for (const signal of ["SIGTERM", "SIGHUP", "SIGKILL"] as const) {
  test(`rdsiam demo leaves nothing behind after ${signal}`, async () => {
    const ran = await demo(
      ["--", "sh", "-c", "echo ready; exec sleep 60 >/dev/null 2>&1"],
      (child) => {
        child.stdout?.once("data", () => child.kill(signal));
      },
    );
    if (signal === "SIGKILL") {
      assert.equal(ran.signal, "SIGKILL");
      for (const line of await leftBehind()) {
        // The command itself is the user's; it is ended here, the rest must end by itself.
        const [pid = ""] = line.split(" ");
        if (/^\d+$/.test(pid) && line.includes("sleep 60")) process.kill(Number(pid));
      }
    } else {
      assert.equal(ran.status, signal === "SIGTERM" ? 143 : 129);
    }
    await assertNothingLeft();
  });
}

test("rdsiam demo leaves nothing behind when it is ended while it starts", async () => {
  for (const delay of [100, 300, 600]) {
    await demo(["--", "sleep", "60"], (child) => setTimeout(() => child.kill("SIGTERM"), delay));
    await assertNothingLeft();
  }
});

test(
  "rdsiam demo runs no server as root",
  { skip: (process.getuid?.() !== 0 || process.platform !== "linux") && "not root on Linux" },
  async () => {
    const script = `for pid in $(ls /proc | grep '^[0-9]'); do
    if grep -qsa 'postgres' /proc/$pid/comm 2>/dev/null; then echo "uid $(grep ^Uid /proc/$pid/status | cut -f2)"; fi; done`;
    const ran = await demo(["--", "sh", "-c", script]);
    const uids = ran.stdout.split("\n").filter((line) => line.startsWith("uid "));
    assert.ok(uids.length > 0);
    assert.ok(!uids.includes("uid 0"));
  },
);

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
        /Try: rdsiam psql prod {2}\| {2}rdsiam doctor prod {2}\| {2}rdsiam exec prod pg_dump -s\r/,
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
