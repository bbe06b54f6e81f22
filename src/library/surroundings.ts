// The library's side of what a command finds in its RunContext: environment, home, a log that writes nowhere. Errors leave
// through here: no secret is in them, and they speak of the library's options, not of the command line's.
import { homedir } from "node:os";
import { proxyPasswords } from "../aws/proxy-setting.ts";
import { leaveEnvironment } from "../aws/sdk.ts";
import { RdsIamError } from "../base/errors.ts";
import type { Log, Problem } from "../base/log.ts";
import { Redactor } from "../base/redact.ts";
import { createWaiting, type Waiting } from "../base/waiting.ts";
import type { SigningOptions } from "./public.ts";

/** What the rooms below are handed. */
export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly home: string;
  readonly log: Log;
  readonly waiting: Waiting;
  /** Does a piece of work; whatever it throws comes out as a clean RdsIamError. */
  readonly guard: <T>(work: () => T | Promise<T>) => Promise<T>;
}

/** Makes the surroundings of a program's own calls. */
export function surroundings({ env = {}, onWarning }: SigningOptions): Surroundings {
  leaveEnvironment();
  const redactor = new Redactor();
  for (const password of proxyPasswords(env)) redactor.add(password);
  const strike = (text: string): string => ownWords(redactor.strike(text));
  const tell = ({ message, detail, hint }: Problem): void =>
    onWarning?.({
      message: strike(message),
      detail: detail && strike(detail),
      hint: hint && strike(hint),
    });
  const nothing = (): void => {};
  const log: Log = {
    verbose: nothing,
    notice: nothing,
    event: nothing,
    always: nothing,
    warning: tell,
    error: tell,
    addSecret: (secret) => redactor.add(secret),
  };
  return {
    env,
    home: env["HOME"] || homedir(),
    log,
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
  const text = error instanceof Error ? error.message : String(error);
  if (!(error instanceof RdsIamError)) {
    return new RdsIamError(`internal error: ${strike(text)}`, { code: "ERR_INTERNAL" });
  }
  const { code, detail, hint, cause } = error;
  return new RdsIamError(strike(text), {
    code,
    detail: detail && strike(detail),
    hint: hint && strike(hint),
    // The SDK's own errors have requests and answers hanging on them; a logger would print those.
    cause: cause instanceof Error ? new Error(strike(cause.message)) : undefined,
  });
}

const OPTION_NAMES: Readonly<Record<string, string>> = { "-U": "user", "--dbname": "database" };
const OPTION =
  /(?:-U|--(?:profile|region|role-arn|role-session-name|external-id|duration-seconds|aws-timeout|host|sign-host|strict-host|read-only|dbname|user|sslrootcert|via))\b/g;

// "Add --region REGION" is for a command line; what stands in a command to type stays as it is.
function ownWords(text: string): string {
  const at = text.search(/\b(?:aws|rdsiam) [a-z-]+ /);
  const end = at < 0 ? text.length : at;
  const words = text.slice(0, end).replaceAll("before the target, ", "");
  return words.replaceAll(OPTION, optionName) + text.slice(end);
}

function optionName(flag: string): string {
  return (
    OPTION_NAMES[flag] ??
    flag.slice(2).replaceAll(/-([a-z])/g, (_whole, letter: string) => letter.toUpperCase())
  );
}
