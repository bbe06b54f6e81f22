// The slice of `npm run test:slow -- drivers` that npm test runs: the drivers from npm.
import assert from "node:assert/strict";
import { test } from "node:test";
import { startStage } from "../support/stage.ts";
import { DRIVERS, prepare } from "./drivers.ts";
import { addRefusedTarget, tryDriver } from "./steps.ts";

for (const driver of DRIVERS.filter(({ name }) =>
  ["node-postgres", "postgres-js"].includes(name),
)) {
  test(`rdsiam exec: ${driver.name} connects, queries, copies and cancels with PG* alone`, async (context) => {
    const reason = await prepare(driver, "");
    if (reason !== undefined) {
      context.skip(reason);
      return;
    }
    await using standIn = await startStage();
    await addRefusedTarget(standIn);
    const outcomes = await tryDriver(driver, { standIn, directory: "", target: "prod" });
    assert.deepEqual(
      outcomes.filter(({ ok }) => !ok),
      [],
    );
  });
}
