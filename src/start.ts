// The first file that runs. It answers --version by itself, lets V8 keep what it compiles, and loads the program.
// What V8 keeps is code that later runs trust, so only a directory that nobody else can write to will do: never the shared
// /tmp of Node's own default, and not a user's home when root runs with that user's HOME.
// https://nodejs.org/api/module.html#module-compile-cache
import { existsSync, mkdirSync, type Stats, statSync } from "node:fs";
import * as modules from "node:module";
import process from "node:process";
import { writeText } from "./streams.ts";
import { VERSION } from "./version.ts";

type CompileCache = { readonly enableCompileCache?: (directory: string) => unknown };

function start(): void {
  const [, , first, ...rest] = process.argv;
  if ((first === "--version" || first === "-V") && rest.length === 0) {
    return writeText(1, `${VERSION}\n`);
  }
  keepCompiled();
  void import("./main.ts");
}

function keepCompiled(): void {
  const { enableCompileCache } = modules as CompileCache;
  const { XDG_CACHE_HOME, HOME, NODE_COMPILE_CACHE, NODE_DISABLE_COMPILE_CACHE } = process.env;
  const cache = XDG_CACHE_HOME || (HOME && `${HOME}/.cache`);
  const isNode = !("bun" in process.versions) && !("deno" in process.versions);
  if (!isNode || enableCompileCache === undefined || !cache?.startsWith("/")) return;
  if (NODE_COMPILE_CACHE || NODE_DISABLE_COMPILE_CACHE) return;
  const directory = `${cache}/rdsiam/compiled`;
  try {
    const { uid, mode } = statSync(directory, { throwIfNoEntry: false }) ?? make(cache, directory);
    if (uid === process.geteuid?.() && (mode & 0o022) === 0) enableCompileCache(directory);
  } catch {
    // A home that cannot be written to costs some milliseconds, and nothing else.
  }
}

// Level by level: `recursive` never comes back where a file system has no room for new names at all, as in /proc (Node 26).
function make(cache: string, directory: string): Stats {
  for (const each of [cache, `${cache}/rdsiam`, directory]) {
    if (!existsSync(each)) mkdirSync(each, { mode: 0o700 });
  }
  return statSync(directory);
}

start();
