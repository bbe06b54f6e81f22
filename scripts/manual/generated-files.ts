// The files that are made from the tables of commands and options, and are kept in the repository for readers and packagers.

import { completionScript, SCRIPT_FILES } from "../../src/cli/completion/script.ts";
import { SHELLS } from "../../src/cli/completion/words.ts";
import { COMMANDS } from "../../src/commands/command-table.ts";
import { referenceText } from "../documents/reference.ts";
import { manualPage } from "./page.ts";

/** Their paths from the root, and their texts. */
export function generatedFiles(): ReadonlyMap<string, string> {
  const scripts = SHELLS.map(
    (shell) => [`completions/${SCRIPT_FILES[shell]}`, completionScript(shell, COMMANDS)] as const,
  );
  return new Map([
    ...scripts,
    ["man/rdsiam.1", manualPage()],
    ["docs/reference.md", referenceText()],
  ]);
}
