// npm run test:slow -- docs: every command line of every guide that does not say what it needs, on a stand-in for each document.
import { test } from "node:test";
import { without } from "../support/program.ts";
import { startStage } from "../support/stage.ts";
import { blocksOf, documents } from "./markdown.ts";
import { isRun, makeScene, runBlock } from "./run-blocks.ts";

for (const document of documents().filter((name) => name !== "README.md")) {
  const blocks = blocksOf(document).filter(isRun);
  if (blocks.length === 0) continue;
  test(document, { skip: without("psql", "pg_dump", "bash") }, async (context) => {
    await using standIn = await startStage();
    const scene = await makeScene(standIn);
    for (const block of blocks) {
      const [title] = block.text.split("\n");
      await context.test(`${document}:${block.line} ${title}`, () => runBlock(scene, block));
    }
  });
}
