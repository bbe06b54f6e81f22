// Compiles src, scripts and test for the tests: tsx takes a second of processor time in each process for what this does once in all.

import { readFile, rm } from "node:fs/promises";
import { dirname, relative, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { build, type Plugin, transform } from "esbuild";
import { glob } from "zx";

const DIRECTORY = "build/compiled";

/** Compiles all; the answer is the compiled file of a source. Each file still knows its source's directory as its own. */
export async function compileTests(): Promise<(file: string) => string> {
  await rm(DIRECTORY, { recursive: true, force: true });
  const entryPoints = await glob("{src,scripts,test}/**/*.ts", {
    ignore: ["**/node_modules/**", "**/*.d.ts"],
  });
  await build({
    entryPoints,
    outdir: DIRECTORY,
    outbase: ".",
    bundle: true, // for the plugin; each file stays a file
    packages: "external",
    platform: "node",
    target: "node20",
    format: "esm",
    plugins: [FILE_BY_FILE],
  });
  return (file) => resolve(DIRECTORY, relative(".", file).replace(/\.ts$/, ".js"));
}

const FILE_BY_FILE: Plugin = {
  name: "file by file",
  setup(compiler) {
    compiler.onResolve({ filter: /^\..*\.ts$/ }, ({ path, kind }) =>
      kind === "entry-point" ? undefined : { path: path.replace(/\.ts$/, ".js"), external: true },
    );
    compiler.onLoad({ filter: /\.ts$/ }, async ({ path }) => {
      const { code } = await transform(await readFile(path, "utf8"), {
        loader: "ts",
        define: {
          "import.meta.dirname": JSON.stringify(dirname(path)),
          "import.meta.filename": JSON.stringify(path),
          "import.meta.url": JSON.stringify(pathToFileURL(path).href),
        },
      });
      return { contents: code, loader: "js" };
    });
  },
};
