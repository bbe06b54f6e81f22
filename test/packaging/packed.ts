// The npm package as it would be published, packed once into a directory of the test's own.
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { run } from "../support/program.ts";

/** The root of the project. */
export const ROOT = resolve(import.meta.dirname, "../..");

/** A packed package. */
export interface Packed extends AsyncDisposable {
  /** A directory that goes with it. */
  readonly directory: string;
  readonly tarball: string;
  /** The paths in it. */
  readonly files: readonly string[];
  readonly manifest: { readonly name: string; readonly version: string };
}

/** Packs what is built; no network is needed. */
export async function packPackage(): Promise<Packed> {
  const directory = await mkdtemp(join(tmpdir(), "rdsiam-packed-"));
  const packed = await run(["npm", "pack", "--json", "--pack-destination", directory], {
    cwd: ROOT,
    env: { HOME: directory },
  });
  if (packed.status !== 0) throw new Error(packed.stderr);
  const entry = firstEntry(packed.stdout);
  return {
    directory,
    tarball: join(directory, entry.filename),
    files: entry.files.map(({ path }) => path).toSorted(),
    manifest: JSON.parse(await readFile(join(ROOT, "package.json"), "utf8")),
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true }),
  };
}

// Beside what the bundler says that it has written.
const PAPERS = [
  "CHANGELOG.md",
  "LICENSE",
  "README.md",
  "SECURITY.md",
  "completions/_rdsiam",
  "completions/rdsiam.bash",
  "completions/rdsiam.fish",
  "completions/rdsiam.ps1",
  "dist/LICENSES.txt",
  "dist/library.d.mts",
  "dist/library.d.ts",
  "dist/library.mjs",
  "dist/package.json",
  "man/rdsiam.1",
  "package.json",
];

/** The paths that are published, and no others. */
export async function publishedFiles(): Promise<string[]> {
  const text = await readFile(join(ROOT, "build/metafile.json"), "utf8");
  const metafile: { outputs: Record<string, unknown> } = JSON.parse(text);
  return [...PAPERS, ...Object.keys(metafile.outputs)].toSorted();
}

interface Entry {
  readonly filename: string;
  readonly files: readonly { readonly path: string }[];
}

// npm before 12 prints an array, later ones an object by name.
function firstEntry(json: string): Entry {
  const parsed = JSON.parse(json) as readonly Entry[] | Readonly<Record<string, Entry>>;
  const [entry] = Object.values(parsed);
  if (entry === undefined) throw new Error(`npm pack said: ${json}`);
  return entry;
}
