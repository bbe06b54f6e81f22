// Reads the configuration and resolves the settings of a run; neither AWS nor the network is asked.
import type { RunContext } from "../base/context.ts";
import { shellCommand, shellWord } from "../system/shell-word.ts";
import { type OptionValues, SETTING_NAMES, type SettingName, SETTINGS } from "../config/keys.ts";
import type { Log } from "../base/log.ts";
import { textOf } from "../config/aws-profiles.ts";
import type { SettingsInput } from "../config/given.ts";
import { optionFlag } from "../config/names.ts";
import type { Setting } from "../config/setting.ts";
import { resolveSettings, type Settings } from "../config/settings.ts";
import { withServiceDefaults } from "../rds/endpoint.ts";
import { configWarnings, type LoadedTargets, loadTargets } from "../config/targets.ts";
import type { Via } from "../via/parse.ts";

const SECRETS = ["aws_secret_access_key", "aws_session_token", "aws_security_token"];

/** A target, and the options of the command line. */
export interface TargetRequest {
  /** Undefined for the target of the environment. */
  readonly targetName: string | undefined;
  readonly options: OptionValues;
  /** The configuration, where it was read already: for many targets, once. */
  readonly loaded?: LoadedTargets | undefined;
}

/** The settings of a run, and the configuration that they come from. */
export interface RunSettings {
  readonly loaded: LoadedTargets;
  readonly settings: Settings;
  readonly via: Via;
}

/** The words that name the target of a run on a command line, for people to paste. */
export function targetWords({
  settings,
  loaded,
}: Pick<RunSettings, "loaded" | "settings">): string {
  const { target, host, user } = settings;
  if (target !== undefined && loaded.targets.has(target)) return shellWord(target);
  const address = shellCommand`--host ${host}`;
  return user === undefined ? address : `${address} ${shellCommand`--user ${user}`}`;
}

/** The same for a command that must be about the very login of a run: with the run's own options that the command takes too. */
export function loginWords(
  run: Pick<RunSettings, "loaded" | "settings">,
  options: OptionValues,
  command: string,
  without: readonly SettingName[] = [],
): string {
  const { target, host, user } = run.settings;
  const isNamed = target !== undefined && run.loaded.targets.has(target);
  const given: Readonly<Record<string, string | boolean | undefined>> = isNamed
    ? { ...options }
    : { ...options, host: options.host ?? host, user: options.user ?? user };
  const words = SETTING_NAMES.flatMap((setting) => {
    const { option }: Setting = SETTINGS[setting];
    // A code works once.
    if (typeof option === "string" || setting === "mfaCode" || without.includes(setting)) return [];
    const { name = setting, bare, commands } = option;
    const value = given[name];
    if (!commands.includes(command) || value === undefined || value === false) return [];
    const flag = optionFlag(name);
    if (value === true) return [flag];
    return [`${flag}${bare === undefined ? " " : "="}${shellWord(value)}`];
  });
  return [...words, ...(isNamed ? [shellWord(target)] : [])].join(" ");
}

/** Loads the targets; the log strikes out the secrets of the files and the environment from now on. */
export function loadConfiguration(
  context: Pick<RunContext, "env" | "home" | "log">,
): LoadedTargets {
  const loaded = loadTargets(context);
  const { env, log } = context;
  for (const values of loaded.aws.profiles.values()) {
    for (const name of SECRETS) {
      const secret = values.get(name)?.text;
      if (secret !== undefined) log.addSecret(secret);
    }
  }
  for (const name of SECRETS) log.addSecret(env[name.toUpperCase()] ?? "");
  for (const message of loaded.aws.warnings) log.warning({ message });
  return loaded;
}

/** Resolves settings, and logs what is odd about the target and the profiles that they use. */
export function resolveWithWarnings(input: SettingsInput, log: Pick<Log, "warning">): Settings {
  const { env, loaded, targetName } = input;
  const used = new Set<string>();
  const use = (name: string | undefined): void => {
    for (let each = name; each !== undefined && !used.has(each);) {
      used.add(each);
      each = textOf(loaded.aws.profiles.get(each), "source_profile");
    }
  };
  try {
    const settings = withServiceDefaults(resolveSettings(input));
    const { configProfile = "default", profile, target } = settings;
    for (const name of [target, profile, configProfile]) use(name);
    return settings;
  } catch (error) {
    // A key that is misspelled may be why.
    use(targetName ?? env["RDSIAM_TARGET"]);
    throw error;
  } finally {
    for (const message of configWarnings(loaded, used)) log.warning({ message });
  }
}

/** Parses --via or rds_via; the log strikes out its passwords. */
export async function readVia(log: RunContext["log"], { via }: Settings): Promise<Via> {
  if (via === undefined) return { kind: "direct" };
  const { parseVia, viaSecrets } = await import("../via/parse.ts");
  const read = parseVia(via.text, via.source);
  for (const secret of viaSecrets(read)) log.addSecret(secret);
  return read;
}
