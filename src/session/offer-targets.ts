// Offers the targets at the terminal where a command line names none and nothing else does; those that were used last come first.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { RunContext } from "../base/context.ts";
import { RdsIamError } from "../base/errors.ts";
import { writeTrusted } from "../base/trusted-file.ts";
import { chooseTarget } from "../config/choose-target.ts";
import { isPlaced, type LoadedTargets, loadTargets, placeOf } from "../config/targets.ts";
import type { SettingsInput } from "../config/given.ts";
import { stateDirectory } from "../system/directories.ts";

type OfferRequest = Pick<SettingsInput, "targetName" | "options">;

const MOST_REMEMBERED = 100;

/** The request with the target that a person chose, where it has none and there is a person to ask. */
export async function offerTargets(
  context: Pick<RunContext, "env" | "home" | "terminal">,
  request: OfferRequest,
): Promise<OfferRequest> {
  const choose = request.targetName === undefined ? context.terminal.chooser() : undefined;
  if (choose === undefined) return request;
  const loaded = readable(context);
  if (loaded === undefined) return request;
  const { address, target } = chooseTarget({ ...request, ...context, loaded });
  const usable = [...loaded.targets.values()].filter(
    (each) => isPlaced(each) && each.problems.length === 0,
  );
  if (address !== undefined || target !== undefined || usable.length === 0) return request;
  const recent = recentTargets(context);
  const rank = (name: string): number => recent.indexOf(name) + 1 || MOST_REMEMBERED + 1;
  const choices = usable
    .toSorted((one, other) => rank(one.name) - rank(other.name))
    .map(({ name, user, dbname, color, ...target }) => ({
      value: name,
      color,
      columns: [name, user ?? "", placeOf(target), dbname ?? user ?? ""],
    }));
  return { ...request, targetName: await choose("Target", choices) };
}

/** Remembers a target as the one that was used last, where a person may be offered it the next time. */
export function rememberTarget(
  context: Pick<RunContext, "env" | "home" | "terminal">,
  name: string,
): void {
  if (context.terminal.chooser() === undefined) return;
  const before = recentTargets(context);
  if (before[0] === name) return;
  const names = [name, ...before.filter((each) => each !== name)].slice(0, MOST_REMEMBERED);
  try {
    writeTrusted(recentFile(context), `${names.join("\n")}\n`);
  } catch {
    // A convenience: nothing depends on it.
  }
}

// What is wrong with the files is reported where the settings are resolved.
function readable(context: Pick<RunContext, "env" | "home">): LoadedTargets | undefined {
  try {
    return loadTargets(context);
  } catch (error) {
    if (error instanceof RdsIamError) return undefined;
    throw error;
  }
}

function recentTargets(context: Pick<RunContext, "env" | "home">): readonly string[] {
  try {
    return readFileSync(recentFile(context), "utf8").split("\n").filter(Boolean);
  } catch {
    return [];
  }
}

function recentFile({ env, home }: Pick<RunContext, "env" | "home">): string {
  return join(stateDirectory(env, home), "recent_targets");
}
