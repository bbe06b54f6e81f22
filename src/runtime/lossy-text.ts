// Finds what the runtimes change of a command line and an environment that are not UTF-8: Node and Bun put U+FFFD in, and Deno
// leaves such a variable out. No runtime hands in the bytes themselves; Linux has them under /proc.
import { Buffer, isUtf8 } from "node:buffer";
import { readFileSync } from "node:fs";

/** The words of this process's command line, or the NAME=VALUE of its environment, that are not UTF-8; none where it cannot be known. */
export function notUtf8(file: "cmdline" | "environ"): readonly string[] {
  let bytes: Buffer;
  try {
    bytes = readFileSync(`/proc/self/${file}`);
  } catch {
    return [];
  }
  if (isUtf8(bytes)) return [];
  // NUL is between them in both files, and latin1 keeps each byte.
  const words = bytes.toString("latin1").split("\0");
  return words.filter((word) => !isUtf8(Buffer.from(word, "latin1")));
}
