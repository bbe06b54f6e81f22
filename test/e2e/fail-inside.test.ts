// When rdsiam itself fails while a tool runs, the tool is ended and the status is 125: nothing goes on half.
import assert from "node:assert/strict";
import { type ChildProcess } from "node:child_process";
import { resolve } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { COMMAND, type Finished, run, RUNTIME } from "../support/program.ts";
import { startStage } from "../support/stage.ts";
import { marked } from "../support/traces.ts";
import { keep } from "../support/keep.ts";

const standIn = await keep(startStage());

// The binary takes no module of the test's.
const skip = RUNTIME === "binary" && "nothing can be injected into the binary";
const FLAG = RUNTIME.startsWith("node") ? "--import" : "--preload";
const PROGRAM = [
  ...COMMAND.slice(0, -1),
  FLAG,
  resolve("test/support/fail-inside.mjs"),
  ...COMMAND.slice(-1),
];

async function runWithFault(fault: string, script: string): Promise<Finished> {
  const mark = `${fault}-${process.pid}`;
  const env = { ...standIn.env, RDSIAM_TEST_FAULT: fault, RDSIAM_TEST_MARK: mark };
  const started = (child: ChildProcess): void => {
    child.stdout?.once("data", () => child.kill("SIGUSR2"));
  };
  const ran = await run([...PROGRAM, "exec", "prod", "sh", "-c", script], { env, started });
  assert.deepEqual(await marked(mark), [], "something still runs");
  return ran;
}

// It ends by itself in the end, so that a tool that was left alone fails the test and does not hang it.
const CATCHES = `trap "echo ended; exit 7" TERM; echo ready; for each in $(seq 150); do sleep 0.1; done`;
const FAULTS: Readonly<Record<string, RegExp>> = {
  listener: /error: the proxy stopped, so the tool was ended\n/,
  exception: /error: internal error: injected exception\n/,
  rejection: /error: internal error: injected rejection\n/,
};

for (const [fault, says] of Object.entries(FAULTS)) {
  test(`rdsiam exec: ${fault} inside ends the tool with SIGTERM and is 125`, { skip }, async () => {
    const ran = await runWithFault(fault, CATCHES);
    assert.deepEqual([ran.status, ran.stdout], [125, "ready\nended\n"], ran.stderr);
    assert.match(ran.stderr, says);
    assert.doesNotMatch(ran.stderr, /\n\s+at /);
  });
}

test("rdsiam exec: a tool that ignores SIGTERM gets SIGKILL then", { skip }, async () => {
  const ran = await runWithFault("exception", `trap "" TERM; echo ready; exec sleep 15`);
  assert.deepEqual([ran.status, ran.stdout], [125, "ready\n"], ran.stderr);
});
