// The first file that runs in the compiled program, as start.ts does elsewhere. It answers --version by itself, through Bun's own
// output: node:fs takes a third as long to load as the runtime takes to start. There is no compile cache to see to: the
// bytecode is in the program.
// The program starts with a JIT that hardly compiles (scripts/build-binary.ts): what runs once is interpreted in less time than
// it is compiled. What still runs after half a second serves sessions, and gets the JIT as it is.
// https://bun.com/docs/bundler/bytecode, https://bun.com/reference/bun/unsafe/setJITPolicy
import process from "node:process";
import { endAsFirstProcess } from "./runtime/first-process.ts";
import { VERSION } from "./base/version.ts";

declare const Bun: {
  readonly stdout: object;
  readonly unsafe: { readonly setJITPolicy: (scale: number) => void };
  readonly write: (to: object, text: string) => Promise<number>;
};

const START = 500; // ms

function start(): void {
  const [, , first, ...rest] = process.argv;
  if ((first === "--version" || first === "-V") && rest.length === 0) {
    // What cannot be written is an error there.
    return void Bun.write(Bun.stdout, `${VERSION}\n`).catch(() => import("./main.ts"));
  }
  endAsFirstProcess();
  setTimeout(() => Bun.unsafe.setJITPolicy(1), START).unref();
  void import("./main.ts");
}

start();
