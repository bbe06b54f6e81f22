// npm test [FILE...] [node --test option...]: builds, sees to psql, and runs the quick suite: every test/**/*.test.ts but *.slow.test.ts.
// The others are for npm run test:slow.
// RDSIAM_TEST_MISSING tells the tests which PostgreSQL tools are not there; those that need one skip themselves.

import { availableParallelism } from "node:os";
import process from "node:process";
import { $, glob } from "zx";
import { missingPostgresqlTools } from "./postgresql-tools.ts";

// Node's own default is one less than the processors, which is one on a machine with two; most tests wait.
const CONCURRENCY = availableParallelism() + 1;

// Longer than the whole suite may take: a test that hangs is named instead of hanging the run.
const TIMEOUT_MS = 200_000;

async function main(): Promise<void> {
  const words = process.argv.slice(2);
  const options = words.filter((word) => word.startsWith("-"));
  const named = words.filter((word) => !word.startsWith("-"));
  const built = await $({ stdio: "inherit", nothrow: true })`npm run --silent build`;
  if (built.exitCode !== 0) {
    process.exitCode = 1;
    return;
  }
  const missing = await missingPostgresqlTools();
  if (missing.length > 0) {
    process.stderr.write(
      `${missing.join(", ")} not found: the tests that need them are skipped.\n`,
    );
    process.stderr.write(
      "Install them with: apt install postgresql-client (or: brew install libpq)\n",
    );
  }
  const files = named.length > 0 ? named : await quickSuite();
  const run = await $({
    stdio: "inherit",
    nothrow: true,
    env: { ...process.env, RDSIAM_TEST_MISSING: missing.join(" ") },
  })`node --import tsx --test --test-reporter=spec --test-concurrency=${CONCURRENCY} --test-timeout=${TIMEOUT_MS} ${options} ${files}`;
  process.exitCode = run.exitCode ?? 1;
}

async function quickSuite(): Promise<string[]> {
  const files = await glob("test/**/*.test.ts", {
    ignore: ["**/node_modules/**", "**/*.slow.test.ts"],
  });
  return files.toSorted();
}

void main();
