// npm run test:slow -- env [--versions 12,18] [--control]: psql through rdsiam with every hostile variable, times every libpq.
// Each run makes psql say which libpq it has really loaded. The names that a libpq reads are also searched in the library
// itself, so that a variable that a new version brings cannot be missing from the table.
// With --control each value is also set behind rdsiam's back: a `!` marks where it would have done harm.

import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { installDebianPackages } from "../../scripts/debian-packages.ts";
import { type Libpq, linkLibpqs } from "../../scripts/libpq.ts";
import { missingPostgresqlTools } from "../../scripts/postgresql-tools.ts";
import type { StandIn } from "../../src/demo/stand-in.ts";
import { HOSTILE, KEPT, ROWS } from "../support/hostile-environment.ts";
import { rdsiam, without } from "../support/program.ts";
import { startStage } from "../support/stage.ts";

const PSQL = [
  "psql",
  "-At",
  "-c",
  "select current_user",
  "-c",
  "\\! grep -om1 '/.*/libpq[.]so[.0-9]*$' /proc/$PPID/maps",
];
const CLIENT = ["python3", join(import.meta.dirname, "libpq-client.py")];

interface Cell {
  readonly row: string;
  readonly version: string;
  readonly ok: boolean;
  readonly harmful: boolean;
  readonly said: string;
}

interface Case {
  readonly row: string;
  readonly variables: Readonly<Record<string, string>>;
  readonly subject: Subject;
}

interface Subject {
  readonly libpq: Libpq;
  /** psql, or a small client where this machine's psql needs a newer libpq. */
  readonly tool: readonly string[];
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { versions: { type: "string" }, control: { type: "boolean", default: false } },
  });
  await missingPostgresqlTools();
  const missing = without("psql");
  if (missing !== false) {
    process.stdout.write(`env skipped: ${missing}\n`);
    return;
  }
  const directory = await mkdtemp(join(tmpdir(), "rdsiam-libpq-"));
  try {
    const all = await linkLibpqs(directory);
    const wanted = values.versions?.split(",");
    const libpqs = all.filter(({ version }) => wanted?.includes(version) ?? true);
    await using standIn = await startStage();
    const own: Libpq = { version: "own", file: "", directory: "" };
    await runAll([own, ...libpqs], { standIn, control: values.control });
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

interface Stage {
  readonly standIn: StandIn;
  readonly control: boolean;
}

async function runAll(libpqs: readonly Libpq[], stage: Stage): Promise<void> {
  if (libpqs.length === 1) {
    process.stdout.write("no other libpq for this platform: only the machine's own is tried\n");
  }
  const start = performance.now();
  const subjects: Subject[] = [];
  for (const libpq of libpqs) subjects.push({ libpq, tool: await chooseTool(libpq, stage) });
  const cells = await runCases(subjects, stage);
  printTable(cells, libpqs);
  const unknown = libpqs.flatMap(unknownNames);
  for (const { row, said, version } of cells.filter(({ ok }) => !ok)) {
    process.stdout.write(`${row}, libpq ${version}: ${said}\n`);
  }
  for (const line of unknown) process.stdout.write(`${line}\n`);
  const failed = cells.filter(({ ok }) => !ok).length + unknown.length;
  const seconds = ((performance.now() - start) / 1000).toFixed(0);
  const harmful = cells.filter((cell) => cell.harmful).length;
  if (stage.control) process.stdout.write(`${harmful} of them would have done harm (!)\n`);
  process.stdout.write(`${cells.length} runs, ${failed} failed, ${seconds} s\n`);
  process.exitCode = failed === 0 ? 0 : 1;
}

async function chooseTool(libpq: Libpq, stage: Stage): Promise<readonly string[]> {
  const probe = await rdsiam(["psql", "prod", "-c", "select 1"], {
    env: environmentFor(libpq, stage),
  });
  if (!probe.stderr.includes("undefined symbol")) return PSQL;
  if (without("python3") !== false) await installDebianPackages(["python3"]);
  process.stdout.write(`libpq ${libpq.version}: psql needs a newer one; a small client instead\n`);
  return CLIENT;
}

async function runCases(subjects: readonly Subject[], stage: Stage): Promise<readonly Cell[]> {
  const cells: Cell[] = [];
  const work = ROWS.flatMap(([row, variables]) =>
    subjects.map((subject): Case => ({ row, variables, subject })),
  ).values();
  const worker = async (): Promise<void> => {
    for (const item of work) cells.push(await runCase(item, stage));
  };
  await Promise.all(Array.from({ length: availableParallelism() + 1 }, worker));
  return cells;
}

async function runCase(item: Case, stage: Stage): Promise<Cell> {
  const { row, subject } = item;
  const { libpq, tool } = subject;
  const env = { ...environmentFor(libpq, stage), ...item.variables };
  const [name = "", ...rest] = tool;
  const words = name === "psql" ? ["psql", "prod", ...rest] : ["exec", "prod", ...tool];
  const ran = await rdsiam(words, { env });
  const [user, loaded = ""] = ran.stdout.split("\n");
  const right = libpq.file === "" ? loaded !== "" : loaded === libpq.file;
  const ok = ran.status === 0 && user === "app_ro" && right && ran.stderr === "";
  const harmful = stage.control && row in HOSTILE && !(await runControl(item, stage));
  const said = `status ${ran.status}, ${ran.stdout}${ran.stderr}`;
  return { row, version: libpq.version, ok, harmful, said };
}

function environmentFor(libpq: Libpq, stage: Stage): Readonly<Record<string, string>> {
  const loader = libpq.directory === "" ? {} : { LD_LIBRARY_PATH: libpq.directory };
  return { ...stage.standIn.env, ...loader };
}

// The same value, set by env(1) after rdsiam has done its work; whether the tool still reaches the proxy in silence.
async function runControl(item: Case, stage: Stage): Promise<boolean> {
  const { libpq, tool } = item.subject;
  const variables = { PGCONNECT_TIMEOUT: "2", ...item.variables };
  const words = Object.entries(variables).map(([name, value]) => `${name}=${value}`);
  const ran = await rdsiam(["exec", "prod", "env", ...words, ...tool], {
    env: environmentFor(libpq, stage),
  });
  return ran.status === 0 && ran.stdout.startsWith("app_ro\n") && ran.stderr === "";
}

// The variables are the strings of the library that begin with PG; PGRES_* are names of results.
function unknownNames(libpq: Libpq): readonly string[] {
  if (libpq.file === "") return [];
  const strings = readFileSync(libpq.file, "latin1").matchAll(/(?<=\0)PG(?!RES_)[A-Z_]+(?=\0)/g);
  const names = new Set([...strings].map(([name]) => name));
  return [...names]
    .filter((name) => !(name in HOSTILE) && !(name in KEPT))
    .map((name) => `libpq ${libpq.version} reads ${name}, which is not in the table`);
}

function printTable(cells: readonly Cell[], libpqs: readonly Libpq[]): void {
  const heads = libpqs.map(({ version }) => version.padStart(5));
  process.stdout.write(`${"variable".padEnd(26)}${heads.join("")}\n`);
  for (const [row] of ROWS) {
    const marks = libpqs.map(({ version }) => {
      const cell = cells.find((one) => one.row === row && one.version === version);
      return `${cell?.ok === true ? "ok" : "FAIL"}${cell?.harmful === true ? "!" : " "}`.padStart(
        5,
      );
    });
    process.stdout.write(`${row.padEnd(26)}${marks.join("")}\n`);
  }
}

void main();
