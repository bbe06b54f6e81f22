// How to start this very program again: the demo runs the real rdsiam, not a function of it.
import process from "node:process";

/** The words that start rdsiam as it was started: runtime, its flags, script; the binary is one word. */
export function selfCommand(): readonly string[] {
  const [, script = ""] = process.argv;
  // A Bun binary's script lies in a file system of its own inside the executable.
  if (script.startsWith("/$bunfs/") || script.startsWith("B:\\~BUN")) return [process.execPath];
  if ("deno" in process.versions) return [process.execPath, "run", "--allow-all", script];
  return [process.execPath, ...process.execArgv, script];
}
