// Chunks in a pack are the modules that they were: each runs once, before whoever imports it, and cycles see what is there.
import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import type { Metafile } from "esbuild";
import { packed, type PackPlan } from "../../scripts/build/packs.ts";

const SOURCES: Readonly<Record<string, string>> = {
  "dist/entry.js": `module.exports = async () => {
    globalThis.ran = [];
    const a = require("./chunks/a.js").value;
    const cold = await Promise.resolve().then(() => require("./chunks/cold.js"));
    return [a, cold.value, globalThis.ran];
  };`,
  "dist/chunks/a.js": `ran.push("a"); exports.early = 1; exports.value = "a" + require("./b.js").value + require("./c.js").value;`,
  "dist/chunks/b.js": `ran.push("b"); module.exports = { value: "b" + require("./a.js").early };`,
  "dist/chunks/c.js": `ran.push("c"); exports.value = "c";`,
  "dist/chunks/cold.js": `ran.push("cold"); exports.value = "cold" + require("./c.js").value;`,
};

const METAFILE: Metafile = {
  inputs: {},
  outputs: {
    "dist/entry.js": output("src/entry.ts", ["dist/chunks/a.js"], ["dist/chunks/cold.js"]),
    "dist/chunks/a.js": output("src/a.ts", ["dist/chunks/b.js"]),
    "dist/chunks/b.js": output("src/b.ts", ["dist/chunks/a.js", "dist/chunks/c.js"]),
    "dist/chunks/c.js": output("src/c.ts", []),
    "dist/chunks/cold.js": output("src/cold.ts", ["dist/chunks/c.js"]),
  },
};

function output(
  entryPoint: string,
  imports: readonly string[],
  late: readonly string[] = [],
): Metafile["outputs"][string] {
  return {
    bytes: 1,
    inputs: { [entryPoint]: { bytesInOutput: 1 } },
    exports: [],
    entryPoint,
    imports: [
      ...imports.map((path) => ({ path, kind: "import-statement" as const })),
      ...late.map((path) => ({ path, kind: "dynamic-import" as const })),
    ],
  };
}

function pack(plans: readonly PackPlan[]) {
  const files = Object.entries(SOURCES).map(([path, code]) => ({ path, code }));
  return packed(files, { directory: "dist/chunks", plans, metafile: METAFILE });
}

const LATER = { name: "later", sources: ["src/cold.ts"] };
const FIRST = { name: "first", sources: ["src/entry.ts"] };

for (const plans of [[], [FIRST], [LATER, FIRST], [FIRST, LATER]]) {
  const names = plans.map(({ name }) => name).join(", ");
  test(`packed() + the same modules run in the same order: ${names || "no packs"}`, async () => {
    const directory = await mkdtemp(join(tmpdir(), "rdsiam-packs-"));
    try {
      const { files } = pack(plans);
      for (const { path, code } of files) {
        await mkdir(dirname(join(directory, path)), { recursive: true });
        await writeFile(join(directory, path), code);
      }
      const require = createRequire(import.meta.url);
      const run = require(join(directory, "dist/entry.js")) as () => Promise<unknown>;
      assert.deepEqual(await run(), ["ab1c", "coldc", ["a", "b", "c", "cold"]]);
    } finally {
      await rm(directory, { recursive: true });
    }
  });
}

test("packed() + one file for what is loaded together, with what it was made of; dynamic imports stay apart", () => {
  const { files, metafile } = pack([FIRST]);
  const [entry, cold, first = ""] = files.map(({ path }) => path);
  const [, home = ""] = /^dist\/chunks\/([0-9A-F]{8})\/first\.js$/.exec(first) ?? [];
  assert.deepEqual([entry, cold], ["dist/entry.js", `dist/chunks/${home}/cold.js`]);
  assert.deepEqual(new Set(Object.keys(metafile.outputs)), new Set([cold, first, entry]));
  const { inputs = {}, imports } = metafile.outputs[first] ?? {};
  assert.deepEqual(Object.keys(inputs).toSorted(), ["src/a.ts", "src/b.ts", "src/c.ts"]);
  assert.deepEqual(imports, []);
  assert.deepEqual(
    metafile.outputs["dist/entry.js"]?.imports.map(({ path }) => path),
    [first, cold],
  );
});

test("packed() puts each build's chunks into a directory of its own, and tells its name", () => {
  const homeOf = (changed: string): string => {
    const files = Object.entries(SOURCES).map(([path, code]) => ({
      path,
      code: path === changed ? `${code} BUILD_DIGEST;` : code,
    }));
    const out = packed(files, { directory: "dist/chunks", plans: [LATER], metafile: METAFILE });
    const [, home = ""] = /\/([0-9A-F]{8})\/later\.js/.exec(out.files.at(-1)?.path ?? "") ?? [];
    assert.equal(
      out.files.some(({ code }) => code.includes(` "${home}";`)),
      changed !== "",
    );
    return home;
  };
  const homes = ["", ...Object.keys(SOURCES)].map(homeOf);
  assert.equal(new Set(homes).size, homes.length);
});

test("packed() refuses a source that begins no chunk", () => {
  assert.throws(() => pack([{ name: "first", sources: ["src/gone.ts"] }]), {
    message: "no chunk begins with src/gone.ts",
  });
});
