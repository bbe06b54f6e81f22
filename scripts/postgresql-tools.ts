// Makes sure that psql and pg_dump are there: installs them where that needs no question (root on Debian or Ubuntu), else names them.

import process from "node:process";
import { $, which } from "zx";

const TOOLS = ["psql", "pg_dump", "pg_restore"];

/** Installs what it can and answers the names of the tools that are still missing. */
export async function missingPostgresqlTools(): Promise<string[]> {
  const missing = await findMissing();
  const aptGet = await which("apt-get", { nothrow: true });
  if (missing.length === 0 || aptGet === null || process.getuid?.() !== 0) return missing;
  process.stderr.write(`installing postgresql-client (for ${missing.join(", ")}) ...\n`);
  const environment = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  const apt = $({ env: environment, nothrow: true, quiet: true });
  await apt`apt-get update`;
  const installed = await apt`apt-get install -y --no-install-recommends postgresql-client`;
  if (installed.exitCode !== 0) process.stderr.write(installed.stderr);
  return findMissing();
}

async function findMissing(): Promise<string[]> {
  const found = await Promise.all(TOOLS.map((tool) => which(tool, { nothrow: true })));
  return TOOLS.filter((_, index) => found[index] === null);
}
