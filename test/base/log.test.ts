// The two forms of the log, and the redactor at its sink.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { RdsIamError } from "../../src/base/errors.ts";
import { createLog, type Log, type LogFormat } from "../../src/base/log.ts";

const NOW = new Date("2026-01-02T03:04:05.678Z");

interface Recorded {
  readonly log: Log;
  readonly lines: string[];
}

function record(format: LogFormat, { verbose = true, notices = true } = {}): Recorded {
  const lines: string[] = [];
  const write = (text: string): void => void lines.push(text);
  return { log: createLog({ write, verbose, notices, format, now: () => NOW }), lines };
}

function parsed(lines: readonly string[]): unknown[] {
  return lines.map((line) => JSON.parse(line) as unknown);
}

test("createLog() strikes out every secret that it was told, in its own and its URL form", () => {
  const { log, lines } = record("text");
  log.addSecret("s3cr3t/+=value");
  log.verbose("a s3cr3t/+=value b");
  log.notice("x s3cr3t%2F%2B%3Dvalue y");
  log.always("s3cr3t/+=value");
  assert.deepEqual(lines, ["rdsiam: a [secret] b\n", "rdsiam: x [secret] y\n", "[secret]\n"]);
});

test("createLog() writes what somebody else has chosen without its control characters, on one line", () => {
  const { log, lines } = record("text");
  const user = "a\u001b]0;title\u0007\nrdsiam: error: forged\u009b1m\u202e";
  log.warning({ message: `no login for "${user}"`, detail: "first\r\n\tsecond" });
  log.event(`login: ${user}`);
  assert.deepEqual(lines, [
    'rdsiam: warning: no login for "a?]0;title? rdsiam: error: forged?1m?"\nDETAIL:  first second\n',
    "rdsiam: login: a?]0;title? rdsiam: error: forged?1m?\n",
  ]);
});

test("createLog() writes no control character as JSON either, and loses none", () => {
  const { log, lines } = record("json");
  const user = "a\u001b[1m\u009b1m\u202e\u007f";
  log.event(user);
  assert.match(lines.join(""), /^[ -~]*\n$/);
  assert.equal((parsed(lines)[0] as { message: string }).message, user);
});

test("createLog() strikes a secret out before its control characters are", () => {
  const { log, lines } = record("text");
  log.addSecret("hidden\tvalue");
  log.always("see hidden\tvalue");
  assert.deepEqual(lines, ["see [secret]\n"]);
});

for (const format of ["text", "json"] as const) {
  test(`createLog() says verbose lines and notices only where they are wanted, as ${format}`, () => {
    const { log, lines } = record(format, { verbose: false, notices: false });
    log.verbose("v");
    log.notice("n");
    assert.deepEqual(lines, []);
    log.always("a");
    assert.equal(lines.length, 1);
  });
}

test("createLog() says events always as JSON but with --quiet, and as text when it is verbose", () => {
  const says = (format: LogFormat, how: { verbose: boolean; notices: boolean }): number => {
    const { log, lines } = record(format, how);
    log.event("login");
    return lines.length;
  };
  assert.equal(says("json", { verbose: false, notices: true }), 1);
  assert.equal(says("json", { verbose: false, notices: false }), 0);
  assert.equal(says("text", { verbose: false, notices: true }), 0);
  assert.equal(says("text", { verbose: true, notices: false }), 1);
});

test("createLog() writes an error in PostgreSQL's three parts", () => {
  const { log, lines } = record("text", { verbose: false });
  log.error(new RdsIamError("no such thing", { code: "ERR_TARGET", detail: "D.", hint: "H." }));
  log.warning({ message: "careful" });
  assert.deepEqual(lines, [
    "rdsiam: error: no such thing\nDETAIL:  D.\nHINT:  H.\n",
    "rdsiam: warning: careful\n",
  ]);
});

test("createLog() adds the code and what is underneath, when it is verbose", () => {
  const { log, lines } = record("text");
  log.error(new RdsIamError("no", { code: "ERR_DNS", cause: new TypeError("under") }));
  assert.deepEqual(lines, ["rdsiam: error: no\nCODE:  ERR_DNS\nCAUSE:  TypeError: under\n"]);
});

test("createLog() writes one JSON object for each line, an error with its parts as one", () => {
  const { log, lines } = record("json", { verbose: false });
  log.notice("orders: app_ro", { target: "orders", event: "login", milliseconds: 12 });
  log.always("rdsiam: no targets");
  log.error(new RdsIamError("no such thing", { code: "ERR_TARGET", detail: "D.", hint: "H." }), {
    target: "prod",
  });
  const time = NOW.toISOString();
  assert.deepEqual(parsed(lines), [
    {
      time,
      level: "info",
      message: "orders: app_ro",
      target: "orders",
      event: "login",
      milliseconds: 12,
    },
    { time, level: "info", message: "no targets" },
    {
      time,
      level: "error",
      message: "no such thing",
      code: "ERR_TARGET",
      detail: "D.",
      hint: "H.",
      target: "prod",
    },
  ]);
});

test("createLog() lets no secret through as JSON, whatever its characters become there", () => {
  const unit = fc.oneof(
    fc.constantFrom('"', "\\", "\n", "\t", "\u0000", "\u2028", "\ud800", "é", "/", "%", "u"),
    fc.string({ minLength: 1, maxLength: 1, unit: "binary" }),
  );
  const secret = fc.string({ minLength: 6, maxLength: 20, unit });
  const places = fc.array(fc.string({ unit }), { minLength: 5, maxLength: 5 });
  fc.assert(
    fc.property(secret, places, (hidden, texts) => {
      const { log, lines } = record("json");
      log.addSecret(hidden);
      const [before = "", after = "", other = ""] = texts;
      const text = `${before}${hidden}${after}`;
      log.verbose(text, { detail: text, target: hidden });
      log.notice(`${hidden}${hidden}`);
      log.always(JSON.stringify({ error: text }));
      const cause = new Error(text);
      log.error({ message: other, code: "ERR_DNS", detail: text, hint: text, cause, trace: text });
      for (const line of lines) {
        const object = JSON.parse(line) as Record<string, unknown>;
        const values = Object.values(object).map(String);
        assert.ok(values.every((value) => !value.includes(hidden)));
        assert.ok(values.every((value) => !value.includes(JSON.stringify(hidden).slice(1, -1))));
        assert.ok(!line.slice(0, -1).includes("\n"), "one line each");
      }
    }),
  );
});
