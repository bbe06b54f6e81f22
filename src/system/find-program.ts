// Looks a program up: as execvp(3) does, or on Windows by PATH and PATHEXT. The current directory is searched where PATH names it
// and nowhere else, on Windows too: who unpacks an archive there must not choose the program.
// As in execvp, a file without execute permission does not end the search, and is what is reported when nothing better follows.
// https://pubs.opengroup.org/onlinepubs/9799919799/functions/exec.html
// https://learn.microsoft.com/windows/win32/api/processenv/nf-processenv-needcurrentdirectoryforexepatha
import { accessSync, constants, statSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { posix, win32 } from "node:path";
import process from "node:process";
import type { Environment } from "../base/context.ts";
import { errorCode } from "../base/errno.ts";

// What execvp takes when PATH is not set (_CS_PATH).
const DEFAULT_PATH = "/bin:/usr/bin";

// Those of PATHEXT that are programs; what a script host or a viewer opens is not run.
const EXTENSIONS = [".com", ".exe", ".bat", ".cmd"];

/** What is at a path. */
export type FileKind = "executable" | "directory" | "not executable" | "missing";

/** A file, and what it is. */
export interface FoundFile {
  readonly file: string;
  readonly kind: FileKind;
}

/** The system to look on. */
export interface SearchedSystem {
  readonly platform: NodeJS.Platform;
  readonly kindOf: (file: string) => Promise<FileKind>;
  /** The names in a directory; none where it cannot be read. */
  readonly namesIn: (directory: string) => Promise<readonly string[]>;
}

const THIS_SYSTEM: SearchedSystem = {
  platform: process.platform,
  kindOf: fileKind,
  namesIn: (directory) => readdir(directory).catch(() => []),
};

/** Whether a name is that of a file, for which PATH is not searched. */
export function isPath(name: string, platform = process.platform): boolean {
  return (platform === "win32" ? /[\\/:]/ : /\//).test(name);
}

/** The first executable file of a name; else the first that is there and cannot be executed, or undefined. */
export async function findProgram(
  name: string,
  env: Environment,
  system = THIS_SYSTEM,
): Promise<FoundFile | undefined> {
  if (name === "") return undefined;
  let refused: FoundFile | undefined;
  for await (const file of candidates(name, env, system)) {
    const kind = await system.kindOf(file);
    if (kind === "executable") return { file, kind };
    const isReported =
      kind === "not executable" || (kind === "directory" && isPath(name, system.platform));
    if (isReported) refused ??= { file, kind };
  }
  return refused;
}

async function* candidates(
  name: string,
  env: Environment,
  system: SearchedSystem,
): AsyncGenerator<string> {
  if (system.platform !== "win32") {
    if (isPath(name, system.platform)) return yield name;
    for (const directory of (env["PATH"] ?? DEFAULT_PATH).split(":")) {
      // An empty entry means the current directory; `./` keeps the result a path.
      yield directory === "" ? `./${name}` : posix.join(directory, name);
    }
    return;
  }
  const names = withExtensions(name, env["PATHEXT"]);
  if (isPath(name, system.platform)) return yield* names;
  const path = (env["PATH"] ?? "").split(";").map((directory) => directory.replaceAll('"', ""));
  for (const directory of path.filter(Boolean)) {
    for (const file of names) yield win32.join(directory, file);
  }
  for await (const directory of usualDirectories(env, system)) {
    for (const file of names) yield win32.join(directory, file);
  }
}

function withExtensions(name: string, pathExt = EXTENSIONS.join(";")): readonly string[] {
  if (EXTENSIONS.includes(win32.extname(name).toLowerCase())) return [name];
  const extensions = pathExt.split(";").map((extension) => extension.trim().toLowerCase());
  return extensions
    .filter((extension) => EXTENSIONS.includes(extension))
    .map((extension) => name + extension);
}

// Where installers put programs without adding the directory to PATH: EDB's PostgreSQL, the newest first, pgAdmin, and the plugin
// of Systems Manager. https://www.postgresql.org/download/windows/
async function* usualDirectories(
  { LOCALAPPDATA, PROGRAMFILES = String.raw`C:\Program Files` }: Environment,
  { namesIn }: SearchedSystem,
): AsyncGenerator<string> {
  const postgresql = win32.join(PROGRAMFILES, "PostgreSQL");
  const versions = (await namesIn(postgresql)).filter((name) => /^\d+(?:\.\d+)?$/.test(name));
  for (const version of versions.toSorted((one, other) => Number(other) - Number(one))) {
    yield win32.join(postgresql, version, "bin");
  }
  yield win32.join(PROGRAMFILES, "pgAdmin 4", "runtime");
  if (LOCALAPPDATA) yield win32.join(LOCALAPPDATA, "Programs", "pgAdmin 4", "runtime");
  yield win32.join(PROGRAMFILES, "Amazon", "SessionManagerPlugin", "bin");
}

// PATH has ten directories and more; each question to the file system that is waited for is a trip to another thread.
async function fileKind(file: string): Promise<FileKind> {
  try {
    const status = statSync(file);
    if (status.isDirectory()) return "directory";
    if (!status.isFile()) return "not executable";
  } catch (error) {
    return errorCode(error) === "EACCES" ? "not executable" : "missing";
  }
  try {
    accessSync(file, constants.X_OK);
    return "executable";
  } catch {
    return "not executable";
  }
}
