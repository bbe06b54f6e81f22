// Measures what was asked for: builds rdsiam, starts the scene and the subjects, goes through the rounds.
import { cpus, release, totalmem, type as systemType } from "node:os";
import { resolve } from "node:path";
import process from "node:process";
import { $ } from "zx";
import { prepareBulk } from "./bulk.ts";
import { prepareAcrossNetwork } from "./direct-tls.ts";
import { OTHER_RUNTIMES, otherLauncher, ownLauncher } from "./launchers.ts";
import type { BenchOptions } from "./options.ts";
import { preparePgbench } from "./queries.ts";
import type { Machine, Results } from "./results.ts";
import { firstLineOf, runRounds } from "./rounds.ts";
import { type Scene, startScene } from "./scene.ts";
import {
  prepareAws,
  prepareDirect,
  type Prepared,
  preparePgbouncer,
  prepareRdsiam,
  prepareStunnel,
  type Subject,
} from "./subjects.ts";
import { chooseWorks } from "./works.ts";

type Prepare = () => Promise<Prepared>;

/** Measures; says on stderr what it is at. */
export async function measure(options: BenchOptions): Promise<Results> {
  if (process.platform !== "linux") throw new Error("the benchmark reads /proc: Linux only");
  const works = chooseWorks(options.only);
  if (options.build) await $`npm run --silent build`;
  await using scene = await startScene();
  await prepareBulk(scene, options.size.megabytes);
  await preparePgbench(scene, options.size.scale);
  await scene.server.query("checkpoint");
  const prepare = await preparations(scene, options);
  const subjects: Subject[] = [];
  const missing: Record<string, string> = {};
  try {
    for (const [name, start] of Object.entries(prepare)) {
      const prepared = await start().catch((error) => ({ missing: firstLineOf(error) }));
      if ("missing" in prepared) missing[name] = prepared.missing;
      else subjects.push(prepared);
    }
    const startAgain = async (subject: Subject): Promise<Subject> => {
      const prepared = await prepare[subject.name]?.();
      if (prepared === undefined || "missing" in prepared) throw new Error("it is gone");
      return prepared;
    };
    const outcome = await runRounds({
      bench: { scene, size: options.size, startAgain },
      works,
      subjects,
      rounds: options.rounds,
      maxForeign: options.maxForeign,
      progress: progressOf(options.rounds),
    });
    if (process.stderr.isTTY) process.stderr.write("\r\u001b[K");
    return { ...(await headOf(options, scene, subjects)), missing, ...outcome };
  } finally {
    for (const subject of subjects) await subject[Symbol.asyncDispose]();
  }
}

async function preparations(
  scene: Scene,
  options: BenchOptions,
): Promise<Readonly<Record<string, Prepare>>> {
  const { cpuProf } = options;
  const flags = cpuProf === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${resolve(cpuProf)}`];
  const own = await ownLauncher(scene, { name: "rdsiam", file: scene.bundle, flags });
  const all: Record<string, Prepare> = {
    direct: () => prepareDirect(scene),
    stunnel: () => prepareStunnel(scene),
    pgbouncer: () => preparePgbouncer(scene),
    aws: () => prepareAws(),
    rdsiam: () => prepareRdsiam(scene, own),
  };
  for (const runtime of OTHER_RUNTIMES) {
    const name = `rdsiam-${runtime}`;
    if (!options.runtimes && !options.subjects.includes(name)) continue;
    all[name] = async () => {
      const launcher = await otherLauncher(scene, { build: options.build, runtime });
      if (launcher === undefined) return { name, missing: "not to be had for this machine" };
      return prepareRdsiam(scene, launcher);
    };
  }
  for (const name of ["rdsiam-sslrequest", "rdsiam-direct"] as const) {
    if (options.subjects.includes(name)) all[name] = () => prepareAcrossNetwork(scene, own, name);
  }
  for (const [name, file] of Object.entries(options.also)) {
    all[name] = async () =>
      prepareRdsiam(scene, await ownLauncher(scene, { name, file: resolve(file), flags }));
  }
  const { subjects } = options;
  const unknown = subjects.find((name) => all[name] === undefined);
  if (unknown !== undefined) throw new TypeError(`no subject ${unknown}`);
  const wanted = Object.entries(all).filter(
    ([name]) => subjects.length === 0 || subjects.includes(name),
  );
  return Object.fromEntries(wanted);
}

async function headOf(
  options: BenchOptions,
  scene: Scene,
  subjects: readonly Subject[],
): Promise<Omit<Results, "runs" | "leftOut" | "noisy" | "failures" | "missing">> {
  const own = subjects.find(({ launcher }) => launcher !== undefined)?.launcher;
  const version = own === undefined ? "" : await versionLine([...own.words, "--version"]);
  return {
    format: 1,
    date: new Date().toISOString(),
    command: ["npm run bench", ...(options.words.length > 0 ? ["--", ...options.words] : [])].join(
      " ",
    ),
    version,
    machine: machine(),
    programs: await programs(scene, subjects),
    rounds: options.rounds,
    megabytes: options.size.megabytes,
  };
}

function machine(): Machine {
  const processors = cpus();
  return {
    processors: processors.length,
    model: processors[0]?.model.trim() ?? "unknown",
    memoryBytes: totalmem(),
    system: `${systemType()} ${release()}`,
  };
}

async function programs(
  scene: Scene,
  subjects: readonly Subject[],
): Promise<Readonly<Record<string, string>>> {
  const asked: Record<string, readonly string[]> = {
    psql: ["psql", "--version"],
    stunnel: ["stunnel", "-version"],
    pgbouncer: ["pgbouncer", "--version"],
    aws: ["aws", "--version"],
  };
  const versions: Record<string, string> = {
    Node: process.versions.node,
    PostgreSQL: scene.server.version,
  };
  for (const [name, words] of Object.entries(asked)) {
    if (name !== "psql" && !subjects.some((subject) => subject.name === name)) continue;
    versions[name] = versionIn(await versionLine(words));
  }
  for (const { launcher, name } of subjects) {
    const [program] = launcher?.empty ?? [];
    const isRuntime = /^rdsiam-(node|bun|deno)$/.test(name);
    if (program !== undefined && isRuntime) {
      versions[name.slice("rdsiam-".length)] = versionIn(await versionLine([program, "--version"]));
    }
  }
  return versions;
}

async function versionLine(words: readonly string[]): Promise<string> {
  const { stderr, stdout } = await $({ quiet: true, nothrow: true })`${words}`;
  return (stdout + stderr).split("\n").find((line) => /\d+\.\d+/.test(line)) ?? "";
}

function versionIn(text: string): string {
  return /\d+(?:\.\d+)+/.exec(text)?.[0] ?? text;
}

// One line that is written over and over on a terminal; elsewhere one for each round.
function progressOf(rounds: number): (round: number, what: string) => void {
  let last = 0;
  return (round, what) => {
    const text = `round ${round} of ${rounds}`;
    if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${text}: ${what}`);
    else if (round !== last) process.stderr.write(`${text}\n`);
    last = round;
  };
}
