// Which of PostgreSQL's tools are not there; says how they are installed, and installs nothing.

import process from "node:process";
import { which } from "zx";

const TOOLS = ["psql", "pg_dump", "pg_restore"];

/** The names of the tools that are missing; on stderr, with the command that installs them. */
export async function missingPostgresqlTools(): Promise<string[]> {
  const found = await Promise.all(TOOLS.map((tool) => which(tool, { nothrow: true })));
  const missing = TOOLS.filter((_, index) => found[index] === null);
  if (missing.length > 0) {
    process.stderr.write(
      `${missing.join(", ")} not found: the tests that need them are skipped.\n` +
        "Install them with: apt install postgresql-client (or: brew install libpq)\n",
    );
  }
  return missing;
}
