// Asks a tool what it is, as all of PostgreSQL's own tell: TOOL --version, one line.
import { execFile } from "node:child_process";

const TIMEOUT = 5_000; // ms

/** The first line that `FILE --version` prints; undefined when it fails or prints nothing. */
export function toolVersion(
  file: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<string | undefined> {
  return new Promise((resolve) => {
    execFile(file, ["--version"], { env, timeout: TIMEOUT }, (error, stdout) => {
      const [line = ""] = stdout.split("\n");
      resolve(error !== null || line === "" ? undefined : line);
    });
  });
}
