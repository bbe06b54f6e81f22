// A slice of `npm run test:slow -- memory`: what a reader does not take, and what a server does not take, is not held in memory.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { test } from "node:test";
import { copyIn, copyOut, type CopyFigures } from "../slow/copy-memory.ts";
import { COMMAND, RUNTIME } from "../support/program.ts";
import { DEMO_USER, startTestRelay } from "../support/relay-scene.ts";
import { startStage } from "../support/stage.ts";

const BOUND = RUNTIME === "deno" ? 100 : 50; // MB
const skip = !existsSync("/proc/self/clear_refs") && "needs Linux's /proc";

function assertBounded({ growth }: CopyFigures): void {
  assert.ok(growth < BOUND, `memory grew by ${growth.toFixed(1)} MB, ${BOUND} are allowed`);
}

test(
  "COPY out to a reader that stops, COPY in to a locked table: exact, in bounded memory",
  { skip },
  async () => {
    await using standIn = await startStage();
    const run = { standIn, command: COMMAND, pause: 1_000 };
    assertBounded(await copyOut({ ...run, megabytes: 120 }));
    assertBounded(await copyIn({ ...run, megabytes: 60 }));
  },
);

// TLS within TLS, where Bun said that everything is sent at once, and Deno did not pause.
test("COPY out and in through a relay: exact, in bounded memory", { skip }, async () => {
  await using standIn = await startStage();
  const rules = `[allow demo]\narn = ${DEMO_USER}\ntargets = *\n`;
  await using relay = await startTestRelay(standIn, { rules });
  const env = { ...standIn.env, RDSIAM_VIA: relay.via() };
  const run = { standIn: { ...standIn, env }, command: COMMAND, pause: 2_000 };
  assertBounded(await copyOut({ ...run, megabytes: 300 }));
  assertBounded(await copyIn({ ...run, megabytes: 200 }));
});
