// What a release is made from cannot be exchanged: actions are named by commit, packages by hash; and what runs code of others
// cannot publish.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { glob } from "zx";

const WORKFLOWS = readdirSync(".github/workflows").map((name) => `.github/workflows/${name}`);

for (const file of WORKFLOWS) {
  const text = readFileSync(file, "utf8");
  // A job's name, and its text.
  const jobs = [...text.matchAll(/^ {2}(\w+):\n((?: {3,}.*\n|\n)+)/gm)].map(
    ([, ...parts]) => parts,
  );

  test(`${file} names each action by its commit`, () => {
    const uses = [...text.matchAll(/\buses: (.*)/g)].map(([, action]) => action);
    assert.notEqual(uses.length, 0);
    for (const action of uses)
      assert.match(action ?? "", /^[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/);
  });

  test(`${file} gives no right to write to a job that builds, installs or tests`, () => {
    const [before = ""] = text.split(/^jobs:$/m);
    assert.doesNotMatch(before, /: write/);
    const writers = jobs.filter(([, job]) => /: write/.test(job ?? ""));
    const isPublisher = /\/(?:release|site)\.yml$/.test(file);
    assert.deepEqual(
      writers.map(([name]) => name),
      isPublisher ? ["publish"] : [],
    );
    if (!isPublisher) return;
    const [, publish = ""] = writers[0] ?? [];
    assert.match(publish, /id-token: write/);
    assert.match(publish, /npm publish --ignore-scripts |actions\/deploy-pages@/);
    assert.doesNotMatch(publish, /npm (?:ci|install|run|exec)|npx|actions\/checkout|\.ci\/run/);
  });
}

interface Lock {
  readonly packages: Readonly<
    Record<string, { readonly integrity?: string; readonly link?: boolean }>
  >;
}

test("each lock file has the hash of each package, of those for other platforms too", async () => {
  const files = await glob("{,docs/,scripts/*/,test/*/}package-lock.json");
  assert.equal(files.length >= 5, true, files.join());
  for (const file of files) {
    const { packages }: Lock = JSON.parse(readFileSync(file, "utf8"));
    const without = Object.entries(packages)
      .filter(
        ([name, { integrity, link }]) =>
          name !== "" && !link && !(integrity ?? "").startsWith("sha512-"),
      )
      .map(([name]) => name);
    assert.deepEqual(without, [], file);
  }
});

test("the relay's pods in Kubernetes have no token for Kubernetes", () => {
  const text = readFileSync("packaging/kubernetes/relay.yaml", "utf8");
  const documents = text.split(/^---$/m);
  for (const kind of ["ServiceAccount", "Deployment"]) {
    const found = documents.filter((each) => each.includes(`\nkind: ${kind}\n`));
    assert.notEqual(found.length, 0);
    for (const each of found) assert.match(each, /^ *automountServiceAccountToken: false$/m, kind);
  }
});
