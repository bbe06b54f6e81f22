// Looks the tool up, so that a missing one is noticed before credentials or an MFA code are asked for.
import { execFile } from "node:child_process";
import process from "node:process";
import type { Environment } from "../base/context.ts";
import { RdsIamError } from "../base/errors.ts";
import { nearestName } from "../base/nearest-name.ts";
import { findProgram, isPath } from "../system/find-program.ts";
import { spawnWords } from "../system/program.ts";
import { shellCommand } from "../system/shell-word.ts";
import { isPostgresqlTool, POSTGRESQL_TOOLS } from "./tool-arguments.ts";

const VERSION_TIMEOUT = 5_000; // ms

/** The file to run for a tool's name: the path itself if it is one, else the first executable on the environment's PATH. */
export async function findTool(name: string, env: Environment): Promise<string> {
  const found = await findProgram(name, env);
  if (found?.kind === "executable") return found.file;
  if (found !== undefined) {
    const isDirectory = found.kind === "directory";
    throw new RdsIamError(`tool "${found.file}" cannot be executed`, {
      code: "ERR_TOOL_NOT_EXECUTABLE",
      detail: isDirectory ? "It is a directory." : "You have no execute permission on it.",
      hint: isDirectory
        ? "Name the program inside it."
        : shellCommand`If it is a program, type: chmod +x ${found.file}`,
    });
  }
  if (isPath(name)) {
    throw new RdsIamError(`tool "${name}" not found`, {
      code: "ERR_TOOL_NOT_FOUND",
      detail: "There is no file at this path.",
      hint: "Check the path, or give a name without a slash to search PATH.",
    });
  }
  throw new RdsIamError(`tool "${name}" not found`, {
    code: "ERR_TOOL_NOT_FOUND",
    detail: "No directory of PATH has an executable file of this name.",
    hint: installHint(name),
  });
}

function installHint(name: string): string {
  if (process.platform === "win32" && isPostgresqlTool(name) && name !== "pgcli") {
    return "Install PostgreSQL's command line tools: winget install PostgreSQL.PostgreSQL.17, or pgAdmin, which has psql and pg_dump.";
  }
  if (/^(?:oid2name|pgbench|vacuumlo)$/.test(name)) {
    return "Install it with `apt install postgresql-contrib` (Debian, Ubuntu) or `brew install postgresql` (macOS).";
  }
  if (isPostgresqlTool(name) && name !== "pgcli") {
    return "Install it with `apt install postgresql-client` (Debian, Ubuntu), or `brew install libpq && brew link --force libpq` (macOS).";
  }
  const near = nearestName(name, POSTGRESQL_TOOLS);
  if (near !== undefined) return `Did you mean ${near}?`;
  return "Install it, or add its directory to PATH; `rdsiam exec` runs programs, not shell aliases or functions.";
}

/** The first line that `FILE --version` prints; undefined when it fails or prints nothing. */
export function toolVersion(file: string, env: Environment): Promise<string | undefined> {
  return new Promise((resolve) => {
    const words = spawnWords({ file, args: ["--version"] }, env);
    const { windowsVerbatimArguments } = words;
    const options = { env, timeout: VERSION_TIMEOUT, windowsVerbatimArguments };
    execFile(words.file, words.args, options, (error, stdout) => {
      const [line = ""] = stdout.split(/\r?\n/);
      resolve(error !== null || line === "" ? undefined : line);
    });
  });
}
