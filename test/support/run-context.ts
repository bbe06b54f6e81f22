// What the process edge hands in, for tests that run without a terminal.
import type { RunContext, Terminal } from "../../src/base/context.ts";
import { createLog } from "../../src/base/log.ts";
import { PLAIN } from "../../src/base/style.ts";
import { createWaiting } from "../../src/base/waiting.ts";

const NO_TERMINAL: Terminal = {
  isThere: () => false,
  ask: () => Promise.resolve(undefined),
  chooser: () => undefined,
  write: () => {},
  browser: () =>
    Promise.resolve({ opens: false, isHere: false, open: () => Promise.resolve(false) }),
  giveAway: () => {},
  isGivenAway: () => false,
};

/** A context with an environment; `over` replaces parts of it. */
export function runContext(
  env: Readonly<Record<string, string | undefined>>,
  over: Partial<RunContext> = {},
): RunContext {
  const write = (): void => {};
  return {
    env,
    home: env["HOME"] ?? "/nonexistent",
    log: createLog({ write, verbose: false, notices: false }),
    print: write,
    style: PLAIN,
    width: () => undefined,
    terminal: NO_TERMINAL,
    waiting: createWaiting({ write, isOn: false, columns: () => 80 }),
    failed: new AbortController().signal,
    ...over,
  };
}
