// Reads what a run was given for a setting: the option, else its environment variable.
// The shell's PGUSER, PGDATABASE and the like are never read: a development setting must not reach production.

import { RdsIamError } from "../base/errors.ts";
import type { Environment } from "../base/context.ts";
import { type OptionValues, type SettingName, SETTINGS, valueProblem } from "./keys.ts";
import { optionFlag, ownVariable, variableOf } from "./names.ts";
import type { Setting } from "./setting.ts";
import type { LoadedTargets } from "./targets.ts";

/** What the settings of a run are made from. */
export interface SettingsInput {
  /** The target on the command line, if there is one. */
  readonly targetName: string | undefined;
  readonly options: OptionValues;
  readonly loaded: LoadedTargets;
  readonly env: Environment;
  readonly home: string;
}

/** The checked text of a setting that was given, and where. */
export interface GivenText {
  readonly text: string;
  readonly source: "option" | "environment";
}

/** Reads a setting's option, else its variable; one that is empty or not valid is an ERR_USAGE that names it. */
export function givenText(
  { options, env }: Pick<SettingsInput, "options" | "env">,
  name: SettingName,
): GivenText | undefined {
  const { option, noVariable }: Setting = SETTINGS[name];
  const typed = typeof option === "string" ? undefined : optionOf(options, option.name ?? name);
  if (typeof typed === "boolean") return { text: typed ? "yes" : "no", source: "option" };
  if (typed !== undefined) {
    return { text: checked(name, typed, `{${optionFlag(name)}}`), source: "option" };
  }
  const variable = variableOf(name);
  const value = noVariable === undefined ? ownVariable(env, variable) : undefined;
  if (value === undefined) return undefined;
  return {
    text: checked(name, isSwitch(option) ? yesOrNo(value) : value, variable),
    source: "environment",
  };
}

function optionOf(options: OptionValues, name: string): string | boolean | undefined {
  return (options as Readonly<Record<string, string | boolean | undefined>>)[name];
}

// A flag, or an option whose value may be left out.
function isSwitch(option: Setting["option"]): boolean {
  return typeof option !== "string" && (option.value === undefined || option.bare !== undefined);
}

function yesOrNo(value: string): string {
  if (/^(?:1|on|true)$/i.test(value)) return "yes";
  return /^(?:0|off|false)$/i.test(value) ? "no" : value;
}

// `shown` is the name that the user gave the value by.
function checked(name: SettingName, text: string, shown: string): string {
  const problem = valueProblem(name, text);
  if (problem === undefined) return text;
  const { secret }: Setting = SETTINGS[name];
  throw new RdsIamError(`${shown} ${problem}`, {
    code: "ERR_USAGE",
    detail: text === "" || secret ? undefined : `It is ${JSON.stringify(text)}.`,
  });
}
