// Which runtimes a long test runs its proxy under: those named on the command line, or all.
import process from "node:process";
import { type Runtime, runtimePath } from "../../scripts/runtimes.ts";

const NAMES: readonly Runtime[] = ["node20", "node", "bun", "deno"];

/** Runs `test` once for each runtime and prints what it says; the exit status is 1 when any bound was broken. */
export async function underEachRuntime(
  test: (
    program: string,
    name: Runtime,
  ) => Promise<{ figures: readonly string[]; broken: readonly string[] }>,
): Promise<void> {
  const wanted = process.argv.slice(2);
  const unknown = wanted.find((name) => !NAMES.some((known) => known === name));
  if (unknown !== undefined) throw new TypeError(`no runtime ${unknown}: ${NAMES.join(", ")}`);
  for (const name of NAMES) {
    if (wanted.length > 0 && !wanted.includes(name)) continue;
    const program = await runtimePath(name);
    if (program === undefined) {
      process.stdout.write(`== ${name}: not on this machine\n`);
      continue;
    }
    process.stdout.write(`== ${name}\n`);
    const { figures, broken } = await test(program, name);
    for (const line of figures) process.stdout.write(`${line}\n`);
    for (const line of broken) process.stdout.write(`BROKEN: ${line}\n`);
    if (broken.length > 0) process.exitCode = 1;
  }
}
