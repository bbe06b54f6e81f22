// The slice of `npm run test:slow -- docs` that npm test runs: every command line of the README, on the stand-in, and its picture.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { StandIn } from "../../src/demo/stand-in.ts";
import { without } from "../support/program.ts";
import { startStage } from "../support/stage.ts";
import {
  terminalSession,
  wordsOfPicture,
  wordsOfSession,
} from "../../scripts/documents/terminal-picture.ts";
import { blocksOf, readDocument } from "./markdown.ts";
import { isRun, makeScene, runBlock, type Scene } from "./run-blocks.ts";

let standIn: StandIn;
let scene: Scene;
before(async () => {
  standIn = await startStage();
  scene = await makeScene(standIn);
});
after(() => standIn[Symbol.asyncDispose]());

for (const block of blocksOf("README.md").filter((block) => isRun(block))) {
  const [title] = block.text.split("\n");
  test(`README.md:${block.line} ${title}`, { skip: without("psql", "pg_dump", "bash") }, () =>
    runBlock(scene, block),
  );
}

test(
  "docs/terminal.svg shows what the commands print (else: npm run transcript)",
  { skip: without("psql", "bash") },
  async () => {
    const shown = wordsOfPicture(readDocument("docs/terminal.svg"));
    assert.match(shown, /ok, failed, skipped$/);
    assert.equal(shown, wordsOfSession(await terminalSession(scene)));
  },
);
