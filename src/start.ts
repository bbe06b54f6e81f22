// The first file that runs. It answers --version by itself, and loads the program.
import process from "node:process";
import { keepCompiled } from "./runtime/compile-cache.ts";
import { forgetDotEnv } from "./runtime/dot-env.ts";
import { endAsFirstProcess } from "./runtime/first-process.ts";
import { writeText } from "./runtime/stdio.ts";
import { VERSION } from "./base/version.ts";

const DOT_ENV = `rdsiam: error: Bun has read the .env files of this directory
DETAIL:  They could name programs to run.
HINT:  Run it elsewhere, or with: bun --no-env-file
`;

function start(): void {
  const [, , first = "", ...rest] = process.argv;
  const isVersion = (first === "--version" || first === "-V") && rest.length === 0;
  // What cannot be written is an error there.
  if (isVersion && writeText(1, `${VERSION}\n`) === undefined) return;
  if (!forgetDotEnv(process.env)) {
    process.exitCode = 125;
    writeText(2, DOT_ENV);
    return;
  }
  endAsFirstProcess();
  keepCompiled(/^[a-z]{1,16}$/.test(first) ? first : "any", process.env);
  void import("./main.ts");
}

start();
