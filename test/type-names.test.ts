import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { glob } from "zx";

const DECLARATION = /^(?:export )?(?:declare )?(?:abstract )?(?:interface|type|class) (\w+)/gm;

test("no type name is declared twice in src", async () => {
  const files = new Map<string, string[]>();
  for (const file of await glob("src/**/*.ts")) {
    for (const [, name = ""] of readFileSync(file, "utf8").matchAll(DECLARATION))
      files.set(name, [...(files.get(name) ?? []), file]);
  }
  const twice = [...files].filter(([, places]) => places.length > 1);
  assert.deepEqual(Object.fromEntries(twice), {});
});
