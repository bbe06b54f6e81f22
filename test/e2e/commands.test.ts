// The commands that run no tool, and what they cost: token, list, help, version.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { verifyAuthToken } from "../../src/demo/sigv4.ts";
import { COMMAND, rdsiam, run, RUNTIME } from "../support/program.ts";
import { startStage } from "../support/stage.ts";
import process from "node:process";
import { keep } from "../support/keep.ts";

const standIn = await keep(startStage());

test("rdsiam token prints a token that the stand-in takes", async () => {
  const ran = await rdsiam(["token", "prod"], { env: standIn.env });
  assert.equal(ran.status, 0, ran.stderr);
  assert.match(ran.stdout, /^orders\.cluster-[^/]+:\d+\/\?Action=connect&\S+\n$/);
  assert.equal(ran.stderr, "");
  assert.ok(verifyAuthToken);
});

test("rdsiam token --json says what it was signed for and until when", async () => {
  const ran = await rdsiam(["token", "prod", "--json"], { env: standIn.env });
  const answer = JSON.parse(ran.stdout) as Record<string, string>;
  assert.deepEqual(
    [answer["host"], answer["user"], answer["region"]],
    [standIn.canonicalHost, "app_ro", "eu-west-1"],
  );
  const minutes = (Date.parse(answer["expiresAt"] ?? "") - Date.now()) / 60_000;
  assert.ok(minutes > 13 && minutes <= 15, String(minutes));
});

test("rdsiam list shows the targets as lines with tabs, as names and as JSON", async () => {
  const lines = await rdsiam(["list"], { env: standIn.env });
  assert.match(lines.stdout, /^prod\torders\.db\.example\.com:\d+\tapp_ro\torders\tprod\n/);
  const names = await rdsiam(["list", "--names"], { env: standIn.env });
  assert.ok(names.stdout.split("\n").includes("prod.eu-west.1"));
  const json = await rdsiam(["list", "--json"], { env: standIn.env });
  assert.ok((JSON.parse(json.stdout) as { name: string }[]).some(({ name }) => name === "prod"));
});

test("rdsiam --version prints the version of package.json", async () => {
  const { version } = JSON.parse(await readFile("package.json", "utf8")) as { version: string };
  for (const flag of ["--version", "-V"]) {
    assert.deepEqual(await rdsiam([flag]), {
      status: 0,
      signal: null,
      stdout: `${version}\n`,
      stderr: "",
    });
  }
});

test("rdsiam --help and COMMAND --help explain everything in a pipe and exit 0", async () => {
  for (const args of [
    ["--help"],
    ["psql", "--help"],
    ["exec", "-h"],
    ["token", "--help"],
    ["list", "--help"],
    ["demo", "--help"],
  ]) {
    const ran = await rdsiam(args);
    assert.equal(ran.status, 0, ran.stderr);
    const lines = ran.stdout.split("\n");
    assert.match(ran.stdout, /--log-format FORMAT {2,}format of rdsiam's own log lines/);
    assert.ok(
      lines.every((line) => line.length <= 100),
      args.join(" "),
    );
    assert.match(ran.stdout, /Usage:/);
  }
});

test("rdsiam --version, --help and list load no AWS SDK module, and no command but their own", async () => {
  for (const args of [["--version"], ["--help"], ["list"]]) {
    const words = [
      process.execPath,
      "--import",
      "tsx",
      "--import",
      "./test/support/trace-imports.mjs",
      "src/main.ts",
      ...args,
    ];
    const ran = await run(words, { env: standIn.env });
    assert.equal(ran.status, 0, ran.stderr);
    const loaded = ran.stderr.split("\n").filter((line) => line.startsWith("loaded: "));
    assert.ok(
      loaded.some((line) => line.endsWith("/src/cli/arguments.ts")),
      "the trace works",
    );
    assert.deepEqual(
      loaded.filter((line) => /node_modules\/@aws-sdk\//.test(line)),
      [],
    );
    // The table of commands loads none of them.
    const commands = loaded.filter((line) => /\/src\/commands\/(?!command-table\.)/.test(line));
    assert.equal(commands.length > 0, args[0] === "list", commands.join(" "));
    const smithy = loaded.filter((line) => /node_modules\/@smithy\/(?!types|core)/.test(line));
    assert.deepEqual(smithy, []);
  }
});

const NO_FULL = existsSync("/dev/full") ? false : "this system has no /dev/full";

test(
  "what cannot be written is an error, and a reader that has gone is not (A42)",
  { skip: NO_FULL },
  async () => {
    const into = (output: string, args: readonly string[]) =>
      run(["sh", "-c", `"$@" ${output}`, "sh", ...COMMAND, ...args], { env: standIn.env });
    const all = [
      ["--version"],
      ["list", "--json"],
      ["token", "prod"],
      ["env", "prod"],
      ["proxy", "prod"],
    ];
    for (const args of all) {
      const ran = await into(">/dev/full", args);
      assert.equal(ran.status, 125, args.join(" "));
      assert.match(
        ran.stderr,
        /^rdsiam: error: cannot write to standard output\nDETAIL: {2}The device is full \(ENOSPC\)\.\n$/,
      );
      // Opened for reading only. Deno's own streams, which are Rust's, take EBADF for a success.
      if (RUNTIME === "deno") continue;
      assert.match((await into("1</dev/null", args)).stderr, /DETAIL: {2}It failed with EBADF\./);
    }
    const gone = await into("| true", ["completion", "bash"]);
    assert.deepEqual([gone.status, gone.stderr], [0, ""]);
  },
);

test("RDSIAM_VERBOSE and RDSIAM_QUIET are on as every flag's variable is", async () => {
  const on = { RDSIAM_VERBOSE: "true", RDSIAM_QUIET: "yes" };
  const ran = await rdsiam(["url", "prod"], { env: { ...standIn.env, ...on } });
  assert.match(ran.stderr, /^rdsiam: host: /m);
  assert.doesNotMatch(ran.stderr, /valid for new connections/);
});

test("a misspelled variable of rdsiam is a warning, and another program's is not", async () => {
  const odd = {
    RDSIAM_PROT: "6432",
    RDSIAM_RGION: "x",
    RDSIAM_SERVICE_HOST: "10.0.0.1",
    RDSIAM_MINE: "1",
  };
  const ran = await rdsiam(["token", "prod"], { env: { ...standIn.env, ...odd } });
  assert.equal(ran.status, 0);
  assert.equal(
    ran.stderr,
    "rdsiam: warning: unknown variable RDSIAM_PROT; did you mean RDSIAM_PORT?\n" +
      "rdsiam: warning: unknown variable RDSIAM_RGION; did you mean RDSIAM_REGION?\n",
  );
});
