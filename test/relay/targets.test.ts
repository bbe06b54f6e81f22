import assert from "node:assert/strict";
import { test } from "node:test";
import type { RelayTarget } from "../../src/relay/access.ts";
import { type SearchResult, Targets } from "../../src/relay/targets.ts";

const target = (host: string): RelayTarget => ({ name: host, host, port: 5432, tags: {} });
const names = (targets: Targets): readonly string[] => targets.all().map(({ name }) => name);

test("Targets + what was found stays while searches fail, and goes when one is complete without it", async () => {
  let answer: SearchResult | Error = { targets: [target("a"), target("b")], problems: [] };
  const run = async (): Promise<SearchResult> => {
    if (answer instanceof Error) throw answer;
    return answer;
  };
  const targets = new Targets([target("listed")], [{ region: "eu-west-1", run }]);
  assert.deepEqual(await targets.refresh(), []);
  assert.deepEqual(names(targets), ["listed", "a", "b"]);
  answer = new Error("throttled");
  assert.deepEqual(await targets.refresh(), ["throttled"]);
  assert.deepEqual(names(targets), ["listed", "a", "b"]);
  answer = { targets: [target("c")], problems: ["not allowed to list proxies"] };
  assert.deepEqual(await targets.refresh(), ["not allowed to list proxies"]);
  assert.deepEqual(names(targets), ["listed", "a", "b", "c"]);
  answer = { targets: [target("c")], problems: [] };
  await targets.refresh();
  assert.deepEqual(names(targets), ["listed", "c"]);
  assert.equal(targets.find("c", 5432)?.name, "c");
  assert.equal(targets.find("c", 22), undefined);
  targets.replace([], []);
  assert.deepEqual(names(targets), []);
});

test("Targets + a database of the file is there once, with the file's own tags, when it is found too", async () => {
  const listed = { ...target("a"), name: "listed", tags: { env: "prod" } };
  const run = async (): Promise<SearchResult> => ({
    targets: [target("a"), target("b")],
    problems: [],
  });
  const targets = new Targets([listed], [{ region: "eu-west-1", run }]);
  await targets.refresh();
  assert.deepEqual(names(targets), ["listed", "b"]);
  assert.deepEqual(targets.find("a", 5432)?.tags, { env: "prod" });
});

test("Targets + a search that ends after its Region was taken away changes nothing", async () => {
  let resolve: (found: SearchResult) => void = () => {};
  const run = (): Promise<SearchResult> => new Promise((settle) => (resolve = settle));
  const targets = new Targets([target("listed")], [{ region: "eu-west-1", run }]);
  const searched = targets.refresh();
  targets.replace([target("listed")], []);
  resolve({ targets: [target("a")], problems: [] });
  await searched;
  assert.deepEqual(names(targets), ["listed"]);
});
