import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { judge } from "../../scripts/bench/acceptance.ts";
import { readBenchOptions } from "../../scripts/bench/options.ts";
import { pageText } from "../../scripts/bench/page.ts";
import { describePicture } from "../../scripts/bench/picture.ts";
import { reportText } from "../../scripts/bench/report.ts";
import { ratioOf, type Results } from "../../scripts/bench/results.ts";
import { summarize } from "../../scripts/bench/statistics.ts";

// Two rounds: in the second the machine was half as fast for all.
function results(values: Readonly<Record<string, Readonly<Record<string, number>>>>): Results {
  const runs = [1, 2].flatMap((round) =>
    Object.entries(values).map(([subject, figures]) => ({
      round,
      work: "any",
      subject,
      foreign: 0,
      values: Object.fromEntries(
        Object.entries(figures).map(([name, value]) => [name, value / round]),
      ),
    })),
  );
  return {
    format: 1,
    date: "2026-01-02T03:04:05.678Z",
    command: "npm run bench",
    version: "1.2.3",
    machine: { processors: 2, model: "a processor", memoryBytes: 2 ** 30, system: "Linux 6" },
    programs: { PostgreSQL: "15.1" },
    rounds: 2,
    megabytes: 1,
    missing: { stunnel: "not on this machine" },
    runs,
    leftOut: 3,
    noisy: 0,
    failures: {},
  };
}

describe("summarize()", () => {
  test("answers median and quartiles", () => {
    assert.deepEqual(summarize([5, 1, 3, 2, 4]), { median: 3, low: 2, high: 4, count: 5 });
    assert.deepEqual(summarize([1, 2]), { median: 1.5, low: 1.25, high: 1.75, count: 2 });
  });

  test("answers nothing of nothing", () => {
    assert.equal(summarize([]), undefined);
  });
});

describe("ratioOf()", () => {
  test("compares within a round", () => {
    const found = results({ direct: { tps: 100 }, rdsiam: { tps: 90 } });
    const ratio = ratioOf(found, { figure: "tps", subject: "rdsiam", to: "direct" });
    assert.deepEqual(ratio, { median: 0.9, low: 0.9, high: 0.9, count: 2 });
  });

  test("answers nothing where the other was not measured", () => {
    const found = results({ rdsiam: { tps: 90 } });
    assert.equal(ratioOf(found, { figure: "tps", subject: "rdsiam", to: "direct" }), undefined);
  });
});

describe("judge()", () => {
  test("says what is reached and what is not", () => {
    const direct = { pg_dump: 100, "copy-in": 100 };
    const verdicts = judge(results({ direct, rdsiam: { pg_dump: 95, "copy-in": 94 } }), "rdsiam");
    const reached = verdicts.map(({ reached, work }) => [work, reached]);
    assert.deepEqual(Object.fromEntries(reached), { pg_dump: true, "copy-in": false });
  });

  test("holds the binary to more than Node", () => {
    const figures = { "simple-1": 95 };
    const found = results({
      stunnel: { "simple-1": 100 },
      rdsiam: figures,
      "rdsiam-binary": figures,
    });
    assert.equal(judge(found, "rdsiam")[0]?.reached, true);
    assert.equal(judge(found, "rdsiam-binary")[0]?.reached, false);
  });

  test("compares a start with the runtime's own and the tool's together", () => {
    const found = results({ direct: { psql: 30 }, rdsiam: { empty: 20, psql: 100 } });
    assert.deepEqual(
      judge(found, "rdsiam").map(({ measured, reached }) => [measured.median, reached]),
      [[2, false]],
    );
  });
});

describe("the report", () => {
  const found = results({
    direct: { "copy-in": 100 },
    rdsiam: { "copy-in": 99, "simple-1-cpu": 80 },
  });

  test("says what was measured, what was not, and what was left out", () => {
    const text = reportText(found);
    assert.match(text, /^COPY in \(MB\/s\) +direct +75\.0 /m);
    assert.match(text, /^ +rdsiam +74\.3 .* 0\.99/m);
    assert.match(text, /^stunnel: not on this machine$/m);
    assert.match(text, /^3 runs were left out/m);
    assert.match(text, /^copy-in +rdsiam \/ direct +0\.99 .* yes$/m);
  });

  test("is a page that names the command and the picture", () => {
    const page = pageText(found, "p.svg");
    assert.match(page, /!\[.*\]\(p\.svg\)/);
    assert.match(page, /^\| copy-in \| rdsiam \/ direct \| 0\.99 \|/m);
  });

  test("is a picture with a bar for each ratio and a point for each number of sessions", () => {
    const picture = JSON.stringify(describePicture(found));
    assert.match(picture, /"subject":"rdsiam","row":"COPY in","median":0\.99/);
    assert.match(picture, /"subject":"rdsiam","clients":1,"cpu":60/);
  });
});

describe("readBenchOptions()", () => {
  test("takes lists with commas and words that are repeated", () => {
    const { only, rounds } = readBenchOptions(["--only", "psql,list", "--only", "copy"]);
    assert.deepEqual([only, rounds], [["psql", "list", "copy"], 7]);
  });

  test("keeps the words that say what is measured", () => {
    const { words } = readBenchOptions(["--rounds=3", "--json", "/tmp/x", "--runtimes"]);
    assert.deepEqual(words, ["--rounds", "3", "--runtimes"]);
  });

  test("refuses what it does not know", () => {
    assert.throws(() => readBenchOptions(["--fast"]), /--fast/);
    assert.throws(() => readBenchOptions(["--rounds", "0"]), /no such number: 0/);
  });
});
