// Lets V8 keep the program in compiled form, which is a good part of a start's time.
// What V8 keeps is code that later runs trust: base/trusted-file.ts has the rule for its directory.
// Not module.enableCompileCache(): with it `list --names` takes 14 ms longer on Node 26 than with this, and `psql` 35 ms; and
// Node 20 has none.
// https://nodejs.org/api/vm.html#scriptcreatecacheddata
import { Buffer } from "node:buffer";
import { Module } from "node:module";
import { basename, dirname, isAbsolute, join } from "node:path";
import process from "node:process";
import { constants, Script } from "node:vm";
import type { Environment } from "../base/context.ts";
import { makeTrustedDirectory, readTrusted, writeTrusted } from "../base/trusted-file.ts";
import { cacheDirectory, homeDirectory } from "../system/directories.ts";

// Every CommonJS module is compiled and run by this method, which all programs that compile by themselves replace.
interface Compiler {
  _compile: (this: NodeJS.Module, code: string, file: string) => unknown;
}

// The name of the directory that a build's chunks are in (scripts/build/packs.ts). V8 compares no more than the length of what it
// has compiled, and a chunk may keep its name and length while it names other chunks.
declare const BUILD_DIGEST: string;

const SMALL = 4096; // characters, below which a file is compiled as quickly as its cache is found

/** Keeps what is compiled from here on, or takes what an earlier run of the command has kept; only Node has a use for it. */
export function keepCompiled(command: string, env: Environment): void {
  const { NODE_COMPILE_CACHE, NODE_DISABLE_COMPILE_CACHE } = env;
  const cache = cacheDirectory(env, homeDirectory(env));
  const isNode = !("bun" in process.versions) && !("deno" in process.versions);
  if (!isNode || !isAbsolute(cache)) return;
  if (NODE_COMPILE_CACHE || NODE_DISABLE_COMPILE_CACHE) return;
  try {
    keepChunks(makeTrustedDirectory(join(cache, "compiled")), command);
  } catch {
    // A home that cannot be written to, or that another user can write to, costs some milliseconds, and nothing else.
  }
}

// Functions are compiled when they are first called, so each command keeps what it has called of a chunk.
function keepChunks(directory: string, command: string): void {
  const compiler = Module.prototype as unknown as Compiler;
  const compile = compiler._compile;
  const end = `${command}-${BUILD_DIGEST}-${process.version}-${process.arch}`;
  const compiled = new Map<string, Script>();
  process.on("exit", (status) => {
    if (status !== 0) return;
    for (const [kept, script] of compiled) keep(kept, script.createCachedData());
  });
  compiler._compile = function compileChunk(code, file) {
    const name = basename(file);
    const isOurs = basename(dirname(file)) === BUILD_DIGEST;
    if (!isOurs || code.length < SMALL) return compile.call(this, code, file);
    const kept = join(directory, `${name.slice(0, -".js".length)}-${end}`);
    const cachedData = read(kept);
    const script = new Script(Module.wrap(code), {
      filename: file,
      cachedData,
      importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
    });
    if (cachedData === undefined || script.cachedDataRejected) compiled.set(kept, script);
    const require = (id: string): unknown => this.require(id);
    const run = script.runInThisContext() as (...words: unknown[]) => unknown;
    return run.call(this.exports, this.exports, require, this, file, dirname(file));
  };
}

// V8 ends the process over a wrong byte, so that a file has everything twice: to compare takes 0.1 ms, to load node:zlib for its
// checksum 3.
function read(file: string): Buffer | undefined {
  try {
    const both = readTrusted(file);
    const one = both.subarray(0, both.length / 2);
    return one.equals(both.subarray(both.length / 2)) ? one : undefined;
  } catch {
    return undefined;
  }
}

function keep(file: string, data: Buffer): void {
  try {
    writeTrusted(file, Buffer.concat([data, data]));
  } catch {
    // A full disk: the next run compiles again.
  }
}
