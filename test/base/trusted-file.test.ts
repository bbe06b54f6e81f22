// Another user neither writes what is read here nor chooses where it is written, whatever they do to their own directories.
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { after, test } from "node:test";
import {
  readNamed,
  readTrusted,
  trustedDirectory,
  writeTrusted,
} from "../../src/base/trusted-file.ts";

const root = mkdtempSync(join(tmpdir(), "rdsiam-trusted-"));
after(() => rmSync(root, { recursive: true, force: true }));

const UNTRUSTED = { code: "ERR_CONFIG", message: /^another user may write to / };
const OTHER = 12_345; // a user that is not there
const skip = process.geteuid?.() !== 0 && "only root can make another user's files";

let number = 0;
function directory(mode = 0o700): string {
  const made = join(root, `d${(number += 1)}`);
  mkdirSync(made);
  chmodSync(made, mode);
  return made;
}

test("writeTrusted() makes the levels 0700 and the file 0600, and readTrusted() reads it", () => {
  const file = join(directory(), "a", "b", "file");
  writeTrusted(file, "one");
  writeTrusted(file, "two");
  assert.equal(readTrusted(file).toString(), "two");
  assert.equal(statSync(file).mode & 0o777, 0o600);
  assert.equal(statSync(join(file, "..")).mode & 0o777, 0o700);
  assert.deepEqual(readdirSync(join(file, "..")), ["file"], "nothing else stays");
  writeTrusted(file, "for all", 0o644);
  assert.equal(statSync(file).mode & 0o777, 0o644);
});

for (const mode of [0o757, 0o707, 0o777]) {
  test(`readTrusted() and writeTrusted() refuse a directory of mode ${mode.toString(8)}, at each level`, () => {
    const made = directory();
    mkdirSync(join(made, "inner"));
    writeFileSync(join(made, "inner", "file"), "x");
    chmodSync(made, mode);
    assert.throws(() => readTrusted(join(made, "inner", "file")), UNTRUSTED);
    assert.throws(() => writeTrusted(join(made, "inner", "file"), "y"), UNTRUSTED);
    assert.throws(() => writeTrusted(join(made, "new", "file"), "y"), UNTRUSTED);
    assert.equal(readFileSync(join(made, "inner", "file"), "utf8"), "x");
  });
}

for (const mode of [0o666, 0o622, 0o620, 0o602]) {
  test(`readTrusted() and readNamed() refuse a file of mode ${mode.toString(8)}`, () => {
    const file = join(directory(), "file");
    writeFileSync(file, "x");
    chmodSync(file, mode);
    assert.throws(() => readTrusted(file), UNTRUSTED);
    assert.throws(() => readNamed(file), UNTRUSTED);
  });
}

test("readTrusted() follows no link, and readNamed() does, to a file that it looks at", () => {
  const made = directory();
  writeFileSync(join(made, "file"), "x");
  symlinkSync("file", join(made, "link"));
  assert.throws(() => readTrusted(join(made, "link")), { code: "ELOOP" });
  assert.equal(readNamed(join(made, "link")).toString(), "x");
  chmodSync(join(made, "file"), 0o606);
  assert.throws(() => readNamed(join(made, "link")), UNTRUSTED);
});

test("trustedDirectory() takes a link between directories of the user's own", () => {
  const made = directory();
  symlinkSync(made, `${made}-link`);
  assert.equal(trustedDirectory(`${made}-link`), trustedDirectory(made));
  assert.throws(() => trustedDirectory(join(made, "missing")), { code: "ENOENT" });
});

test(
  "trustedDirectory() refuses one under another user's, and their link to ours",
  { skip },
  () => {
    const home = directory(0o755);
    mkdirSync(join(home, "ours"));
    chownSync(home, OTHER, OTHER);
    assert.throws(() => trustedDirectory(join(home, "ours")), UNTRUSTED);
    const own = directory();
    symlinkSync(home, join(own, "link"));
    assert.throws(() => trustedDirectory(join(own, "link", "ours")), UNTRUSTED);
    writeFileSync(join(own, "file"), "x");
    chownSync(join(own, "file"), OTHER, OTHER);
    assert.throws(() => readTrusted(join(own, "file")), UNTRUSTED);
  },
);

// The other user's process exchanges a directory of theirs with a link to one of root's, as fast as it can.
const EXCHANGE = `
const { renameSync, mkdirSync, symlinkSync, rmSync } = require("node:fs");
const [home, goal] = process.argv.slice(1);
process.chdir(home);
mkdirSync("real");
process.setgid(${OTHER}); process.setuid(${OTHER});
symlinkSync(goal, "link");
process.stdout.write("ready\\n");
for (;;) { renameSync("real", "spare"); renameSync("link", "real"); renameSync("real", "link"); renameSync("spare", "real"); }
`;

test(
  "writeTrusted() as root writes nowhere by an alternating link of another user",
  { skip },
  async () => {
    const home = directory(0o755);
    const goal = directory(0o755);
    writeFileSync(join(goal, "planted"), "root's own");
    chownSync(home, OTHER, OTHER);
    chmodSync(root, 0o755);
    const child: ChildProcess = spawn(process.execPath, ["-e", EXCHANGE, home, goal], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    try {
      if (child.stdout !== null) await once(child.stdout, "data");
      for (let tries = 0; tries < 2_000; tries += 1) {
        const file = join(home, "real", "planted");
        for (const use of [() => writeTrusted(file, "x"), () => readTrusted(file)])
          assert.throws(use);
      }
    } finally {
      child.kill("SIGKILL");
      await once(child, "exit");
    }
    assert.equal(readFileSync(join(goal, "planted"), "utf8"), "root's own");
    assert.deepEqual(readdirSync(goal), ["planted"]);
  },
);
