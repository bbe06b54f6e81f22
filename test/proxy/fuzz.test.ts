// A slice of `npm run test:slow -- fuzz`.
import assert from "node:assert/strict";
import { test } from "node:test";
import { seedOf } from "../support/random.ts";
import { fuzz } from "../support/fuzz.ts";
import { brokenBounds, figures } from "../support/fuzz-report.ts";

test("proxy: 2,000 malformed packets, SASL messages and cancels get nowhere and leave nothing", async (t) => {
  const result = await fuzz({ seed: seedOf(), attacks: 2_000 });
  for (const line of figures(result)) t.diagnostic(line);
  assert.deepEqual(brokenBounds(result), []);
});
