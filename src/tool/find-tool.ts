// Looks a program up as execvp(3) does, so that a missing tool is noticed before credentials or an MFA code are asked for.
// As in execvp, a file without execute permission does not end the search, and is what is reported when nothing better follows.
// https://pubs.opengroup.org/onlinepubs/9799919799/functions/exec.html
import { execFile } from "node:child_process";
import { constants } from "node:fs";
import { access, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Environment } from "../base/context.ts";
import { errorCode } from "../base/errno.ts";
import { RdsIamError } from "../base/errors.ts";
import { nearestName } from "../base/nearest-name.ts";
import { isPostgresqlTool, POSTGRESQL_TOOLS } from "./tool-arguments.ts";

// What execvp takes when PATH is not set (_CS_PATH).
const DEFAULT_PATH = "/bin:/usr/bin";

const VERSION_TIMEOUT = 5_000; // ms

type FoundTool = "executable" | "directory" | "not executable" | "missing";

/** The file to run for a tool's name: the path itself if it has a slash, else the first executable on the environment's PATH. */
export async function findTool(name: string, env: Environment): Promise<string> {
  if (name.includes("/")) return requireExecutable(name, await inspect(name));
  let refused: string | undefined;
  if (name !== "") {
    for (const directory of (env["PATH"] ?? DEFAULT_PATH).split(":")) {
      // An empty entry means the current directory; `./` keeps the result a path.
      const file = directory === "" ? `./${name}` : join(directory, name);
      const found = await inspect(file);
      if (found === "executable") return file;
      if (found === "not executable") refused ??= file;
    }
  }
  if (refused !== undefined) return requireExecutable(refused, "not executable");
  throw new RdsIamError(`tool "${name}" not found`, {
    code: "ERR_TOOL_NOT_FOUND",
    detail: "No directory of PATH has an executable file of this name.",
    hint: installHint(name),
  });
}

async function inspect(file: string): Promise<FoundTool> {
  try {
    const status = await stat(file);
    if (status.isDirectory()) return "directory";
    if (!status.isFile()) return "not executable";
  } catch (error) {
    return errorCode(error) === "EACCES" ? "not executable" : "missing";
  }
  try {
    await access(file, constants.X_OK);
    return "executable";
  } catch {
    return "not executable";
  }
}

function requireExecutable(file: string, found: FoundTool): string {
  if (found === "executable") return file;
  if (found === "missing") {
    throw new RdsIamError(`tool "${file}" not found`, {
      code: "ERR_TOOL_NOT_FOUND",
      detail: "There is no file at this path.",
      hint: "Check the path, or give a name without a slash to search PATH.",
    });
  }
  throw new RdsIamError(`tool "${file}" cannot be executed`, {
    code: "ERR_TOOL_NOT_EXECUTABLE",
    detail: found === "directory" ? "It is a directory." : "You have no execute permission on it.",
    hint:
      found === "directory"
        ? "Name the program inside it."
        : `If it is a program, type: chmod +x ${file}`,
  });
}

function installHint(name: string): string {
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
    execFile(file, ["--version"], { env, timeout: VERSION_TIMEOUT }, (error, stdout) => {
      const [line = ""] = stdout.split("\n");
      resolve(error !== null || line === "" ? undefined : line);
    });
  });
}
