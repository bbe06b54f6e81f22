// The directory of a --direct run: its auth token and the root certificates, gone when the run is. A run that was killed
// (SIGKILL, a machine out of memory) takes nothing away, so each run takes away what such runs have left. Whose run it was is
// in the name: the number of its process, and of the namespace that this number is one of, since containers may share /tmp.
// https://man7.org/linux/man-pages/man7/pid_namespaces.7.html
import { lstatSync, mkdtempSync, readdirSync, readlinkSync, rmSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { RdsIamError } from "../base/errors.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** A directory of this run alone, 0700, which goes with it. */
export interface TokenDirectory extends Disposable {
  readonly path: string;
}

/** Makes the directory, in XDG_RUNTIME_DIR, which is in memory and ends with the login, else in TMPDIR or /tmp. */
export function makeTokenDirectory(env: Environment): TokenDirectory {
  const path = makeBelow([env["XDG_RUNTIME_DIR"], env["TMPDIR"], "/tmp"]);
  // A second removal hurts nobody, and covers what ends this process in a hurry.
  const remove = (): void => rmSync(path, { recursive: true, force: true });
  process.on("exit", remove);
  return {
    path,
    [Symbol.dispose]: () => {
      process.off("exit", remove);
      remove();
    },
  };
}

function makeBelow(parents: readonly (string | undefined)[]): string {
  const own = `rdsiam-direct-${pidNamespace()}-`;
  let failure: unknown;
  for (const parent of parents) {
    if (!parent) continue;
    try {
      const path = mkdtempSync(join(parent, `${own}${process.pid}-`));
      removeAbandoned(parent, own);
      return path;
    } catch (error) {
      failure = error;
    }
  }
  const { code = "unknown error" } = failure as NodeJS.ErrnoException;
  throw new RdsIamError(`cannot make a directory for the auth token: ${code}`, {
    code: "ERR_CONFIG",
    detail: "--direct keeps it in a directory of its own, in XDG_RUNTIME_DIR, TMPDIR or /tmp.",
    hint: "Set TMPDIR to a directory that can be written to.",
    cause: failure,
  });
}

function pidNamespace(): string {
  if (process.platform !== "linux") return "0";
  try {
    return readlinkSync("/proc/self/ns/pid").replaceAll(/\D/g, "");
  } catch {
    return "0";
  }
}

// What cannot be looked at or removed is left to the next run.
function removeAbandoned(parent: string, own: string): void {
  for (const name of namesIn(parent)) {
    const pid = name.startsWith(own) ? /^(\d+)-\w+$/.exec(name.slice(own.length))?.[1] : undefined;
    const path = join(parent, name);
    if (pid === undefined || isRunning(Number(pid)) || !isOurs(path)) continue;
    try {
      rmSync(path, { recursive: true, force: true });
    } catch {}
  }
}

function namesIn(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

// Another program may have the number by now; then the directory stays, as it does where that cannot be told.
function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== "ESRCH";
  }
}

// Not through a link: that would be somebody else's directory.
function isOurs(path: string): boolean {
  try {
    const found = lstatSync(path);
    return found.isDirectory() && found.uid === process.geteuid?.() && (found.mode & 0o077) === 0;
  } catch {
    return false;
  }
}
