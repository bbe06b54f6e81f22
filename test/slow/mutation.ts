// npm run test:slow -- mutation [NUMBER [ROOM...]]: changes one place of src/proxy, src/relay, src/via or src/session at a time, 200
// times, and runs the tests that are nearest, in one process: those of its room that import the file, and others that do so
// straight. For what survives, then, the slow ones of the room and a few from end to end. A mutant that no test notices is listed;
// one that mutation-survivors.ts has not judged fails the run.
// RDSIAM_SEED=N chooses other mutants. About an hour on two processors; RDSIAM_JOBS=N runs at a time.
// What is known of each mutant is kept in build/mutation.log: a run that was ended goes on from there. Remove it to start anew.
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { appendFile, cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { availableParallelism, tmpdir } from "node:os";
import { basename, dirname, join, normalize } from "node:path";
import process from "node:process";
import { transformSync } from "esbuild";
import { glob } from "zx";
import { makeScratchDirectory } from "../../scripts/scratch.ts";
import { JUDGED } from "./mutation-survivors.ts";

const SCRATCH = makeScratchDirectory();
const LOG = "build/mutation.log"; // lines of: killer, tab, mutant
const LIMIT = 300_000; // ms for tests while nothing is changed; those of a mutant that hangs are ended sooner
// The test files of these rooms that wait for long, or work for long: last, and for what has survived the others.
const SLOW = /^test\/(?:proxy\/(?:chaos|ending|flood|frontend-tls|fuzz)|via\/rds-auth-proxy)\./;
const END_TO_END: Readonly<Record<string, readonly string[]>> = {
  proxy: ["e2e/trust.slow", "e2e/proxy", "e2e/cancel", "e2e/psql"],
  relay: ["commands/relay", "e2e/relay", "e2e/rds-auth-proxy"],
  via: [
    "e2e/network.slow",
    "e2e/via-terminal",
    "e2e/rds-auth-proxy",
    "e2e/kube.slow",
    "e2e/eice.slow",
    "e2e/ssm",
    "e2e/via-failures.slow",
  ],
  session: [
    "e2e/identity-errors.slow",
    "e2e/known-hosts",
    "e2e/exec-each",
    "e2e/picker",
    "e2e/network.slow",
    "e2e/straight",
    "e2e/via-terminal",
    "e2e/rds-auth-proxy",
    "e2e/redshift.slow",
  ],
};

// What is replaced, and by what. That it is code shows when the compiled file differs.
const OPERATORS: readonly (readonly [RegExp, string])[] = [
  [/ === /g, " !== "],
  [/ !== /g, " === "],
  [/ && /g, " || "],
  [/ (?:\|\||\?\?) /g, " && "],
  [/ < /g, " >= "],
  [/ <= /g, " < "],
  [/ > /g, " >= "],
  [/ >= /g, " > "],
  [/ \+ /g, " - "],
  [/\btrue\b/g, "false"],
  [/\bfalse\b/g, "true"],
  [/(?<=[(\s])!(?=[\w(])/g, ""],
  [/(?<=[ (])[1-9][\d_]*(?=[;,) ])/g, "0"],
  [/\bif \((?!!?\w+\) \{$)/g, "if (true || "],
  [/\bif \(/g, "if (false && "],
  [/(?<=^ +)throw .*;$/gm, ";"],
  [/(?<=^ +)(?:(?:await|void) )?[\w.#?]+\([^;]*\);$/gm, ";"],
];

const SURVIVED = "survived";
const SURVIVED_NEAR = "survived what is near";

interface Mutant {
  readonly file: string;
  /** How the list of survivors names it: the file, the line and the change. */
  readonly name: string;
  readonly text: string;
}

async function main([number = "200", ...named]: readonly string[]): Promise<void> {
  const rooms = named.length > 0 ? named : Object.keys(END_TO_END);
  const files = (await glob(rooms.map((room) => `src/${room}/*.ts`))).toSorted();
  const seed = process.env["RDSIAM_SEED"] ?? "1";
  const chosen = await chooseMutants(files, Number(number), seed);
  const mutants = chosen.filter(({ name }) => !Object.hasOwn(JUDGED, name));
  const importers = await readImporters();
  const known = await readLog();
  const jobs = Number(process.env["RDSIAM_JOBS"] ?? availableParallelism());
  const trees = await Promise.all(Array.from({ length: jobs }, copyTree));
  const quick = (file: string): string[] =>
    nearestTests(file, importers).filter((test) => !SLOW.test(test));
  const quickOfRoom = (room: string): string[] => [
    ...new Set(files.filter((file) => dirname(file) === room).flatMap(quick)),
  ];
  const slow = (file: string): string[] => [
    ...nearestTests(file, importers).filter((test) => SLOW.test(test)),
    ...(END_TO_END[roomOf(file)] ?? []).map((name) => `test/${name}.test.ts`),
  ];
  const kill = createKill();
  // What is quick first for all of them.
  for (const [survived, groupsOf] of [
    [
      SURVIVED_NEAR,
      (file: string) => [{ tests: quick(file), unchanged: quickOfRoom(dirname(file)) }],
    ],
    [SURVIVED, (file: string) => slow(file).map((test) => ({ tests: [test], unchanged: [test] }))],
  ] as const) {
    const left = mutants.filter(({ name }) => [undefined, SURVIVED_NEAR].includes(known.get(name)));
    const todo = left.filter(({ name }) => known.get(name) !== survived).toReversed();
    const work = async (tree: string): Promise<void> => {
      for (let next = todo.pop(); next !== undefined; next = todo.pop()) {
        const killer = (await kill(next, groupsOf(next.file), tree)) ?? survived;
        known.set(next.name, killer);
        process.stdout.write(`${killer}\t${next.name}\n`);
        await appendFile(LOG, `${killer}\t${next.name}\n`);
      }
    };
    await Promise.all(trees.map(work));
  }
  await Promise.all(trees.map((tree) => rm(tree, { recursive: true, force: true })));
  const open = mutants.map(({ name }) => name).filter((name) => known.get(name) === SURVIVED);
  process.stdout.write(`seed ${seed}: ${chosen.length} mutants, ${open.length} survived, `);
  process.stdout.write(
    `${chosen.length - mutants.length} were judged before\n${open.join("\n")}\n`,
  );
  process.exitCode = open.length === 0 ? 0 : 1;
}

async function readLog(): Promise<Map<string, string>> {
  await mkdir(dirname(LOG), { recursive: true });
  const text = await readFile(LOG, { encoding: "utf8", flag: "a+" });
  return new Map(
    Array.from(text.matchAll(/^(.*?)\t(.*)$/gm), ([, by = "", name = ""]) => [name, by]),
  );
}

// By a hash of each name, so that a change of the code changes the choice there and nowhere else.
async function chooseMutants(files: readonly string[], most: number, seed: string) {
  const all = new Map<string, Mutant>();
  for (const file of files) {
    const text = await readFile(file, "utf8");
    const compiled = compile(text);
    for (const [pattern, replacement] of OPERATORS) {
      for (const { index, 0: found } of text.matchAll(pattern)) {
        const end = index + found.length;
        const changed = text.slice(0, index) + replacement + text.slice(end);
        const result = compile(changed);
        if (result === undefined || result === compiled) continue;
        const before = text.slice(text.lastIndexOf("\n", index) + 1, index);
        const after = text.slice(end, text.indexOf("\n", end));
        const change = `{${found.slice(0, 60)} -> ${replacement}}`;
        const name = `${file}: ${before}${change}${after}`.replaceAll(/\s+/g, " ");
        all.set(createHash("sha256").update(seed).update(name).digest("hex"), {
          file,
          name,
          text: changed,
        });
      }
    }
  }
  const ordered = [...all].toSorted(([one], [other]) => (one < other ? -1 : 1));
  return ordered.slice(0, most).map(([, mutant]) => mutant);
}

// Undefined for what is no program. Texts for people are left out: which words they have is not what tests are for.
function compile(text: string): string | undefined {
  try {
    const { code } = transformSync(text, { loader: "ts", minifyWhitespace: true });
    return code.replaceAll(/"[^"\n]* [^"\n]*"|`[^`$]* [^`$]*`/g, '""');
  } catch {
    return undefined;
  }
}

/** Which files of test/ and src/ name a file, in an import or as a child to start. */
async function readImporters(): Promise<ReadonlyMap<string, readonly string[]>> {
  const importers = new Map<string, string[]>();
  for (const file of await glob(["src/**/*.ts", "test/**/*.ts"], {
    ignore: ["**/node_modules/**"],
  })) {
    for (const [, path = ""] of (await readFile(file, "utf8")).matchAll(/"([^"\s]+\.ts)"/g)) {
      const target = path.startsWith(".") ? normalize(join(dirname(file), path)) : path;
      importers.set(target, [...(importers.get(target) ?? []), file]);
    }
  }
  return importers;
}

// The tests of its room that import a file, and others that do so straight; those of its name first, then the nearest.
function nearestTests(file: string, importers: ReadonlyMap<string, readonly string[]>): string[] {
  const straight = importers.get(file) ?? [];
  const all = new Set(straight);
  for (const each of all) for (const next of importers.get(each) ?? []) all.add(next);
  const isNear = (each: string): boolean =>
    /(?<!\.slow)\.test\.ts$/.test(each) &&
    (each.startsWith(`test/${roomOf(file)}/`) ||
      (straight.includes(each) && !/^test\/(?:e2e|docs|bench)\//.test(each)));
  const isNamesake = (each: string): boolean => each.includes(basename(file, ".ts"));
  const near = [...all].filter(isNear);
  return [...near.filter(isNamesake), ...near.filter((each) => !isNamesake(each))];
}

function roomOf(file: string): string {
  return file.split("/")[1] ?? "";
}

interface Group {
  /** Run in one process with a mutant. */
  readonly tests: readonly string[];
  /** Run once while nothing is changed: they have to pass, and tell how long the others may take. */
  readonly unchanged: readonly string[];
}

/** What finds the first test that fails with a mutant; undefined when none does. */
function createKill() {
  const durations = new Map<string, Promise<number>>();
  const measure = async (tests: readonly string[], tree: string): Promise<number> => {
    const start = performance.now();
    const problem = await failing(tree, tests, LIMIT);
    if (problem !== undefined) throw new Error(`while nothing is changed: ${problem}`);
    return performance.now() - start;
  };
  return async ({ file, text }: Mutant, groups: readonly Group[], tree: string) => {
    for (const { tests, unchanged } of groups) {
      if (tests.length === 0) continue;
      const key = unchanged.join(" ");
      if (!durations.has(key)) durations.set(key, measure(unchanged, tree));
      const limit = 30_000 + 3 * ((await durations.get(key)) ?? 0);
      const killer = await withMutant(join(tree, file), text, () => failing(tree, tests, limit));
      if (killer !== undefined) return killer;
    }
    return undefined;
  };
}

async function withMutant<Result>(path: string, text: string, use: () => Promise<Result>) {
  const original = await readFile(path);
  await writeFile(path, text);
  try {
    return await use();
  } finally {
    await writeFile(path, original);
  }
}

/** The first test of these files that fails, all in one process; undefined when none does. */
async function failing(
  tree: string,
  tests: readonly string[],
  limit: number,
): Promise<string | undefined> {
  if (tests.some((test) => /^test\/(?:e2e|commands)\//.test(test))) {
    if ((await run(tree, ["npm", "run", "--silent", "build"], LIMIT)) !== "0") return "the build";
  }
  const entry = join(tree, "build/mutant.test.ts");
  const suites = tests.map((test) => `describe("${test}", () => import("${join(tree, test)}"));\n`);
  await writeFile(entry, `import { describe } from "node:test";\n${suites.join("")}`);
  const result = await run(tree, ["node", "--import", "tsx", "--test-reporter=tap", entry], limit);
  return result === "0" ? undefined : result;
}

async function copyTree(): Promise<string> {
  const tree = await mkdtemp(join(tmpdir(), "mut-")); // short: the paths of sockets are
  await mkdir(join(tree, "build"));
  const names = ["src", "test", "scripts", "packaging", "docs", "man", "completions", "dist"];
  const files = ["package.json", "tsconfig.json", "README.md", "CHANGELOG.md", "SECURITY.md"];
  for (const name of [...names, ...files]) {
    await cp(name, join(tree, name), {
      recursive: true,
      filter: (path) => !path.includes("node_modules"),
    });
  }
  // Not a symbolic link: the build knows packages by their path.
  await run(".", ["cp", "-al", "node_modules", tree], LIMIT);
  return tree;
}

// The exit status; or the first test that fails, with which the process ends. In a process group of its own, which is ended whole.
function run(cwd: string, [command = "", ...words]: string[], limit: number): Promise<string> {
  return new Promise((settle) => {
    const env = { ...process.env, TMPDIR: SCRATCH };
    const child = spawn(command, words, { cwd, env, detached: true });
    let printed = "";
    let result: string | undefined;
    const end = (why: string): void => {
      result ??= why;
      if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
    };
    child.stderr.resume();
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      printed += text;
      const failed = /^ *not ok \d+ - (.*)\n/m.exec(printed);
      if (failed !== null && result === undefined) end(failed[1] ?? "");
    });
    const timer = setTimeout(end, limit, "the time");
    child.once("exit", (status) => {
      clearTimeout(timer);
      settle(result ?? String(status));
    });
  });
}

void main(process.argv.slice(2));
