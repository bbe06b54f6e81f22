// What the library hands to the rooms below: environment, home, a log that calls onWarning, no terminal. Errors leave through
// here: they have no secret in them, and they name the library's options, not the command line's.
import { leaveEnvironment } from "../aws/sdk.ts";
import type { RunContext } from "../base/context.ts";
import { homeDirectory } from "../system/directories.ts";
import { RdsIamError } from "../base/errors.ts";
import type { Log, Problem } from "../base/log.ts";
import { Redactor } from "../base/redact.ts";
import { createWaiting } from "../base/waiting.ts";
import type { SigningOptions } from "./public.ts";

/** The context of a program's own calls. */
export interface LibraryContext extends Pick<
  RunContext,
  "env" | "home" | "log" | "terminal" | "waiting"
> {
  /** Does a piece of work; whatever it throws comes out as a clean RdsIamError. */
  readonly guard: <T>(work: () => T | Promise<T>) => Promise<T>;
}

const nothing = (): void => {};

// The process may have a terminal, and it is not the library's.
const NO_TERMINAL: RunContext["terminal"] = {
  isThere: () => false,
  ask: () => Promise.resolve(undefined),
  chooser: () => undefined,
  write: nothing,
  browser: () =>
    Promise.resolve({ opens: false, isHere: false, open: () => Promise.resolve(false) }),
  giveAway: nothing,
  isGivenAway: () => true,
};

/** Makes the context of a program's own calls. */
export function libraryContext({ env = {}, onWarning }: SigningOptions): LibraryContext {
  leaveEnvironment();
  const redactor = new Redactor();
  const strike = (text: string): string => redactor.strike(text);
  const report = (problem: Problem): void => {
    const { message, detail, hint } =
      problem instanceof RdsIamError ? problem.withOptions(optionName) : problem;
    onWarning?.({
      message: strike(message),
      detail: detail && strike(detail),
      hint: hint && strike(hint),
    });
  };
  const log: Log = {
    verbose: nothing,
    notice: nothing,
    event: nothing,
    always: nothing,
    warning: report,
    error: report,
    passOn: (text) => report({ message: text.trim() }),
    strike,
    addSecret: (secret) => redactor.add(secret),
  };
  return {
    env,
    home: homeDirectory(env),
    log,
    terminal: NO_TERMINAL,
    waiting: createWaiting({ isOn: false, write: nothing, columns: () => 80 }),
    guard: async (work) => {
      try {
        return await work();
      } catch (error) {
        throw cleanError(error, strike);
      }
    },
  };
}

function cleanError(error: unknown, strike: (text: string) => string): RdsIamError {
  if (!(error instanceof RdsIamError)) {
    const text = error instanceof Error ? error.message : String(error);
    return new RdsIamError(`internal error: ${strike(text)}`, { code: "ERR_INTERNAL" });
  }
  const { message, code, detail, hint, cause } = error.withOptions(optionName);
  return new RdsIamError(strike(message), {
    code,
    detail: detail && strike(detail),
    hint: hint && strike(hint),
    // The SDK's own errors have requests and answers hanging on them; a logger would print those.
    cause: cause instanceof Error ? new Error(strike(cause.message)) : undefined,
  });
}

// --role-arn is roleArn.
function optionName(flag: string): string {
  if (flag === "--dbname") return "database";
  return flag.slice(2).replaceAll(/-([a-z])/g, (_whole, letter: string) => letter.toUpperCase());
}
