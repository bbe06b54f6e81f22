// `rdsiam list`: the targets in the configuration. Loads no AWS SDK client.
import type { Invocation } from "../options.ts";
import { loadConfiguration, type RunContext } from "../session.ts";

/** Prints the targets that have a host: a table, with --names the names alone, with --json an array. */
export async function runList(context: RunContext, { options }: Invocation): Promise<number> {
  const loaded = await loadConfiguration(context);
  const targets = [...loaded.targets.values()].filter(({ host }) => host !== undefined);
  if (options.json) {
    const rows = targets.map(({ name, host, port, user, dbname, profile, file }) => ({
      name,
      host,
      port,
      user,
      dbname,
      profile,
      file,
    }));
    context.print(JSON.stringify(rows, undefined, 2));
    return 0;
  }
  if (options.names) {
    for (const { name } of targets) context.print(name);
    return 0;
  }
  if (targets.length === 0) {
    context.log.always(
      `rdsiam: no targets in ${loaded.aws.paths.configFilepath} or ${loaded.ownFile}`,
    );
    return 0;
  }
  const rows = targets.map(({ name, host, port, user, dbname }) => [
    name,
    `${host}:${port ?? 5432}`,
    user ?? "",
    dbname ?? user ?? "",
  ]);
  for (const row of table([["TARGET", "HOST", "USER", "DATABASE"], ...rows])) context.print(row);
  return 0;
}

function table(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  );
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd(),
  );
}
