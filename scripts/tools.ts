// Installs what a release and some long tests need: npm packages with pinned versions in scripts/tools.
// Its devDependencies, every supported libpq, are installed only where they are asked for.

import { existsSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { $ } from "zx";

/** The directory of the tools: a script that imports one by its name lies there. */
export const TOOLS = join(import.meta.dirname, "tools");

/** The directory of the installed packages. */
export const TOOL_PACKAGES = join(TOOLS, "node_modules");

/** Whether the tools are here. */
export function hasTools(): boolean {
  return existsSync(join(TOOL_PACKAGES, ".package-lock.json"));
}

/** Installs the tools, with `libpq` every libpq too; undefined when they are here, else the reason why not. */
export async function installTools({ libpq = false } = {}): Promise<string | undefined> {
  if (hasTools() && (!libpq || existsSync(join(TOOL_PACKAGES, "libpq18")))) return undefined;
  const size = libpq ? "460 MB" : "60 MB";
  process.stderr.write(`installing the tools of scripts/tools (once, about ${size}) ...\n`);
  // Some ask for a newer Node than rdsiam does, and run on this one.
  const options = [
    "--no-engine-strict",
    "--ignore-scripts",
    "--no-audit",
    "--no-fund",
    ...(libpq ? [] : ["--omit=dev"]),
  ];
  const ran = await $({ quiet: true, nothrow: true })`npm ci --prefix ${TOOLS} ${options}`;
  // The last lines name a log; the cause stands above them.
  const lines = ran.stderr.match(/^npm error .*/gm) ?? ["npm ci failed"];
  return ran.exitCode === 0 ? undefined : lines.slice(0, 3).join("\n");
}
