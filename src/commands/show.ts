// `rdsiam show`: the settings of a target in effect, and where each comes from. Nothing on the network.
import { printableJson } from "../base/printable.ts";
import { problemOf } from "../base/problem.ts";
import type { RunContext } from "../base/context.ts";
import { RdsIamError } from "../base/errors.ts";
import { loggingOnce } from "../base/log.ts";
import { tableLines } from "../base/table.ts";
import { type Invocation, isOn } from "../cli/options.ts";
import type { SettingsInput } from "../config/given.ts";
import { whereIs } from "../config/aws-ini.ts";
import { keyOf } from "../config/names.ts";
import { type Origin, type SettingRow, settingRows } from "../config/origins.ts";
import { requireUser } from "../config/settings.ts";
import { isPlaced, type LoadedTargets } from "../config/targets.ts";
import { openCredentials } from "../session/credentials.ts";
import { offerTargets } from "../session/offer-targets.ts";
import { loadConfiguration, readVia, resolveWithWarnings } from "../session/settings.ts";

/** What is known of a target. */
interface ShownTarget {
  /** Undefined where --host alone says where to connect. */
  readonly target: string | undefined;
  readonly file: string | undefined;
  readonly rows: readonly SettingRow[];
  /** Why it cannot be used. */
  readonly problem: RdsIamError | undefined;
}

/** Prints a line for each setting, with --json an object, with --all one for each target; resolves with 1 where one is broken. */
export async function runShow(context: RunContext, invocation: Invocation): Promise<number> {
  const { options, target: targetName } = invocation;
  const { env, home } = context;
  const loaded = loadConfiguration(context);
  const isAll = isOn(options, env, "all");
  if (isAll && targetName !== undefined) {
    throw new RdsIamError("--all and a target cannot be combined", { code: "ERR_USAGE" });
  }
  const offered = isAll ? undefined : await offerTargets(context, { targetName, options });
  const names = isAll ? usable(loaded) : [offered?.targetName];
  const once = { ...context, log: loggingOnce(context.log) };
  const shown: ShownTarget[] = [];
  for (const name of names) {
    shown.push(await showTarget(once, { targetName: name, options, loaded, env, home }));
  }
  if (isOn(options, env, "json")) {
    const objects = shown.map(jsonOf);
    context.print(printableJson(isAll ? objects : objects[0], 2));
  } else {
    for (const [index, each] of shown.entries()) {
      if (index > 0) context.print("");
      for (const line of textLines(context, each)) context.print(line);
    }
  }
  return shown.some(({ problem }) => problem !== undefined) ? 1 : 0;
}

// A profile may have keys of ours for other reasons than to be connected to.
function usable({ own, targets }: LoadedTargets): string[] {
  return [...targets.values()]
    .filter((target) => isPlaced(target) || target.file === own.path || target.problems.length > 0)
    .map(({ name }) => name);
}

async function showTarget(context: RunContext, input: SettingsInput): Promise<ShownTarget> {
  const { loaded, targetName } = input;
  let shown: Omit<ShownTarget, "problem"> = {
    target: targetName,
    file: loaded.targets.get(targetName ?? "")?.file,
    rows: [],
  };
  try {
    const settings = resolveWithWarnings(input, context.log);
    const { target } = settings;
    const { file } = loaded.targets.get(target ?? "") ?? {};
    shown = { target, file, rows: settingRows(input, settings) };
    // The secret may have one.
    if (settings.secret === undefined) requireUser(settings);
    await readVia(context.log, settings);
    if (settings.passwordCommand === undefined) {
      openCredentials(context, { settings, loaded }, "us-east-1").need();
    }
    return { ...shown, problem: undefined };
  } catch (error) {
    // An unknown target is a mistake on the command line.
    if (!(error instanceof RdsIamError) || (shown.rows.length === 0 && shown.file === undefined)) {
      throw error;
    }
    return { ...shown, problem: error };
  }
}

function textLines(context: RunContext, { target, file, rows, problem }: ShownTarget): string[] {
  const { style, width } = context;
  const cells = rows.flatMap(({ name, value, origin }) =>
    value === undefined || origin === undefined ? [] : [[keyOf(name), value, originText(origin)]],
  );
  const columns = width();
  const lines =
    columns === undefined
      ? cells.map((row) => row.join("\t"))
      : tableLines(cells, columns - 2).map((line) => `  ${line}`);
  const heading = target === undefined ? "no target" : `${target}  (${file ?? "no file"})`;
  const { message, detail, hint } = problem === undefined ? {} : problemOf(problem);
  return [
    style("heading", heading),
    ...lines,
    ...(message === undefined ? [] : [`  ${style("error", "error:")} ${message}`]),
    ...(detail === undefined ? [] : [`  DETAIL: ${detail}`]),
    ...(hint === undefined ? [] : [`  HINT: ${hint}`]),
  ];
}

function originText(origin: Origin): string {
  switch (origin.source) {
    case "option":
    case "environment":
      return origin.name;
    case "file":
      return whereIs(origin);
    case "target":
      return "the target itself";
    case "default":
      return "default";
  }
}

function jsonOf({ target, file, rows, problem }: ShownTarget): object {
  const { message, detail, hint, code } = problem ?? {};
  const settings = rows.map(({ name, value = null, origin = null }) => ({
    key: keyOf(name),
    value,
    origin,
  }));
  const parts = problem === undefined ? undefined : { code, message, detail, hint };
  return { target, file, ok: problem === undefined, problem: parts, settings };
}
