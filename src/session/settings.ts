// Reads the configuration and resolves the settings of a run; neither AWS nor the network is asked.
import type { RunContext } from "../base/context.ts";
import { shellCommand, shellWord } from "../base/shell-word.ts";
import type { OptionValues } from "../config/keys.ts";
import { resolveSettings, type Settings } from "../config/settings.ts";
import { type LoadedTargets, loadTargets } from "../config/targets.ts";
import type { Via } from "../via/parse.ts";

const SECRETS = ["aws_secret_access_key", "aws_session_token"];

/** A target, and the options of the command line. */
export interface TargetRequest {
  /** Undefined for the target of the environment. */
  readonly targetName: string | undefined;
  readonly options: OptionValues;
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

/** Loads the targets; warnings go to the log, which strikes out the secrets of the files and the environment from now on. */
export async function loadConfiguration(
  context: Pick<RunContext, "env" | "home" | "log">,
): Promise<LoadedTargets> {
  const loaded = await loadTargets(context);
  const { env, log } = context;
  for (const keys of loaded.aws.profiles.values()) {
    for (const name of SECRETS) log.addSecret(keys[name] ?? "");
  }
  for (const name of SECRETS) log.addSecret(env[name.toUpperCase()] ?? "");
  for (const message of loaded.warnings) log.warning({ message });
  return loaded;
}

/** Reads the configuration and resolves what a run uses; rejects with ERR_TARGET, ERR_USAGE or ERR_VIA. */
export async function resolveRun(
  context: RunContext,
  request: TargetRequest,
): Promise<RunSettings> {
  const { env, home, log } = context;
  const loaded = await loadConfiguration(context);
  const settings = resolveSettings({ ...request, loaded, env, home });
  return { loaded, settings, via: await readVia(log, settings) };
}

/** Parses --via or rds_via; the log strikes out its passwords. */
export async function readVia(log: RunContext["log"], { via }: Settings): Promise<Via> {
  if (via === undefined) return { kind: "direct" };
  const { parseVia, viaSecrets } = await import("../via/parse.ts");
  const read = parseVia(via.text, via.source);
  for (const secret of viaSecrets(read)) log.addSecret(secret);
  return read;
}
