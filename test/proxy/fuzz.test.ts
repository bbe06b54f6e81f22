// A slice of `npm run test:slow -- fuzz`.
import assert from "node:assert/strict";
import { test } from "node:test";
import { seedOf } from "../support/random.ts";
import { fuzz } from "../support/fuzz.ts";
import { brokenBounds, figures } from "../support/fuzz-report.ts";

test("proxy: 300 malformed packets, SASL messages and cancels get nowhere and leave nothing", async (t) => {
  const result = await fuzz({ seed: seedOf(), attacks: 300 });
  for (const line of figures(result)) t.diagnostic(line);
  assert.deepEqual(brokenBounds(result), []);
});
