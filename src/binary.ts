// The first file that runs in the compiled program, as start.ts does elsewhere. It answers --version by itself, through Bun's own
// console: node:fs takes a third as long to load as the runtime takes to start. There is no compile cache to see to: the
// bytecode is in the program.
// https://bun.com/docs/bundler/bytecode
import process from "node:process";
import { VERSION } from "./version.ts";

function start(): void {
  const [, , first, ...rest] = process.argv;
  if ((first === "--version" || first === "-V") && rest.length === 0) return console.log(VERSION);
  void import("./main.ts");
}

start();
