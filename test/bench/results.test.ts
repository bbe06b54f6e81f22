import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { once } from "node:events";
import { connect } from "node:net";
import { describe, test } from "node:test";
import { startLdap } from "../../scripts/bench/ldap.ts";
import { drawPicture } from "../../scripts/bench/picture.ts";
import { lookUp, summarize, tables } from "../../scripts/bench/results.ts";
import { chooseRows } from "../../scripts/bench/rows.ts";

// Two rounds: in the second the machine was half as fast for all.
const FIGURES = {
  direct: { "copy-in": 100, "first-row": 40 },
  rdsiam: { "copy-in": 90, "first-row": 60, "idle-1": 50, "idle-100": 70, "soak-600": 80 },
};
const found = lookUp({
  subjects: ["direct", "stunnel", "rdsiam"],
  runs: [1, 2].flatMap((round) =>
    Object.entries(FIGURES).flatMap(([subject, figures]) =>
      Object.entries(figures).map(([figure, value]) => ({
        round,
        subject,
        figure,
        value: value / round,
      })),
    ),
  ),
});

describe("summarize()", () => {
  test("answers median and quartiles, and nothing of nothing", () => {
    assert.deepEqual(summarize([5, 1, 3, 2, 4]), { median: 3, low: 2, high: 4 });
    assert.deepEqual(summarize([1, 2]), { median: 1.5, low: 1.25, high: 1.75 });
    assert.equal(summarize([]), undefined);
  });
});

describe("lookUp()", () => {
  test("compares within a round", () => {
    const expected = { median: 0.9, low: 0.9, high: 0.9 };
    assert.deepEqual(found.ratio("copy-in", "rdsiam"), expected);
    assert.equal(found.ratio("idle-1", "rdsiam"), undefined);
  });
});

describe("tables()", () => {
  test("have what was measured, as ratios where that is what counts", () => {
    const text = tables(found);
    assert.match(text, /^\| subject +\| copy-in +\|$/m);
    assert.match(text, /^\| direct +\| 75\.0 ± 12\.5 \|$/m);
    assert.match(text, /^\| rdsiam +\| 0\.90 +\|$/m);
    assert.match(text, /^\| subject +\| soak-600 +\|$/m);
    assert.doesNotMatch(text, /stunnel|pg_dump/);
  });
});

describe("drawPicture()", () => {
  test("has a bar, a dot and a line for each subject that was measured", () => {
    const svg = drawPicture(found);
    assert.match(svg, /<text [^>]+>rdsiam<\/text><text [^>]+>45<\/text>/);
    assert.equal(svg.match(/<circle /g)?.length, 1);
    assert.match(svg, /<path d="M50 [\d.]+L[\d.]+ [\d.]+" fill="none"/);
  });
});

describe("chooseRows()", () => {
  const names = (wanted: readonly string[], extra: readonly string[] = [], most = 5000) =>
    chooseRows(wanted, { extra, most }).map(({ id }) => id);

  test("takes a row by its name, or up to a hyphen", () => {
    assert.deepEqual(names(["copy-out", "simple-1"]), [
      "copy-out-text",
      "copy-out-binary",
      "simple-1",
    ]);
    assert.throws(() => names(["copies"]), /no row copies: there are empty, version/);
  });

  test("takes what takes long only when it is asked for, and nothing that is too large", () => {
    assert.ok(!names([]).includes("logins-64") && !names([]).includes("soak"));
    assert.ok(names([], ["scale"]).includes("logins-64"));
    assert.ok(!names([], ["scale"], 16).includes("logins-64"));
  });
});

describe("startLdap()", () => {
  test("answers success or invalidCredentials, also when a bind comes in parts", async () => {
    const password = `token ${"é".repeat(300)}`;
    const two = (length: number): string => length.toString(16).padStart(4, "0");
    const field = (tag: string, hex: string): string => `${tag}82${two(hex.length / 2)}${hex}`;
    const given = field("80", Buffer.from(password).toString("hex"));
    const bind = field("60", `0201030403${Buffer.from("ann").toString("hex")}${given}`);
    const request = Buffer.from(field("30", `020101${bind}`), "hex");
    for (const right of [password, "another"]) {
      await using ldap = await startLdap((user, word) => user === "ann" && word === right);
      const socket = connect({ host: "127.0.0.1", port: ldap.port, noDelay: true });
      const answered = once(socket, "data");
      for (const part of [request.subarray(0, 300), request.subarray(300)]) {
        await new Promise((resolve) => socket.write(part, resolve));
      }
      const [answer] = (await answered) as [Buffer];
      const code = right === password ? "00" : "31";
      assert.equal(answer.toString("hex"), `300c02010161070a01${code}04000400`);
      const ended = once(socket, "close");
      socket.write(Buffer.from("30050201024200", "hex"));
      await ended;
    }
  });
});
