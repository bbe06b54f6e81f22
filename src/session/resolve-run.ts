// Resolves what a run uses, from the files to the settings. Where the files do not have the target, a person at the terminal or the
// AWS account may.
import type { RunContext } from "../base/context.ts";
import type { SettingsInput } from "../config/given.ts";
import { offerTargets, rememberTarget } from "./offer-targets.ts";
import {
  loadConfiguration,
  readVia,
  resolveWithWarnings,
  type RunSettings,
  type TargetRequest,
} from "./settings.ts";

/** Reads the configuration and resolves what a run uses; rejects with ERR_TARGET, ERR_USAGE or ERR_VIA. */
export async function resolveRun(
  context: RunContext,
  request: TargetRequest,
): Promise<RunSettings> {
  const { env, home, log } = context;
  const offered = await offerTargets(context, request);
  const before = request.loaded ?? loadConfiguration(context);
  const isAdded = await isLive(context, { ...offered, loaded: before });
  const loaded = isAdded ? loadConfiguration(context) : before;
  const settings = resolveWithWarnings({ ...offered, loaded, env, home }, log);
  if (settings.target !== undefined) rememberTarget(context, settings.target);
  return { loaded, settings, via: await readVia(log, settings) };
}

// Whether the target is one of the account that our own file has from now on.
async function isLive(context: RunContext, input: Omit<SettingsInput, "env" | "home">) {
  const { loaded, options, targetName } = input;
  const isKnown = loaded.targets.has(targetName ?? "") || loaded.aws.profiles.has(targetName ?? "");
  if (targetName === undefined || isKnown || options.host !== undefined) return false;
  const { addLiveTarget } = await import("./live-target.ts");
  return addLiveTarget(context, input);
}
