// `rdsiam ca update` with a root certificate of the test's in place of Amazon's, which no option or variable can do.
// ca-update-child.ts ROOT_FILE [ARGUMENT...]
import { readFile } from "node:fs/promises";
import process from "node:process";
import { problemOf, exitStatusOf } from "../../src/base/problem.ts";
import { runCaUpdate } from "../../src/commands/ca.ts";
import { runCommand } from "./in-process.ts";

const [rootFile = "", ...args] = process.argv.slice(2);
const roots = [await readFile(rootFile, "utf8")];
try {
  const { stdout, stderr } = await runCommand(
    (context, invocation) => runCaUpdate(context, invocation, roots),
    ["ca", "update", ...args],
    { env: process.env },
  );
  process.stdout.write(stdout);
  process.stderr.write(stderr);
} catch (error) {
  const { message, detail } = problemOf(error);
  process.stderr.write(`error: ${message}\nDETAIL: ${detail}\n`);
  process.exitCode = exitStatusOf(error);
}
