// The bounds of a fuzz run and its figures.
import { GENERATORS } from "./fuzz-attacks.ts";
import type { FuzzResult } from "./fuzz.ts";

const MEGABYTE = 1_000_000;

// What is still held after garbage collection. 200,000 attacks that left ten bytes each would break it; the sampling
// of types and the like that a runtime keeps by itself was under 0.6 MB on every one.
const MAX_HEAP_GROWTH = 2 * MEGABYTE;

// The pages that a runtime keeps for later are no leak: they grow for the first 40,000 attacks, then stay (85 to 180 MB on
// Deno, 74 to 97 MB on Node 20). So the second half of a long run is compared with the first. Under 1% of what 200,000
// sockets would take that were never let go of.
const MAX_RESIDENT_GROWTH = 24 * MEGABYTE;
const LONG_RUN = 100_000;

const MIN_CANCEL_DELAY = 900; // ms; the proxy's is 1,000

/** What a run broke, a sentence each; empty when it was good. */
export function brokenBounds(result: FuzzResult): readonly string[] {
  const { after, before, middle, options, openSessions, goodLogins } = result;
  const logins = openSessions + goodLogins;
  const broken = [
    ...result.authenticated.map((label) => `authenticated: ${label}`),
    ...result.hung.map((label) => `still open after its frontend had ended: ${label}`),
    ...result.unconnected.map((label) => `no connection: ${label}`),
    ...after.uncaught.map((error) => `uncaught: ${error}`),
  ];
  const check = (good: boolean, text: string): void => void (good || broken.push(text));
  check(after.logins === logins, `${after.logins} logins, of which ${logins} were good ones`);
  check(result.backendConnections === logins, `${result.backendConnections} backend connections`);
  check(after.rightCancels === 0, `${after.rightCancels} cancels found a session`);
  check(after.refused === 0, `${after.refused} logins got past the secret and failed then`);
  const delay = result.cancelDelay ?? MIN_CANCEL_DELAY;
  check(delay >= MIN_CANCEL_DELAY, `wrong cancels waited ${delay.toFixed()} ms at most`);
  check(after.heapUsed - before.heapUsed < MAX_HEAP_GROWTH, "the heap grew");
  const stayed = options.attacks < LONG_RUN || after.rss - middle.rss < MAX_RESIDENT_GROWTH;
  check(stayed, "resident memory went on growing");
  if (after.descriptors !== undefined && before.descriptors !== undefined) {
    check(after.descriptors <= before.descriptors, `${after.descriptors} descriptors are open`);
  }
  return broken;
}

/** The figures of a run, a line each. */
export function figures(result: FuzzResult): readonly string[] {
  const { after, before, middle, options } = result;
  const seconds = result.milliseconds / 1000;
  const answers = [...result.answers].toSorted(([, left], [, right]) => right - left);
  const measured = [before, middle, after];
  const megabytes = (bytes: number): string => (bytes / MEGABYTE).toFixed(1);
  return [
    `seed ${options.seed}: ${options.attacks} attacks of ${Object.keys(GENERATORS).length} generators in ${seconds.toFixed(1)} s`,
    `authenticated ${result.authenticated.length}, hung ${result.hung.length}, uncaught ${after.uncaught.length}`,
    `backend connections ${result.backendConnections}, of ${result.openSessions} open sessions and ${result.goodLogins} good logins in between`,
    `wrong cancels ${after.wrongCancels}, found ${after.rightCancels}, waited for ${result.cancelDelay?.toFixed() ?? "-"} ms`,
    `last answers: ${answers.map(([told, times]) => `${told} ${times}`).join(", ")}`,
    "after warm-up, half, all:",
    `  descriptors ${measured.map(({ descriptors }) => descriptors ?? "?").join(", ")}`,
    `  heap MB ${measured.map(({ heapUsed }) => megabytes(heapUsed)).join(", ")}`,
    `  resident MB ${measured.map(({ rss }) => megabytes(rss)).join(", ")}`,
  ];
}
