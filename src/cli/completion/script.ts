// The completion script of each shell, and its file's name in the repository and the package.
import { bashCompletion } from "./bash.ts";
import { fishCompletion } from "./fish.ts";
import { powershellCompletion } from "./powershell.ts";
import type { CommandSpec } from "../options.ts";
import { completionTables, type Shell } from "./words.ts";
import { zshCompletion } from "./zsh.ts";

/** The file names of the scripts, in completions/. */
export const SCRIPT_FILES: Readonly<Record<Shell, string>> = {
  bash: "rdsiam.bash",
  zsh: "_rdsiam",
  fish: "rdsiam.fish",
  powershell: "rdsiam.ps1",
};

const SCRIPTS = {
  bash: bashCompletion,
  zsh: zshCompletion,
  fish: fishCompletion,
  powershell: powershellCompletion,
};

/** The completion script for a shell. */
export function completionScript(shell: Shell, commands: readonly CommandSpec[]): string {
  return SCRIPTS[shell](completionTables(commands));
}
