// While an inspector is open, or TLS keys are written to a file, nothing runs; however the runtime was asked for it.
import assert from "node:assert/strict";
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { COMMAND, type Finished, run, RUNTIME } from "../support/program.ts";
import { temporaryDirectory } from "../support/keep.ts";

const directory = await temporaryDirectory("debuggers");
const config = JSON.stringify({ nodeOptions: { "tls-keylog": "keys" } });
await writeFile(join(directory, "node.config.json"), config);
await writeFile(join(directory, "opens.cjs"), 'require("node:inspector").open(0, "127.0.0.1")');
await writeFile(join(directory, "config"), "[profile prod]\nrds_host = db.example.com\n");

interface Watched {
  readonly env?: Readonly<Record<string, string>>;
  /** Words for the runtime itself. */
  readonly words?: readonly string[];
}

const INSPECTOR = "--inspect=127.0.0.1:0";
const NODE: readonly Watched[] = [
  { env: { NODE_OPTIONS: `--max-old-space-size=100 ${INSPECTOR}` } },
  { env: { NODE_OPTIONS: '"--inspect=127.0.0.1:0"' } },
  { env: { NODE_OPTIONS: "--tls-keylog=keys" } },
  { env: { NODE_OPTIONS: "--tls_keylog=keys" } },
  { env: { NODE_OPTIONS: "--no-warnings --tls-keylog keys" } },
  { env: { NODE_OPTIONS: '"--tls_key\\log=keys"' } },
  { words: [INSPECTOR] },
  { words: ["--tls_keylog", "keys"] },
  { words: ["--require", "./opens.cjs"] },
];
const WATCHED: Readonly<Record<string, readonly Watched[]>> = {
  node20: NODE,
  node: [...NODE, { words: ["--experimental-default-config-file"] }],
  deno: [
    { env: { NODE_OPTIONS: INSPECTOR } },
    { env: { SSLKEYLOGFILE: "keys" } },
    { words: [INSPECTOR] },
  ],
  bun: [
    { env: { BUN_INSPECT: "ws://127.0.0.1:0/x" } },
    { env: { BUN_INSPECT_CONNECT_TO: "unix://nowhere" } },
    { env: { BUN_OPTIONS: INSPECTOR } },
    { words: [INSPECTOR] },
  ],
  binary: [
    { env: { BUN_INSPECT: "ws://127.0.0.1:0/x" } },
    { env: { BUN_INSPECT_CONNECT_TO: "unix://nowhere" } },
  ],
};
// What another runtime would heed, and what is no more than a preparation.
const UNWATCHED: Readonly<Record<string, readonly Watched[]>> = {
  node20: [
    { env: { NODE_OPTIONS: "--max-old-space-size=100 --no-warnings", SSLKEYLOGFILE: "keys" } },
    { env: { BUN_INSPECT: "1", NODE_OPTIONS: "--title=--tls-keylog" } },
  ],
  node: [{ env: { SSLKEYLOGFILE: "keys", BUN_INSPECT: "1" } }],
  deno: [{ env: { NODE_OPTIONS: "--no-warnings", BUN_INSPECT: "1" } }],
  bun: [{ env: { SSLKEYLOGFILE: "keys", NODE_OPTIONS: "--tls-keylog=keys" } }],
  binary: [{ env: { SSLKEYLOGFILE: "keys", NODE_OPTIONS: "--tls-keylog=keys" } }],
};

function list({ env = {}, words = [] }: Watched): Promise<Finished> {
  // deno run OPTIONS FILE, and OPTIONS FILE with the others.
  const [runtime = "", ...rest] = COMMAND;
  const command =
    RUNTIME === "deno"
      ? [runtime, "run", ...words, ...rest.slice(1)]
      : [runtime, ...words, ...rest];
  const own = { HOME: directory, AWS_CONFIG_FILE: join(directory, "config") };
  return run([...command, "list", "--names"], { env: { ...own, ...env }, cwd: directory });
}

for (const watched of WATCHED[RUNTIME] ?? []) {
  test(`rdsiam refuses to be watched by ${JSON.stringify(watched)}`, async () => {
    const ran = await list(watched);
    assert.deepEqual([ran.status, ran.stdout], [125, ""], ran.stderr);
    assert.match(ran.stderr, /^rdsiam: error: refusing to run: /m);
    const variable = Object.keys(watched.env ?? {}).find((name) => name !== "BUN_OPTIONS");
    assert.match(
      ran.stderr,
      variable === undefined ? /^HINT: {2}Start /m : new RegExp(`env -u ${variable} `),
    );
    // Deno makes the file when it starts.
    const keys = await readFile(join(directory, "keys"), "utf8").catch(() => "");
    assert.equal(keys, "");
  });
}

for (const unwatched of UNWATCHED[RUNTIME] ?? []) {
  test(`rdsiam runs with ${JSON.stringify(unwatched)}`, async () => {
    const ran = await list(unwatched);
    assert.deepEqual([ran.status, ran.stdout], [0, "prod\n"], ran.stderr);
  });
}

test("rdsiam takes no variable from a directory's .env", async () => {
  const file = join(directory, ".env.local");
  await writeFile(
    file,
    "RDSIAM_CONFIG_FILE=other\nexport RDSIAM_PASSWORD_COMMAND='touch started'\n",
  );
  try {
    const ran = await list({});
    // A file that is named has to be there.
    assert.deepEqual([ran.status, ran.stdout], [0, "prod\n"], ran.stderr);
  } finally {
    await rm(file);
  }
});
