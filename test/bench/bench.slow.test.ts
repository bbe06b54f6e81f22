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

test(
  "npm run bench -- --quick measures each subject, writes JSON and leaves nothing",
  { skip },
  async () => {
    const directory = await mkdtemp(join(tmpdir(), "rdsiam-bench-test-"));
    const file = join(directory, "results.json");
    const only = [
      "--only",
      "version,psql,copy-out-text",
      "--subjects",
      "direct,rdsiam,rdsiam-direct",
    ];
    const before = await scenes();
    try {
      const words = ["--import", "tsx", resolve("scripts/bench.ts"), "--quick", "--no-build"];
      const ran = await run([process.execPath, ...words, ...only, "--json", file], {
        env: { HOME: directory },
      });
      assert.equal(ran.status, 0, ran.stderr);
      const results: Results = JSON.parse(await readFile(file, "utf8"));
      assert.deepEqual(results.failures, {});
      assert.deepEqual(results.missing, {});
      const measured = results.runs.map(({ subject, work }) => `${work} ${subject}`).toSorted();
      assert.deepEqual(measured, [
        "copy-out-text direct",
        "copy-out-text rdsiam",
        "copy-out-text rdsiam-direct",
        "empty rdsiam",
        "empty rdsiam-direct",
        "psql direct",
        "psql rdsiam",
        "psql rdsiam-direct",
        "version rdsiam",
        "version rdsiam-direct",
      ]);
      for (const { peakBytes, subject, values, work } of results.runs) {
        assert.ok(Object.values(values).every((value) => value > 0));
        const isInBetween = work === "copy-out-text" && subject !== "direct";
        assert.equal(peakBytes !== undefined && peakBytes > 0, isInBetween);
      }
      assert.match(ran.stdout, /^copy-out-text +rdsiam \/ direct +\d/m);
      assert.deepEqual(await scenes(), before);
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  },
);

async function scenes(): Promise<readonly string[]> {
  const all = [...(await readdir("/dev/shm")), ...(await readdir(tmpdir()))];
  return all.filter((name) => /^rdsiam-bench-\w{6}$/.test(name)).toSorted();
}
