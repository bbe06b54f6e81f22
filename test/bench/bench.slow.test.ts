// The benchmark itself, as small as it gets: whether it still measures. Its figures mean nothing here.
import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import process from "node:process";
import { test } from "node:test";
import type { Results } from "../../scripts/bench/results.ts";
import { run, without } from "../support/program.ts";

const skip = process.platform === "linux" ? without("psql") : "it reads /proc, which is Linux's";

test("npm run bench -- --quick measures each subject, and leaves nothing", { skip }, async () => {
  const directory = await mkdtemp(join(tmpdir(), "rdsiam-bench-test-"));
  const json = join(directory, "results.json");
  const options = {
    only: "version,first-row,copy-out-text,cancel,idle-1,proxy-1",
    subjects: "direct,rdsiam,relay,pass-through",
    tool: "ours=$BENCH_PROGRAM proxy --port $LISTEN --auth pass-through bench",
    json,
  };
  const flags = Object.entries(options).flatMap(([name, value]) => [`--${name}`, value]);
  const before = await scenes();
  try {
    const words = ["--import", "tsx", resolve("scripts/bench.ts"), "--quick", "--no-build"];
    const tool = `${process.execPath} ${resolve("dist/rdsiam.js")}`;
    const named = flags.map((flag) => flag.replace("$BENCH_PROGRAM", tool));
    const ran = await run([process.execPath, ...words, ...named], { env: { HOME: directory } });
    assert.equal(ran.status, 0, ran.stderr);
    const { head, runs }: Results = JSON.parse(await readFile(json, "utf8"));
    assert.equal(head.length, 3, head.join("\n"));
    const figures = (name: string) =>
      runs.filter(({ subject }) => subject === name).map(({ figure }) => figure);
    const bulk = ["copy-out-text", "copy-out-text/cpu", "copy-out-text/peak"];
    const inBetween = ["first-row", ...bulk, "cancel", "idle-1"];
    assert.deepEqual(figures("direct"), ["first-row", "copy-out-text", "cancel"]);
    assert.deepEqual(figures("rdsiam"), ["version", ...inBetween, "proxy-1", "proxy-1/memory"]);
    for (const name of ["relay", "pass-through", "ours"]) {
      assert.deepEqual(figures(name), inBetween, name);
    }
    assert.ok(runs.every(({ figure, value }) => value > 0 || figure === "cancel"));
    assert.match(ran.stdout, /^\| rdsiam +\| \d\.\d\d +\|$/m);
    assert.deepEqual(await scenes(), before);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});

async function scenes(): Promise<readonly string[]> {
  const all = [...(await readdir("/dev/shm")), ...(await readdir(tmpdir()))];
  return all.filter((name) => /^rdsiam-bench-\w{6}$/.test(name)).toSorted();
}
