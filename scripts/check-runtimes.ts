// npm run check:runtimes [-- [--quick] RUNTIME...]: the end-to-end suite once for each runtime: Node 20, current Node, Bun, Deno, the
// compiled binary. --quick: without the slow tests.
// The tests themselves always run under the Node that started this; RDSIAM_COMMAND is the command line that they start as rdsiam.
// RDSIAM_TEST_LAUNCHER is how some tests start a TypeScript file under the same runtime.

import { availableParallelism } from "node:os";
import { join, resolve } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { $, glob } from "zx";
import { compileTests } from "./compile-tests.ts";
import { missingPostgresqlTools } from "./postgresql-tools.ts";
import { runtimePath } from "./runtimes.ts";
import { makeScratchDirectory } from "./scratch.ts";

interface Subject {
  readonly name: string;
  /** The words that start rdsiam. */
  readonly command: readonly string[];
  /** The words that start a TypeScript file; undefined for the compiled binary. */
  readonly launcher: readonly string[] | undefined;
}

interface Result {
  readonly name: string;
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  readonly seconds: number;
}

const NAMES = ["node20", "node", "bun", "deno", "binary"];
// Most tests wait; see test.ts.
const CONCURRENCY = availableParallelism() + 1;
const BUNDLE = resolve("dist/rdsiam.js");
// Tests that start TypeScript files under a runtime, which a binary is not.
const LAUNCHED = ["test/tool/run.test.ts", "test/tool/terminal.test.ts"];
const SCRATCH = makeScratchDirectory();

async function main(): Promise<void> {
  const { values, positionals: wanted } = parseArgs({
    allowPositionals: true,
    options: { quick: { type: "boolean" } },
  });
  await $`npm run --silent build`;
  await missingPostgresqlTools();
  const compiled = await compileTests();
  const ignore = values.quick === true ? ["**/*.slow.test.ts"] : [];
  const files = [...(await glob("test/e2e/*.test.ts", { ignore })), ...LAUNCHED].map(compiled);
  const results: Result[] = [];
  for (const name of wanted.length > 0 ? wanted : NAMES) {
    const subject = await prepare(name);
    results.push(
      subject === undefined
        ? { name, passed: 0, failed: 0, skipped: 1, seconds: 0 }
        : await runSuite(subject, files),
    );
  }
  report(results);
}

async function prepare(name: string): Promise<Subject | undefined> {
  if (name === "binary") {
    await $`npm run --silent build:binary`;
    return { name, command: [resolve("build/rdsiam")], launcher: undefined };
  }
  if (name !== "node20" && name !== "node" && name !== "bun" && name !== "deno") {
    throw new TypeError(`no such runtime: ${name} (there are ${NAMES.join(", ")})`);
  }
  const file = await runtimePath(name);
  if (file === undefined) return undefined;
  if (name === "deno") {
    const launcher = [file, "run", "-A", "--no-lock", "--no-prompt"];
    return { name, command: [...launcher, BUNDLE], launcher };
  }
  const launcher = name === "node20" ? [file, "--import", "tsx"] : [file];
  return { name, command: [file, BUNDLE], launcher };
}

async function runSuite(subject: Subject, all: readonly string[]): Promise<Result> {
  process.stdout.write(`\n== ${subject.name}: ${subject.command.join(" ")}\n`);
  const files = subject.launcher === undefined ? all.slice(0, -LAUNCHED.length) : all;
  const environment: Record<string, string | undefined> = {
    ...process.env,
    TMPDIR: SCRATCH,
    RDSIAM_TEST_CACHE: join(SCRATCH, "cache"),
    RDSIAM_RUNTIME: subject.name,
    RDSIAM_COMMAND: JSON.stringify(subject.command),
  };
  if (subject.launcher !== undefined) {
    environment["RDSIAM_TEST_LAUNCHER"] = JSON.stringify(subject.launcher);
  }
  const start = performance.now();
  const run = await $({
    env: environment,
    nothrow: true,
    verbose: true,
  })`node --test --test-reporter=spec --test-concurrency=${CONCURRENCY} --test-timeout=300000 ${files}`;
  const failed = count(run.stdout, "fail") + count(run.stdout, "cancelled");
  return {
    name: subject.name,
    passed: count(run.stdout, "pass"),
    failed: failed === 0 && run.exitCode !== 0 ? 1 : failed,
    skipped: count(run.stdout, "skipped"),
    seconds: (performance.now() - start) / 1000,
  };
}

// The last lines of node's own summary: "ℹ pass 12".
function count(output: string, word: string): number {
  const found = [...output.matchAll(new RegExp(`^\\S+ ${word} (\\d+)$`, "gm"))].at(-1);
  return Number(found?.[1] ?? 0);
}

function report(results: readonly Result[]): void {
  process.stdout.write("\nruntime   passed  failed  skipped  seconds\n");
  for (const result of results) {
    const cells = [
      result.name.padEnd(8),
      String(result.passed).padStart(7),
      String(result.failed).padStart(7),
      String(result.skipped).padStart(8),
      result.seconds.toFixed(1).padStart(8),
    ];
    process.stdout.write(`${cells.join(" ")}\n`);
  }
  const passed = results.reduce((sum, result) => sum + result.passed, 0);
  const failed = results.reduce((sum, result) => sum + result.failed, 0);
  process.stdout.write(`${passed} passed, ${failed} failed\n`);
  process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
}

void main();
