// npm test [FILE...] [node --test option...]: builds, sees to psql, and runs the quick suite: every test/**/*.test.ts but *.slow.test.ts.
// The others are for npm run test:slow.
// RDSIAM_TEST_MISSING tells the tests which PostgreSQL tools are not there; those that need one skip themselves. RDSIAM_TEST_CACHE is
// where the runs of rdsiam in them share what Node has compiled.

import { readFileSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { dirname, join } from "node:path";
import process from "node:process";
import { $, glob } from "zx";
import { compileTests } from "./compile-tests.ts";
import { missingPostgresqlTools } from "./postgresql-tools.ts";
import { makeScratchDirectory } from "./scratch.ts";

// Node's own default is one less than the processors, which is one on a machine with two; most tests wait.
const CONCURRENCY = availableParallelism() + 2;

// Longer than the whole suite may take: a test that hangs is named instead of hanging the run.
const TIMEOUT_MS = 240_000;

// Rooms whose test files run one after another in one process, unless they change its environment: a process takes a third of a second
// of processor time to load the sources, which is more than most of these files need. Files that wait for long stay alone, and so do
// those that set up their scene at their top: a suite has nothing of a file that comes after an await there.
const ROOMS =
  /^test\/(?:aws|base|cli|commands|config|demo|doctor|e2e|health|library|protocol|rds|relay|serve|session|ssm|via)$/;
// These wait for long: those with the same first letter share a process, and others run beside them.
const FEW = /^test\/e2e$/;
const ALONE =
  /process\.env\[.+\] = |\(process\.env,|cleanProcessEnvironment|support\/keep\.ts"|^(?:const .+ = )?await /m;

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
  // tsx is quicker than the compiler of all for a few files, and gives the lines of the sources in stack traces.
  const loader = named.length > 0 ? ["--import", "tsx"] : [];
  const files = named.length > 0 ? named : await quickSuite(await compileTests());
  const scratch = makeScratchDirectory();
  const run = await $({
    stdio: "inherit",
    nothrow: true,
    env: {
      ...process.env,
      TMPDIR: scratch,
      RDSIAM_TEST_CACHE: join(scratch, "cache"),
      RDSIAM_TEST_MISSING: missing.join(" "),
    },
  })`node ${loader} --test --test-reporter=spec --test-concurrency=${CONCURRENCY} --test-timeout=${TIMEOUT_MS} ${options} ${files}`;
  process.exitCode = run.exitCode ?? 1;
}

async function quickSuite(compiled: (file: string) => string): Promise<string[]> {
  const all = await glob("test/**/*.test.ts", {
    ignore: ["**/node_modules/**", "**/*.slow.test.ts"],
  });
  const files: string[] = [];
  const rooms = new Map<string, string[]>();
  for (const file of all.toSorted()) {
    const room = dirname(file);
    const isShared = ROOMS.test(room) && !ALONE.test(readFileSync(file, "utf8"));
    if (!isShared) files.push(compiled(file));
    else {
      const part = FEW.test(room) ? `${room}-${file.charAt(room.length + 1)}` : room;
      rooms.set(part, [...(rooms.get(part) ?? []), file]);
    }
  }
  // A room takes longer than a file.
  return [...Array.from(rooms, writeRoom), ...files];

  // The test file of a room, with a suite for each of its files.
  function writeRoom([room, members]: readonly [string, readonly string[]]): string {
    const entry = compiled(`${room}.test.ts`);
    const suites = members.map(
      (file) => `describe("${file}", () => import("${compiled(file)}"));\n`,
    );
    writeFileSync(entry, `import { describe } from "node:test";\n${suites.join("")}`);
    return entry;
  }
}

void main();
