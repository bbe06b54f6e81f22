// Commands that print a password, and all the ways in which they do not.
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { after, describe, test } from "node:test";
import { runPasswordCommand } from "../../src/tool/password-command.ts";
import { RdsIamError } from "../../src/base/errors.ts";

const root = mkdtempSync(join(tmpdir(), "rdsiam-password-command-"));
after(() => rmSync(root, { recursive: true, force: true }));

const env = { PATH: process.env["PATH"] ?? "", WHO: "app_ro" };

async function detailOf(command: string, timeLimit?: number): Promise<string> {
  const failure = await runPasswordCommand({
    command,
    env,
    ...(timeLimit === undefined ? {} : { timeLimit }),
  }).then(
    (password) => assert.fail(`it gave ${password}`),
    (error: unknown) => error,
  );
  assert.ok(failure instanceof RdsIamError);
  assert.equal(failure.code, "ERR_CREDENTIALS");
  return failure.detail ?? "";
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}

describe("runPasswordCommand()", () => {
  test("the output, trimmed, is the password; a shell runs it with the given environment", async () => {
    assert.equal(await runPasswordCommand({ command: "printf ' a b \\n\\n'", env }), "a b");
    assert.equal(await runPasswordCommand({ command: 'echo "$WHO-$((1 + 1))"', env }), "app_ro-2");
  });

  test("what it has left in the background does not hold the password back", async () => {
    const command = "sleep 2 >/dev/null 2>&1 & echo pw";
    assert.equal(await runPasswordCommand({ command, env }), "pw");
  });

  test("a command that fails is named by its end, and its output is not shown", async () => {
    const detail = await detailOf("echo hunter2; exit 3");
    assert.equal(detail, "It ended with exit status 3.");
    assert.equal(await detailOf("kill -9 $$"), "It ended with signal SIGKILL.");
    assert.equal(await detailOf("no-such-command 2>/dev/null"), "It ended with exit status 127.");
  });

  test("no output, several lines and endless output are errors without the output", async () => {
    assert.equal(await detailOf("true"), "It printed nothing.");
    assert.equal(await detailOf("echo hunter2; echo more"), "It printed 2 lines, not one.");
    assert.match(await detailOf("yes hunter2"), /^It printed more than 65536 bytes\.$/);
  });

  test("what holds its output open in the background is ended at the time limit too", async () => {
    const started = Date.now();
    const detail = await detailOf("sleep 20 & echo pw", 500);
    assert.equal(detail, "It was still running after 0.5 seconds, and was stopped.");
    assert.ok(Date.now() - started < 10_000);
  });

  test("after the time limit it is ended with all that it started", async () => {
    const file = join(root, "pid");
    const detail = await detailOf(`sh -c 'echo $$ >${file}; sleep 60'; true`, 1_000);
    assert.equal(detail, "It was still running after 1 seconds, and was stopped.");
    const pid = Number(readFileSync(file, "utf8"));
    while (isRunning(pid)) await new Promise((resolve) => setTimeout(resolve, 10));
  });
});
