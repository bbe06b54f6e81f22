// npm run test:slow -- mutation [NUMBER [ROOM...]]: changes one place of src/proxy, src/relay, src/via or src/session at a time, 200
// times, and runs the test files that are nearest to it: those that import the file, then one from end to end. A mutant that no
// test notices is listed; one that mutation-survivors.ts has not judged fails the run.
// RDSIAM_SEED=N chooses other mutants. About an hour on two processors; RDSIAM_JOBS=N runs at a time.
import { spawn } from "node:child_process";
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { availableParallelism, tmpdir } from "node:os";
import { basename, dirname, join, normalize } from "node:path";
import process from "node:process";
import { transformSync } from "esbuild";
import { glob } from "zx";
import { random } from "../support/random.ts";
import { JUDGED } from "./mutation-survivors.ts";

const MOST_TESTS = 4; // files for a mutant, apart from the end-to-end one
const LONGEST_TEST = 60_000; // ms that a file may take while nothing is changed
const END_TO_END: Readonly<Record<string, string>> = {
  proxy: "test/e2e/trust.test.ts",
  relay: "test/e2e/relay.test.ts",
  via: "test/e2e/network.test.ts",
  session: "test/e2e/identity-errors.test.ts",
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

interface Mutant {
  readonly file: string;
  /** How the list of survivors names it: the file, the line and the change. */
  readonly name: string;
  readonly text: string;
}

async function main([number = "200", ...named]: readonly string[]): Promise<void> {
  const rooms = named.length > 0 ? named : Object.keys(END_TO_END);
  const files = (await glob(rooms.map((room) => `src/${room}/*.ts`))).toSorted();
  const seed = Number(process.env["RDSIAM_SEED"] ?? 1);
  const mutants = await chooseMutants(files, Number(number), seed);
  const importers = await readImporters();
  const durations = new Map<string, number>();
  const jobs = Number(process.env["RDSIAM_JOBS"] ?? availableParallelism());
  const trees = await Promise.all(Array.from({ length: jobs }, copyTree));
  let survivors = mutants;
  // What is quick first; from end to end only what has survived that.
  for (const kill of [killByNearest, killFromEndToEnd]) {
    const left = [...survivors];
    survivors = [];
    const work = async (tree: string): Promise<void> => {
      for (let next = left.pop(); next !== undefined; next = left.pop()) {
        const killer = await kill(next, { tree, importers, durations });
        process.stdout.write(`${killer ?? "survived"}\t${next.name}\n`);
        if (killer === undefined) survivors.push(next);
      }
    };
    await Promise.all(trees.map(work));
  }
  await Promise.all(trees.map((tree) => rm(tree, { recursive: true, force: true })));
  const open = survivors.map(({ name }) => name).filter((name) => !Object.hasOwn(JUDGED, name));
  process.stdout.write(`seed ${seed}: ${survivors.length} of ${number} survived, `);
  process.stdout.write(`${open.length} of them not judged\n${open.join("\n")}\n`);
  process.exitCode = open.length === 0 ? 0 : 1;
}

async function chooseMutants(files: readonly string[], most: number, seed: number) {
  const all: Mutant[] = [];
  for (const file of files) {
    const text = await readFile(file, "utf8");
    const compiled = compile(text);
    for (const [pattern, replacement] of OPERATORS) {
      for (const { index, 0: found } of text.matchAll(pattern)) {
        const changed = text.slice(0, index) + replacement + text.slice(index + found.length);
        const result = compile(changed);
        if (result === undefined || result === compiled) continue;
        const start = text.lastIndexOf("\n", index) + 1;
        const line = text.slice(start, text.indexOf("\n", index)).trim();
        const change = `${found.trim().slice(0, 40)} -> ${replacement.trim()}`;
        all.push({ file, name: `${file}: ${line} [${change}]`, text: changed });
      }
    }
  }
  const source = random(seed);
  const chosen: Mutant[] = [];
  while (chosen.length < most && all.length > 0) {
    chosen.push(...all.splice(source.below(all.length), 1));
  }
  return chosen;
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

// Those with the file's name come first, and then the nearest.
function nearestTests(file: string, importers: ReadonlyMap<string, readonly string[]>): string[] {
  const seen = new Set([file]);
  for (const each of seen) for (const next of importers.get(each) ?? []) seen.add(next);
  const tests = [...seen].filter(
    (each) => /(?<!\.slow)\.test\.ts$/.test(each) && !/^test\/(?:e2e|docs|bench)\//.test(each),
  );
  const isNamesake = (each: string): boolean => each.includes(basename(file, ".ts"));
  return [...tests.filter(isNamesake), ...tests.filter((each) => !isNamesake(each))];
}

interface Runner {
  readonly tree: string;
  readonly importers: ReadonlyMap<string, readonly string[]>;
  /** Of each test file while nothing is changed, in milliseconds; infinite for one that fails. */
  readonly durations: Map<string, number>;
}

type Kill = (mutant: Mutant, runner: Runner) => Promise<string | undefined>;

/** The first of the nearest test files that fails; undefined when none does. */
const killByNearest: Kill = async ({ file, text }, { tree, importers, durations }) => {
  const tests: (readonly [test: string, duration: number])[] = [];
  for (const test of nearestTests(file, importers)) {
    const start = performance.now();
    const duration =
      durations.get(test) ??
      ((await runTest(tree, test, 120_000)) === 0 ? performance.now() - start : Infinity);
    durations.set(test, duration);
    if (duration <= LONGEST_TEST) tests.push([test, duration]);
    if (tests.length === MOST_TESTS) break;
  }
  return withMutant(join(tree, file), text, async () => {
    for (const [test, duration] of tests.toSorted((one, other) => one[1] - other[1]))
      if ((await runTest(tree, test, 30_000 + 5 * duration)) !== 0) return test;
    return undefined;
  });
};

const killFromEndToEnd: Kill = ({ file, text }, { tree }) =>
  withMutant(join(tree, file), text, async () => {
    if ((await run(tree, ["npm", "run", "--silent", "build"], 300_000)) !== 0) return "the build";
    const whole = END_TO_END[file.split("/")[1] ?? ""] ?? "";
    return (await runTest(tree, whole, 300_000)) === 0 ? undefined : whole;
  });

async function withMutant<Result>(path: string, text: string, use: () => Promise<Result>) {
  const original = await readFile(path);
  await writeFile(path, text);
  try {
    return await use();
  } finally {
    await writeFile(path, original);
  }
}

function runTest(tree: string, test: string, limit: number): Promise<number> {
  return run(tree, ["node", "--import", "tsx", "--test", test], limit);
}

async function copyTree(): Promise<string> {
  const tree = await mkdtemp(join(tmpdir(), "rdsiam-mutation-"));
  const names = ["src", "test", "scripts", "packaging", "docs", "man", "completions", "dist"];
  const files = ["package.json", "tsconfig.json", "README.md", "CHANGELOG.md", "SECURITY.md"];
  for (const name of [...names, ...files]) {
    await cp(name, join(tree, name), {
      recursive: true,
      filter: (path) => !path.includes("node_modules"),
    });
  }
  // Not a symbolic link: the build knows packages by their path.
  await run(".", ["cp", "-al", "node_modules", tree], 60_000);
  return tree;
}

// In a process group of its own, which is ended whole when the tests hang.
function run(cwd: string, [command = "", ...words]: string[], limit: number): Promise<number> {
  return new Promise((settle) => {
    const child = spawn(command, words, { cwd, stdio: "ignore", detached: true });
    const end = (): void => {
      if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
    };
    const timer = setTimeout(end, limit);
    child.once("exit", (status) => {
      clearTimeout(timer);
      settle(status ?? 1);
    });
  });
}

void main(process.argv.slice(2));
