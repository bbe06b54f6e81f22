// The lock between processes, here between pieces of work of one process, which know each other by the file alone.
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { underLock } from "../../src/base/file-lock.ts";

function lockFile(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), "rdsiam-lock-"));
  t.after(() => rmSync(directory, { recursive: true }));
  return join(directory, "token.json.lock");
}

/** Work that notes when it is not alone. */
function makeWork(): {
  readonly most: () => number;
  readonly done: () => number;
  readonly run: () => Promise<void>;
} {
  let [now, most, done] = [0, 0, 0];
  const run = async (): Promise<void> => {
    now += 1;
    most = Math.max(most, now);
    await sleep(20);
    now -= 1;
    done += 1;
  };
  return { run, most: () => most, done: () => done };
}

test("underLock() does one piece of work at a time, and tells who waits once", async (t) => {
  const file = lockFile(t);
  const { done, most, run } = makeWork();
  let [waits, ends] = [0, 0];
  const onWait = () => {
    waits += 1;
    return () => (ends += 1);
  };
  await Promise.all(Array.from({ length: 4 }, () => underLock(file, run, { onWait })));
  assert.deepEqual([most(), done(), waits, ends], [1, 4, 3, 3]);
  assert.ok(!existsSync(file));
  await assert.rejects(
    underLock(file, () => Promise.reject(new Error("x"))),
    /x/,
  );
  assert.ok(!existsSync(file), "work that fails leaves no lock either");
});

test("underLock() takes over from a holder that was killed, one of those who wait at a time", async (t) => {
  const file = lockFile(t);
  const { done, most, run } = makeWork();
  writeFileSync(file, "somebody else");
  const past = new Date(Date.now() - 11_000);
  utimesSync(file, past, past);
  await Promise.all(Array.from({ length: 4 }, () => underLock(file, run)));
  assert.deepEqual([most(), done()], [1, 4]);
});

test("underLock() waits for a holder that is alive, and keeps its own lock young", async (t) => {
  const file = lockFile(t);
  writeFileSync(file, "somebody else");
  const waiting = underLock(file, () => Promise.resolve("done"));
  await sleep(500);
  assert.ok(existsSync(file), "it is not taken away");
  rmSync(file);
  assert.equal(await waiting, "done");
  await underLock(file, async () => {
    assert.equal(statSync(file).mode & 0o777, 0o600);
    const past = new Date(Date.now() - 9_000);
    utimesSync(file, past, past);
    // Another one looks, and it is touched before ten seconds are over.
    while (statSync(file).mtimeMs < Date.now() - 8_000) await sleep(50);
  });
});

test("underLock() does the work where no lock can be made", async (t) => {
  const directory = join(lockFile(t), "not", "there", "x.lock");
  assert.equal(await underLock(directory, () => Promise.resolve(1)), 1);
});
