// Reads what was given for a run: an option, or its environment twin RDSIAM_<OPTION>.

import { RdsIamError } from "../base/errors.ts";
import type { Environment } from "./aws-files.ts";
import { canonicalKey, valueProblem } from "./target-keys.ts";
import type { LoadedTargets } from "./targets.ts";

const HIDDEN = ["via", "password_command"];

/** The command line's options that say where and who, as the exact strings that were typed. */
export interface OptionValues {
  readonly profile?: string | undefined;
  readonly region?: string | undefined;
  readonly roleArn?: string | undefined;
  readonly roleSessionName?: string | undefined;
  readonly externalId?: string | undefined;
  readonly durationSeconds?: string | undefined;
  readonly awsTimeout?: string | undefined;
  readonly mfaSerial?: string | undefined;
  readonly mfaCode?: string | undefined;
  readonly noCache?: boolean | undefined;
  /** HOST or HOST:PORT. */
  readonly host?: string | undefined;
  /** The canonical host, HOST or HOST:PORT, on the user's word. */
  readonly signHost?: string | undefined;
  readonly strictHost?: boolean | undefined;
  readonly readOnly?: boolean | undefined;
  readonly user?: string | undefined;
  readonly dbname?: string | undefined;
  readonly sslrootcert?: string | undefined;
  /** Run by a shell; prints the password for a login. */
  readonly passwordCommand?: string | undefined;
  /** The way to a database that cannot be dialled directly. */
  readonly via?: string | undefined;
}

/** The options that are on or off, in the environment and in a target yes or no. */
export type FlagOption = "strictHost" | "readOnly";

/** The options that have a value. */
export type ValueOption = Exclude<keyof OptionValues, "noCache" | FlagOption>;

/** What settings are made of. */
export interface SettingsInput {
  /** The target on the command line, if there is one. */
  readonly targetName: string | undefined;
  readonly options: OptionValues;
  readonly loaded: LoadedTargets;
  readonly env: Environment;
  readonly home: string;
}

/** An option's value, or its environment twin's; an empty or wrong one is an error by its name. */
export function givenValue(
  input: SettingsInput,
  option: ValueOption,
  key: string,
): string | undefined {
  const value = input.options[option];
  return value === undefined
    ? environmentValue(input.env, key)
    : checked(value, key, optionName(option));
}

/** Whether a flag was given, or what its twin says. */
export function givenFlag(
  input: SettingsInput,
  option: FlagOption,
  key: string,
): boolean | undefined {
  const given = input.options[option];
  if (given !== undefined) return given;
  const inEnvironment = input.env[`RDSIAM_${key.toUpperCase()}`] ?? "";
  if (/^(?:1|on|true)$/i.test(inEnvironment)) return true;
  if (/^(?:0|off|false)$/i.test(inEnvironment)) return false;
  const value = environmentValue(input.env, key);
  return value === undefined ? undefined : value === "yes";
}

/** The value of RDSIAM_<KEY>; set to nothing counts as not set, as AWS's and PostgreSQL's own do. */
export function environmentValue(env: Environment, key: string): string | undefined {
  const name = `RDSIAM_${key.toUpperCase()}`;
  const value = env[name] || undefined;
  return value === undefined ? undefined : checked(value, key, name);
}

/** Checks a value under the name that the user gave it by. */
export function checked(value: string, key: string, name: string): string {
  const problem = value === "" ? "is empty" : valueProblem(canonicalKey(key), value);
  if (problem !== undefined) {
    throw new RdsIamError(`${name} ${problem}`, {
      code: "ERR_USAGE",
      // A way or a command may have a password in it.
      detail: value === "" || HIDDEN.includes(key) ? undefined : `It is ${JSON.stringify(value)}.`,
    });
  }
  return value;
}

function optionName(option: ValueOption): string {
  return `--${option.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}
