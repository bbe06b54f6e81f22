// What Windows' own cmd.exe makes of a batch file's arguments; test/windows/quoting.slow.test.ts has many more, under Wine.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { environmentOf } from "../../src/system/directories.ts";
import { spawnWords } from "../../src/system/program.ts";

const WORDS = [
  "",
  "a b",
  "a&calc",
  "^",
  "!x!",
  "(x)",
  'say "hi"',
  '" & calc & "',
  "C:\\d e\\",
  "\u00FC\u65E5",
];
// Wine's cmd.exe reads them twice.
const PERCENT = ["%", "100%", "%PATH%", "%1", "%*", "%~dp0", "%CD:~0,1%", '"%PATH%"'];

test(
  "spawnWords() + a batch file hands on each argument as it is",
  { skip: process.platform !== "win32" && "not Windows" },
  () => {
    const directory = mkdtempSync(join(tmpdir(), "rdsiam batch-"));
    try {
      writeFileSync(
        join(directory, "argv.js"),
        'console.log(JSON.stringify([...process.argv.slice(2).join("\\0")].map((c) => c.codePointAt(0))))',
      );
      const file = join(directory, "argv.cmd");
      writeFileSync(file, `@"${process.execPath}" "%~dp0argv.js" %*\r\n`);
      const words = "WINEPREFIX" in process.env ? WORDS : [...WORDS, ...PERCENT];
      for (const args of [...words.map((word) => [word, "end"]), words]) {
        const {
          args: given,
          file: program,
          ...how
        } = spawnWords({ file, args }, environmentOf(process.env));
        const { stderr, stdout } = spawnSync(program, given, { ...how, encoding: "utf8" });
        const codes = JSON.parse(stdout || stderr) as number[];
        assert.deepEqual(String.fromCodePoint(...codes).split("\0"), args);
      }
    } finally {
      rmSync(directory, { recursive: true });
    }
  },
);
