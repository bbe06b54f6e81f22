// The choice by number, with a person's lines from a list.
import assert from "node:assert/strict";
import { test } from "node:test";
import { chooseByNumber } from "../../src/tool/terminal-list.ts";

const CHOICES = ["prod", "prod-eu", "2"].map((value) => ({
  value,
  columns: [value, `${value}.db`],
}));

async function choose(
  ...typed: string[]
): Promise<{ chosen: string | undefined; written: string }> {
  let written = "";
  const chosen = await chooseByNumber("Target", CHOICES, {
    ask: async () => typed.shift(),
    write: (text) => (written += text),
  });
  assert.equal(typed.length, 0, "every line was read");
  return { chosen, written };
}

test("chooseByNumber() takes a name, a number, or what fits one line", async () => {
  assert.match((await choose("1")).written, /^1 {2}prod +prod\.db\n2 {2}prod-eu +prod-eu\.db\n/);
  assert.equal((await choose("1")).chosen, "prod");
  assert.equal((await choose("2")).chosen, "2", "a name is more than a number");
  assert.equal((await choose(" EU ")).chosen, "prod-eu");
  const asked = await choose("pro", "nothing", "9", "prod");
  assert.equal(asked.chosen, "prod");
  assert.match(asked.written, /2 of them match\nnothing matches\nnothing matches\n$/);
  assert.equal((await choose("")).chosen, undefined);
});
