// What comes from elsewhere does not control the terminal.
import assert from "node:assert/strict";
import { test } from "node:test";
import { printable, printableJson, printableLines } from "../../src/base/printable.ts";

// ESC, CSI, BEL, DEL; right-to-left override, isolates and marks, the Arabic letter mark; line and paragraph separators.
const SIGNS = [..."\u001b\u009b\u0007\u007f\u202e\u2066\u2069\u200e\u200f\u061c\u2028\u2029"];

test("printable() shows control and bidi characters as question marks, in one line", () => {
  for (const sign of SIGNS)
    assert.equal(printable(`a${sign}b`), "a?b", sign.codePointAt(0)?.toString(16));
  assert.equal(printable("a\r\nb\tc"), "a b c");
  assert.equal(printable("größe 数据库 👩‍💻"), "größe 数据库 👩‍💻");
});

test("printableLines() keeps lines and tabs, and colors only where they were painted", () => {
  for (const sign of SIGNS) assert.equal(printableLines(`a${sign}b`), "a?b");
  assert.equal(printableLines("a\n\tb"), "a\n\tb");
  assert.equal(printableLines("\u001b[1mbold\u001b[0m"), "?[1mbold?[0m");
  assert.equal(
    printableLines("\u001b[1mbold\u001b[0m\u001b[2J", true),
    "\u001b[1mbold\u001b[0m?[2J",
  );
});

test("printableJson() escapes them, so that a reader has them back", () => {
  for (const sign of SIGNS) {
    const json = printableJson({ name: `a${sign}b` }, 2);
    assert.equal(printableLines(json), json);
    assert.deepEqual(JSON.parse(json), { name: `a${sign}b` });
  }
});
