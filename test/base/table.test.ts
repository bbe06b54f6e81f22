import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { tableLines } from "../../src/base/table.ts";

test("tableLines() aligns columns, and cuts the widest where the screen is too small", () => {
  const rows = [
    ["TARGET", "HOST"],
    ["prod", "orders.cluster-c1a2b3c4d5e6.eu-west-1.rds.amazonaws.com:5432"],
  ];
  assert.deepEqual(tableLines(rows, 30), ["TARGET  HOST", "prod    orders.cluster-c1a2b3…"]);
  assert.equal(tableLines(rows, 200)[1], `prod    ${rows[1]?.[1]}`);
});

test("tableLines() is never wider than a screen that has room for its columns", () => {
  const cell = fc.string({ unit: "grapheme", maxLength: 70 });
  fc.assert(
    fc.property(
      fc.array(fc.tuple(cell, cell, cell), { minLength: 1 }),
      fc.integer({ min: 28, max: 200 }),
      (rows, width) => tableLines(rows, width).every((line) => [...line].length <= width),
    ),
  );
});
