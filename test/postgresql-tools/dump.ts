// pg_dump in three formats and pg_restore: byte for byte what they write and restore without rdsiam.
// An archive holds the time at which it was made; everything behind that must be the same.

import type { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { type Bench, type Check, secondsSince } from "./bench.ts";
import { EVERY_TYPE, MISSING_TYPES } from "./every-type.ts";

const DATABASE = "dumped";
const ROWS_PER_MEGABYTE = 970;
// Magic, version, sizes, format, compression and seven integers of five bytes: WriteHead(), pg_backup_archiver.c.
const ARCHIVE_HEAD = 51;

/** Dumps and restores. */
export const DUMP_CHECKS: readonly Check[] = [
  { name: "database", tools: [], run: makeDatabase },
  { name: "pg_dump plain", tools: ["pg_dump"], run: (bench) => compare(bench, "p") },
  { name: "pg_dump custom", tools: ["pg_dump"], run: (bench) => compare(bench, "c") },
  { name: "pg_restore custom", tools: ["pg_restore"], run: (bench) => restore(bench, "c") },
  { name: "pg_dump -j4", tools: ["pg_dump"], run: (bench) => compare(bench, "d") },
  { name: "pg_restore -j4", tools: ["pg_restore"], run: (bench) => restore(bench, "d") },
];

type Format = "p" | "c" | "d";

async function makeDatabase(bench: Bench): Promise<string> {
  const start = performance.now();
  const { megabytes } = bench.size;
  const rows = megabytes * ROWS_PER_MEGABYTE;
  const objects = Math.max(4, Math.ceil(megabytes / 10));
  await bench.query("postgres", `create database ${DATABASE}`);
  await bench.query(DATABASE, EVERY_TYPE);
  const missing = await bench.query(DATABASE, MISSING_TYPES);
  if (missing.length > 0) throw new Error(`types without a column: ${JSON.stringify(missing)}`);
  // Four tables, so that four jobs have work.
  for (const table of ["rows_a", "rows_b", "rows_c", "rows_d"]) {
    await bench.query(
      DATABASE,
      `create table ${table} as select n, n * 0.37::numeric as amount,
         (select string_agg(md5(n::text || k || '${table}'), '') from generate_series(1, 32) as k) as body
       from generate_series(1, ${Math.ceil(rows / 4)}) as n;
       alter table ${table} add primary key (n);`,
    );
  }
  await bench.query(
    DATABASE,
    `select lo_from_bytea(0, '') as empty_object;
     select lo_from_bytea(0, decode(repeat(md5(n::text), 65536), 'hex')) from generate_series(1, ${objects}) as n;`,
  );
  const [size] = await bench.query(
    DATABASE,
    "select pg_size_pretty(pg_database_size(current_database())) as it",
  );
  return `${rows} rows, ${objects + 1} large objects, ${String(size?.["it"])}, ${secondsSince(start)}`;
}

async function compare(bench: Bench, format: Format): Promise<string> {
  const files = {
    through: join(bench.directory, `through.${format}`),
    direct: join(bench.directory, `direct.${format}`),
  };
  const start = performance.now();
  await dump(bench.through, DATABASE, { format, file: files.through });
  const seconds = secondsSince(start);
  const startDirect = performance.now();
  await dump(bench.direct, DATABASE, { format, file: files.direct });
  const secondsDirect = secondsSince(startDirect);
  const [through, direct] = [
    await digest(files.through, format),
    await digest(files.direct, format),
  ];
  if (through.text !== direct.text)
    throw new Error(`not the same:\n${through.text}\n${direct.text}`);
  await rm(files.direct, { recursive: true });
  if (format === "p") await rm(files.through);
  return `${(through.bytes / 1e6).toFixed(1)} MB the same, ${seconds} (direct ${secondsDirect})`;
}

async function restore(bench: Bench, format: Format): Promise<string> {
  const archive = join(bench.directory, `through.${format}`);
  const database = `restored_${format}`;
  await bench.query("postgres", `create database ${database}`);
  const start = performance.now();
  const jobs = format === "d" ? ["-j4"] : [];
  await bench.through(database, [
    "pg_restore",
    "--exit-on-error",
    ...jobs,
    "-d",
    database,
    archive,
  ]);
  const seconds = secondsSince(start);
  await rm(archive, { recursive: true });
  const [was, is] = [join(bench.directory, "was.sql"), join(bench.directory, "is.sql")];
  await dump(bench.direct, DATABASE, { format: "p", file: was });
  await dump(bench.direct, database, { format: "p", file: is });
  const [wanted, got] = [await digest(was, "p"), await digest(is, "p")];
  await bench.query("postgres", `drop database ${database}`);
  await Promise.all([rm(was), rm(is)]);
  if (wanted.text !== got.text) throw new Error("the restored database is not the same");
  return `${(got.bytes / 1e6).toFixed(1)} MB the same, ${seconds}`;
}

async function dump(
  run: Bench["direct"],
  database: string,
  to: { readonly format: Format; readonly file: string },
): Promise<void> {
  const { file, format } = to;
  const options = { p: [], c: ["-Z1"], d: ["-Z1", "-j4"] }[format];
  const key = format === "p" ? await restrictKey(run) : [];
  await run(database, ["pg_dump", `-F${format}`, ...options, ...key, "-f", file]);
}

// Newer versions write a random key into a script unless they are given one; older ones know no key.
async function restrictKey(run: Bench["direct"]): Promise<readonly string[]> {
  const { stdout } = await run(DATABASE, ["pg_dump", "--help"]);
  return stdout.includes("--restrict-key") ? ["--restrict-key=rdsiam"] : [];
}

async function digest(
  path: string,
  format: Format,
): Promise<{ readonly text: string; readonly bytes: number }> {
  if (format !== "d") {
    const text = await hash(path, format === "c" ? ARCHIVE_HEAD : 0);
    return { text, bytes: (await stat(path)).size };
  }
  const lines: string[] = [];
  let bytes = 0;
  for (const name of (await readdir(path)).toSorted()) {
    const file = join(path, name);
    lines.push(`${name} ${await hash(file, name === "toc.dat" ? ARCHIVE_HEAD : 0)}`);
    bytes += (await stat(file)).size;
  }
  return { text: lines.join("\n"), bytes };
}

async function hash(file: string, start: number): Promise<string> {
  const sum = createHash("sha256");
  for await (const chunk of createReadStream(file, { start })) sum.update(chunk as Buffer);
  return sum.digest("hex");
}
