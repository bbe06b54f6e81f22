// The environment and the user's directories. POSIX systems follow the XDG directories; Windows has %APPDATA% (it follows the user
// from machine to machine) for what the user writes and %LOCALAPPDATA% for what rdsiam keeps. An XDG variable that is set applies
// on both.
// https://specifications.freedesktop.org/basedir-spec/latest/, https://learn.microsoft.com/windows/win32/shell/knownfolderid
import { homedir } from "node:os";
import { posix, win32 } from "node:path";
import process from "node:process";
import type { Environment } from "../base/context.ts";

// Nothing can be read or made below it: a directory that is only missing could be made by root.
const NO_HOME = "/dev/null";

/**
 * The environment as a new object. On Windows names have no case, and a program sees whichever of PATH and Path it asks for: they
 * are all in capitals here, as in Python's os.environ, so that no `pghost` slips through where PGHOST is looked for.
 */
export function environmentOf(
  env: Environment,
  platform = process.platform,
): Record<string, string | undefined> {
  const entries = Object.entries(env);
  if (platform !== "win32") return Object.fromEntries(entries);
  return Object.fromEntries(entries.map(([name, value]) => [name.toUpperCase(), value]));
}

/**
 * The home directory of this process. A user without an entry in passwd may have none: then each file in it is missing. On Windows
 * HOME is not asked: the AWS CLI finds its files by USERPROFILE.
 */
export function homeDirectory(env: Environment, platform = process.platform): string {
  if (platform === "win32") {
    const { HOMEDRIVE = "", HOMEPATH = "", USERPROFILE } = env;
    return USERPROFILE || HOMEDRIVE + HOMEPATH || systemHome();
  }
  return env["HOME"] || systemHome();
}

function systemHome(): string {
  try {
    // Deno answers null.
    return homedir() || NO_HOME;
  } catch {
    return NO_HOME;
  }
}

/** Where rdsiam's own configuration is. */
export function configDirectory(env: Environment, home: string, platform = process.platform) {
  return ownDirectory(env["XDG_CONFIG_HOME"], { env, home, platform }, [".config"]);
}

/** Where certificates are that were fetched. */
export function dataDirectory(env: Environment, home: string, platform = process.platform) {
  return ownDirectory(env["XDG_DATA_HOME"], { env, home, platform }, [".local", "share"]);
}

/** Where the hosts are that were seen, and the targets that were used last. */
export function stateDirectory(env: Environment, home: string, platform = process.platform) {
  return ownDirectory(env["XDG_STATE_HOME"], { env, home, platform }, [".local", "state"]);
}

/** Where what can be made again is kept. */
export function cacheDirectory(env: Environment, home: string, platform = process.platform) {
  return ownDirectory(env["XDG_CACHE_HOME"], { env, home, platform }, [".cache"]);
}

interface Place {
  readonly env: Environment;
  readonly home: string;
  readonly platform: NodeJS.Platform;
}

function ownDirectory(
  named: string | undefined,
  { env, home, platform }: Place,
  usual: readonly string[],
): string {
  if (platform !== "win32") return posix.join(named || posix.join(home, ...usual), "rdsiam");
  const isConfig = usual.includes(".config");
  const known = isConfig ? env["APPDATA"] : env["LOCALAPPDATA"];
  const fallback = win32.join(home, "AppData", isConfig ? "Roaming" : "Local");
  return win32.join(named || known || fallback, "rdsiam");
}

/** A program that comes with Windows: by its path, since a name alone would be looked for in the current directory first. */
export function windowsProgram(env: Environment, name: string): string {
  return win32.join(env["SYSTEMROOT"] || String.raw`C:\Windows`, "System32", name);
}

/** A path of the user's with a leading `~/` (on Windows `~\` too) for the home directory, as a shell would have read it. */
export function expandHome(path: string, home: string, platform = process.platform): string {
  const isWindows = platform === "win32";
  if (!path.startsWith("~/") && !(isWindows && path.startsWith("~\\"))) return path;
  return (isWindows ? win32 : posix).join(home, path.slice(2));
}
