// Adds target sections to our own configuration file. What is there is never touched: sections are appended in one write,
// and only when the file is still one that can be read with them. One run does so at a time.

import { appendFile, mkdir, readFile } from "node:fs/promises";
import { dirname } from "node:path";
import { errorCode } from "../base/errno.ts";
import { RdsIamError } from "../base/errors.ts";
import { underLock } from "../base/file-lock.ts";
import { parseOwnFile } from "./own-file.ts";

/** A section to be: its name, and its lines in order; a key of `#` is a comment. */
export interface NewSection {
  readonly name: string;
  readonly lines: readonly (readonly [key: string, value: string])[];
}

/** A section as our own file has it, or AWS's, which knows no quotes; with a line end after each line. */
export function formatSection({ name, lines }: NewSection, of: "own" | "aws" = "own"): string {
  const cut = lines.find(
    ([, value]) => of === "aws" && (value !== value.trim() || /\p{Cc}/u.test(value)),
  );
  if (cut !== undefined) throw notInAwsFile(cut[0]);
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
 * them. A section that is there word for word stays as it is: another run has just added it.
 */
export async function appendSections(
  file: string,
  sections: readonly string[],
  check: (text: string, file: string) => unknown = parseOwnFile,
): Promise<void> {
  try {
    await mkdir(dirname(file), { recursive: true, mode: 0o700 });
    await underLock(`${file}.lock`, async () => {
      const before = await readFile(file, "utf8").catch((error: unknown) => {
        if (errorCode(error) === "ENOENT") return "";
        throw error;
      });
      const lines = `\n${before}\n`;
      const missing = sections.filter((section) => !lines.includes(`\n${section}\n`));
      if (missing.length === 0) return;
      for (const [header = ""] of missing.map((section) => section.split("\n", 1))) {
        if (lines.includes(`\n${header}\n`)) throw addedMeanwhile(header, file);
      }
      const start = before === "" ? "" : before.endsWith("\n") ? "\n" : "\n\n";
      const text = `${start}${missing.join("\n")}`;
      check(`${before}${text}`, file);
      await appendFile(file, text, { mode: 0o600 });
    });
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

function addedMeanwhile(header: string, file: string): RdsIamError {
  return new RdsIamError(`${header} was added to ${file} meanwhile, with other lines`, {
    code: "ERR_CONFIG",
    detail: "Nothing was added.",
    hint: "Run the command again.",
  });
}

function notInAwsFile(key: string): RdsIamError {
  return new RdsIamError(`${key} cannot be written to AWS's config file`, {
    code: "ERR_USAGE",
    detail:
      "That file has no quotes: a value in it can neither begin or end with a space, nor have a line end or another control character.",
    hint: "Choose another value, or use an AWS profile that exists: --profile NAME.",
  });
}
