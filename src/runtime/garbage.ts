// Keeps memory small during a long copy. A chunk is garbage as soon as it is passed on, but its bytes lie outside the
// JavaScript heap, where the engines let 50 to 300 MB pile up before they look. So garbage is collected every so many
// megabytes, and not at all for a session of small queries.
// https://nodejs.org/api/v8.html#v8setflagsfromstringflags
import process from "node:process";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

// Bytes passed on between two collections. V8 collects the young garbage in 1 to 8 ms; JavaScriptCore looks at everything,
// which took a quarter of a copy's processor time at 16 MiB.
const INTERVAL = ("bun" in process.versions ? 64 : 16) * 1024 * 1024;

let passed = 0;
let collect: (() => void) | undefined;

/** For a process that serves many sessions: keeps V8's young generation at the size that it has. */
export function keepYoungSmall(): void {
  try {
    // While many log in it grows to 32 MB, and what waits for commands makes no garbage that would let it shrink again.
    setFlagsFromString("--semi-space-growth-factor=1");
  } catch {
    // Bun has another engine.
  }
}

/** Counts bytes that were passed on, and collects the garbage that they left from time to time. */
export function countPassed(bytes: number): void {
  passed += bytes;
  if (passed < INTERVAL) return;
  passed = 0;
  collect ??= findCollector();
  collect();
}

function findCollector(): () => void {
  if ("bun" in process.versions) {
    const { Bun } = globalThis as { Bun?: { gc: (force: boolean) => void } };
    return () => Bun?.gc(true);
  }
  try {
    // V8 shows its collector to contexts that are made after the flag was set; ours stays without it.
    setFlagsFromString("--expose-gc");
    const gc: unknown = runInNewContext("globalThis.gc");
    setFlagsFromString("--no-expose-gc");
    if (typeof gc === "function") return () => void gc({ type: "minor" });
  } catch {
    // A runtime that forbids this needs more memory, and nothing else.
  }
  return () => {};
}
