// npm run test:slow -- memory [RUNTIME...]: the proxy's memory stays bounded whatever the other side does, on every runtime.
// 1 GB COPY out to a reader that stops for ten seconds, 500 MB COPY in to a locked table; every byte is compared.
// Nothing is random here. RDSIAM_MEGABYTES makes it smaller or larger.
import { resolve } from "node:path";
import process from "node:process";
import { $ } from "zx";
import { type Runtime, runtimePath } from "../../scripts/runtimes.ts";
import type { StandIn } from "../../src/demo/stand-in.ts";
import { startStage } from "../support/stage.ts";
import { copyIn, copyOut, type CopyFigures } from "./copy-memory.ts";

const NAMES = ["node20", "node", "bun", "deno", "binary"];
const MEGABYTES = Number(process.env["RDSIAM_MEGABYTES"] ?? 1_000);
const PAUSE = 10_000; // ms
const BUNDLE = resolve("dist/rdsiam.js");

/** MB (10^6 bytes) by which a runtime's memory may grow over what it was after the login. */
function bound(name: string): number {
  return name === "deno" ? 100 : 50;
}

async function commandOf(name: string): Promise<readonly string[] | undefined> {
  if (name === "binary") {
    await $`npm run --silent build:binary`;
    return [resolve("build/rdsiam")];
  }
  if (!NAMES.includes(name)) throw new TypeError(`no such runtime: ${name} (${NAMES.join(", ")})`);
  const file = await runtimePath(name as Runtime);
  if (file === undefined) return undefined;
  if (name !== "deno") return [file, BUNDLE];
  return [file, "run", "-A", "--no-lock", "--no-prompt", BUNDLE];
}

async function main(wanted: readonly string[]): Promise<void> {
  await using standIn = await startStage();
  print(
    `${MEGABYTES} MB COPY out, ${MEGABYTES / 2} MB COPY in, ${PAUSE / 1000} s stop; memory in MB`,
  );
  print("runtime   what      seconds  after login  peak   growth  bound");
  for (const name of wanted.length > 0 ? wanted : NAMES) {
    const command = await commandOf(name);
    if (command === undefined) {
      print(`${name}: not available here`);
      continue;
    }
    await runOne(name, "copy out", () => copyOut(options(standIn, command, MEGABYTES)));
    await runOne(name, "copy in", () => copyIn(options(standIn, command, MEGABYTES / 2)));
  }
}

function options(standIn: StandIn, command: readonly string[], megabytes: number) {
  return { standIn, command, megabytes, pause: PAUSE };
}

async function runOne(name: string, what: string, run: () => Promise<CopyFigures>): Promise<void> {
  try {
    const { afterLogin, peak, growth, seconds } = await run();
    const ok = growth < bound(name);
    if (!ok) process.exitCode = 1;
    const figures = [seconds, afterLogin, peak, growth].map((figure) =>
      figure.toFixed(1).padStart(8),
    );
    print(
      `${name.padEnd(9)} ${what.padEnd(8)} ${figures.join("  ")}  < ${bound(name)} ${ok ? "ok" : "BROKEN"}`,
    );
  } catch (error) {
    process.exitCode = 1;
    print(`${name.padEnd(9)} ${what.padEnd(8)} failed: ${String(error)}`);
  }
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

void main(process.argv.slice(2));
