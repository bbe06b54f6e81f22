// npm run test:slow -- leaks: every run of test/support/leak-scene.ts under strace. No secret in any argument, environment variable
// (but PGPASSWORD and the user's own AWS_*) or write that is not to a socket, of rdsiam and all of its children.
// RDSIAM_COMMAND chooses the runtime, as in the end-to-end suite.
// https://man7.org/linux/man-pages/man1/strace.1.html
import { spawnSync } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { type LeakRun } from "../support/leak-runs.ts";
import { type LeakScene, AWS_CACHE, shown, startLeakScene } from "../support/leak-scene.ts";
import { COMMAND, run, RUNTIME, runtimeCaches } from "../support/program.ts";
import { filesBelow } from "../support/traces.ts";

const CALLS =
  "execve,open,openat,creat,write,writev,pwrite64,pwritev,pwritev2,rename,renameat,renameat2,link,linkat,symlink,symlinkat";
const STRACE = ["-f", "-qq", "-y", "-v", "-s", "300000", "-e", `trace=${CALLS}`];
// Terminals, pipes of the runtimes themselves, and what has no name. Kept are also known hosts, and what V8 has compiled.
const HARMLESS = /^\/(?:dev|proc|sys)\//;
const KEPT = /\/(?:known_hosts(?:\.[^/]*)?|rdsiam\/compiled\/[^/]+)$/;

interface Traced {
  readonly calls: number;
  readonly writes: number;
  readonly opened: readonly string[];
  readonly leaks: readonly string[];
}

async function main(): Promise<void> {
  if (spawnSync("strace", ["-V"]).error !== undefined) {
    process.stdout.write("leaks skipped: strace is not on this machine (apt install strace)\n");
    return;
  }
  const directory = await mkdtemp(join(tmpdir(), "rdsiam-strace-"));
  await using scene = await startLeakScene();
  const before = JSON.stringify(await filesBelow(scene.standIn.directory));
  let failures = 0;
  process.stdout.write(`${RUNTIME}: ${COMMAND.join(" ")}\ncalls   writes  opened  leaks  run\n`);
  for (const each of scene.runs) {
    const traced = await trace(each, scene, directory);
    failures += traced.leaks.length + traced.opened.length;
    const figures = [traced.calls, traced.writes, traced.opened.length, traced.leaks.length];
    process.stdout.write(
      `${figures.map((figure) => String(figure).padEnd(6)).join("  ")} ${each.name}\n`,
    );
    for (const line of [...traced.leaks, ...traced.opened]) process.stdout.write(`  ${line}\n`);
  }
  if (JSON.stringify(await filesBelow(scene.standIn.directory)) !== before) {
    failures += 1;
    process.stdout.write("the home directory has changed\n");
  }
  await rm(directory, { recursive: true, force: true });
  process.stdout.write(`${scene.runs.length} runs, ${failures} failures\n`);
  process.exitCode = failures === 0 ? 0 : 1;
}

async function trace(each: LeakRun, scene: LeakScene, directory: string): Promise<Traced> {
  const file = join(directory, "trace");
  const caches = join(directory, "caches");
  const env = { ...scene.standIn.env, ...runtimeCaches(caches), ...each.env, UV_USE_IO_URING: "0" };
  const ran = await run(["strace", ...STRACE, "-o", file, ...COMMAND, ...each.args], { env });
  const lines = (await readFile(file, "utf8")).split("\n");
  const missed = each.says.test(ran.stderr) ? [] : [`the run missed its purpose: ${ran.stderr}`];
  const runSecret = /"PGPASSWORD=([^"]+)"/.exec(lines.join("\n"))?.[1];
  const secrets = scene.secrets(runSecret === undefined ? {} : { "the run's secret": runSecret });
  const context = { each, secrets, programs: new Map<string, string>() };
  const found = lines.map((line) => leaksOf(line, context));
  const writes = lines.filter((line) => /^\d+ +p?write/.test(line)).length;
  const opened = new Set(lines.flatMap((line) => openedForWriting(line, caches)));
  return { calls: lines.length, writes, opened: [...opened], leaks: [...missed, ...found.flat()] };
}

interface Context {
  readonly each: LeakRun;
  readonly secrets: ReadonlyMap<string, string>;
  /** What runs under each process id. */
  readonly programs: Map<string, string>;
}

function leaksOf(line: string, { each, secrets, programs }: Context): string[] {
  const [, pid = "", call = "", rest = ""] = /^(\d+) +(\w+)\((.*)$/.exec(line) ?? [];
  if (call === "execve") {
    programs.set(pid, /^"([^"]*)"/.exec(rest)?.[1] ?? "");
    // Strings in quotes: the arguments and the environment.
    const words = [...rest.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map(([, word = ""]) => word);
    const judged = words.filter((word) => !/^(?:PGPASSWORD|AWS_\w+)=/.test(word));
    return shown(judged.join("\n"), secrets).map((name) => `${name} handed to a program`);
  }
  // What goes over a socket is encrypted, or a request to STS; a credential_process prints credentials.
  if (/^\d+<(?:socket|TCP|UNIX|TCPv6|UDP)[^>]*>/.test(rest)) return [];
  if (programs.get(pid)?.endsWith("/cat") || AWS_CACHE.test(rest)) return [];
  if (each.printsToken && rest.startsWith("1<")) return [];
  return shown(rest, secrets).map((name) => `${name} in ${call}(${rest.slice(0, 60)}...`);
}

function openedForWriting(line: string, caches: string): string[] {
  const call = /^\d+ +(?:openat\([^,]*, |open\(|creat\()"([^"]*)", .*O_(?:WRONLY|RDWR|CREAT)/.exec(
    line,
  );
  if (call === null || line.includes(" = -1 ")) return [];
  // The descriptor's own path where it is told: the argument may be relative to another one.
  const path = / = \d+<([^>]+)>$/.exec(line)?.[1] ?? call[1] ?? "";
  const isKept = [HARMLESS, KEPT, AWS_CACHE].some((kept) => kept.test(path));
  return isKept || path.startsWith(caches) ? [] : [`opened for writing: ${path}`];
}

void main();
