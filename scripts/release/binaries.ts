// One archive with a binary for each platform. Bun cross-builds every one of them when it is handed the Bun of that platform,
// which the devDependencies of scripts/runtimes pin; --install fetches them, whatever the platform here (npm needs --force for that).
// https://bun.com/docs/bundler/executables#cross-compile-to-other-platforms

import { existsSync } from "node:fs";
import { copyFile, cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { $ } from "zx";
import { pack } from "./archive.ts";

/** A platform that a binary is built for. */
export interface Target {
  /** As in the archive's name. */
  readonly name: string;
  /** The npm package with this platform's Bun, and the program in it. */
  readonly runtime: string;
  /** The binary's name in the archive. */
  readonly program: string;
}

/** Every platform of a release. */
export const TARGETS: readonly Target[] = [
  { name: "linux-x64", runtime: "bun-linux-x64/bin/bun", program: "rdsiam" },
  { name: "linux-arm64", runtime: "bun-linux-arm64/bin/bun", program: "rdsiam" },
  { name: "darwin-x64", runtime: "bun-darwin-x64/bin/bun", program: "rdsiam" },
  { name: "darwin-arm64", runtime: "bun-darwin-arm64/bin/bun", program: "rdsiam" },
  { name: "windows-x64", runtime: "bun-windows-x64/bin/bun.exe", program: "rdsiam.exe" },
];

/** Where a release goes, and what it may do for it. */
export interface ReleaseOptions {
  readonly out: string;
  readonly version: string;
  readonly install: boolean;
}

const ROOT = join(import.meta.dirname, "../..");
const RUNTIMES = join(ROOT, "scripts/runtimes");

/** The name of a target's archive. */
export function archiveName(version: string, target: string): string {
  return `rdsiam-${version}-${target}.${target.startsWith("windows-") ? "zip" : "tar.gz"}`;
}

/** The version of Bun that is in the binaries. */
export async function bunVersion(): Promise<string> {
  const text = await readFile(join(RUNTIMES, "package.json"), "utf8");
  const manifest: { optionalDependencies: Record<string, string> } = JSON.parse(text);
  return manifest.optionalDependencies["@oven/bun-linux-x64"] ?? "";
}

/** The path of a runtime for another platform in scripts/runtimes; undefined where it is not installed and must not be. */
export async function foreignRuntime(path: string, install: boolean): Promise<string | undefined> {
  const file = join(RUNTIMES, "node_modules", path);
  if (install && !existsSync(file)) {
    await $`npm ci --prefix ${RUNTIMES} --force --ignore-scripts --no-audit --no-fund`;
  }
  return existsSync(file) ? file : undefined;
}

/** Compiles rdsiam for a platform. */
export async function compile(target: Target, runtime: string, outfile: string): Promise<void> {
  await $`npm run --silent build:binary -- --target bun-${target.name} --runtime ${runtime} --outfile ${outfile}`;
}

/** Builds and packs one binary; undefined when it is done, else the reason why not. */
export async function buildBinary(
  target: Target,
  options: ReleaseOptions,
): Promise<string | undefined> {
  const { out, version, install } = options;
  const runtime = await foreignRuntime(target.runtime, install);
  const archive = archiveName(version, target.name);
  if (runtime === undefined) {
    return `${archive}: Bun for ${target.name} is not here; npm run release -- --install fetches it (once, 500 MB)`;
  }
  const work = await mkdtemp(join(tmpdir(), "rdsiam-release-"));
  try {
    const name = `rdsiam-${version}-${target.name}`;
    const directory = join(work, name);
    await mkdir(directory);
    // The name of the file is part of the binary: it is the same on every machine.
    const outfile = join(directory, target.program);
    await compile(target, runtime, outfile);
    await addPapers(directory);
    await pack(join(out, archive), work, name);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  return undefined;
}

// What the npm package holds beside the program, and what the runtime asks for.
async function addPapers(directory: string): Promise<void> {
  const manifest: { files: string[] } = JSON.parse(
    await readFile(join(ROOT, "package.json"), "utf8"),
  );
  const names = manifest.files.filter((name) => name !== "dist" && existsSync(join(ROOT, name)));
  for (const name of ["README.md", "LICENSE", ...names]) {
    await mkdir(dirname(join(directory, name)), { recursive: true });
    await cp(join(ROOT, name), join(directory, name), { recursive: true });
  }
  await copyFile(join(ROOT, "dist/LICENSES.txt"), join(directory, "LICENSES.txt"));
  await writeFile(
    join(directory, "BUN.txt"),
    `The binary contains Bun ${await bunVersion()}, https://bun.com. Its licence (MIT), and those of the libraries in it,\n` +
      "WebKit's JavaScriptCore (LGPL 2) among them: https://bun.com/docs/project/license\n",
  );
}
