// Every check of PostgreSQL's own tools, in the order in which they need each other, and which tools this machine lacks.

import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import type { Check } from "./bench.ts";
import { DUMP_CHECKS } from "./dump.ts";
import { PGBENCH_CHECKS } from "./pgbench.ts";
import { REPLICATION_CHECKS } from "./replication.ts";

const DEBIAN_DIRECTORY = "/usr/lib/postgresql";

/** All of them. */
export const CHECKS: readonly Check[] = [...DUMP_CHECKS, ...PGBENCH_CHECKS, ...REPLICATION_CHECKS];

/** The tools of these checks that are neither on PATH nor beside Debian's server. */
export function missingTools(checks: readonly Check[]): readonly string[] {
  const debian = existsSync(DEBIAN_DIRECTORY) ? readdirSync(DEBIAN_DIRECTORY) : [];
  const directories = [
    ...(process.env["PATH"] ?? "").split(":"),
    ...debian.map((version) => join(DEBIAN_DIRECTORY, version, "bin")),
  ];
  const tools = [...new Set(checks.flatMap(({ tools: names }) => names))];
  return tools.filter(
    (tool) => !directories.some((directory) => existsSync(join(directory, tool))),
  );
}
