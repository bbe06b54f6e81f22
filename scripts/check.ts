// npm run check [-- --no-tests]: every check of the project in turn, the quick ones first; stops at the first that fails.

import process from "node:process";
import { $ } from "zx";

interface Step {
  readonly name: string;
  readonly command: readonly string[];
}

const STEPS: readonly Step[] = [
  { name: "types", command: ["tsc", "-p", "."] },
  { name: "lint", command: ["oxlint", "--type-aware", "--deny-warnings"] },
  { name: "direction", command: ["tsx", "scripts/floors.ts"] },
  { name: "format", command: ["oxfmt", "--check", "."] },
  { name: "unused code", command: ["knip"] },
  { name: "build", command: ["npm", "run", "--silent", "build"] },
  { name: "package", command: ["publint", "--strict"] },
  { name: "tests", command: ["npm", "test", "--silent"] },
];

async function main(): Promise<void> {
  const withTests = !process.argv.includes("--no-tests");
  const steps = STEPS.filter((step) => withTests || step.name !== "tests");
  let passed = 0;
  for (const step of steps) {
    const start = performance.now();
    const run = await $({ stdio: "inherit", nothrow: true, preferLocal: true })`${step.command}`;
    const seconds = ((performance.now() - start) / 1000).toFixed(1);
    const verdict = run.exitCode === 0 ? "ok" : "FAILED";
    process.stdout.write(`${step.name.padEnd(12)} ${verdict.padEnd(6)} ${seconds} s\n`);
    if (run.exitCode !== 0) break;
    passed += 1;
  }
  const failed = passed === steps.length ? 0 : 1;
  process.stdout.write(`checks: ${passed} passed, ${failed} failed\n`);
  process.exitCode = failed;
}

void main();
