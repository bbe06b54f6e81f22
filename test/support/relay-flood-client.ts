// Makes bad connections to a relay until it is told to stop. A process of its own, so that it does not slow down the logins
// that the test measures.
import process from "node:process";
import { type Aim, sendJunk } from "./hostile.ts";
import type { JunkReport } from "./relay-flood.ts";

const TICK = 10; // ms
const MAX_OPEN = 3_000; // more than a relay and its backlog hold

function flood({ aim, rate }: { readonly aim: Aim; readonly rate: number }): void {
  const started = performance.now();
  let [begun, ended, full] = [0, 0, false];
  setInterval(() => {
    const due = ((performance.now() - started) * rate) / 1_000;
    for (; begun < due && begun - ended < MAX_OPEN; begun += 1) {
      // The relay resets some of them.
      void sendJunk(aim, begun)
        .catch(() => {})
        .finally(() => (ended += 1));
    }
    if (!full && begun >= MAX_OPEN) full = process.send?.("full") === true;
  }, TICK);
  process.once("message", () => {
    const report: JunkReport = { begun, ended, milliseconds: performance.now() - started };
    process.send?.(report);
  });
}

process.once("message", flood);
