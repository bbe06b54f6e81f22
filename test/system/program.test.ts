// How programs are named and started on both systems. What cmd.exe makes of the words is tried in test/slow/windows.ts.
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { describe, test } from "node:test";
import { inBackground, programName, shellWords, spawnWords } from "../../src/system/program.ts";
import { lineReader } from "../../src/system/terminal.ts";
import { RdsIamError } from "../../src/base/errors.ts";

const ENV = { SYSTEMROOT: String.raw`D:\Windows` };
const CMD = String.raw`D:\Windows\System32\cmd.exe`;
const SHIM = String.raw`C:\npm dir\npx.cmd`;

function batchLine(...args: string[]): string | undefined {
  return spawnWords({ file: SHIM, args }, ENV, "win32").args.at(-1);
}

describe("programName()", () => {
  test("is the name that a tool is known by", () => {
    assert.equal(
      programName(String.raw`C:\Program Files\PostgreSQL\17\bin\PSQL.EXE`, "win32"),
      "psql",
    );
    assert.equal(programName("C:/x/pg_dump.cmd", "win32"), "pg_dump");
    assert.equal(programName("/usr/bin/PSQL.exe", "linux"), "PSQL.exe");
  });
});

describe("spawnWords()", () => {
  test("leaves programs as they are", () => {
    const program = { file: String.raw`C:\x\psql.exe`, args: ["-c", 'select "a b"%PATH%'] };
    assert.deepEqual(spawnWords(program, ENV, "win32"), program);
    const script = { file: "/usr/bin/tool.cmd", args: ["a"] };
    assert.deepEqual(spawnWords(script, ENV, "linux"), script);
  });

  test("gives a batch file to the system's cmd.exe, with every word quoted that it would read", () => {
    const { args, file, windowsVerbatimArguments } = spawnWords(
      { file: SHIM, args: ["-y", "x"] },
      ENV,
      "win32",
    );
    assert.equal(file, CMD);
    assert.equal(windowsVerbatimArguments, true);
    assert.deepEqual(args.slice(0, -1), ["/d", "/e:on", "/v:off", "/s", "/c"]);
    assert.equal(args.at(-1), String.raw`""C:\npm dir\npx.cmd" -y x"`);
    assert.equal(batchLine("", "a b"), `""${SHIM}" "" "a b""`);
    assert.equal(
      batchLine("a&calc", "^", "!x!", "(", "a,b;c=d"),
      `""${SHIM}" "a&calc" "^" "!x!" "(" "a,b;c=d""`,
    );
    assert.equal(batchLine('say "hi"'), `""${SHIM}" "say ""hi""""`);
    assert.equal(batchLine("%PATH%"), `""${SHIM}" "%%cd:~,%PATH%%cd:~,%""`);
    assert.equal(batchLine(String.raw`C:\d` + "\\"), String.raw`""${SHIM}" "C:\d\\""`);
    assert.equal(batchLine(String.raw`a\"b`), String.raw`""${SHIM}" "a\\""b""`);
  });

  test("refuses a batch file's argument with a line break", () => {
    for (const word of ["a\nb", "a\r", "\0"]) {
      assert.throws(
        () => batchLine(word),
        (error) => {
          return error instanceof RdsIamError && error.code === "ERR_USAGE";
        },
      );
    }
  });
});

test("shellWords() gives a line to each system's shell as it is", () => {
  assert.deepEqual(shellWords("a | b", {}, "linux"), { file: "/bin/sh", args: ["-c", "a | b"] });
  assert.deepEqual(shellWords('a "b c" | d', ENV, "win32"), {
    file: CMD,
    args: ["/d", "/s", "/c", '"a "b c" | d"'],
    windowsVerbatimArguments: true,
  });
});

test("inBackground() keeps the terminal's Ctrl-C from a program", () => {
  assert.deepEqual(inBackground("linux"), { detached: true });
  assert.deepEqual(inBackground("win32"), { windowsHide: true });
});

test("lineReader() reads what cmd.exe prints, an empty line too, and no variable of the environment", () => {
  const { args, file, lineOf } = lineReader("Code: ", ENV, "win32");
  assert.equal(file, CMD);
  assert.ok(!args.join(" ").includes("Code"));
  const printed = (text: string) => Buffer.from(text, "utf16le");
  assert.equal(lineOf(printed("ANSWER=b\u00FCro %x% &\r\nANSWERS=no\r\n"), 0), "b\u00FCro %x% &");
  assert.equal(lineOf(printed(""), 1), "");
  const posix = lineReader("Code: ", {}, "linux");
  assert.equal(posix.lineOf(Buffer.from("b\u00FCro"), 0), "b\u00FCro");
  assert.equal(posix.lineOf(Buffer.from(""), 1), undefined);
});
