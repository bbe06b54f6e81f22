// Command lines in hints: what is pasted into a shell is one word again, whatever a name has in it.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { shellCommand, shellWord } from "../../src/base/shell-word.ts";

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

test("shellWord() + a shell reads each name as it is", () => {
  const line = `printf '%s\\n' ${NAMES.map(shellWord).join(" ")}`;
  assert.equal(
    execFileSync("/bin/sh", ["-c", line], { encoding: "utf8" }),
    `${NAMES.join("\n")}\n`,
  );
});

test("shellCommand() + quotes the values, and the text not", () => {
  const name = "my prod";
  assert.equal(
    shellCommand`Run: rdsiam psql ${name} -c "select 1"`,
    `Run: rdsiam psql 'my prod' -c "select 1"`,
  );
});
