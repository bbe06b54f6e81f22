// The search of PATH, on directories made for each case.

import assert from "node:assert/strict";
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { findTool } from "../../src/tool/find-tool.ts";
import { RdsIamError, type ErrorCode } from "../../src/base/errors.ts";
import { temporaryDirectory } from "../support/keep.ts";

const root = await temporaryDirectory("find-tool");
for (const directory of ["a", "b", "a/folder"]) mkdirSync(join(root, directory));
for (const file of ["a/plain", "b/plain", "b/tool", "b/folder"]) {
  writeFileSync(join(root, file), "#!/bin/sh\n");
}
for (const file of ["b/plain", "b/tool", "b/folder"]) chmodSync(join(root, file), 0o755);
chmodSync(join(root, "a/plain"), 0o644);
symlinkSync("nowhere", join(root, "a/tool"));

function searchPath(...directories: string[]): { PATH: string } {
  return { PATH: directories.map((directory) => join(root, directory)).join(":") };
}

async function rejectsWith(promise: Promise<string>, code: ErrorCode, hint: RegExp): Promise<void> {
  await assert.rejects(promise, (error) => {
    assert.ok(error instanceof RdsIamError);
    assert.equal(error.code, code);
    assert.match(error.hint ?? "", hint);
    return true;
  });
}

describe("findTool()", () => {
  test("answers the first executable of PATH", async () => {
    assert.equal(await findTool("tool", searchPath("a", "b")), join(root, "b/tool"));
  });

  test("goes on behind a file without execute permission, and behind a directory", async () => {
    assert.equal(await findTool("plain", searchPath("a", "b")), join(root, "b/plain"));
    assert.equal(await findTool("folder", searchPath("a", "b")), join(root, "b/folder"));
  });

  test("takes a name with a slash as a path, whatever PATH says", async () => {
    assert.equal(await findTool(join(root, "b/tool"), { PATH: "" }), join(root, "b/tool"));
  });

  test("searches the system's directories when PATH is not set", async () => {
    assert.match(await findTool("sh", {}), /^\/(usr\/)?bin\/sh$/);
  });

  test("says not executable when that is all there is", async () => {
    const found = findTool("plain", searchPath("a"));
    await rejectsWith(found, "ERR_TOOL_NOT_EXECUTABLE", /chmod \+x .*a\/plain/);
    const path = findTool(join(root, "a/plain"), {});
    await rejectsWith(path, "ERR_TOOL_NOT_EXECUTABLE", /chmod/);
    writeFileSync(join(root, "a b"), "");
    const quoted = /chmod \+x '.*\/a b'$/;
    await rejectsWith(findTool(join(root, "a b"), {}), "ERR_TOOL_NOT_EXECUTABLE", quoted);
  });

  test("says not executable for the path of a directory", async () => {
    await rejectsWith(findTool(join(root, "a"), {}), "ERR_TOOL_NOT_EXECUTABLE", /inside/);
  });

  test("says not found for a missing path, a broken link, an empty name", async () => {
    await rejectsWith(findTool(join(root, "c/x"), {}), "ERR_TOOL_NOT_FOUND", /path/);
    await rejectsWith(findTool("tool", searchPath("a")), "ERR_TOOL_NOT_FOUND", /PATH/);
    await rejectsWith(findTool("", searchPath("a", "b")), "ERR_TOOL_NOT_FOUND", /PATH/);
  });

  test("names the package that has psql, pg_dump and pgbench", async () => {
    const env = searchPath("a");
    await rejectsWith(findTool("psql", env), "ERR_TOOL_NOT_FOUND", /apt install postgresql-client/);
    await rejectsWith(findTool("pg_dump", env), "ERR_TOOL_NOT_FOUND", /brew install libpq/);
    await rejectsWith(findTool("pgbench", env), "ERR_TOOL_NOT_FOUND", /postgresql-contrib/);
  });
});
