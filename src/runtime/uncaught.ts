// Exceptions that were not caught, in any callback of any library: a tool must not be left alone with a proxy that may be broken.
// The tool is ended first, then rdsiam ends with 125 as for each failure of its own.
// https://nodejs.org/api/process.html#warning-using-uncaughtexception-correctly
import process from "node:process";

const CLEANUP_TIMEOUT = 2_000; // ms that a command gets to take down what it started

/** A signal that aborts at the first uncaught exception or unhandled rejection, with it as the reason. */
export function watchUncaught(): AbortSignal {
  const failed = new AbortController();
  // Only the first abort() has an effect: what follows the first is mostly its consequence.
  process.on("uncaughtException", (error) => failed.abort(error));
  process.on("unhandledRejection", (error) => failed.abort(error));
  return failed.signal;
}

/** What the command answers; after a failure its reason, once the tool has ended and the command has, or had its time. */
export function unlessFailed(
  running: Promise<number>,
  failed: AbortSignal,
  toolEnded: () => Promise<void>,
): Promise<number> {
  return new Promise((resolve, reject) => {
    const fail = (): void => reject(failed.reason);
    running.then(
      (status) => (failed.aborted ? fail() : resolve(status)),
      (error: unknown) => (failed.aborted ? fail() : reject(error)),
    );
    const onFailure = (): void => void toolEnded().then(() => setTimeout(fail, CLEANUP_TIMEOUT));
    if (failed.aborted) onFailure();
    failed.addEventListener("abort", onFailure, { once: true });
  });
}
