// npm run test:slow -- windows: hostile arguments to a program that prints them, started directly and as a batch file, under
// Windows' Node and Bun. Wine's cmd.exe expands %NAME% in what it puts in place of %* once more, which Windows' does not: what has
// a percent sign is given to cmd.exe's own line, with the program in place of the batch file.
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { after, before, describe, test } from "node:test";
import { build } from "esbuild";
import fc from "fast-check";
import { startWine, type Wine, windowsPath } from "../support/wine.ts";
import type { ArgumentVector } from "../support/wine-quoting.ts";

const VECTORS = 500;
const SEED = Number(process.env["RDSIAM_SEED"] ?? Date.now() % 2 ** 31);

const PIECES = [
  ..."abc019 \t^&|<>()!'`~;,=@#*?[]{}$-/\\\"",
  ...'""\\\\^^&&',
  '\\"',
  '\\\\"',
  "!PATH!",
  "^^^",
  "& calc",
  "|more",
  ">out",
  '" & calc & "',
  "C:\\Program Files\\",
  "\u00FC",
  "\u20AC",
  "\u65E5\u672C",
  "\u{1F600}",
  "\u0085",
];
const PERCENT = ["%", "%%", "%PATH%", "%CD:~0,1%", "%1", "%*", "%~dp0"];

function vectorOf(pieces: readonly string[]): fc.Arbitrary<string[]> {
  const word = fc.array(fc.constantFrom(...pieces), { maxLength: 8 }).map((all) => all.join(""));
  return fc.array(word, { minLength: 1, maxLength: 6 });
}

const vector = fc.oneof(
  { weight: 3, arbitrary: vectorOf(PIECES) },
  { weight: 1, arbitrary: vectorOf([...PIECES, ...PERCENT, ...PERCENT]) },
);
let wine: Wine | string = "not started";
before(async () => {
  wine = await startWine();
});
after(async () => {
  if (typeof wine !== "string") await wine[Symbol.asyncDispose]();
});

describe("arguments on Windows", () => {
  for (const runtime of ["node", "bun"] as const) {
    test(`${VECTORS} hostile lists of them arrive through ${runtime}, .exe and .cmd (seed ${SEED})`, async (t) => {
      if (typeof wine === "string") return t.skip(wine);
      const lists = fc.sample(vector, { numRuns: VECTORS, seed: SEED });
      const vectors = ["argv.exe", "argv.cmd"].flatMap((name) =>
        lists.map((args): ArgumentVector => {
          const skipsBatch = name.endsWith(".cmd") && args.some((each) => each.includes("%"));
          return { file: windowsPath(join((wine as Wine).bin, name)), args, skipsBatch };
        }),
      );
      const [given, answered] = [join(wine.bin, "vectors.json"), join(wine.bin, "answers.json")];
      await writeFile(given, JSON.stringify(vectors));
      const outfile = join(wine.bin, "quoting.js");
      const entryPoints = ["test/support/wine-quoting.ts"];
      await build({ entryPoints, outfile, bundle: true, platform: "node", target: "node20" });
      const words = [wine[runtime], outfile, given, answered].map(windowsPath);
      const ran = await wine.run(words);
      assert.equal(ran.status, 0, ran.stderr);
      const answers = JSON.parse(await readFile(answered, "utf8")) as readonly string[];
      assert.equal(answers.length, 2 * VECTORS);
      for (const [index, { args, file }] of vectors.entries()) {
        const printed = (answers[index] ?? "").split(/\r?\n/).slice(0, -1).map(fromHex);
        assert.deepEqual(printed, args, `${file} ${JSON.stringify(args)}`);
      }
      t.diagnostic(
        `${vectors.filter(({ skipsBatch }) => skipsBatch).length} without the batch file`,
      );
    });
  }
});

function fromHex(line: string): string {
  const bytes = Buffer.from(line, "hex");
  return bytes.length % 2 === 0 ? bytes.swap16().toString("utf16le") : line;
}
