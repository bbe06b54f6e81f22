// The guard of the demo's programs.
import assert from "node:assert/strict";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";

import { startGuarded } from "../../src/demo/guard.ts";

const STATUS = { TERM: 143, KILL: 137 } as const;

for (const signal of ["TERM", "KILL"] as const) {
  test(`a program that leaves SIG${signal} as it was ends by it`, async () => {
    const directory = await mkdtemp(join(tmpdir(), "rdsiam-guard-"));
    const guarded = await startGuarded({
      command: ["sleep", "600"],
      env: { PATH: process.env["PATH"] },
      directory,
      log: join(directory, "log"),
      lastSignal: "KILL",
      directories: [directory, directory],
      removeOnFinish: true,
    });
    assert.equal(await guarded.finish(signal), STATUS[signal]);
  });
}
