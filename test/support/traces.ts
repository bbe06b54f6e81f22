// What a run may leave behind: processes, listening ports, files. Processes are known by a mark in their environment.
import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import process from "node:process";

/** Whether /proc is there to look into. */
export const HAS_PROC = process.platform === "linux";

/** A process as /proc shows it. */
export interface ProcessTrace {
  readonly pid: number;
  readonly words: readonly string[];
  readonly variables: readonly string[];
}

/** Every process but this one, as far as it may be looked at; none where there is no /proc. */
export async function processes(): Promise<ProcessTrace[]> {
  if (!HAS_PROC) return [];
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const found = await Promise.all(
    pids.map(async (name) => {
      const parts = async (file: string): Promise<string[]> =>
        (await readFile(`/proc/${name}/${file}`, "utf8").catch(() => "")).split("\0");
      const [words, variables] = [await parts("cmdline"), await parts("environ")];
      return { pid: Number(name), words, variables };
    }),
  );
  return found.filter(({ pid }) => pid !== process.pid);
}

/** The processes with RDSIAM_TEST_MARK=mark in their environment. */
export async function marked(mark: string): Promise<ProcessTrace[]> {
  const all = await processes();
  return all.filter(({ variables }) => variables.includes(`RDSIAM_TEST_MARK=${mark}`));
}

/** Whether all processes with the mark are stopped, as far as /proc can tell. */
export async function stopped(mark: string): Promise<boolean> {
  const found = await marked(mark);
  const states = await Promise.all(
    found.map(async ({ pid }) => {
      const status = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
      return status.slice(status.lastIndexOf(")") + 2, status.lastIndexOf(")") + 3);
    }),
  );
  return states.every((state) => state === "T");
}

/** Whether something accepts connections on a loopback port. */
export function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: "127.0.0.1", port });
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}

/** Waits until the condition holds and answers how many milliseconds that took; throws after the limit. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  what = String(condition),
  limit = 20_000,
): Promise<number> {
  const start = performance.now();
  while (!(await condition())) {
    if (performance.now() - start > limit) throw new Error(`not within ${limit} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return performance.now() - start;
}

// What psql writes, where an alias led, the targets used last, the AWS CLI's caches of roles and logins, and what V8 has compiled.
const KEPT =
  /\/(?:\.psql_history|known_hosts|recent_targets|\.aws\/(?:cli|sso)\/cache\/[^/]+|rdsiam\/compiled\/.+)$/;

/** Each file below a directory, but those that are there to stay, with the digest of its content. */
export async function filesBelow(directory: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const entry of await readdir(directory, { withFileTypes: true, recursive: true })) {
    const file = join(entry.parentPath, entry.name);
    if (!entry.isFile() || KEPT.test(file)) continue;
    found[file] = createHash("sha256")
      .update(await readFile(file))
      .digest("hex");
  }
  return found;
}
