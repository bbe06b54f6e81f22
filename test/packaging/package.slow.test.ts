// What is published: these files and no others, nothing that comes with them, no path of the machine that built it.
import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { run } from "../support/program.ts";
import { packPackage, type Packed, publishedFiles, ROOT } from "./packed.ts";

let packed: Packed;
before(async () => {
  packed = await packPackage();
});
after(() => packed[Symbol.asyncDispose]());

test("npm pack: exactly the files that are meant", async () => {
  const expected = await publishedFiles();
  // A build leaves the chunks of those before it for a while; a release begins without any.
  const files = packed.files.filter(
    (file) => !/^dist\/(?:chunks|library)\//.test(file) || expected.includes(file),
  );
  assert.deepEqual(files, expected);
});

test("npm pack: no source map, no path of this machine", async () => {
  for (const file of packed.files) {
    assert.ok(!file.endsWith(".map"), file);
    const text = await readFile(join(ROOT, file), "utf8");
    for (const found of ["sourceMappingURL=", ROOT, homedir()]) {
      // The home directory of a container may be "/".
      if (found.length > 4) assert.ok(!text.includes(found), `${file} contains ${found}`);
    }
  }
});

test("npm install -g: an empty prefix, without network, holds rdsiam alone", async () => {
  const prefix = join(packed.directory, "prefix");
  const words = ["npm", "install", "--global", "--offline", "--no-audit", "--no-fund"];
  const installed = await run([...words, "--prefix", prefix, packed.tarball], {
    env: { HOME: packed.directory },
    cwd: packed.directory,
  });
  assert.equal(installed.status, 0, installed.stderr);
  const modules = join(prefix, "lib/node_modules");
  assert.deepEqual(await readdir(modules), ["rdsiam"]);
  assert.ok(!(await readdir(join(modules, "rdsiam"))).includes("node_modules"));
  const ran = await run([join(prefix, "bin/rdsiam"), "--version"]);
  assert.deepEqual([ran.status, ran.stdout], [0, `${packed.manifest.version}\n`], ran.stderr);
});
