// The signals that end rdsiam, or that it passes on. Those that were ignored at the start are never listened for.
import process from "node:process";
import { isIgnored } from "./ignored-signals.ts";

/** Calls `take` for each of these signals until it is disposed. */
export function onSignals(
  names: readonly NodeJS.Signals[],
  take: (signal: NodeJS.Signals) => void,
): Disposable {
  const heeded = names.filter((name) => !isIgnored(name));
  for (const name of heeded) process.on(name, take);
  return {
    [Symbol.dispose]: () => {
      for (const name of heeded) process.off(name, take);
    },
  };
}

/** The first two signals that come; neither promise rejects. */
export interface StopSignals extends Disposable {
  readonly first: Promise<NodeJS.Signals>;
  readonly second: Promise<NodeJS.Signals>;
}

/**
 * Takes SIGINT, SIGTERM and SIGHUP until it is disposed, for a command that serves until it is stopped. To be called before
 * anything is served: on Deno no listener can be installed any more once the descriptors are used up.
 */
export function watchSignals(): StopSignals {
  const resolvers: ((signal: NodeJS.Signals) => void)[] = [];
  const first = new Promise<NodeJS.Signals>((resolve) => resolvers.push(resolve));
  const second = new Promise<NodeJS.Signals>((resolve) => resolvers.push(resolve));
  const taken = onSignals(["SIGINT", "SIGTERM", "SIGHUP"], (signal) => resolvers.shift()?.(signal));
  return { first, second, [Symbol.dispose]: () => taken[Symbol.dispose]() };
}
