// Command lines in hints: what is pasted into a shell is one word again, whatever a name has in it.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import process from "node:process";
import { test } from "node:test";
import {
  quoteForPowerShell,
  shellCommand,
  shellWord,
  splitCommand,
  windowsWord,
} from "../../src/system/shell-word.ts";

const POSIX = { skip: process.platform === "win32" && "POSIX's shell is not there" };

const NAMES = [
  "prod",
  "my prod",
  "it's",
  "$(id)",
  "a;b",
  "büro",
  "-x",
  "",
  "acct:role",
  'a"b',
  "*",
];

test("shellWord() + a shell reads each name as it is", POSIX, () => {
  const line = `printf '%s\\n' ${NAMES.map(shellWord).join(" ")}`;
  assert.equal(
    execFileSync("/bin/sh", ["-c", line], { encoding: "utf8" }),
    `${NAMES.join("\n")}\n`,
  );
});

test("shellCommand() + quotes the values, and the text not", POSIX, () => {
  const name = "my prod";
  assert.equal(
    shellCommand`Run: rdsiam psql ${name} -c "select 1"`,
    `Run: rdsiam psql 'my prod' -c "select 1"`,
  );
});

test("windowsWord() is one word of cmd.exe and PowerShell", () => {
  const words = ["prod", String.raw`C:\x\y`, "my prod", "it's", "a&b", "$(id)", 'a"b', ""];
  const written = [
    "prod",
    String.raw`C:\x\y`,
    '"my prod"',
    `"it's"`,
    '"a&b"',
    "'$(id)'",
    `'a"b'`,
    '""',
  ];
  assert.deepEqual(words.map(windowsWord), written);
  assert.equal(quoteForPowerShell("it's \u2019$x"), "'it''s \u2019\u2019$x'");
});

test("splitCommand() splits as the AWS CLI does on each system", () => {
  const line = String.raw`"C:\Program Files\x.exe" get \"q\" a\\"b c" "" end\ `;
  const windows = [
    String.raw`C:\Program Files\x.exe`,
    "get",
    '"q"',
    String.raw`a\b c`,
    "",
    "end\\",
  ];
  assert.deepEqual(splitCommand(line, "win32"), windows);
  assert.equal(splitCommand('a "b', "win32"), undefined);
  assert.deepEqual(splitCommand("  ", "win32"), []);
  assert.deepEqual(splitCommand(String.raw`a\ b 'c d'`, "linux"), ["a b", "c d"]);
});
