// Keeps Node 20 from aborting at its end when a terminal on 0 to 2 has gone meanwhile (a closed window, a lost ssh connection):
// it restores the settings that the terminal had, and takes a failure of that for a defect.
// Not needed from Node 24.1 and 22.16 on: https://github.com/nodejs/node/pull/58200
import { closeSync, fstatSync, openSync } from "node:fs";
import process from "node:process";
import { onSignals } from "./stop-signals.ts";
import { isTerminal } from "./stdio.ts";

const DESCRIPTORS = [0, 1, 2] as const;

/** To be called once; Node's own handlers of SIGINT and SIGTERM are replaced too, because they restore the settings as well. */
export function surviveGoneTerminal(): void {
  const [major] = process.versions.node.split(".").map(Number);
  const isNode = !("bun" in process.versions || "deno" in process.versions);
  if (!isNode || process.platform === "win32" || (major ?? 0) > 23 || !DESCRIPTORS.some(isTerminal))
    return;
  process.on("exit", replaceGoneTerminals);
  // As process 1 these signals end it in another way already.
  if (process.pid === 1) return;
  const taken = onSignals(["SIGINT", "SIGTERM"], (signal) => {
    if (process.listenerCount(signal) > 1) return;
    taken[Symbol.dispose]();
    process.kill(process.pid, signal);
  });
}

// By /dev/null, which takes the lowest free number: the next file that is opened must not become standard error.
function replaceGoneTerminals(): void {
  for (const fd of DESCRIPTORS) {
    try {
      if (!fstatSync(fd).isCharacterDevice() || isTerminal(fd)) continue;
      closeSync(fd);
      openSync("/dev/null", "r+");
    } catch {
      // It is closed already.
    }
  }
}
