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

/** A terminal with a person who types these lines when they are asked, undefined for Ctrl-D; and what they were shown. */
export function personWho(lines: readonly (string | undefined)[]) {
  const typed = [...lines];
  const shown: string[] = [];
  let isGivenAway = false;
  const terminal: Terminal = {
    ...NO_TERMINAL,
    isThere: () => true,
    ask: (text) => {
      shown.push(text);
      return Promise.resolve(typed.shift());
    },
    write: (text) => void shown.push(text),
    giveAway: () => void (isGivenAway = true),
    isGivenAway: () => isGivenAway,
  };
  return { shown, terminal };
}
