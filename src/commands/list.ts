// `rdsiam list`: the targets in the configuration. Loads no AWS SDK client.
// For people a table that fits the terminal, for programs a line each with tabs and without a heading.
import { printable, printableJson } from "../base/printable.ts";
import { type Invocation, isOn } from "../cli/options.ts";
import { isPlaced, placeOf, type Target } from "../config/targets.ts";
import { loadConfiguration } from "../session/settings.ts";
import type { RunContext } from "../base/context.ts";
import { tableLines } from "../base/table.ts";

const HEADINGS = ["TARGET", "HOST", "USER", "DATABASE", "PROFILE"];

/** Prints the targets that say which database they are: a table, with --names the names alone, with --json an array. */
export async function runList(context: RunContext, { options }: Invocation): Promise<number> {
  const loaded = loadConfiguration(context);
  const targets = [...loaded.targets.values()].filter(isPlaced);
  if (isOn(options, context.env, "names")) {
    for (const { name } of targets) context.print(printable(name));
    return 0;
  }
  if (isOn(options, context.env, "json")) {
    const rows = targets.map(({ name, host, port, user, dbname, profile, file }) => ({
      name,
      host,
      port,
      user,
      dbname,
      profile,
      file,
    }));
    context.print(printableJson(rows, 2));
    return 0;
  }
  if (targets.length === 0) {
    context.log.always(
      `rdsiam: no targets in ${loaded.aws.paths.config || "AWS_CONFIG_FILE, which is empty,"} or ${loaded.own.path}\n` +
        "HINT:  Create one: rdsiam init. Or try it without an AWS account: rdsiam demo",
    );
    context.log.always(
      "HINT:  Find databases with rdsiam discover, or name one: aws configure set rds_host HOST --profile NAME",
    );
    return 0;
  }
  for (const line of listLines(context, targets)) context.print(line);
  return 0;
}

function listLines({ style, width }: RunContext, targets: readonly Target[]): string[] {
  const rows = targets.map(({ name, user, dbname, profile, ...target }) =>
    [name, placeOf(target), user ?? "", dbname ?? user ?? "", profile ?? ""].map(printable),
  );
  const columns = width();
  if (columns === undefined) return rows.map((row) => row.join("\t"));
  const [heading = "", ...lines] = tableLines([HEADINGS, ...rows], columns);
  return [style("heading", heading), ...lines];
}
