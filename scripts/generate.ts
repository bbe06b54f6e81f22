// npm run generate: writes completions/, man/ and docs/reference.md from the tables of commands and options. A test fails when
// they differ.

import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import process from "node:process";
import { generatedFiles } from "./manual/generated-files.ts";

function main(): void {
  for (const [file, text] of generatedFiles()) {
    const path = resolve(import.meta.dirname, "..", file);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
    process.stdout.write(`${file}\n`);
  }
}

main();
