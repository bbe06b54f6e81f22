// npm run test:slow -- tools [--megabytes 1024 --seconds 60 --rows 200000]: PostgreSQL's own tools through rdsiam, compared
// with the same tools on the server's unix socket. The defaults are the full size, which takes about a quarter of an hour.

import process from "node:process";
import { parseArgs } from "node:util";
import { installDebianPackages } from "../../scripts/debian-packages.ts";
import { type Bench, type Check, secondsSince, startBench } from "../postgresql-tools/bench.ts";
import { CHECKS, missingTools } from "../postgresql-tools/checks.ts";

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      megabytes: { type: "string", default: "1024" },
      seconds: { type: "string", default: "60" },
      rows: { type: "string", default: "200000" },
    },
  });
  // The server's package brings pgbench, pg_verifybackup and test_decoding; both must be of one version.
  if (missingTools(CHECKS).length > 0) {
    const reason = await installDebianPackages(["postgresql", "postgresql-client"]);
    if (reason !== undefined) process.stdout.write(`${reason}\n`);
  }
  await using bench = await startBench({
    megabytes: Number(values.megabytes),
    seconds: Number(values.seconds),
    rows: Number(values.rows),
  });
  const { binaries } = bench.standIn.postgres;
  process.stdout.write(`server ${binaries.version} in ${binaries.directory}\n`);
  const start = performance.now();
  const verdicts: string[] = [];
  for (const check of CHECKS) verdicts.push(await runCheck(check, bench));
  const count = (verdict: string): number => verdicts.filter((one) => one === verdict).length;
  process.stdout.write(
    `${count("ok")} passed, ${count("FAILED")} failed, ${count("skipped")} skipped, ${secondsSince(start)}\n`,
  );
  process.exitCode = count("FAILED") === 0 && count("ok") > 0 ? 0 : 1;
}

async function runCheck(check: Check, bench: Bench): Promise<string> {
  const missing = missingTools([check]);
  const say = (verdict: string, text: string): string => {
    process.stdout.write(`${check.name.padEnd(20)}${verdict.padEnd(9)}${text}\n`);
    return verdict;
  };
  if (missing.length > 0) return say("skipped", `${missing.join(", ")} not on this machine`);
  try {
    return say("ok", await check.run(bench));
  } catch (error) {
    return say("FAILED", error instanceof Error ? error.message : String(error));
  }
}

void main();
