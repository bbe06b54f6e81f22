// A lock between processes: a file that its holder touches every two seconds. One that has not been touched for ten is of a
// holder that was killed or stopped, and is taken over. No process ids: a directory may be shared between containers.
// Where the directory cannot be written, there is nothing to protect, and the work is done without a lock.
import { randomBytes } from "node:crypto";
import {
  linkSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { errorCode } from "./errno.ts";

const TOUCH_MS = 2_000;
const STALE_MS = 10_000;
const LOOK_MS = 200;

/** How long the lock's holder may be silent, and what is called when somebody else has the lock. */
export interface LockOptions {
  /** Called when somebody else has the lock; what it returns is called at the end of the wait. */
  readonly onWait?: (() => () => void) | undefined;
  readonly staleAfter?: number | undefined;
}

/** Does a piece of work while no other process does it under the same file. */
export async function underLock<T>(
  file: string,
  work: () => Promise<T>,
  { onWait, staleAfter = STALE_MS }: LockOptions = {},
): Promise<T> {
  const id = randomBytes(12).toString("hex");
  let endWait: (() => void) | undefined;
  try {
    while (!take(file, id)) {
      removeStale(file, id, staleAfter);
      endWait ??= onWait?.();
      await sleep(LOOK_MS);
    }
  } finally {
    endWait?.();
  }
  const touching = setInterval(() => touch(file, id), TOUCH_MS);
  touching.unref();
  try {
    return await work();
  } finally {
    clearInterval(touching);
    if (isOwn(file, id)) rmSync(file, { force: true });
  }
}

function take(file: string, id: string): boolean {
  try {
    writeFileSync(file, id, { flag: "wx", mode: 0o600 });
    return true;
  } catch (error) {
    return errorCode(error) !== "EEXIST";
  }
}

function touch(file: string, id: string): void {
  if (!isOwn(file, id)) return;
  const now = new Date();
  try {
    utimesSync(file, now, now);
  } catch {
    // It was taken over.
  }
}

function isOwn(file: string, id: string): boolean {
  try {
    return readFileSync(file, "utf8") === id;
  } catch {
    return false;
  }
}

// Two may see the same stale lock: it is moved aside first, and put back where it was another one by then.
function removeStale(file: string, id: string, staleAfter: number): void {
  const aside = `${file}.${id}`;
  try {
    if (!isStale(file, staleAfter)) return;
    renameSync(file, aside);
    if (!isStale(aside, staleAfter)) linkSync(aside, file);
  } catch {
    // Another one was quicker.
  }
  rmSync(aside, { force: true });
}

function isStale(file: string, staleAfter: number): boolean {
  return Math.abs(Date.now() - statSync(file).mtimeMs) > staleAfter;
}
