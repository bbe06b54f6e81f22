// Target sections that are added to a file.
import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";

import { appendSections } from "../../src/config/add-targets.ts";
import { temporaryDirectory } from "../support/keep.ts";

const NEW = "[new]\nhost = a.example.com\n";
const OTHER = "[other]\nhost = b.example.com\n";

test("appendSections() takes turns, and adds what is there word for word no second time", async () => {
  const directory = await temporaryDirectory("add-targets");
  const file = join(directory, "deep/config");
  const runs = [[NEW], [NEW], [OTHER], [OTHER, NEW], [NEW]];
  await Promise.all(runs.map((sections) => appendSections(file, sections)));
  const text = await readFile(file, "utf8");
  assert.deepEqual(text.match(/^\[.*\]$/gm)?.toSorted(), ["[new]", "[other]"]);
  await assert.rejects(appendSections(file, [`${NEW}user = x\n`]), {
    message: `[new] was added to ${file} meanwhile, with other lines`,
  });
  assert.equal(await readFile(file, "utf8"), text);
  assert.deepEqual(await readdir(join(directory, "deep")), ["config"]);
});
