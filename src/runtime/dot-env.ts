// Bun reads the .env files of the directory that it is started in, and a directory that was cloned or unpacked is not the user:
// its variables could name a password command. The compiled program is built without (scripts/build-binary.ts), Node and
// Deno read none unasked. Not needed once Bun says which variables came from a file.
// https://bun.com/docs/runtime/environment-variables
import { readdirSync, readFileSync } from "node:fs";
import process from "node:process";

const AS_GIVEN = "/proc/self/environ";

/** Removes the variables that a .env file has set from the process's own environment; false where there is such a file and the system does not tell them apart. */
export function forgetDotEnv(env: NodeJS.ProcessEnv): boolean {
  if (!("bun" in process.versions) || process.execArgv.includes("--no-env-file")) return true;
  if (!filesHere().some((name) => name.startsWith(".env"))) return true;
  let given: Set<string>;
  try {
    const lines = readFileSync(AS_GIVEN, "utf8").split("\0");
    given = new Set(lines.map((line) => line.replace(/=.*/s, "")));
  } catch {
    return false;
  }
  for (const name of Object.keys(env)) if (!given.has(name)) delete env[name];
  return true;
}

function filesHere(): readonly string[] {
  try {
    return readdirSync(".");
  } catch {
    return [];
  }
}
