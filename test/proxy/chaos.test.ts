// A slice of `npm run test:slow -- chaos`.
import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import { startStage } from "../support/stage.ts";
import { runChaos } from "../support/chaos.ts";

const SEED = 1;
const skip = process.platform === "linux" ? false : "descriptors are counted in /proc";

test(
  "startProxy() + 20 faults leave no wrong result, no hang and no descriptor",
  { skip },
  async () => {
    await using standIn = await startStage();
    const { figures, violations, descriptors } = await runChaos({
      standIn,
      seed: SEED,
      faults: 20,
      workers: 8,
    });
    assert.deepEqual(violations, []);
    assert.equal(descriptors.after, descriptors.before);
    const struck = [...figures.values()].reduce((sum, each) => sum + each.struck, 0);
    assert.ok(struck > 16, `only ${struck} faults struck`);
  },
);
