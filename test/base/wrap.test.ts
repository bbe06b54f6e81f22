import assert from "node:assert/strict";
import { test } from "node:test";
import { fitToTerminal, withTilde, wrap } from "../../src/base/wrap.ts";

test("wrap() breaks between words alone, and indents what follows", () => {
  assert.equal(wrap("one two three four", 9, 2), "one two\n  three\n  four");
  assert.equal(wrap("a verylongword b", 6, 2), "a\n  verylongword\n  b");
  assert.equal(wrap("DETAIL:  It", 80, 9), "DETAIL:  It");
});

test("withTilde() shortens files below the home directory, and nothing in a word or in quotes", () => {
  const text =
    "read /home/me/.aws/config (/home/me/x), --ca=/home/me/ca '/home/me/a b' /home/meg/x";
  const short = "read ~/.aws/config (~/x), --ca=/home/me/ca '/home/me/a b' /home/meg/x";
  assert.equal(withTilde(text, "/home/me"), short);
  assert.equal(withTilde("/etc/passwd", "/"), "/etc/passwd");
});

test("fitToTerminal() continues each part of an error under its own beginning", () => {
  const text =
    "rdsiam: error: it failed here\nDETAIL:  the cause of it all\npsql: a line of another";
  assert.equal(
    fitToTerminal(text, { columns: 24, home: "/home/me" }),
    "rdsiam: error: it failed\n               here\nDETAIL:  the cause of it\n         all\npsql: a line of another",
  );
});
