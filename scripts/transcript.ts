// npm run transcript: writes docs/first-ten-minutes.md, with what each command really prints on the stand-in, and docs/terminal.svg,
// the same on a terminal.
// What differs from run to run (times, versions, signatures) becomes `…`, which the tests of the documents take for anything.

import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { startStandIn } from "../src/demo/stand-in.ts";
import { makeScene, runCommand, type Scene } from "../test/docs/run-blocks.ts";
import { STEPS } from "./documents/first-ten-minutes.ts";
import {
  terminalPicture,
  terminalSession,
  wordsOfPicture,
  wordsOfSession,
} from "./documents/terminal-picture.ts";

const DOCUMENT = "docs/first-ten-minutes.md";
const PICTURE = "docs/terminal.svg";

const VARYING: readonly (readonly [RegExp, string])[] = [
  [/\b\d+(?:\.\d+)? (ms|days)\b/g, "… $1"],
  [/^(ok {4}clock +).*$/gm, "$1…"],
  [/(127\.0\.0\.1(?::|", port ))(?!5432\b)\d+/g, "$1…"],
  [
    /((?:\bledger\w{20}|\binventory\.[\w.-]+|\.redshift(?:-serverless)?\.amazonaws\.com):)\d+/g,
    "$1…",
  ],
  [/(PostgreSQL\)? )\d+\.\d+ \([^)]*\)/g, "$1…"],
  [/(\?Action=connect)&\S*/g, "$1…"],
  [/(remembered in .*|\/usr\/\S*bin\/\S+)/g, "…"],
];

async function main(): Promise<void> {
  const env = { PATH: process.env["PATH"], TMPDIR: process.env["TMPDIR"] };
  await using standIn = await startStandIn({ env, from: [process.cwd()] });
  const scene = await makeScene(standIn);
  const directory = join(standIn.directory, "documents", "first-ten-minutes");
  await mkdir(directory, { recursive: true });
  const parts: string[] = [];
  for (const step of STEPS) parts.push(await part(scene, step, directory));
  await writeFile(DOCUMENT, `${parts.join("\n\n")}\n`);
  const session = await terminalSession(scene);
  const before = await readFile(PICTURE, "utf8").catch(() => "");
  // Other milliseconds alone are no other picture.
  if (wordsOfPicture(before) === wordsOfSession(session)) return;
  await writeFile(PICTURE, terminalPicture(session));
}

async function part(
  scene: Scene,
  step: string | readonly string[],
  directory: string,
): Promise<string> {
  if (typeof step === "string") return step;
  const lines: string[] = [];
  for (const command of step) {
    const output = await runCommand(scene, command, directory);
    const shown = VARYING.reduce((text, [from, to]) => text.replaceAll(from, to), output);
    lines.push(`$ ${command}\n${shown.trimEnd()}`.trimEnd());
  }
  return `\`\`\`console\n${lines.join("\n")}\n\`\`\``;
}

void main();
