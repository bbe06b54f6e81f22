// Starts the built program as a user would: the command line of RDSIAM_COMMAND (a runtime and dist/rdsiam.js, or the
// binary), with an environment that holds nothing of this machine's but PATH.
import { Buffer } from "node:buffer";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { join, resolve } from "node:path";
import process from "node:process";

/** The words that start rdsiam. */
export const COMMAND: readonly string[] = process.env["RDSIAM_COMMAND"]
  ? (JSON.parse(process.env["RDSIAM_COMMAND"]) as string[])
  : [process.execPath, resolve("dist/rdsiam.js")];

/** The same for a shell. */
export const RDSIAM = COMMAND.map((word) => `'${word}'`).join(" ");

/** The words that start a TypeScript file under the same runtime; under this Node where that is the binary. */
export const LAUNCHER: readonly string[] = process.env["RDSIAM_TEST_LAUNCHER"]
  ? (JSON.parse(process.env["RDSIAM_TEST_LAUNCHER"]) as string[])
  : [process.execPath, "--import", "tsx"];

/** node20, node, bun, deno or binary. */
export const RUNTIME = process.env["RDSIAM_RUNTIME"] ?? "node20";

/** How a run ended and what it printed. */
export interface Finished {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** What a run is given. */
export interface RunOptions {
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly input?: string | Buffer;
  readonly cwd?: string;
  /** Leaves stdin open, for `started` to end. */
  readonly keepsInput?: boolean;
  /** Called with the child as soon as it runs. */
  readonly started?: (child: ChildProcess) => void;
}

/** A clean environment: PATH, what is given, and a cache that the runs of a suite share, so that Node compiles rdsiam once. */
export function cleanEnvironment(
  extra: Readonly<Record<string, string | undefined>> = {},
): Record<string, string> {
  const env: Record<string, string> = { PATH: process.env["PATH"] ?? "", LC_ALL: "C.UTF-8" };
  const cache = process.env["RDSIAM_TEST_CACHE"];
  if (cache !== undefined) env["XDG_CACHE_HOME"] = cache;
  for (const [name, value] of Object.entries(extra)) if (value !== undefined) env[name] = value;
  return env;
}

/** Where Deno and Bun keep what they have compiled: their own business, and out of the way of a look at the home directory. */
export function runtimeCaches(directory: string): Record<string, string> {
  return {
    DENO_DIR: join(directory, "deno"),
    BUN_RUNTIME_TRANSPILER_CACHE_PATH: join(directory, "bun"),
  };
}

/** Runs rdsiam to its end. */
export function rdsiam(args: readonly string[], options: RunOptions = {}): Promise<Finished> {
  return run([...COMMAND, ...args], options);
}

/** Runs any command line to its end. */
export function run(words: readonly string[], options: RunOptions = {}): Promise<Finished> {
  const [file = "", ...args] = words;
  return new Promise((resolved, rejected) => {
    const child = spawn(file, args, {
      env: cleanEnvironment(options.env),
      cwd: options.cwd,
      stdio: ["pipe", "pipe", "pipe"],
    });
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    child.stdout.on("data", (chunk: Buffer) => stdout.push(chunk));
    child.stderr.on("data", (chunk: Buffer) => stderr.push(chunk));
    child.stdin.on("error", () => {});
    if (options.keepsInput !== true) child.stdin.end(options.input ?? "");
    child.once("error", rejected);
    child.once("close", (status, signal) =>
      resolved({
        status,
        signal,
        stdout: Buffer.concat(stdout).toString(),
        stderr: Buffer.concat(stderr).toString(),
      }),
    );
    options.started?.(child);
  });
}

/** A reason to skip a test that needs PostgreSQL's own tools, or false. */
export function without(...tools: readonly string[]): string | false {
  const missing = tools.filter((tool) => spawnSync(tool, ["--version"]).error !== undefined);
  return missing.length > 0 && `${missing.join(", ")} not on this machine`;
}
