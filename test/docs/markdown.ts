// The documents, and the code blocks in them. How a block is written says what becomes of it:
//   sh       a shell runs it on the stand-in, and it must succeed
//   console  each `$ ` line runs, and must print what is shown: a line `...` stands for any lines, `…` for anything in a line
//   others   are not run (powershell and bat: test/windows has what of them Wine can run); ini blocks with rds_ keys are read as a configuration file
// Comments on the lines before the fence, which readers do not see, say what a block needs, and how it ends:
//   <!-- needs: AWS -->   and   <!-- stays open until: TEXT -->
// What needs `a network as on AWS` runs where port 5432 is free: its names and certificates are then the stand-in's.

import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";

/** The root of the project. */
export const ROOT = resolve(import.meta.dirname, "../..");

/** A fenced code block. */
export interface Block {
  /** The path of its document, from the root of the project. */
  readonly document: string;
  /** The line of its first line of code. */
  readonly line: number;
  /** The word behind the fence; empty where there is none. */
  readonly language: string;
  readonly text: string;
  /** Why it is not run. */
  readonly needs: string | undefined;
  /** What it prints once it is up; it is ended then. */
  readonly until: string | undefined;
}

/** README.md and every guide. */
export function documents(): string[] {
  const guides = readdirSync(join(ROOT, "docs")).filter((name) => name.endsWith(".md"));
  return ["README.md", ...guides.map((name) => `docs/${name}`).toSorted()];
}

/** A document's text. */
export function readDocument(document: string): string {
  return readFileSync(join(ROOT, document), "utf8");
}

/** The code blocks of a document. */
export function blocksOf(document: string): Block[] {
  const lines = readDocument(document).split("\n");
  const blocks: Block[] = [];
  for (let index = 0; index < lines.length; index += 1) {
    const [, indent, language] = /^( *)```(\S*)$/.exec(lines[index] ?? "") ?? [];
    if (indent === undefined || language === undefined) continue;
    const end = lines.indexOf(`${indent}\`\`\``, index + 1);
    if (end < 0) throw new Error(`${document}:${index + 1}: the block has no end`);
    const text = lines.slice(index + 1, end).map((line) => line.slice(indent.length));
    const marks = marksBefore(lines, index);
    blocks.push({
      document,
      line: index + 2,
      language,
      text: text.join("\n"),
      needs: marks.get("needs"),
      until: marks.get("stays open until"),
    });
    index = end;
  }
  return blocks;
}

// The comments on the lines before a fence.
function marksBefore(lines: readonly string[], fence: number): ReadonlyMap<string, string> {
  const marks = new Map<string, string>();
  for (let index = fence - 1; index >= 0; index -= 1) {
    const mark = /^ *<!-- (needs|stays open until): (.+) -->$/.exec(lines[index] ?? "");
    if (mark === null) break;
    marks.set(mark[1] ?? "", mark[2] ?? "");
  }
  return marks;
}

/** A document without its code blocks and comments. */
export function proseOf(document: string): string {
  return readDocument(document)
    .replaceAll(/^( *)```[^]*?^\1```$/gm, "")
    .replaceAll(/<!--[^]*?-->/g, "");
}
