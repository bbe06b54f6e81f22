// `rdsiam psql`, the built program: its arguments arrive as they were typed, its files are the user's own, and its prompt and the
// waiting line look as the guide and the issue of a slow network say.
import assert from "node:assert/strict";
import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import fc from "fast-check";
import { refuseOtherServer } from "../../src/tool/tool-arguments.ts";
import { COMMAND, rdsiam, without } from "../support/program.ts";
import { startStage } from "../support/stage.ts";
import { openTerminal, type Terminal } from "../support/pty.ts";
import { keep } from "../support/keep.ts";

const standIn = await keep(startStage());

const skip = without("psql");

function openPsql(args: readonly string[], env: Readonly<Record<string, string>> = {}): Terminal {
  const path = { PATH: process.env["PATH"] ?? "", LC_ALL: "C.UTF-8", PAGER: "cat" };
  return openTerminal([...COMMAND, ...args], { ...path, ...standIn.env, ...env });
}

test("rdsiam psql: any arguments of psql's arrive as they were typed", async () => {
  const bin = join(standIn.directory, "fake-psql");
  await mkdir(bin);
  await writeFile(join(bin, "psql"), `#!/bin/sh\nprintf '%s\\0' "$@"\n`);
  await chmod(join(bin, "psql"), 0o755);
  const env = { ...standIn.env, PATH: `${bin}:${process.env["PATH"]}` };
  const odd = fc.constantFrom(
    "--",
    "-",
    "--help",
    "-v",
    "--verbose",
    "-c",
    "a b",
    "'\"$(x)`*",
    "\n",
    "",
  );
  const text = fc.string({ unit: "grapheme" }).map((word) => word.replaceAll("\0", ""));
  const tails = fc.sample(fc.array(fc.oneof(odd, text), { minLength: 1, maxLength: 40 }), 40);
  const passed = tails.filter((tail) => tail[0] !== "--" && !isRefused(tail)).slice(0, 4);
  assert.equal(passed.length, 4);
  const ran = await Promise.all(
    passed.map((tail, index) =>
      rdsiam(["psql", "prod", ...(index % 2 === 0 ? [] : ["--"]), ...tail], { env }),
    ),
  );
  assert.deepEqual(
    ran.map(({ stdout }) => stdout.split("\0").slice(0, -1)),
    passed,
  );
});

function isRefused(tail: readonly string[]): boolean {
  try {
    refuseOtherServer({ file: "psql", args: tail, command: "psql" });
    return false;
  } catch {
    return true;
  }
}

test(
  "the guide's prompt shows the target, and psqlrc and history are the user's own",
  { skip },
  async () => {
    const guide = await readFile("docs/recipes.md", "utf8");
    const [line = ""] = /^\\set PROMPT1 .*$/m.exec(guide) ?? [];
    const history = join(standIn.directory, "own-history");
    const psqlrc = join(standIn.directory, ".psqlrc");
    await writeFile(psqlrc, `${line}\n\\set mark 'from my psqlrc'\n`);
    await using psql = openPsql(["psql", "prod"], { PSQL_HISTORY: history });
    await psql.shows(/prod: orders=> /);
    psql.type("\\echo :mark\r");
    await psql.shows(/\rfrom my psqlrc\r\n[^]*prod: orders=> /);
    psql.type("\\q\r");
    assert.equal((await psql.exited).exitCode, 0);
    assert.equal(await readFile(history, "utf8"), "\\echo :mark\n\\q\n");
    assert.equal(await readFile(psqlrc, "utf8"), `${line}\n\\set mark 'from my psqlrc'\n`);
  },
);

// Nobody answers at the discard port: each question times out.
const SILENT = { RDSIAM_DNS_SERVERS: "127.0.0.1:9" };

test("a wait of over a second is shown on a terminal, and erased", { skip }, async () => {
  await using psql = openPsql(["psql", "prod", "-c", "select 1"], SILENT);
  await psql.shows(/waiting for DNS \(orders\.db\.example\.com\) \.\.\. 1 s/);
  const erased = "\r\u001B[K";
  assert.ok((await psql.shows(/^[^]*rdsiam: error: /)).includes(`${erased}rdsiam: error: `));
  assert.equal((await psql.exited).exitCode, 125);
});

test("no wait is shown with --quiet, with JSON lines, or where a line cannot be erased", async () => {
  for (const [args, env] of [
    [["-q"], {}],
    [["--log-format", "json"], {}],
    [[], { TERM: "dumb" }],
  ] as const) {
    await using terminal = openPsql(["token", ...args, "prod"], { ...SILENT, ...env });
    const shown = await terminal.shows(/^[^]*error[^]*dns_servers/);
    assert.doesNotMatch(shown, /waiting/);
    await terminal.exited;
  }
});
