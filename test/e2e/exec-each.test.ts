// `rdsiam exec --each`: one tool on many targets, on the stand-in: lines, files, statuses, the question, and how it ends.
import assert from "node:assert/strict";
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { type Finished, RDSIAM, rdsiam, without } from "../support/program.ts";
import { openShell } from "../support/pty.ts";
import { startStage } from "../support/stage.ts";
import { marked, until } from "../support/traces.ts";
import { keep, temporaryDirectory } from "../support/keep.ts";

const standIn = await keep(startStage());
const directory = await temporaryDirectory("each");
const add = (name: string, settings: Readonly<Record<string, string>>): Promise<void> =>
  standIn.addProfile(name, { ...standIn.targetSettings, ...settings }, standIn.key);
await add("each-1", { rds_user: "app_ro", rds_tags: "env=dev, team=x" });
await add("each-2", { rds_user: "app_admin", rds_tags: "env=dev" });
await add("each-none", { rds_user: "legacy", rds_read_only: "yes" });

function each(words: readonly string[], mark = "each"): Promise<Finished> {
  return rdsiam(["exec", ...words], { env: { ...standIn.env, RDSIAM_TEST_MARK: mark } });
}

const sorted = (text: string): string[] => text.trimEnd().split("\n").toSorted();

test(
  "exec --each: whole lines with the target's name, the worst status, and a summary",
  { skip: without("psql") },
  async () => {
    const script = String.raw`printf 'a\nb' ; psql -Atc 'select current_user' || exit 7`;
    const ran = await each(["--each", "each-*", "--", "sh", "-c", script]);
    assert.equal(ran.status, 7, ran.stderr);
    assert.deepEqual(sorted(ran.stdout), [
      "each-1: a",
      "each-1: bapp_ro",
      "each-2: a",
      "each-2: bapp_admin",
      "each-none: a",
      "each-none: b",
    ]);
    assert.match(ran.stderr, /^each-none: psql: error: /m);
    assert.match(ran.stderr, /^rdsiam: 2 of 3 succeeded; failed: each-none \(7\)\n$/m);
  },
);

test("exec --tag: the targets with every tag; each knows its name; stdin is empty", async () => {
  const script = 'cat; echo "$RDSIAM_TARGET"; printf "\\303\\n\\377" >&2';
  const ran = await each(["--tag", "env=dev", "--jobs", "1", "sh", "-c", script]);
  assert.deepEqual([ran.status, ran.stdout], [0, "each-1: each-1\neach-2: each-2\n"], ran.stderr);
  // Its bytes need not be UTF-8.
  assert.equal(ran.stderr.match(/^each-[12]: \uFFFD$/gm)?.length, 4);
  const one = await each(["--tag", "env=dev", "--tag", "team", "true"]);
  assert.deepEqual([one.status, one.stderr], [0, "rdsiam: 1 of 1 succeeded\n"]);
});

test("exec --each: a dozen at once say nothing but their summary", async () => {
  const names = Array.from({ length: 12 }, (_, index) => `dozen-${index}`);
  for (const name of names) await add(name, { rds_user: "app_ro" });
  const met = await temporaryDirectory("dozen");
  const script = `: > "${met}/$RDSIAM_TARGET"; until [ "$(ls ${met} | wc -l)" -eq 12 ]; do sleep 0.05; done`;
  const ran = await each(["--each", "dozen-*", "--jobs", "12", "sh", "-c", script]);
  assert.deepEqual([ran.stderr, ran.status], ["rdsiam: 12 of 12 succeeded\n", 0]);
});

test("exec --output-dir: a file for each stream, which others cannot read", async () => {
  const out = join(directory, "a", "b");
  const script = 'echo "$RDSIAM_TARGET"; [ "$RDSIAM_TARGET" = each-1 ] || echo oops >&2';
  const ran = await each(["--each", "each-1,each-2", "--output-dir", out, "sh", "-c", script]);
  assert.deepEqual([ran.status, ran.stdout], [0, ""], ran.stderr);
  assert.deepEqual((await readdir(out)).toSorted(), ["each-1.out", "each-2.err", "each-2.out"]);
  assert.equal(await readFile(join(out, "each-2.out"), "utf8"), "each-2\n");
  assert.equal((await stat(join(out, "each-1.out"))).mode & 0o777, 0o600);
});

test("exec --each: a target that cannot be used fails, and the others run", async () => {
  await standIn.addProfile("broken-1", { ...standIn.targetSettings, rds_port: "x" }, standIn.key);
  const ran = await each(["--each", "broken-1,each-1", "true"]);
  assert.equal(ran.status, 125);
  assert.match(ran.stderr, /^rdsiam: error: broken-1: target "broken-1" cannot be used/m);
  assert.match(ran.stderr, /^rdsiam: 1 of 2 succeeded; failed: broken-1 \(125\)$/m);
});

test("exec --each: what matches nothing, and what only one target can have, is refused", async () => {
  for (const [words, message] of [
    [["--each", "each-1,nothing-*", "true"], /error: no target matches "nothing-\*"/],
    [["--each", "eahc-1", "true"], /HINT: {2}Did you mean "each-1"\?/],
    [["--tag", "env=none", "true"], /error: no target matches --tag env=none/],
    [["--each", "*", "--port", "5000", "true"], /--port .* works with one target/],
    [["--each", "*", "--target", "prod", "true"], /cannot be combined with --target/],
    [["--each", "*", "--jobs", "0", "true"], /--jobs .* from 1 to 64/],
    [["--each", "*"], /error: no command to run/],
  ] as const) {
    const ran = await each(words);
    assert.equal(ran.status, 125, words.join(" "));
    assert.match(ran.stderr, message);
  }
});

// Two run and one waits; each has a child of its own, which must end too.
const ENDLESS = 'sleep 60 & echo "ready"; wait';

test("exec --each: SIGTERM ends every tool with what it started, and no other begins", async () => {
  let seen = "";
  const words = ["exec", "--each", "each-*", "--jobs", "2", "sh", "-c", ENDLESS];
  const ran = await rdsiam(words, {
    env: { ...standIn.env, RDSIAM_TEST_MARK: "term" },
    started: (child) =>
      child.stdout?.on("data", (data: Buffer) => {
        seen += String(data);
        if (seen.split("ready").length === 3) child.kill("SIGTERM");
      }),
  });
  assert.equal(ran.status, 143, ran.stderr);
  assert.match(ran.stderr, /0 of 3 succeeded, ended by SIGTERM; failed: .* \(not run\)/);
  await until(async () => (await marked("term")).length === 0, "no process is left");
});

test("exec --each on a terminal: asks before several are changed, and Ctrl-C ends all", async () => {
  const env = { PATH: process.env["PATH"] ?? "", ...standIn.env, RDSIAM_TEST_MARK: "pty" };
  await using terminal = await openShell(env);
  const type = (words: string): void =>
    terminal.type(`${RDSIAM} exec ${words}; echo sta""tus=$?\r`);
  const question =
    /Run echo on 3 targets, of which 2 are not read-only \(each-1, each-2\)\? \[y\/N\] $/;

  type("--each 'each-*' echo done");
  await terminal.shows(question);
  terminal.type("n\r");
  assert.match(await terminal.shows(/error: [^]*status=130/), /echo was not run/);

  type("--each 'each-*' echo done");
  await terminal.shows(question);
  terminal.type("y\r");
  assert.match(await terminal.shows(/done[^]*status=0/), /3 of 3 succeeded/);

  // No question where at most one can be changed, with --yes, and with --read-only.
  for (const words of [
    "--each each-1,each-none",
    "--each 'each-*' --yes",
    "--tag env --read-only",
  ]) {
    type(`${words} echo done`);
    assert.doesNotMatch(await terminal.shows(/\n[^]*status=0/), /\[y\/N\]/);
  }

  type(`--each 'each-*' --yes sh -c '${ENDLESS}'`);
  for (let count = 0; count < 3; count += 1) await terminal.shows(/each-\w+: ready/);
  terminal.type("\u0003");
  assert.match(await terminal.shows(/succeeded[^]*status=130/), /ended by SIGINT/);
  // The shell itself has the mark.
  const left = async (): Promise<boolean> =>
    (await marked("pty")).every(({ words: [name] }) => name === "bash");
  await until(left, "no process is left");
});
