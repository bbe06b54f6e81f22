// npm run test:slow -- drivers [--only psycopg2,pgx]: each driver's script through `rdsiam exec`, with PG* alone, on `prod` and
// on Aurora DSQL, and a table.
// A driver that cannot be installed here is named with the reason; that is no failure.

import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { type Driver, DRIVERS, prepare } from "../drivers/drivers.ts";
import {
  addRefusedTarget,
  DRIVER_TARGETS,
  type Outcome,
  STEPS,
  tryDriver,
} from "../drivers/steps.ts";
import { startStage } from "../support/stage.ts";

const NAME_WIDTH = 22;
const CELL_WIDTH = 9;

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { only: { type: "string" } } });
  const only = values.only?.split(",");
  const directory = await mkdtemp(join(tmpdir(), "rdsiam-drivers-"));
  try {
    await run(
      DRIVERS.filter(({ name }) => only?.includes(name) ?? true),
      directory,
    );
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function run(drivers: readonly Driver[], parent: string): Promise<void> {
  await using standIn = await startStage();
  await addRefusedTarget(standIn);
  const skipped: string[] = [];
  const results = new Map<string, readonly Outcome[]>();
  for (const [at, driver] of drivers.entries()) {
    const directory = join(parent, String(at));
    await mkdir(directory);
    const reason = await prepare(driver, directory);
    if (reason !== undefined) skipped.push(`${driver.name} skipped: ${reason}`);
    if (reason !== undefined) continue;
    for (const target of DRIVER_TARGETS) {
      const name = target === "prod" ? driver.name : `${driver.name}, ${target}`;
      results.set(name, await tryDriver(driver, { standIn, directory, target }));
    }
  }
  report(results, skipped);
}

function report(
  results: ReadonlyMap<string, readonly Outcome[]>,
  skipped: readonly string[],
): void {
  const heads = STEPS.map((step) => step.padEnd(CELL_WIDTH)).join("");
  process.stdout.write(`${"driver".padEnd(NAME_WIDTH)}${heads}\n`);
  const failures: string[] = [];
  for (const [name, outcomes] of results) {
    const cells = outcomes
      .map(({ cell, ok }) => (ok ? cell : "FAILED").padEnd(CELL_WIDTH))
      .join("");
    process.stdout.write(`${name.padEnd(NAME_WIDTH)}${cells}\n`);
    for (const { cell, ok, step } of outcomes) if (!ok) failures.push(`${name}, ${step}: ${cell}`);
  }
  for (const line of [...failures, ...skipped]) process.stdout.write(`${line}\n`);
  process.stdout.write(
    `${results.size} runs, ${skipped.length} skipped, ${failures.length} steps failed\n`,
  );
  process.exitCode = failures.length === 0 && results.size > 0 ? 0 : 1;
}

void main();
