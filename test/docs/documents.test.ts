// What holds for every document: each command line is run or says what it needs, links lead somewhere, and nothing that the
// program has is missing from them.
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { COMMANDS } from "../../src/commands/command-table.ts";
import { parseOwnFile } from "../../src/config/own-file.ts";
import { OPTIONS } from "../../src/cli/options.ts";
import { KEYS } from "../../src/config/keys.ts";
import { optionFlag } from "../../src/config/names.ts";
import { readRelayConfig } from "../../src/relay/config.ts";
import { rdsiam } from "../support/program.ts";
import { type Block, blocksOf, documents, proseOf, readDocument, ROOT } from "./markdown.ts";

// What a block may need, and why it does not run here; those that do run under a condition say which.
const NEEDS: Readonly<Record<string, string>> = {
  "a browser": "a person logs in",
  "a clone": ".ci/run types these lines",
  "a cluster": "the relay's name has to resolve, and the certificate to be public",
  "a network as on AWS": "runs where port 5432 is free",
  "a password manager":
    "vault and pass ask servers and people; test/e2e/password-command.test.ts has other programs",
  "a release":
    "npm's registry has no rdsiam yet; npm run test:slow -- packaging installs the packed one",
  "a terminal": "an MFA code is asked there; test/e2e/identity-mfa.test.ts types one",
  AWS: "a server of AWS's own: its trust store, Session Manager; tests have stand-ins for both",
  "an older tool": "the server of rds-auth-proxy; test/e2e/rds-auth-proxy.test.ts has a stand-in",
  ...Object.fromEntries(
    ["Django", "Flyway", "Knex", "Liquibase", "Rails", "dbmate", "node-pg-migrate", "pgloader"].map(
      (tool) => [tool, "runs in recipes.slow.test.ts, which installs it"],
    ),
  ),
  Prisma: "its engine is in no registry",
  Docker: "not in a bare Debian; npm run test:slow -- packaging checks the Dockerfile",
  Homebrew: "not in a bare Debian",
  ssh: "a bastion; npm run test:slow -- via has one",
  "the AWS CLI": "runs where aws is installed",
};
const LEFT = 17; // blocks that do not run anywhere
const LANGUAGES = [
  "sh",
  "console",
  "ini",
  "text",
  "sql",
  "json",
  "yaml",
  "ts",
  "js",
  "python",
  "dockerfile",
  "makefile", // runs in recipes.slow.test.ts
  "powershell",
  "bat",
];

const DOCUMENTS = documents();
const BLOCKS = DOCUMENTS.flatMap(blocksOf);
const ALL = DOCUMENTS.map(readDocument).join("\n");

function at(block: Block): string {
  return `${block.document}:${block.line}`;
}

test("each code block says what it is, and why it is not run", () => {
  for (const block of BLOCKS) {
    assert.ok(LANGUAGES.includes(block.language), `${at(block)}: "${block.language}"`);
    const isShell = block.language === "sh" || block.language === "console";
    const isMarked = block.needs !== undefined || block.until !== undefined;
    assert.ok(isShell || !isMarked, `${at(block)}: a mark on what is never run`);
    if (block.needs !== undefined)
      assert.ok(Object.hasOwn(NEEDS, block.needs), `${at(block)}: ${block.needs}`);
  }
  const marks = new Set(BLOCKS.map(({ needs }) => needs));
  for (const need of Object.keys(NEEDS)) assert.ok(marks.has(need), `nothing needs ${need}`);
  const left = BLOCKS.filter(
    ({ needs }) => needs !== undefined && !/^runs|types/.test(NEEDS[needs] ?? ""),
  );
  assert.ok(left.length <= LEFT, left.map(at).join());
});

test("no command line hides in an indented block", () => {
  for (const document of DOCUMENTS) {
    for (const line of proseOf(document).split("\n")) {
      assert.ok(!/^ {4,}\S/.test(line), `${document}: ${line}`);
    }
  }
});

test("no mark stands where it marks nothing", () => {
  for (const document of DOCUMENTS) {
    const marks =
      readDocument(document).match(/^ *<!-- (?:needs|stays open until): .+ -->$/gm) ?? [];
    const used = blocksOf(document).flatMap(({ needs, until }) =>
      [needs, until].filter((mark) => mark !== undefined),
    );
    assert.equal(marks.length, used.length, document);
  }
});

// GitHub's way from a heading to an anchor.
function anchorsOf(document: string): string[] {
  const headings = proseOf(document).match(/^#+ .+$/gm) ?? [];
  return headings.map((heading) =>
    heading
      .replace(/^#+ /, "")
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-"),
  );
}

test("each link leads to a file and a heading that are there", () => {
  for (const document of DOCUMENTS) {
    for (const [, link = ""] of proseOf(document).matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(link)) continue;
      const [path = "", anchor] = link.split("#");
      const file = path === "" ? document : join(dirname(document), path);
      assert.ok(existsSync(join(ROOT, file)), `${document}: ${link}`);
      if (anchor !== undefined) assert.ok(anchorsOf(file).includes(anchor), `${document}: ${link}`);
    }
  }
});

test("README leads to every guide", () => {
  const readme = readDocument("README.md");
  for (const document of DOCUMENTS.slice(1)) assert.ok(readme.includes(`(${document})`), document);
});

test("every command, option and key is in the documents", () => {
  const readme = readDocument("README.md");
  for (const { name } of COMMANDS) assert.ok(readme.includes(`rdsiam ${name}`), name);
  for (const option of OPTIONS)
    assert.ok(ALL.includes(optionFlag(option.name)), optionFlag(option.name));
  const configuration = readDocument("docs/configuration.md");
  for (const key of KEYS.keys()) assert.ok(configuration.includes(`rds_${key}`), `rds_${key}`);
});

test("every option that the documents name is one", () => {
  const flags = new Set(OPTIONS.map(({ name }) => optionFlag(name)));
  for (const document of DOCUMENTS) {
    // A console block shows what is wrong, too.
    const text = readDocument(document).replaceAll(/^```console$[^]*?^```$/gm, "");
    for (const [, line = "", command = ""] of text.matchAll(/(rdsiam ([a-z]+) [^`\n]*)/g)) {
      const spec = COMMANDS.find(({ name }) => name === command);
      if (spec === undefined) continue;
      // Those of a wrapped tool come after the target.
      const words = line.split(/\s+/).slice(2);
      const first = words.findIndex((word) => !word.startsWith("-"));
      const own = spec.tail === "none" ? words : words.slice(0, Math.max(first, 0));
      for (const word of own) {
        const [flag = ""] = /^--[a-z][a-z-]*/.exec(word) ?? [];
        if (flag !== "") assert.ok(flags.has(flag), `${document}: ${line}`);
      }
    }
  }
});

test("every configuration sample is read without a warning", async () => {
  const directory = await mkdtemp(join(tmpdir(), "rdsiam-samples-"));
  try {
    for (const block of BLOCKS.filter(({ language }) => language === "ini")) {
      if (/^\[relay\]$/m.test(block.text)) {
        readRelayConfig(parseOwnFile(block.text, at(block)), at(block));
        continue;
      }
      const isOwn = !/^rds_/m.test(block.text) && !/^\[(?:profile |sso-session )/m.test(block.text);
      const file = join(directory, "config");
      await writeFile(file, block.text);
      const env = {
        HOME: directory,
        ...(isOwn ? { RDSIAM_CONFIG_FILE: file } : { AWS_CONFIG_FILE: file }),
      };
      const ran = await rdsiam(["list"], { env });
      const said = ran.stderr.replaceAll(/^.*profile "\S+" (?:was|is) not.*$/gm, "").trim();
      assert.deepEqual([ran.status, said], [0, ""], `${at(block)}: ${ran.stderr}`);
      assert.notEqual(ran.stdout.trim(), "", at(block));
    }
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});

function sourceText(directory: string): string {
  const entries = readdirSync(directory, { withFileTypes: true });
  const texts = entries.map((entry) => {
    const path = join(directory, entry.name);
    return entry.isDirectory() ? sourceText(path) : readFileSync(path, "utf8");
  });
  return texts.join("\n");
}

test("each error text that has a remedy in the documents is one that the program or PostgreSQL says", () => {
  // PostgreSQL's and libpq's own words, which the program passes on.
  const others = [
    "server closed the connection unexpectedly",
    "password authentication failed for user",
    'database "orders" does not exist',
  ];
  const source = [sourceText(join(ROOT, "src")), ...others].join("\n").replaceAll('\\"', '"');
  const headings = readDocument("docs/troubleshooting.md").match(/^### .+$/gm) ?? [];
  assert.ok(headings.length > 20);
  // The first column of each table that says "what you see".
  const tables = ALL.matchAll(/^\| what you see \|.*\n\|---.*\n((?:\|.*\n)+)/gm);
  const rows = [...tables].flatMap(([, lines = ""]) => lines.match(/^\| `[^`]+`/gm) ?? []);
  assert.ok(rows.length > 4);
  const quoted = rows.map((row) => row.slice("| `".length, -1));
  // What a console block shows as rdsiam's own error, and the names of targets and users in it.
  const shown = [...ALL.matchAll(/^rdsiam: error: (.+)$/gm)].map(([, text = ""]) =>
    text.replaceAll(/"[^"]*"|--\w+(?: before the target)?|-[hp] \S+|\borders\.\S+/g, "…"),
  );
  const missing: string[] = [];
  for (const text of [...headings.map((heading) => heading.slice(4)), ...quoted, ...shown]) {
    // What stands for names is up to 100 characters of code.
    const parts = text
      .split(/…|\bcorp\b/)
      .map((part) => part.trim().replaceAll(/[\\^$.*+?()[\]{}|]/g, "\\$&"));
    const found = new RegExp(parts.join("[^]{1,100}?")).test(source);
    if (!found) missing.push(text);
  }
  assert.deepEqual(missing, []);
});
