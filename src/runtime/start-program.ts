// Starts a program, with the signals ignored that were ignored when rdsiam was started.
import { type ChildProcess, spawn, type SpawnOptions } from "node:child_process";
import type { Environment } from "../base/context.ts";
import { SHELL, spawnWords, type SpawnWords } from "../system/program.ts";
import { ignoredAtStart } from "./ignored-signals.ts";

/** Starts a program; ERR_USAGE for arguments that a .cmd or .bat cannot be given. */
export function startProgram(
  program: SpawnWords,
  options: SpawnOptions & { readonly env: Environment },
): ChildProcess {
  const words = passIgnored(spawnWords(program, options.env));
  const { args, file, windowsVerbatimArguments } = words;
  return spawn(file, [...args], { ...options, windowsVerbatimArguments });
}

// Node and Bun reset them in each child.
function passIgnored(words: SpawnWords): SpawnWords {
  const names = ignoredAtStart().map((name) => name.slice("SIG".length));
  if (names.length === 0) return words;
  const script = `trap "" ${names.join(" ")}; exec "$@"`;
  return { file: SHELL, args: ["-c", script, "sh", words.file, ...words.args] };
}
