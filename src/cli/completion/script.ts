// Which script is whose, and what its file is called in the repository and the package.
import { bashCompletion } from "./bash.ts";
import { fishCompletion } from "./fish.ts";
import type { Shell } from "./words.ts";
import { zshCompletion } from "./zsh.ts";

/** The file names of the scripts, in completions/. */
export const SCRIPT_FILES: Readonly<Record<Shell, string>> = {
  bash: "rdsiam.bash",
  zsh: "_rdsiam",
  fish: "rdsiam.fish",
};

/** The completion script for a shell. */
export function completionScript(shell: Shell): string {
  switch (shell) {
    case "bash":
      return bashCompletion();
    case "zsh":
      return zshCompletion();
    case "fish":
      return fishCompletion();
  }
}
