// npm run bench [-- OPTION...]: measures rdsiam beside the tool alone, stunnel, pgbouncer and the AWS CLI, all with the
// same PostgreSQL server over verified TLS; --help lists the options.
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { cpus, loadavg, release, totalmem, type as systemType } from "node:os";
import { basename, dirname } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { $ } from "zx";
import { drawPicture } from "./bench/picture.ts";
import { lookUp, type Results, tables } from "./bench/results.ts";
import { chooseRows, firstLineOf, runRounds } from "./bench/rows.ts";
import { startScene } from "./bench/scene.ts";
import { ALL, type Subject, subjects, USUAL } from "./bench/subjects.ts";

const HELP = `npm run bench [-- OPTION...]

  --only ROW,...       only these rows: empty, version, list, first-row, copy-out-text, copy-out-binary, copy-in, pg_dump,
                       cancel (MB that arrive after Ctrl-C in a stalled COPY), simple-1, simple-16, prepared-1, prepared-16,
                       logins-1, logins-8 (clients), idle-1, idle-100, idle-1000 (sessions); \`logins\` stands for all logins-N
  --scale              also rows of 64 to 1,000 sessions, 4 to 64 logins at once, and 1 to 5,000 targets
  --soak SECONDS       also memory over a run of that length, for each subject
  --subjects NAME,...  only these; default ${USUAL}.
                       rdsiam, relay and pass-through run under the Node that runs this, with -node20, -node, -bun, -deno or
                       -binary behind the name under another one; \`all\` stands for what docs/performance.md has
  --also NAME=FILE     another build of rdsiam, FILE is its rdsiam.js: subjects rdsiam-NAME, relay-NAME, pass-through-NAME
  --tool NAME=COMMAND  another proxy, by the command line that starts it in the foreground on 127.0.0.1 port $LISTEN; the server
                       and its login are in $PGHOST (put it into /etc/hosts), $PGPORT, $PGUSER, $PGDATABASE, $PGPASSWORD (a
                       token), $PGSSLROOTCERT and in AWS's own variables
  --rounds N           interleaved rounds (default 7)
  --megabytes N        size of the table that is copied (default 320)
  --seconds N          length of each run of pgbench (default 2)
  --quick              everything small, one round, for a smoke run; its figures mean nothing
  --no-build           takes dist/ and build/rdsiam as they are
  --json FILE          every single figure goes there (default build/performance.json)
  --from FILE          measures nothing, and reads such a file instead
  --docs               writes docs/performance.svg, and the measured part of docs/performance.md
`;

// settle: ms that a process is left alone before its idle memory is read; most: the largest size that a row may have.
const FULL = { megabytes: 320, scale: 10, seconds: 2, starts: 3, settle: 3000, most: 5000 };
const QUICK = { megabytes: 48, scale: 1, seconds: 1, starts: 1, settle: 0, most: 16 };
const PAGE = "docs/performance.md";

function readOptions(args: readonly string[]) {
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: { type: "string", multiple: true, default: [] },
      subjects: { type: "string", default: USUAL },
      also: { type: "string", multiple: true, default: [] },
      tool: { type: "string", multiple: true, default: [] },
      rounds: { type: "string" },
      megabytes: { type: "string" },
      seconds: { type: "string" },
      scale: { type: "boolean", default: false },
      soak: { type: "string" },
      quick: { type: "boolean", default: false },
      "no-build": { type: "boolean", default: false },
      json: { type: "string", default: "build/performance.json" },
      from: { type: "string" },
      docs: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  const { most, ...base } = values.quick ? QUICK : FULL;
  const megabytes = readNumber(values.megabytes, base.megabytes);
  const seconds = readNumber(values.seconds, base.seconds);
  const size = { ...base, megabytes, seconds, soak: readNumber(values.soak, 0) };
  const extra = [values.scale ? "scale" : "", size.soak > 0 ? "soak" : ""];
  const only = values.only.flatMap((words) => words.split(","));
  const pairs = (list: readonly string[]): Record<string, string> =>
    Object.fromEntries(list.map((pair) => pair.split(/=(.*)/s, 2)));
  const others = { also: pairs(values.also), tools: pairs(values.tool) };
  const named = values.subjects === "all" ? ALL : values.subjects;
  return {
    ...values,
    size,
    rows: chooseRows(only, { extra, most }),
    others,
    subjects: [...new Set([...named.split(","), ...Object.keys(others.tools)])],
    rounds: readNumber(values.rounds, values.quick ? 1 : 7),
    command: ["npm run bench --", ...args].join(" "),
  };
}

function readNumber(text: string | undefined, fallback: number): number {
  if (text === undefined) return fallback;
  if (!/^[1-9]\d*$/.test(text)) throw new TypeError(`no such number: ${text}`);
  return Number(text);
}

async function main(): Promise<void> {
  const options = readOptions(process.argv.slice(2));
  if (options.help) return void process.stdout.write(HELP);
  const { from, json } = options;
  await mkdir(dirname(json), { recursive: true });
  if (from === undefined) await writeFile(json, JSON.stringify(await measure(options)));
  const results = JSON.parse(await readFile(from ?? json, "utf8")) as Results;
  const found = lookUp(results);
  const text = `${results.head.map((line) => `- ${line}`).join("\n")}\n${tables(found)}`;
  process.stdout.write(`\n${text}`);
  if (!options.docs) return;
  await writeFile("docs/performance.svg", drawPicture(found));
  const page = await readFile(PAGE, "utf8");
  const measured = /(?<=<!-- measured -->\n)[^]*(?=<!-- end of measured -->)/;
  const filled = page.replace(measured, () => `\n${text}\n`);
  await writeFile(PAGE, filled);
}

async function measure(options: ReturnType<typeof readOptions>): Promise<Results> {
  if (process.platform !== "linux") throw new Error("the benchmark reads /proc: Linux only");
  const { others, rounds, rows, size, subjects: names } = options;
  if (!options["no-build"]) {
    await $`npm run --silent build`;
    if (names.some((name) => name.endsWith("-binary"))) await $`npm run --silent build:binary`;
  }
  const [load = 0] = loadavg();
  await using scene = await startScene(size);
  const start = subjects(scene, others);
  const started: Subject[] = [];
  const missing: string[] = [];
  try {
    for (const name of names) {
      const subject = await start(name).catch((error) => firstLineOf(error));
      if (typeof subject === "string") missing.push(`${name}: ${subject}`);
      else started.push(subject);
    }
    const bench = { scene, size, start };
    const { failures, runs } = await runRounds(bench, rounds, rows, started);
    const versions = await versionsOf(started, scene.postgres.binaries.version);
    const [processor] = cpus();
    const head = [
      `${new Date().toISOString().slice(0, 10)}, ${rounds} rounds, \`${options.command}\``,
      `${cpus().length} processors (${processor?.model.trim()}), ${Math.round(totalmem() / 2 ** 30)} GiB, ${systemType()} ${release()}, load average before ${load.toFixed(1)}`,
      versions,
    ];
    const all = [...head, ...missing, ...failures];
    return { head: all, subjects: started.map(({ name }) => name), runs };
  } finally {
    for (const subject of started) await subject[Symbol.asyncDispose]();
  }
}

async function versionsOf(started: readonly Subject[], server: string): Promise<string> {
  const versions = [`PostgreSQL ${server}`];
  const ask = async (name: string, words: readonly string[]): Promise<void> => {
    const { stderr, stdout } = await $({ quiet: true, nothrow: true })`${words}`;
    versions.push(`${name} ${/\d+(?:\.\d+)+/.exec(stdout + stderr)?.[0] ?? "unknown"}`);
  };
  await ask("psql", ["psql", "--version"]);
  for (const { launcher, name } of started) {
    if (/^(pgbouncer|aws)$/.test(name)) await ask(name, [name, "--version"]);
    if (name === "stunnel") await ask(name, [name, "-version"]);
    if (launcher === undefined) continue;
    await ask(name, [...launcher.words, "--version"]);
    const [runtime = ""] = launcher.empty;
    if (!name.endsWith("-binary")) await ask(`on ${basename(runtime)}`, [runtime, "--version"]);
  }
  return versions.join(", ");
}

void main();
