// Real children, real signals. Set RDSIAM_TEST_LAUNCHER to '["bun"]' and the like to run the same under another runtime.

import assert from "node:assert/strict";
import { spawn, spawnSync, type ChildProcessByStdio } from "node:child_process";
import { once } from "node:events";
import { chmodSync, writeFileSync } from "node:fs";
import { constants } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { createInterface, type Interface } from "node:readline";
import type { Readable } from "node:stream";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { runTool } from "../../src/tool/run.ts";
import { RdsIamError, type ErrorCode } from "../../src/base/errors.ts";
import { LAUNCHER } from "../support/program.ts";
import { temporaryDirectory } from "../support/keep.ts";

const FIXTURE = fileURLToPath(new URL("../support/run-fixture.ts", import.meta.url));
const ENV = { PATH: process.env["PATH"] ?? "", HOME: "/nonexistent" };

const directory = await temporaryDirectory("run");

function shell(script: string): Promise<{ exitStatus: number; signal: string | undefined }> {
  return runTool({ file: "/bin/sh", args: ["-c", script], env: ENV });
}

function program(name: string, text: string, mode: number): string {
  const file = join(directory, name);
  writeFileSync(file, text);
  chmodSync(file, mode);
  return file;
}

async function failsWith(file: string, code: ErrorCode): Promise<void> {
  await assert.rejects(runTool({ file, args: [], env: ENV }), (error) => {
    assert.ok(error instanceof RdsIamError);
    assert.equal(error.code, code);
    return true;
  });
}

interface Fixture {
  readonly process: ChildProcessByStdio<null, Readable, Readable>;
  readonly lines: Interface;
  readonly output: string[];
  readonly closed: Promise<unknown[]>;
}

async function startFixture(script: string): Promise<Fixture> {
  const [file = "", ...args] = LAUNCHER;
  const child = spawn(file, [...args, FIXTURE, "/bin/sh", "-c", script], {
    env: ENV,
    // Without a terminal, whatever the tests have.
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const lines = createInterface(child.stdout);
  const output: string[] = [];
  lines.on("line", (line) => output.push(line));
  const fixture = { process: child, lines, output, closed: once(child, "close") };
  await once(lines, "line");
  return fixture;
}

const TRAPS = `
  trap 'echo INT' INT; trap 'echo QUIT' QUIT; trap 'echo HUP' HUP; trap 'echo USR1' USR1
  trap 'kill -KILL $!; echo TERM; exit 5' TERM
  sleep 60 & echo ready
  while kill -0 $! 2>/dev/null; do wait $!; done`;

describe("runTool()", () => {
  test("answers each exit status from 0 to 255", async () => {
    for (let status = 0; status < 256; status += 1) {
      assert.deepEqual(await shell(`exit ${status}`), { exitStatus: status, signal: undefined });
    }
  });

  const names = "HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM".split(" ");
  for (const name of names) {
    const signal = `SIG${name}` as NodeJS.Signals;
    test(`answers 128+n for a tool ended by ${signal}`, async () => {
      const exitStatus = 128 + constants.signals[signal];
      const ended = await shell(`ulimit -c 0; kill -${name} $$`);
      assert.deepEqual(ended, { exitStatus, signal });
    });
  }

  test("says not found for a missing file and a missing interpreter", async () => {
    await failsWith(join(directory, "missing"), "ERR_TOOL_NOT_FOUND");
    await failsWith(program("lost", "#!/nonexistent/sh\n", 0o755), "ERR_TOOL_NOT_FOUND");
  });

  test("says not executable for a file without permission and a directory", async () => {
    await failsWith(program("plain", "#!/bin/sh\n", 0o644), "ERR_TOOL_NOT_EXECUTABLE");
    await failsWith(directory, "ERR_TOOL_NOT_EXECUTABLE");
  });

  test("leaves no signal listener behind, after success and failure", async () => {
    const signals = ["SIGINT", "SIGQUIT", "SIGTERM", "SIGHUP"];
    const count = (): number[] => signals.map((signal) => process.listenerCount(signal));
    const wanted = count();
    await shell("exit 0");
    await failsWith(join(directory, "missing"), "ERR_TOOL_NOT_FOUND");
    assert.deepEqual(count(), wanted);
  });

  test("does not start the tool when it was aborted before", async () => {
    const args = ["-c", `touch ${join(directory, "started")}`];
    const signal = AbortSignal.abort(new Error("too late"));
    await assert.rejects(runTool({ file: "/bin/sh", args, env: ENV, signal }), /too late/);
    assert.throws(() => chmodSync(join(directory, "started"), 0o600), /ENOENT/);
  });

  test("gives the tool exactly the environment it was given", async () => {
    const file = join(directory, "environment");
    const env = { PATH: ENV.PATH, A: "1", EMPTY: "", FILE: file };
    await runTool({ file: "/bin/sh", args: ["-c", 'env -u PWD -u SHLVL -u _ >"$FILE"'], env });
    const { stdout } = spawnSync("sort", [file], { encoding: "utf8" });
    assert.equal(stdout, `A=1\nEMPTY=\nFILE=${file}\nPATH=${ENV.PATH}\n`);
  });
});

describe("runTool() and signals", () => {
  test("passes SIGINT, SIGQUIT, SIGHUP and SIGTERM on, and keeps SIGUSR1 to itself", async () => {
    const fixture = await startFixture(TRAPS);
    // Deno 2.9 opens its inspector in spite of a listener.
    if (!LAUNCHER[0]?.endsWith("deno")) fixture.process.kill("SIGUSR1");
    for (const signal of ["SIGINT", "SIGQUIT", "SIGHUP"] as const) {
      const taken = once(fixture.lines, "line");
      fixture.process.kill(signal);
      await taken;
    }
    fixture.process.kill("SIGTERM");
    let diagnostics = "";
    fixture.process.stderr.on("data", (data) => (diagnostics += String(data)));
    assert.deepEqual(await fixture.closed, [5, null]);
    assert.deepEqual(fixture.output, ["ready", "INT", "QUIT", "HUP", "TERM"]);
    assert.doesNotMatch(diagnostics, /debugger/i);
  });

  test("ends the tool with SIGTERM when it is aborted", async () => {
    const fixture = await startFixture(TRAPS);
    fixture.process.kill("SIGUSR2");
    assert.deepEqual(await fixture.closed, [5, null]);
    assert.deepEqual(fixture.output, ["ready", "TERM"]);
  });

  test("ends a tool that ignores SIGTERM with SIGKILL", async () => {
    const fixture = await startFixture(`trap "" TERM; echo ready; exec sleep 60`);
    fixture.process.kill("SIGUSR2");
    assert.deepEqual(await fixture.closed, [137, null]);
  });
});

describe("runTool() and descriptors", () => {
  function bash(script: string): string {
    const quoted = [...LAUNCHER, FIXTURE].map((word) => `'${word}'`).join(" ");
    const result = spawnSync("bash", ["-c", `run() { ${quoted} "$@"; }\n${script}`], {
      env: ENV,
      encoding: "utf8",
    });
    assert.equal(result.stderr, "");
    return result.stdout;
  }

  test("hands over process substitutions", () => {
    assert.equal(bash("run /bin/cat <(echo one) <(echo two)"), "one\ntwo\n");
  });

  test("hands over a descriptor inside an option", () => {
    const script = `run /bin/sh -c 'cat "\${1#--file=}"' sh --file=<(echo one)`;
    assert.equal(bash(script), "one\n");
  });

  test("hands over a descriptor named through /proc and one to write to", () => {
    assert.equal(bash("run /bin/cat /proc/self/fd/7 7< <(echo one)"), "one\n");
    const file = join(directory, "written");
    assert.equal(
      bash(`run /bin/sh -c 'echo two >$1' sh /dev/fd/9 9>${file}; cat ${file}`),
      "two\n",
    );
  });

  test("leaves a descriptor alone that is not open", () => {
    assert.equal(bash("run /bin/sh -c 'echo $1' sh /dev/fd/250"), "/dev/fd/250\n");
  });
});
