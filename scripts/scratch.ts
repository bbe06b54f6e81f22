// Where temporary files of tests and benchmarks go: memory, where the machine has room. A PostgreSQL server writes 40 MB when it is made,
// which costs more processor time on a disk than all else that it does.

import { spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";

const MEMORY_DIRECTORY = "/dev/shm";
const ROOM = 4e9; // bytes: the data and the write-ahead log of a benchmark, or of a few servers at once

/** TMPDIR where it is set, else memory with enough room, else the system's directory. */
export function roomyDirectory(): string {
  if (process.env["TMPDIR"]) return process.env["TMPDIR"];
  try {
    const { bavail, bsize } = statfsSync(MEMORY_DIRECTORY);
    return bavail * bsize >= ROOM ? MEMORY_DIRECTORY : tmpdir();
  } catch {
    return tmpdir(); // no such directory outside Linux
  }
}

/** Makes a directory that every user may write to and run programs in, as in /tmp; it is removed when the process ends. */
export function makeScratchDirectory(): string {
  const inMemory = makeShared(roomyDirectory());
  if (runsPrograms(inMemory)) return inMemory;
  return makeShared(tmpdir());
}

function makeShared(parent: string): string {
  const directory = mkdtempSync(join(parent, "rdsiam-"));
  chmodSync(directory, 0o1777);
  process.on("exit", () => rmSync(directory, { recursive: true, force: true }));
  // The tests get the terminal's signal too, and end by themselves.
  process.on("SIGINT", () => {});
  return directory;
}

// Docker mounts /dev/shm with noexec.
function runsPrograms(directory: string): boolean {
  const script = join(directory, "true");
  writeFileSync(script, "#!/bin/sh\n", { mode: 0o755 });
  return spawnSync(script).status === 0;
}
