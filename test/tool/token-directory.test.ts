// The directory of a --direct run: for its owner alone, gone with the run, and what killed runs have left gone with the next.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import process from "node:process";
import { after, test } from "node:test";
import { makeTokenDirectory } from "../../src/tool/token-directory.ts";

const root = mkdtempSync(join(tmpdir(), "rdsiam-token-directory-"));
after(() => rmSync(root, { recursive: true, force: true }));

let made = 0;
function newParent(): string {
  const parent = join(root, String((made += 1)));
  mkdirSync(parent);
  return parent;
}

const namespace =
  process.platform === "linux" ? readlinkSync("/proc/self/ns/pid").replaceAll(/\D/g, "") : "0";

/** The number of a process that has ended. */
function endedPid(): number {
  return spawnSync(process.execPath, ["--version"]).pid;
}

test("makeTokenDirectory() makes one for the owner alone, and takes it away with what is in it", () => {
  const parent = newParent();
  {
    using directory = makeTokenDirectory({ XDG_RUNTIME_DIR: "", TMPDIR: parent });
    assert.equal(dirname(directory.path), parent);
    assert.equal(statSync(directory.path).mode & 0o777, 0o700);
    writeFileSync(join(directory.path, "pgpass"), "");
  }
  assert.deepEqual(readdirSync(parent), []);
});

test("makeTokenDirectory() takes XDG_RUNTIME_DIR first, and TMPDIR where that is not to be had", () => {
  const [runtime, temporary] = [newParent(), newParent()];
  using first = makeTokenDirectory({ XDG_RUNTIME_DIR: runtime, TMPDIR: temporary });
  assert.equal(dirname(first.path), runtime);
  using second = makeTokenDirectory({ XDG_RUNTIME_DIR: join(runtime, "no"), TMPDIR: temporary });
  assert.equal(dirname(second.path), temporary);
});

test("makeTokenDirectory() removes the directories of runs that are gone, and no other", () => {
  const parent = newParent();
  using mine = makeTokenDirectory({ TMPDIR: parent });
  const own = basename(mine.path);
  assert.match(own, new RegExp(`^rdsiam-direct-${namespace}-${process.pid}-\\w+$`));
  const ofProcess = (pid: number): string => own.replace(`-${process.pid}-`, `-${pid}-`);
  const gone = ofProcess(endedPid());
  const make = (name: string): string => {
    mkdirSync(join(parent, name), { mode: 0o700 });
    writeFileSync(join(parent, name, "pgpass"), "");
    return name;
  };
  const ending = (word: string): string => gone.replace(/\w+$/, word);
  const kept = [
    own,
    make(ofProcess(process.ppid)),
    make(gone.replace(/direct-\d+/, "direct-1")),
    make("rdsiam-direct-AbCdEf"),
    make(`${gone}-x`),
    make(`x${gone}`),
    make(ending("open")),
    ending("file"),
    ending("link"),
  ];
  chmodSync(join(parent, ending("open")), 0o755);
  writeFileSync(join(parent, ending("file")), "", { mode: 0o600 });
  const elsewhere = newParent();
  chmodSync(elsewhere, 0o700);
  writeFileSync(join(elsewhere, "pgpass"), "");
  symlinkSync(elsewhere, join(parent, ending("link")));
  if (process.geteuid?.() === 0) {
    kept.push(make(ending("foreign")));
    chownSync(join(parent, ending("foreign")), 1, 1);
  }
  make(gone);
  makeTokenDirectory({ TMPDIR: parent })[Symbol.dispose]();
  assert.deepEqual(readdirSync(parent).toSorted(), kept.toSorted());
  assert.equal(existsSync(join(elsewhere, "pgpass")), true);
});
