// Adds target sections to our own configuration file. What is there is never touched: sections are appended in one write,
// and only when the file is still one that can be read with them.

import { appendFile, mkdir, readFile } from "node:fs/promises";
import { dirname } from "node:path";
import { errorCode } from "../base/errno.ts";
import { RdsIamError } from "../base/errors.ts";
import { parseOwnFile } from "./own-file.ts";

/** A section to be: its name, and its lines in order; a key of `#` is a comment. */
export interface NewSection {
  readonly name: string;
  readonly lines: readonly (readonly [key: string, value: string])[];
}

/** A section as our own file has it, or AWS's, which knows no quotes; with a line end after each line. */
export function formatSection({ name, lines }: NewSection, of: "own" | "aws" = "own"): string {
  const text = lines.map(([key, value]) =>
    key === "#" ? `# ${value}` : `${key} = ${of === "own" ? bare(value) : value}`,
  );
  return `[${name}]\n${text.join("\n")}\n`;
}

// `ini` would read these otherwise, or cut them; in double quotes they are JSON.
function bare(value: string): string {
  return /^[\w.+@:/-]+$/.test(value) && !/^(true|false|null)$/.test(value)
    ? value
    : JSON.stringify(value);
}

/**
 * Appends text of sections to the file, which is made where it is not there; `check` throws where it could not be read with
 * them.
 */
export async function appendSections(
  file: string,
  sections: readonly string[],
  check: (text: string, file: string) => unknown = parseOwnFile,
): Promise<void> {
  try {
    const before = await readFile(file, "utf8").catch((error: unknown) => {
      if (errorCode(error) === "ENOENT") return "";
      throw error;
    });
    const start = before === "" ? "" : before.endsWith("\n") ? "\n" : "\n\n";
    const text = `${start}${sections.join("\n")}`;
    check(`${before}${text}`, file);
    await mkdir(dirname(file), { recursive: true, mode: 0o700 });
    await appendFile(file, text, { mode: 0o600 });
  } catch (error) {
    if (error instanceof RdsIamError) throw error;
    const code = errorCode(error);
    throw new RdsIamError(`cannot add to ${file}: ${code}`, {
      code: "ERR_CONFIG",
      hint: "Check the file's permissions, or paste the lines: rdsiam init shows them, rdsiam discover prints them without --write.",
      cause: error,
    });
  }
}
