// Lets V8 keep the program in compiled form, which is a good part of a start's time.
// What V8 keeps is code that later runs trust, so only a directory that nobody else can write to will do: never the shared
// /tmp of Node's own default, and not a user's home when root runs with that user's HOME.
// https://nodejs.org/api/module.html#module-compile-cache
// Node 20 has no such cache, but what it is made of: https://nodejs.org/api/vm.html#scriptcreatecacheddata
import {
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  type Stats,
  statSync,
  writeFileSync,
} from "node:fs";
import * as modules from "node:module";
import { basename, dirname, join } from "node:path";
import process from "node:process";
import { Script } from "node:vm";

type CompileCache = { readonly enableCompileCache?: (directory: string) => unknown };

// Every CommonJS module is compiled and run by this method, which all programs that compile by themselves replace.
interface Compiler {
  _compile: (this: NodeJS.Module, code: string, file: string) => unknown;
}

// Chunks that belong together, and whose names change with what is in them.
const PACK = /^\w+-[0-9A-F]{8}\.js$/;

type Environment = Readonly<Record<string, string | undefined>>;

/** Keeps what is compiled from here on, or takes what an earlier run of the command has kept; only Node has a use for it. */
export function keepCompiled(command: string, env: Environment): void {
  const { XDG_CACHE_HOME, HOME, NODE_COMPILE_CACHE, NODE_DISABLE_COMPILE_CACHE } = env;
  const cache = XDG_CACHE_HOME || (HOME && `${HOME}/.cache`);
  const isNode = !("bun" in process.versions) && !("deno" in process.versions);
  if (!isNode || !cache?.startsWith("/")) return;
  if (NODE_COMPILE_CACHE || NODE_DISABLE_COMPILE_CACHE) return;
  const { enableCompileCache } = modules as CompileCache;
  const directory = `${cache}/rdsiam/compiled`;
  try {
    const { uid, mode } = statSync(directory, { throwIfNoEntry: false }) ?? make(cache, directory);
    if (uid !== process.geteuid?.() || (mode & 0o022) !== 0) return;
    if (enableCompileCache === undefined) keepPacks(directory, command);
    else enableCompileCache(directory);
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

// Functions are compiled when they are first called, so each command keeps what it has called of a pack.
function keepPacks(directory: string, command: string): void {
  const compiler = modules.Module.prototype as unknown as Compiler;
  const compile = compiler._compile;
  compiler._compile = function compilePack(code, file) {
    if (!PACK.test(basename(file))) return compile.call(this, code, file);
    const kept = join(
      directory,
      `${basename(file, ".js")}-${command}-${process.version}-${process.arch}`,
    );
    const cachedData = existsSync(kept) ? readFileSync(kept) : undefined;
    const script = new Script(modules.Module.wrap(code), { filename: file, cachedData });
    if (cachedData === undefined || script.cachedDataRejected) {
      process.on("exit", (status) => {
        if (status === 0) keep(kept, script.createCachedData());
      });
    }
    const require = (id: string): unknown => this.require(id);
    const run = script.runInThisContext() as (...words: unknown[]) => unknown;
    return run.call(this.exports, this.exports, require, this, file, dirname(file));
  };
}

// In one step: another run may be reading it.
function keep(file: string, data: NodeJS.ArrayBufferView): void {
  try {
    const whole = `${file}.${process.pid}`;
    writeFileSync(whole, data, { mode: 0o600 });
    renameSync(whole, file);
  } catch {
    // A full disk: the next run compiles again.
  }
}
