// How rdsiam is started under each runtime, and that runtime's empty program, which is what its own start costs.
import { cp, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import process from "node:process";
import { $ } from "zx";
import { type Runtime, runtimePath } from "../runtimes.ts";
import type { Scene } from "./scene.ts";

/** A way to start rdsiam. */
export interface Launcher {
  /** The subject's name: `rdsiam` is the one under the Node that runs the benchmark. */
  readonly name: string;
  readonly words: readonly string[];
  /** Settings of rdsiam. */
  readonly env?: Readonly<Record<string, string>>;
  /** The same runtime with a program that does nothing. */
  readonly empty: readonly string[];
}

/** The names of what --runtimes adds. */
export const OTHER_RUNTIMES = ["node", "bun", "deno", "binary"] as const;

type OtherRuntime = (typeof OTHER_RUNTIMES)[number];

/** rdsiam under the Node that runs this: the scene's copy, or another build. */
export async function ownLauncher(
  scene: Scene,
  build: { readonly name: string; readonly file: string; readonly flags: readonly string[] },
): Promise<Launcher> {
  const { file, flags, name } = build;
  const empty = await emptyProgram(scene);
  return { name, words: [process.execPath, ...flags, file], empty: [process.execPath, empty] };
}

/** rdsiam under another runtime; undefined where that is not to be had. The binary is built first where `build` says so. */
export async function otherLauncher(
  scene: Scene,
  { build, runtime }: { readonly build: boolean; readonly runtime: OtherRuntime },
): Promise<Launcher | undefined> {
  const name = `rdsiam-${runtime}`;
  if (runtime === "binary") {
    if (build) await $`npm run --silent build:binary`;
    return await binaryLauncher(scene, name);
  }
  const program = await runtimePath(runtime satisfies Runtime);
  if (program === undefined) return undefined;
  const start = runtime === "deno" ? [program, "run", "-A", "--no-lock", "--no-prompt"] : [program];
  return {
    name,
    words: [...start, scene.bundle],
    empty: [...start, await emptyProgram(scene)],
  };
}

async function binaryLauncher(scene: Scene, name: string): Promise<Launcher | undefined> {
  const bun = await runtimePath("bun");
  if (bun === undefined) return undefined;
  const binary = join(scene.directory, "rdsiam");
  await cp(resolve("build/rdsiam"), binary);
  const empty = join(scene.directory, "empty");
  const options = ["--compile", "--minify", "--bytecode", `--outfile=${empty}`];
  await $({ quiet: true })`${bun} build ${await emptyProgram(scene)} ${options}`;
  return { name, words: [binary], empty: [empty] };
}

async function emptyProgram(scene: Scene): Promise<string> {
  const file = join(scene.directory, "empty.cjs");
  await writeFile(file, "");
  return file;
}
