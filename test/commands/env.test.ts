// What `rdsiam env` prints is read by real shells: no value, whatever is in it, is anything but a value there.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import fc from "fast-check";
import { type Assignment, assignmentText } from "../../src/commands/env.ts";
import { without } from "../support/program.ts";

// fish writes into its home, wherever that is.
const home = mkdtempSync(join(tmpdir(), "rdsiam-env-"));
after(() => rmSync(home, { recursive: true, force: true }));

// What an environment variable can hold: anything but NUL, and no half of a surrogate pair.
const value = fc.oneof(
  fc.string({ unit: "grapheme", maxLength: 40 }),
  fc.string({
    unit: fc.constantFrom(
      "'",
      "\\",
      '"',
      "$",
      "`",
      "\n",
      "\r",
      "!",
      " ",
      "a",
      "(",
      ")",
      ";",
      "*",
      "~",
      "%",
      "#",
      "-",
      "\t",
    ),
    maxLength: 30,
  }),
);
const values = value.map((text) => text.replaceAll("\0", ""));

// All values of a property in one shell: starting one is what costs.
function readBack(shell: "sh" | "fish" | "powershell", texts: readonly string[]): string[] {
  const list = texts.map((text, index): Assignment => [`RDSIAM_V${index}`, text]);
  if (shell === "powershell") {
    const script = `${assignmentText(list, shell)}\nnode -p 'JSON.stringify(Object.entries(process.env))'`;
    const words = ["-NoProfile", "-NonInteractive", "-Command", "-"];
    const ran = spawnSync("pwsh", words, { encoding: "utf8", input: `${script}\n` });
    const own = new Map(JSON.parse(ran.stdout) as readonly (readonly [string, string])[]);
    return list.map(([name]) => own.get(name) ?? "");
  }
  const names = list.map(([name]) => name);
  // printenv is a child: it sees what was exported, byte for byte.
  const script = `${assignmentText(list, shell)}\n${names.map((name) => `printenv ${name}; printf '\\1'`).join("\n")}\n`;
  const { stdout, stderr } = spawnSync(shell, ["-c", script], {
    encoding: "utf8",
    env: { PATH: "/usr/local/bin:/usr/bin:/bin", LC_ALL: "C.UTF-8", HOME: home },
  });
  assert.equal(stderr, "");
  return stdout.split("\n\u0001").slice(0, -1);
}

for (const shell of ["sh", "fish", "powershell"] as const) {
  test(
    `assignmentText() is read back by ${shell} as it was`,
    { skip: without({ sh: "dash", fish: "fish", powershell: "pwsh" }[shell]) },
    () => {
      fc.assert(
        fc.property(fc.array(values, { minLength: 40, maxLength: 60 }), (texts) => {
          assert.deepEqual(readBack(shell, texts), texts);
        }),
        { numRuns: 5 },
      );
    },
  );
}

test("assignmentText() takes variables away in the shell's own way", () => {
  const gone: readonly Assignment[] = [["PGHOST", undefined]];
  assert.equal(assignmentText(gone, "sh"), "unset PGHOST");
  assert.equal(assignmentText(gone, "fish"), "set -e PGHOST");
  assert.equal(
    assignmentText(gone, "powershell"),
    "Remove-Item -ErrorAction SilentlyContinue Env:PGHOST",
  );
  assert.equal(assignmentText(gone, "cmd"), "PGHOST=");
  assert.equal(assignmentText(gone, "json"), '{\n  "PGHOST": null\n}');
});

test("assignmentText() in JSON is the object of the variables", () => {
  assert.deepEqual(JSON.parse(assignmentText([["PGUSER", `a"b\n`]], "json")), { PGUSER: `a"b\n` });
});

test("assignmentText() for PowerShell and cmd.exe leaves no sign to be read", () => {
  const list: readonly Assignment[] = [["PGUSER", "it's $(x) %PATH%"]];
  assert.equal(assignmentText(list, "powershell"), "$env:PGUSER = 'it''s $(x) %PATH%'");
  assert.equal(assignmentText(list, "cmd"), "PGUSER=it's $(x) %PATH%");
  assert.throws(
    () => assignmentText([["PGUSER", "a\nb"]], "cmd"),
    /PGUSER cannot be set in cmd\.exe/,
  );
});
