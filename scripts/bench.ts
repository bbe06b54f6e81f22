// npm run bench [-- OPTION...]: measures rdsiam beside the tool alone, stunnel, pgbouncer and the AWS CLI, all with the
// same PostgreSQL server over verified TLS; --help lists the options.
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import process from "node:process";
import { BENCH_HELP, readBenchOptions } from "./bench/options.ts";
import { measure } from "./bench/measure.ts";
import { pageText } from "./bench/page.ts";
import { drawPicture } from "./bench/picture.ts";
import { reportText } from "./bench/report.ts";
import type { Results } from "./bench/results.ts";

async function main(): Promise<void> {
  const options = readBenchOptions(process.argv.slice(2));
  if (options.help) {
    process.stdout.write(BENCH_HELP);
    return;
  }
  const results =
    options.from === undefined ? await measure(options) : await readResults(options.from);
  process.stdout.write(`\n${reportText(results)}`);
  const { docs, json, svg } = options;
  await mkdir(dirname(json), { recursive: true });
  await writeFile(json, `${JSON.stringify(results, undefined, 2)}\n`);
  if (svg !== undefined) await drawPicture(results, svg);
  if (docs === undefined) return;
  const picture = "performance.svg";
  await drawPicture(results, join(docs, picture));
  await writeFile(join(docs, "performance.md"), pageText(results, picture));
}

async function readResults(file: string): Promise<Results> {
  const results: Results = JSON.parse(await readFile(file, "utf8"));
  return results;
}

void main();
