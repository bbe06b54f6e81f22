// npm run test:slow -- fuzz [RUNTIME...]: 200,000 malformed packets, SASL messages and cancels for each runtime, about a minute each.
// RDSIAM_SEED=N repeats a run; RDSIAM_ATTACKS=N makes it shorter or longer.
import process from "node:process";
import { fuzz } from "../support/fuzz.ts";
import { brokenBounds, figures } from "../support/fuzz-report.ts";
import { seedOf } from "../support/random.ts";
import { underEachRuntime } from "./subjects.ts";

const seed = seedOf();
const attacks = Number(process.env["RDSIAM_ATTACKS"] ?? 200_000);

void underEachRuntime(async (program) => {
  const result = await fuzz({ seed, attacks, program });
  return { figures: figures(result), broken: brokenBounds(result) };
});
