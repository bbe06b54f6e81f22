// npm run test:slow -- chaos [RUNTIME...]: faults at random bytes on both sides of the proxy; 2,000 on Node 20 when nothing is said.
// RDSIAM_FAULTS is how many, RDSIAM_SEED repeats a run.
import { randomInt } from "node:crypto";
import process from "node:process";
import { type Runtime, runtimePath } from "../../scripts/runtimes.ts";
import { startStage } from "../support/stage.ts";
import { type ChaosResult, runChaos } from "../support/chaos.ts";

const FAULTS = Number(process.env["RDSIAM_FAULTS"] ?? 2_000);
const SEED = Number(process.env["RDSIAM_SEED"] ?? randomInt(1_000_000_000));
const WORKERS = 16;
const RUNTIMES: readonly string[] = ["node20", "node", "bun", "deno"];

async function main(names: readonly string[]): Promise<void> {
  print(`seed ${SEED}, ${FAULTS} faults, ${WORKERS} at once; times in ms`);
  await using standIn = await startStage();
  for (const name of names) {
    if (!RUNTIMES.includes(name))
      throw new TypeError(`no such runtime: ${name} (${RUNTIMES.join(", ")})`);
    const program = await runtimePath(name as Runtime);
    if (program === undefined) {
      print(`${name}: not available here`);
      continue;
    }
    const started = performance.now();
    const result = await runChaos({
      standIn,
      seed: SEED,
      faults: FAULTS,
      workers: WORKERS,
      program,
    });
    report(result, `${name}, ${((performance.now() - started) / 1_000).toFixed(0)} s`);
  }
}

function report({ figures, violations, descriptors, memory }: ChaosResult, title: string): void {
  print(`${title}\n  kind    faults  struck  clean  errors  longest  freed after`);
  for (const [kind, each] of figures) {
    const cells = [each.faults, each.struck, each.clean, each.errors, each.longest, each.freed];
    const widths = [6, 6, 5, 6, 7, 11];
    print(
      `  ${kind.padEnd(6)}  ${cells.map((cell, index) => String(cell).padStart(widths[index] ?? 0)).join("  ")}`,
    );
  }
  print(`  descriptors: ${descriptors.before} before, ${descriptors.after} after`);
  print(`  memory: ${Math.round(memory / 1e6)} MB at the end`);
  print(`  ${violations.length} violations`);
  for (const violation of violations) print(`  ${violation}`);
  if (violations.length > 0) process.exitCode = 1;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

void main(process.argv.length > 2 ? process.argv.slice(2) : ["node20"]);
