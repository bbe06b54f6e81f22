// Our own file: nothing that ini would lose or change passes in silence.
import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { loadOwnFile, parseOwnFile } from "../../src/config/own-file.ts";
import { RdsIamError } from "../../src/base/errors.ts";
import { temporaryDirectory } from "../support/keep.ts";

test("parseOwnFile() keeps dotted names flat and values as strings", () => {
  const sections = parseOwnFile(
    "\uFEFF; comment\n[a]\nhost = h1\nflag=true\nnone = null\nport = 5432\n\n[a.b]\nhost=h2\r\n[a.b.c]\ndbname = \"x;y # z\"\n[constructor]\nuser = u\nq = 'it is'\nempty =\n",
    "f",
  );
  assert.deepEqual(
    [...sections].map(([name, values]) => [
      name,
      Object.fromEntries([...values].map(([key, { text }]) => [key, text])),
    ]),
    [
      ["a", { host: "h1", flag: "true", none: "null", port: "5432" }],
      ["a.b", { host: "h2" }],
      ["a.b.c", { dbname: "x;y # z" }],
      ["constructor", { user: "u", q: "it is", empty: "" }],
    ],
  );
});

test("parseOwnFile() takes a value as it stands, as AWS's files do: there are no comments behind values", () => {
  const values = parseOwnFile(
    '[a]\nuser = a;b\ndbname = my db #1\ncommand = x ; \\# y "z"\nq = "#1"\n',
    "f",
  ).get("a");
  assert.deepEqual(values?.get("user"), { file: "f", line: 2, text: "a;b", isQuoted: false });
  assert.equal(values.get("dbname")?.text, "my db #1");
  assert.equal(values.get("command")?.text, 'x ; \\# y "z"');
  assert.deepEqual(values.get("q"), { file: "f", line: 5, text: "#1", isQuoted: true });
});

const REFUSED: readonly (readonly [string, string, number])[] = [
  ["a header with a trailing comment", "[a] ; c\nhost = x", 1],
  ["an indented header", "[a]\n  [b]\nhost = x", 2],
  ["a header without its bracket", "[a\nhost = x", 1],
  ["an empty section name", "[]\nhost = x", 1],
  ["__proto__ as a section", "[__proto__]\nhost = x", 1],
  ["a section given twice", "[a]\nx=1\n\n[a]\ny=2", 4],
  ["a key given twice", "[a]\nhost=1\nhost=2", 3],
  ["a key before any section", "host = x", 1],
  ["a line without a value", "[a]\nhost", 2],
  ["a comment after a quoted value", '[a]\nuser = "a" # b', 2],
  ["an array key", "[a]\nhost[] = x", 2],
  ["a number in single quotes", "[a]\nuser = '12'", 2],
  ["double quotes that are not JSON", '[a]\nuser = "a\\q"', 2],
];

for (const [what, text, line] of REFUSED) {
  test(`parseOwnFile() refuses ${what}, with file and line`, () => {
    assert.throws(
      () => parseOwnFile(text, "/c/config"),
      (error: unknown) =>
        error instanceof RdsIamError &&
        error.code === "ERR_CONFIG" &&
        error.message.startsWith(`/c/config line ${line}: `) &&
        error.hint !== undefined,
    );
  });
}

test("parseOwnFile() repeats nothing that is longer than a key: it may be a pasted secret", () => {
  const secret = `IQoJ+/${"x9".repeat(30)}`;
  for (const text of [`[a]\n${secret}`, `[a]\n${secret}==`, `[a]\n${secret} = x`]) {
    assert.throws(
      () => parseOwnFile(text, "/c/config"),
      (error: unknown) => error instanceof RdsIamError && !error.message.includes("x9"),
    );
  }
});

test("parseOwnFile() gives back what was written, or refuses", () => {
  const word = fc.string({
    minLength: 1,
    maxLength: 12,
    unit: fc.constantFrom(..."ab.;#\\'\"[]= \t1-_é"),
  });
  fc.assert(
    fc.property(word, (value) => {
      try {
        const found = parseOwnFile(`[s]\nuser = ${value}\n`, "f").get("s")?.get("user")?.text;
        const plain = value.trim();
        const quoted = /^(["']).*\1$/.test(plain) && plain.length > 1;
        assert.equal(found, quoted ? found : plain);
      } catch (error) {
        assert.ok(error instanceof RdsIamError, String(error));
      }
    }),
    { numRuns: 500 },
  );
});

test("loadOwnFile() takes XDG_CONFIG_HOME, then ~/.config; a missing file is empty", async () => {
  const home = await temporaryDirectory("own");
  assert.equal(loadOwnFile({}, home).sections.size, 0);
  await mkdir(join(home, "xdg", "rdsiam"), { recursive: true });
  await writeFile(join(home, "xdg", "rdsiam", "config"), "[x]\nhost = h\n");
  const own = loadOwnFile({ XDG_CONFIG_HOME: join(home, "xdg") }, home);
  assert.deepEqual([...own.sections.keys()], ["x"]);
});

test("loadOwnFile() refuses a RDSIAM_CONFIG_FILE that does not exist", () => {
  assert.throws(() => loadOwnFile({ RDSIAM_CONFIG_FILE: "/nonexistent/c" }, "/h"), {
    code: "ERR_CONFIG",
    message: "cannot read the configuration file /nonexistent/c: ENOENT",
  });
});

test("loadOwnFile() refuses what is not UTF-8, with the line of it; a byte order mark is none of that", async () => {
  const path = join(await temporaryDirectory("own"), "config");
  const load = async (text: string, encoding: "latin1" | "utf16le" | "utf8") => {
    await writeFile(path, text, encoding);
    return loadOwnFile({ RDSIAM_CONFIG_FILE: path }, "/h").sections.get("x")?.get("dbname")?.text;
  };
  const text = "\uFEFF[x]\r\ndbname = b\u00FCro\r\n";
  assert.equal(await load(text, "utf8"), "b\u00FCro");
  await assert.rejects(load(text.slice(1), "latin1"), {
    code: "ERR_CONFIG",
    message: `${path} line 2: this line is not UTF-8`,
  });
  await assert.rejects(load(text, "utf16le"), {
    code: "ERR_CONFIG",
    message: `${path} is UTF-16, not UTF-8`,
  });
});
