// What nobody caught, without a process that fails: the order in which a run ends.
import assert from "node:assert/strict";
import { test } from "node:test";
import { unlessFailed } from "../../src/runtime/uncaught.ts";

const noTool = (): Promise<void> => Promise.resolve();

test("unlessFailed() answers as the command does when nothing failed", async () => {
  const { signal } = new AbortController();
  assert.equal(await unlessFailed(Promise.resolve(7), signal, noTool), 7);
  const refused = Promise.reject(new Error("refused"));
  await assert.rejects(unlessFailed(refused, signal, noTool), /refused/);
});

test("unlessFailed() tells the failure and not what the command makes of it", async () => {
  const failed = new AbortController();
  failed.abort(new Error("first"));
  failed.abort(new Error("second"));
  const consequence = Promise.reject(new Error("consequence"));
  await assert.rejects(unlessFailed(consequence, failed.signal, noTool), /first/);
  await assert.rejects(unlessFailed(Promise.resolve(0), failed.signal, noTool), /first/);
});

test("unlessFailed() waits for the tool's end, and then not for a command that hangs", async (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const failed = new AbortController();
  let endTool: () => void = () => {};
  const tool = new Promise<void>((resolve) => (endTool = resolve));
  let settled = false;
  const hangs = new Promise<number>(() => {});
  const ran = unlessFailed(hangs, failed.signal, () => tool).finally(() => (settled = true));
  ran.catch(() => {});
  failed.abort(new Error("inside"));
  await turn();
  context.mock.timers.tick(60_000);
  await turn();
  assert.equal(settled, false, "the tool still runs");
  endTool();
  await turn();
  context.mock.timers.tick(60_000);
  await assert.rejects(ran, /inside/);
});

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
