// The slice of `npm run test:slow -- tools` that npm run test:slow runs: the same checks on some megabytes and for a second each.
import { test } from "node:test";
import { startBench } from "./bench.ts";
import { CHECKS, missingTools } from "./checks.ts";
import { keep } from "../support/keep.ts";

const bench = await keep(startBench({ megabytes: 4, seconds: 1, rows: 2000 }));

for (const check of CHECKS) {
  const missing = missingTools([check]);
  const skip = missing.length > 0 && `${missing.join(", ")} not on this machine`;
  test(`rdsiam exec: ${check.name} works as it does directly`, { skip }, async (context) => {
    context.diagnostic(await check.run(bench));
  });
}
