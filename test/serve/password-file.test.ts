// The file that keeps a proxy's password.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmod, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { passwordFrom } from "../../src/serve/password-file.ts";
import { temporaryDirectory } from "../support/keep.ts";

const directory = await temporaryDirectory("password");

test("passwordFrom() + makes the file 0600 with a random password, which stays", async () => {
  const file = join(directory, "new", "a");
  const password = await passwordFrom(file);
  assert.match(password, /^[\w-]{43}$/);
  assert.equal((await stat(file)).mode & 0o777, 0o600);
  assert.equal(await readFile(file, "utf8"), `${password}\n`);
  assert.equal(await passwordFrom(file), password);
  assert.notEqual(await passwordFrom(join(directory, "new", "b")), password);
});

test("passwordFrom() + of 20 at once all have the same, and nothing else is left", async () => {
  const file = join(directory, "race", "a");
  const all = await Promise.all(Array.from({ length: 20 }, () => passwordFrom(file)));
  assert.equal(new Set(all).size, 1);
  assert.deepEqual(await readdir(join(directory, "race")), ["a"]);
});

test("passwordFrom() + refuses a file that others can read, and never says what is in it", async () => {
  const file = join(directory, "open");
  await writeFile(file, "a-secret-that-others-read\n");
  for (const mode of [0o644, 0o640, 0o604, 0o620]) {
    await chmod(file, mode);
    await assert.rejects(
      passwordFrom(file),
      (error: Error & { detail?: string; hint?: string }) => {
        assert.equal(error.message, `others can read the password in ${file}`);
        assert.doesNotMatch(`${error.message}${error.detail}${error.hint}`, /a-secret/);
        return true;
      },
    );
  }
  await chmod(file, 0o400);
  assert.equal(await passwordFrom(file), "a-secret-that-others-read");
});

test("passwordFrom() + refuses what is no password, and what cannot be read", async () => {
  const file = join(directory, "bad");
  for (const text of [
    "",
    "\n",
    "short",
    "with a space in the middle",
    "pässword-of-a-person",
    "two\nlines-of-a-password",
  ]) {
    await writeFile(file, text, { mode: 0o600 });
    await assert.rejects(passwordFrom(file), { code: "ERR_USAGE", message: /no password/ }, text);
  }
  await assert.rejects(passwordFrom(directory), { code: "ERR_USAGE" });
});

test("passwordFrom() + does not wait for a pipe", async () => {
  const file = join(directory, "pipe");
  execFileSync("mkfifo", ["-m", "600", file]);
  await assert.rejects(passwordFrom(file), { code: "ERR_USAGE" });
});
