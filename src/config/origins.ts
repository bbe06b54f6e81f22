// Where each setting of a run comes from: an option, a variable, a line of a file, or the default; for `rdsiam show`.

import { showHostPort } from "../base/host-port.ts";
import { chooseTarget } from "./choose-target.ts";
import { givenText, type SettingsInput } from "./given.ts";
import { SETTING_NAMES, type SettingName, SETTINGS } from "./keys.ts";
import { keyOf, optionFlag, variableOf } from "./names.ts";
import type { Setting } from "./setting.ts";
import type { Settings } from "./settings.ts";
import type { LoadedTargets, Target } from "./targets.ts";
import { ON_OFF } from "./value-types.ts";

/** Where a value comes from. */
export type Origin =
  | { readonly source: "option" | "environment"; readonly name: string }
  | { readonly source: "file"; readonly file: string; readonly line: number }
  | { readonly source: "target" | "default" };

/** A setting in effect. */
export interface SettingRow {
  readonly name: SettingName;
  /** Undefined where nothing sets it. */
  readonly value: string | undefined;
  readonly origin: Origin | undefined;
}

/** Every setting of a run that was resolved, in the table's order. */
export function settingRows(input: SettingsInput, settings: Settings): SettingRow[] {
  const target = input.loaded.targets.get(settings.target ?? "");
  return SETTING_NAMES.map((name) => {
    // libpq's rule, which the run follows.
    const isUsers = name === "dbname" && settings.dbname === undefined;
    const value = isUsers ? settings.user : valueText(name, settings[name]);
    const origin = value === undefined ? undefined : originOf(input, name, { settings, target });
    return { name, value, origin };
  });
}

function originOf(
  input: SettingsInput,
  name: SettingName,
  { settings, target }: { readonly settings: Settings; readonly target: Target | undefined },
): Origin {
  const { address } = chooseTarget(input);
  // The port of HOST:PORT is the host's.
  if (name === "port" && address?.port !== undefined) return givenOrigin(input, "host");
  // RDSIAM_HOST does not always apply.
  const isGiven = name === "host" ? address !== undefined : givenText(input, name) !== undefined;
  if (isGiven) return givenOrigin(input, name);
  if (name === "cache" && !settings.cache && target?.cache !== false) {
    const isOption = input.options.noCache !== undefined;
    return isOption
      ? { source: "option", name: optionFlag("noCache") }
      : { source: "environment", name: variableOf("noCache") };
  }
  if (name === "profile" && target?.profile !== settings.profile) {
    const variable = input.env["AWS_DEFAULT_PROFILE"] ? "AWS_DEFAULT_PROFILE" : "AWS_PROFILE";
    return { source: "environment", name: variable };
  }
  const line = target && lineOf(name, target, input.loaded);
  // An AWS profile that is a target is its own.
  return line ?? { source: name === "profile" ? "target" : "default" };
}

function givenOrigin(input: SettingsInput, name: SettingName): Origin {
  const { option }: Setting = SETTINGS[name];
  const flag = typeof option === "string" ? name : (option.name ?? name);
  return givenText(input, name)?.source === "option"
    ? { source: "option", name: optionFlag(flag) }
    : { source: "environment", name: variableOf(name) };
}

function lineOf(name: SettingName, target: Target, loaded: LoadedTargets): Origin | undefined {
  const { aws, own } = loaded;
  const isOwn = target.file === own.path;
  const values = isOwn ? own.sections.get(target.name) : aws.profiles.get(target.name);
  const { synonym }: Setting = SETTINGS[name];
  for (const key of [keyOf(name), synonym]) {
    const found = key === undefined ? undefined : values?.get(isOwn ? key : `rds_${key}`);
    if (found !== undefined) return { source: "file", file: found.file, line: found.line };
  }
  // A port may be the host's.
  return name === "port" && target.port !== undefined ? lineOf("host", target, loaded) : undefined;
}

function valueText(name: SettingName, value: Settings[SettingName]): string | undefined {
  const isEmpty = value === "" || (Array.isArray(value) && value.length === 0);
  if (value === undefined || isEmpty) return undefined;
  // A tunnel may hold a password, and a command anything.
  const { secret, type }: Setting = SETTINGS[name];
  if (secret) return "(not shown)";
  if (typeof value === "boolean") {
    const [on, off] = type === ON_OFF ? ["on", "off"] : ["yes", "no"];
    return value ? on : off;
  }
  if (typeof value !== "object") return String(value);
  if (Array.isArray(value)) return value.join(",");
  if (!("host" in value)) return undefined;
  return value.port === undefined ? value.host : showHostPort({ ...value, port: value.port });
}
