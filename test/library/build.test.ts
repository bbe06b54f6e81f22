// The package's exports beside the program: neither loads a line of the other, and the types stand alone.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import process from "node:process";
import { test } from "node:test";
import type { Metafile } from "esbuild";

const ROOT = resolve(import.meta.dirname, "../..");

function sourcesOf(entry: string): { readonly files: string[]; readonly sources: string[] } {
  const text = readFileSync(join(ROOT, "build/metafile.json"), "utf8");
  const { outputs }: Metafile = JSON.parse(text);
  const files = new Set<string>([entry]);
  for (const file of files) {
    for (const { path, external } of outputs[file]?.imports ?? [])
      if (external !== true) files.add(path);
  }
  const sources = [...files].flatMap((file) => Object.keys(outputs[file]?.inputs ?? {}));
  return { files: [...files], sources };
}

test("the program's chunks are its own: none holds the library, none is shared with it", () => {
  const { files, sources } = sourcesOf("dist/rdsiam.js");
  assert.ok(files.length > 50);
  assert.deepEqual(
    files.filter((file) => !/^dist\/(?:rdsiam\.js|chunks\/)/.test(file)),
    [],
  );
  assert.deepEqual(
    sources.filter((source) => source.startsWith("src/library")),
    [],
  );
});

test("the library's chunks hold no command, no proxy, no tool, no demo", () => {
  const { files, sources } = sourcesOf("dist/library.js");
  assert.ok(files.every((file) => /^dist\/library(?:\.js|\/)/.test(file)));
  const others =
    /^src\/(?:main|cli\/|commands\/|serve\/|session\/(?:run|open)|proxy\/|protocol\/|tool\/|demo\/|via\/(?:start|ssh|ssm|plugin))/;
  assert.deepEqual(
    sources.filter((source) => others.test(source)),
    [],
  );
});

test("to import the package loads its entry and what that needs at once, and no SDK", () => {
  const { outputs }: Metafile = JSON.parse(readFileSync(join(ROOT, "build/metafile.json"), "utf8"));
  const files = new Set(["dist/library.js"]);
  for (const file of files) {
    for (const each of outputs[file]?.imports ?? []) {
      if (each.kind === "import-statement" && each.external !== true) files.add(each.path);
    }
  }
  const bytes = [...files].reduce((sum, file) => sum + (outputs[file]?.bytes ?? 0), 0);
  assert.ok(bytes < 25_000, `${bytes} bytes`);
});

test("import and require() give the same instance, with the same names as the types", async () => {
  const script = `
    const required = require(${JSON.stringify(join(ROOT, "dist/library.js"))});
    import(${JSON.stringify(join(ROOT, "dist/library.mjs"))}).then((imported) => {
      const same = Object.keys(imported).every((name) => imported[name] === required[name]);
      process.stdout.write(JSON.stringify([same, Object.keys(imported)]));
    });`;
  const { stdout, stderr } = spawnSync(process.execPath, ["-e", script], { encoding: "utf8" });
  assert.equal(stderr, "");
  const [same, names]: [boolean, string[]] = JSON.parse(stdout);
  const types = readFileSync(join(ROOT, "dist/library.d.ts"), "utf8");
  const [, list = ""] = /^export \{ (.*) \};$/m.exec(types) ?? [];
  const values = list.split(", ").filter((name) => !name.startsWith("type "));
  assert.deepEqual([same, names.toSorted()], [true, values.toSorted()]);
});

test("the types import nothing but Node's own, and are the same for import and require()", () => {
  const types = readFileSync(join(ROOT, "dist/library.d.ts"), "utf8");
  assert.equal(readFileSync(join(ROOT, "dist/library.d.mts"), "utf8"), types);
  const imports = [...types.matchAll(/\b(?:from|import)\b[ (]*"([^"]+)"/g)].map(([, name]) => name);
  assert.deepEqual(new Set(imports), new Set(["node:net", "node:stream"]));
});

test("package.json leads every kind of importer there", () => {
  const require = createRequire(join(ROOT, "package.json"));
  assert.equal(require.resolve("rdsiam"), join(ROOT, "dist/library.js"));
  assert.ok(require.resolve("rdsiam/package.json"));
  assert.throws(() => require.resolve("rdsiam/dist/rdsiam.js"), {
    code: "ERR_PACKAGE_PATH_NOT_EXPORTED",
  });
});
