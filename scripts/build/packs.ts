// Puts chunks that are loaded together into one file, a pack: each file costs half a millisecond to find, read and compile.
// esbuild splits by who imports what, into many small chunks, and has no say in it.
// A pack has its chunks as functions by name, and whoever required a chunk asks the pack for it.
import { createHash } from "node:crypto";
import { basename, dirname, join } from "node:path";
import type { Metafile } from "esbuild";

/** A file of the build, as CommonJS; its path relative to the root, as in the metafile. */
export interface ModuleFile {
  readonly path: string;
  readonly code: string;
}

/** Which chunks go together: what these sources import before they run, less what an earlier pack has. */
export interface PackPlan {
  readonly name: string;
  readonly sources: readonly string[];
}

/** How chunks are packed. */
export interface PackOptions {
  /** Of the chunks; what is outside, as an entry is, stays by itself. */
  readonly directory: string;
  readonly plans: readonly PackPlan[];
  readonly metafile: Metafile;
}

/** What is to be written. */
export interface Packed {
  readonly files: readonly ModuleFile[];
  /** The metafile, with packs in the place of their chunks. */
  readonly metafile: Metafile;
}

interface Pack {
  readonly path: string;
  readonly members: ReadonlyMap<string, ModuleFile>;
}

/**
 * The files of a build, with each plan's chunks in one, and all chunks in a directory of the build's own: runtimes that keep
 * what they have compiled know a file by its path and length. BUILD_DIGEST in them becomes that directory's name.
 */
export function packed(
  files: readonly ModuleFile[],
  { directory, plans, metafile }: PackOptions,
): Packed {
  const byPath = new Map(files.map((file) => [file.path, file]));
  const digest = digestOf(files);
  const packs: Pack[] = [];
  for (const { name, sources } of plans) {
    const paths = closure(sources, metafile).filter(
      (path) =>
        dirname(path) === directory && !packs.some(({ members }) => members.has(basename(path))),
    );
    const members = paths.flatMap((path) => byPath.get(path) ?? []);
    const path = join(directory, digest, `${name}.js`);
    packs.push({ path, members: new Map(members.map((file) => [basename(file.path), file])) });
  }
  const place = (path: string): string =>
    dirname(path) === directory ? join(directory, digest, basename(path)) : path;
  const loose = files.filter(({ path }) => !packs.some((pack) => pack.members.has(basename(path))));
  const redirect = { packs, digest };
  const whole = [
    ...loose.map(({ path, code }) => ({ path: place(path), code: redirected(code, redirect) })),
    ...packs.map((pack) => ({ path: pack.path, code: packCode(pack, redirect) })),
  ];
  return {
    files: whole.map(({ path, code }) => ({
      path,
      code: code.replaceAll("BUILD_DIGEST", JSON.stringify(digest)),
    })),
    metafile: { ...metafile, outputs: packedOutputs(metafile, packs, place) },
  };
}

function digestOf(files: readonly ModuleFile[]): string {
  const all = files.map(({ path, code }) => `${path}\n${code}\n`).toSorted();
  return createHash("sha256").update(all.join("")).digest("hex").slice(0, 8).toUpperCase();
}

// What a pack was made of, in the place of its chunks.
function packedOutputs(
  { outputs }: Metafile,
  packs: readonly Pack[],
  place: (path: string) => string,
): Metafile["outputs"] {
  const moved = new Map(Object.keys(outputs).map((path) => [path, place(path)]));
  for (const { path, members } of packs) {
    for (const member of members.values()) moved.set(member.path, path);
  }
  const whole: Metafile["outputs"] = {};
  for (const [path, output] of Object.entries(outputs)) {
    const place = moved.get(path) ?? path;
    const imports = output.imports
      .map((each) => ({ ...each, path: moved.get(each.path) ?? each.path }))
      .filter((each) => each.path !== place);
    const before = whole[place];
    if (before === undefined) {
      whole[place] = { ...output, inputs: { ...output.inputs }, imports };
      continue;
    }
    Object.assign(before.inputs, output.inputs);
    before.imports.push(...imports);
    before.bytes += output.bytes;
  }
  return whole;
}

// The outputs that are loaded together with these sources: those of dynamic imports are not.
function closure(sources: readonly string[], { outputs }: Metafile): string[] {
  const found = new Set<string>();
  const visit = (path: string): void => {
    const output = outputs[path];
    if (output === undefined || found.has(path)) return;
    found.add(path);
    for (const each of output.imports) {
      if (each.kind === "import-statement") visit(each.path);
    }
  };
  for (const source of sources) {
    const path = Object.keys(outputs).find((each) => outputs[each]?.entryPoint === source);
    if (path === undefined) throw new Error(`no chunk begins with ${source}`);
    visit(path);
  }
  return [...found];
}

interface Redirect {
  readonly packs: readonly Pack[];
  readonly digest: string;
}

function packCode(pack: Pack, redirect: Redirect): string {
  const chunks = [...pack.members].map(
    ([name, { code }]) =>
      `${JSON.stringify(name)}:(exports,module)=>{${redirected(code, redirect, pack)}}`,
  );
  return `const chunks={${chunks.join(",\n")}},loaded=new Map(),packs=new Map();
function $pack(path){let pack=packs.get(path);if(pack===undefined)packs.set(path,pack=require(path));return pack}
function $loadChunk(name){let module=loaded.get(name);if(module===undefined){loaded.set(name,module={exports:{}});chunks[name](module.exports,module)}return module.exports}
module.exports=$loadChunk;
`;
}

// A chunk requires "./NAME", an entry beside the chunks' directory "./chunks/NAME".
function redirected(code: string, { packs, digest }: Redirect, own?: Pack): string {
  return code.replaceAll(
    /\brequire\("\.\/([\w-]+\/)?([^/"]+)"\)/g,
    (_, directory: string | undefined, name: string) => {
      const pack = packs.find(({ members }) => members.has(name));
      const asked = `(${JSON.stringify(name)})`;
      if (pack !== undefined && pack === own) return `$loadChunk${asked}`;
      const beside = directory === undefined ? "./" : `./${directory}${digest}/`;
      if (pack === undefined) return `require("${beside}${name}")`;
      // A pack asks others a hundred times, and each require() takes 20 µs.
      const require = own === undefined ? "require" : "$pack";
      return `${require}("${beside}${basename(pack.path)}")${asked}`;
    },
  );
}
