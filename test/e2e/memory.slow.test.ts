// A slice of `npm run test:slow -- memory`: what a reader does not take, and what a server does not take, is not held in memory.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { test } from "node:test";
import { copyIn, copyOut, type CopyFigures } from "../slow/copy-memory.ts";
import { COMMAND, RUNTIME } from "../support/program.ts";
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
