// npm run test:slow -- docs: every command line of every guide that does not say what it needs, on a stand-in for each document.
import { test } from "node:test";
import { without } from "../support/program.ts";
import { startStage } from "../support/stage.ts";
import { blocksOf, documents } from "./markdown.ts";
import { isRun, makeScene, NETWORK, openTunnel, runBlock, usualPort } from "./run-blocks.ts";

const port = await usualPort();
const skipped = port === 0 && "another server has port 5432";
test(`blocks that need ${NETWORK}`, { skip: skipped }, () => {});

for (const document of documents().filter((name) => name !== "README.md")) {
  const blocks = blocksOf(document).filter((block) => isRun(block, port));
  if (blocks.length === 0) continue;
  test(document, { skip: without("psql", "pg_dump", "bash") }, async (context) => {
    await using standIn = await startStage({ port });
    const scene = await makeScene(standIn);
    await using _tunnel = await openTunnel(scene);
    for (const block of blocks) {
      const [title] = block.text.split("\n");
      await context.test(`${document}:${block.line} ${title}`, () => runBlock(scene, block));
    }
  });
}
