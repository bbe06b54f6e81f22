// Which account the PostgreSQL server runs as: it refuses to run as root, so root has to step down.
// https://www.postgresql.org/docs/current/postgres-user.html
import { execFileSync } from "node:child_process";
import { readFileSync, statSync } from "node:fs";
import { dirname } from "node:path";
import process from "node:process";

import { RdsIamError } from "../base/errors.ts";

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
export function findAccount(
  env: Readonly<Record<string, string | undefined>>,
): ServerAccount | undefined {
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
  env: Readonly<Record<string, string | undefined>>,
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
