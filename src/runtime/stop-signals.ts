// The signals that end a command that serves until it is stopped. The listeners are there before anything is served:
// on Deno they cannot be installed any more once the descriptors are used up.
import process from "node:process";

const NAMES = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** The first two signals that come; neither promise rejects. */
export interface StopSignals extends Disposable {
  readonly first: Promise<NodeJS.Signals>;
  readonly second: Promise<NodeJS.Signals>;
}

/** Takes SIGINT, SIGTERM and SIGHUP until it is disposed. */
export function watchSignals(): StopSignals {
  const resolvers: ((signal: NodeJS.Signals) => void)[] = [];
  const first = new Promise<NodeJS.Signals>((resolve) => resolvers.push(resolve));
  const second = new Promise<NodeJS.Signals>((resolve) => resolvers.push(resolve));
  const take = (signal: NodeJS.Signals): void => resolvers.shift()?.(signal);
  for (const name of NAMES) process.on(name, take);
  return {
    first,
    second,
    [Symbol.dispose]: () => {
      for (const name of NAMES) process.off(name, take);
    },
  };
}
