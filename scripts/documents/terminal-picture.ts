// docs/terminal.svg: what commands print on a terminal, as a picture with the reader's light or dark colors.
// Each run of characters has its own place and width, so that columns stay columns in every font.

import { runOnTerminal, type Scene } from "../../test/docs/run-blocks.ts";

const TITLE = "A query with psql, and rdsiam doctor, on a terminal";
const COMMANDS = [
  "rdsiam psql prod -c 'select * from revenue order by total desc'",
  "rdsiam doctor prod",
];
const COLUMNS = 104;
const COLUMN = 8;
const LINE = 19;
const MARGIN = 18;
const HEAD = 30;

// Contrast of 7:1 and more on their grounds.
const STYLE = `text { font: 13px ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; white-space: pre; fill: #1f2328 }
.ground { fill: #ffffff; stroke: #d1d9e0 } .head { fill: #d1d9e0 } .bold { font-weight: bold } .dim { fill: #59636e }
.green { fill: #0f5323 } .yellow { fill: #633c01 } .red { fill: #82071e } .blue { fill: #0a3069 }
@media (prefers-color-scheme: dark) { text { fill: #e6edf3 } .ground { fill: #0d1117; stroke: #3d444d } .head { fill: #3d444d } .dim { fill: #9da7b1 }
.green { fill: #56d364 } .yellow { fill: #e3b341 } .red { fill: #ffa198 } .blue { fill: #79c0ff } }`;

// Select Graphic Rendition, as far as the commands use it.
const CLASSES: Readonly<Record<string, string>> = {
  "1": "bold",
  "2": "dim",
  "31": "red",
  "32": "green",
  "33": "yellow",
  "34": "blue",
  "36": "blue",
};
const ENDS: Readonly<Record<string, readonly string[]>> = {
  "22": ["bold", "dim"],
  "39": ["red", "green", "yellow", "blue"],
};

/** The words of a session, without what differs between runs and machines: numbers, folded lines, the version of psql. */
export function wordsOfSession(output: string): string {
  return words(output.replaceAll(ESCAPE, "").replaceAll(/[\u2E80-\uFFEF]+/g, " $& "));
}

/** The same of a picture that was made before. */
export function wordsOfPicture(picture: string): string {
  const texts = [...picture.matchAll(/<text[^>]*>([^<]*)<\/text>/g)].map(([, text]) => text);
  return words(texts.join(" ").replaceAll("&gt;", ">").replaceAll("&lt;", "<"));
}

function words(text: string): string {
  return text
    .replaceAll(/\(?PostgreSQL\)? [\d.]+(?: \([^)]*\))?(?:, \/\S+)?/g, "")
    .replaceAll(/-?\d+(?:\.\d+)?/g, "")
    .replaceAll(/(behind|ahead of) AWS's clock|as AWS's clock/g, "")
    .replaceAll(/\s+/g, " ")
    .trim();
}

// oxlint-disable-next-line no-control-regex
const ESCAPE = /\u001B\[([\d;]*)[A-Za-z]/g;

/** What a terminal shows of the commands. Doctor's step `environment` has the stand-in's own variables alone, and is left out. */
export async function terminalSession(scene: Scene): Promise<string> {
  const parts: string[] = [];
  for (const command of COMMANDS) {
    const output = await runOnTerminal(scene, command, COLUMNS);
    const shown = output.replace(/^\S+ +environment [^]*?(?=^\S+ +tool )/m, "");
    parts.push(`\u001B[2m$\u001B[22m \u001B[1m${command}\u001B[22m\n${shown}`);
  }
  return parts.join("\n");
}

/** The picture in SVG of a terminal's output, with its colors. */
export function terminalPicture(output: string): string {
  const lines = output.trimEnd().split("\n");
  const width = COLUMNS * COLUMN + 2 * MARGIN;
  const height = HEAD + lines.length * LINE + MARGIN;
  const classes = new Set<string>();
  const texts = lines.flatMap((line, at) => lineTexts(line, HEAD + (at + 1) * LINE, classes));
  const dots = [0, 1, 2].map((n) => `<circle class="head" cx="${20 + n * 18}" cy="17" r="5"/>`);
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">
<title>${TITLE}</title>
<style>
${STYLE}
</style>
<rect class="ground" x="0.5" y="0.5" width="${width - 1}" height="${height - 1}" rx="8"/>
${dots.join("")}
${texts.join("\n")}
</svg>
`;
}

function lineTexts(line: string, y: number, classes: Set<string>): string[] {
  const texts: string[] = [];
  let column = 0;
  let from = 0;
  const add = (text: string): void => {
    // What is two columns wide stands alone, since fonts disagree about it.
    for (const part of text.match(/[\u2E80-\uFFEF]+|[^\u2E80-\uFFEF]+/g) ?? []) {
      const columns = /^[\u2E80-\uFFEF]/.test(part) ? 2 * part.length : part.length;
      if (part.trim() !== "") {
        const named = classes.size > 0 ? ` class="${[...classes].join(" ")}"` : "";
        const place = `x="${MARGIN + column * COLUMN}" y="${y}" textLength="${columns * COLUMN}"`;
        texts.push(`<text ${place}${named}>${escape(part)}</text>`);
      }
      column += columns;
    }
  };
  for (const found of line.matchAll(ESCAPE)) {
    add(line.slice(from, found.index));
    from = found.index + found[0].length;
    for (const code of (found[1] ?? "").split(";")) change(classes, code);
  }
  add(line.slice(from));
  return texts;
}

function change(classes: Set<string>, code: string): void {
  if (code === "0" || code === "") classes.clear();
  for (const ended of ENDS[code] ?? []) classes.delete(ended);
  const begun = CLASSES[code];
  if (begun !== undefined) classes.add(begun);
}

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
