// A program that runs one tool as rdsiam does, for the tests that need a process of its own (signals, descriptors, terminals).
// argv: the tool's path, then its arguments. SIGUSR2 aborts. It ends with the tool's exit status.

import process from "node:process";
import { RdsIamError } from "../../src/base/errors.ts";
import { runTool } from "../../src/tool/run.ts";
import { guardInspectorSignal } from "../../src/runtime/debuggers.ts";

async function main(): Promise<void> {
  const [file = "", ...args] = process.argv.slice(2);
  const controller = new AbortController();
  process.on("SIGUSR2", () => controller.abort());
  guardInspectorSignal();
  try {
    const ended = await runTool({ file, args, env: process.env, signal: controller.signal });
    process.exit(ended.exitStatus);
  } catch (error) {
    if (!(error instanceof RdsIamError)) throw error;
    process.stderr.write(`${error.code}\n`);
    process.exit(error.code === "ERR_TOOL_NOT_FOUND" ? 127 : 126);
  }
}

void main();
