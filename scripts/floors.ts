// The direction rule of src: a room imports rooms on lower floors, never beside or above, and no files import each other in a circle.
// Type imports are imports too. `npm run check` runs this file; test/floors.test.ts shows that the rule bites.

import { readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import process from "node:process";
import { glob } from "zx";

/** The rooms of src from the lowest floor up; rooms on one floor do not know each other. */
const FLOORS: readonly (readonly string[])[] = [
  ["base"],
  ["system"],
  ["protocol", "runtime", "ssm"],
  ["config", "aws", "rds", "via", "proxy", "tool", "health"],
  ["cli", "session"],
  ["serve", "doctor", "relay", "library", "setup"],
  ["commands"],
  ["start.ts", "binary.ts", "main.ts", "library.ts"],
];

/** demo/ stands apart: it is a server, not a part of the program. Only its command opens it. */
const DEMO = "demo";
const BELOW_DEMO = new Set(["base", "system", "protocol"]);
const OPENS_DEMO = "src/commands/demo.ts";

const IMPORT = /(?:\bfrom|\bimport)\s*\(?\s*"(\.[^"]+)"/g;

/** What breaks the rule, as lines for a person; `sources` maps a path from the repository's root to a file's text. */
export function upwardImports(sources: ReadonlyMap<string, string>): string[] {
  const imports = new Map<string, readonly string[]>();
  for (const [file, text] of sources)
    imports.set(
      file,
      [...text.matchAll(IMPORT)].map(([, path]) => normalize(join(dirname(file), path ?? ""))),
    );
  const broken: string[] = [];
  for (const [file, paths] of imports) {
    if (floorOf(roomOf(file)) === undefined && roomOf(file) !== DEMO)
      broken.push(`${file} is in no room`);
    for (const path of paths) if (!mayImport(file, path)) broken.push(`${file} imports ${path}`);
  }
  return [...broken, ...cycles(imports)];
}

function mayImport(file: string, path: string): boolean {
  const [from, to] = [roomOf(file), roomOf(path)];
  // package.json, for the version.
  if (from === to || !path.startsWith("src/")) return true;
  if (to === DEMO) return file === OPENS_DEMO;
  if (from === DEMO) return BELOW_DEMO.has(to);
  return (floorOf(to) ?? Infinity) < (floorOf(from) ?? -1) || floorOf(from) === FLOORS.length - 1;
}

function roomOf(file: string): string {
  return file.split("/")[1] ?? "";
}

function floorOf(room: string): number | undefined {
  const floor = FLOORS.findIndex((rooms) => rooms.includes(room));
  return floor === -1 ? undefined : floor;
}

function cycles(imports: ReadonlyMap<string, readonly string[]>): string[] {
  const found: string[] = [];
  const done = new Set<string>();
  const visit = (file: string, path: readonly string[]): void => {
    const start = path.indexOf(file);
    if (start !== -1) found.push(`a cycle: ${[...path.slice(start), file].join(" -> ")}`);
    if (start !== -1 || done.has(file)) return;
    for (const next of imports.get(file) ?? []) visit(next, [...path, file]);
    done.add(file);
  };
  for (const file of imports.keys()) visit(file, []);
  return found;
}

async function main(): Promise<void> {
  const files = await glob("src/**/*.ts");
  const broken = upwardImports(new Map(files.map((file) => [file, readFileSync(file, "utf8")])));
  for (const line of broken) process.stderr.write(`${line}\n`);
  process.exitCode = broken.length === 0 ? 0 : 1;
}

if (process.argv[1] === import.meta.filename) void main();
