// The waiting line with a clock of its own: when it comes, what it says, and that it goes.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createWaiting, firstSession, type Waiting } from "../../src/base/waiting.ts";

interface Scene {
  readonly waiting: Waiting;
  /** Lets time pass. */
  readonly pass: (milliseconds: number) => void;
  /** What a person sees on the line. */
  readonly line: () => string;
  readonly isTicking: () => boolean;
}

function scene(options: { isOn?: boolean; columns?: number } = {}): Scene {
  const { isOn = true, columns = 80 } = options;
  let [now, output, tick] = [0, "", undefined as (() => void) | undefined];
  const every = (_milliseconds: number, given: () => void): (() => void) => {
    tick = given;
    return () => (tick = undefined);
  };
  const write = (text: string): void => void (output += text);
  const waiting = createWaiting({
    write,
    isOn,
    columns: () => columns,
    clock: { now: () => now, every },
  });
  const pass = (milliseconds: number): void => {
    now += milliseconds;
    tick?.();
  };
  const line = (): string => output.split("\r\u001B[K").at(-1) ?? "";
  return { waiting, pass, line, isTicking: () => tick !== undefined };
}

test("start() shows nothing for a second, then what and how long", () => {
  const { waiting, pass, line, isTicking } = scene();
  const end = waiting.start("STS");
  pass(999);
  assert.equal(line(), "");
  pass(1);
  assert.equal(line(), "waiting for STS ... 1 s");
  pass(2_500);
  assert.equal(line(), "waiting for STS ... 3 s");
  end();
  assert.deepEqual([line(), isTicking()], ["", false]);
});

test("for() erases the line when the work is done, and when it fails", async () => {
  const { waiting, pass, line } = scene();
  for (const fails of [false, true]) {
    let [resolve, reject] = [(_value: number): void => {}, (_error: Error): void => {}];
    const promise = new Promise<number>((...both) => ([resolve, reject] = both));
    const waited = waiting.for("DNS", promise);
    pass(1_000);
    assert.match(line(), /DNS/);
    if (fails) reject(new Error("none"));
    else resolve(1);
    if (fails) await assert.rejects(waited, /none/);
    else assert.equal(await waited, 1);
    assert.equal(line(), "");
  }
});

test("start() shows the wait that began last, and the one before it after that", () => {
  const { waiting, pass, line } = scene();
  const outer = waiting.start("STS");
  pass(1_000);
  const inner = waiting.start("DNS");
  pass(1_000);
  assert.equal(line(), "waiting for DNS ... 1 s");
  inner();
  pass(250);
  assert.equal(line(), "waiting for STS ... 2 s");
  outer();
  assert.equal(line(), "");
});

test("erase() makes room for another line, and the line comes back", () => {
  const { waiting, pass, line } = scene();
  waiting.start("STS");
  pass(1_000);
  waiting.erase();
  assert.equal(line(), "");
  pass(250);
  assert.equal(line(), "waiting for STS ... 1 s");
});

test("hide() shows nothing until show()", () => {
  const { waiting, pass, line } = scene();
  waiting.start("STS");
  pass(1_000);
  waiting.hide();
  pass(1_000);
  assert.equal(line(), "");
  waiting.show();
  pass(1_000);
  assert.equal(line(), "waiting for STS ... 3 s");
});

test("createWaiting() cuts what would be folded, and is silent where it is off", () => {
  const narrow = scene({ columns: 12 });
  narrow.waiting.start("orders.db.example.com");
  narrow.pass(1_000);
  assert.equal(narrow.line().length, 11);
  const off = scene({ isOn: false });
  off.waiting.start("STS");
  off.pass(5_000);
  assert.deepEqual([off.line(), off.isTicking()], ["", false]);
});

test("firstSession() shows the wait for the first session alone, and of a quiet tool alone", () => {
  for (const [isQuiet, shown] of [
    [true, "waiting for db1 ... 1 s"],
    [false, ""],
  ] as const) {
    const { waiting, pass, line } = scene();
    waiting.hide();
    const first = firstSession(waiting, "db1", isQuiet);
    first.begin();
    first.end({ kind: "unauthenticated" });
    pass(1_000);
    assert.equal(line(), shown);
    first.end({ kind: "login" });
    first.begin();
    pass(1_000);
    assert.equal(line(), "");
  }
});
