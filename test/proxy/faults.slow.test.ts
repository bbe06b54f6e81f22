// More of what fuzz.test.ts has a few of, and slices of chaos and flood; `npm run test:slow -- fuzz`, `-- chaos` and `-- flood` have all.
import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import { runChaos } from "../support/chaos.ts";
import { flood } from "../support/flood.ts";
import * as floodReport from "../support/flood-report.ts";
import { brokenBounds, figures } from "../support/fuzz-report.ts";
import { fuzz } from "../support/fuzz.ts";
import { seedOf } from "../support/random.ts";
import { startStage } from "../support/stage.ts";

const skip = process.platform === "linux" ? false : "descriptors are counted in /proc";

test("proxy: 2,000 malformed packets, SASL messages and cancels get nowhere and leave nothing", async (t) => {
  const result = await fuzz({ seed: seedOf(), attacks: 2_000 });
  for (const line of figures(result)) t.diagnostic(line);
  assert.deepEqual(brokenBounds(result), []);
});

test(
  "startProxy() + 100 faults leave no wrong result, no hang and no descriptor",
  { skip },
  async () => {
    await using standIn = await startStage();
    const run = { standIn, seed: seedOf(), faults: 100, workers: 8 };
    const { figures: struck, violations, descriptors } = await runChaos(run);
    assert.deepEqual(violations, []);
    assert.equal(descriptors.after, descriptors.before);
    assert.ok([...struck.values()].reduce((sum, each) => sum + each.struck, 0) > 80);
  },
);

test("proxy: 2,000 silent sockets slow neither an open session nor a new login", async (t) => {
  const options = { sockets: 2_000, batch: 200, loginTimeout: 1_500, quiet: 500 };
  const result = await flood(options);
  for (const line of floodReport.figures(result)) t.diagnostic(line);
  assert.deepEqual(floodReport.brokenBounds(result, options, { slack: 250 }), []);
});
