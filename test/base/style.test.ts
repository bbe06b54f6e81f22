// When there is colour, and that the words stay the same.
import assert from "node:assert/strict";
import { stripVTControlCharacters } from "node:util";
import { test } from "node:test";
import { hasColour, paintLabels, PLAIN, styleFor } from "../../src/base/style.ts";

const CASES: readonly (readonly [boolean, Readonly<Record<string, string>>, boolean])[] = [
  [true, {}, true],
  [false, {}, false],
  [true, { NO_COLOR: "1" }, false],
  [true, { NO_COLOR: "0" }, false],
  [true, { NO_COLOR: "" }, true],
  [true, { TERM: "dumb" }, false],
  [false, { FORCE_COLOR: "1" }, true],
  [false, { FORCE_COLOR: "" }, true],
  [true, { FORCE_COLOR: "0" }, false],
  [true, { FORCE_COLOR: "false" }, false],
  [false, { FORCE_COLOR: "1", NO_COLOR: "1", TERM: "dumb" }, true],
];

for (const [isTTY, env, expected] of CASES) {
  const where = isTTY ? "a terminal" : "a pipe";
  test(`hasColour() on ${where} with ${JSON.stringify(env)}: ${expected}`, () => {
    assert.equal(hasColour({ isTTY }, env), expected);
  });
}

const TEXT = `rdsiam: error: no target "error: x"
DETAIL:  There is none.
HINT:  Run: rdsiam list
`;

test("paintLabels() paints what begins a line, and changes no word", () => {
  const painted = paintLabels(TEXT, styleFor({ isTTY: true }, {}));
  assert.equal(stripVTControlCharacters(painted), TEXT);
  assert.equal(painted.split("\u001B[1m").length, 4);
  assert.equal(paintLabels(TEXT, PLAIN), TEXT);
});

test("paintLabels() leaves JSON lines alone", () => {
  const line = '{"level":"error","message":"error: x"}\n';
  assert.equal(paintLabels(line, styleFor({ isTTY: true }, {})), line);
});
