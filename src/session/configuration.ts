// The part of a session that is about the configuration alone: `rdsiam list` and its like load no more than this.
import { type LoadedTargets, loadTargets } from "../config/targets.ts";
import type { RunContext } from "../base/context.ts";

const SECRETS = ["aws_secret_access_key", "aws_session_token"];

/** Loads the targets; warnings go to the log, and no secret of the files or the environment ever does. */
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
