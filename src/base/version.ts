// The version, from package.json (the bundler writes it into the program), and what it runs on.
import process from "node:process";
import manifest from "../../package.json" with { type: "json" };

/** The version of this program. */
export const VERSION: string = manifest.version;

/** The runtime and its version: `node 20.20.2`, `bun 1.4.5`, `deno 2.9.6`. */
export function runtimeName(): string {
  const { bun, deno, node } = process.versions as NodeJS.ProcessVersions & { deno?: string };
  if (bun !== undefined) return `bun ${bun}`;
  return deno === undefined ? `node ${node}` : `deno ${deno}`;
}
