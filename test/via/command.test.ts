// What a shell gets to see of a host name, and how a connection over a command ends.
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { text as textOf } from "node:stream/consumers";
import { test } from "node:test";
import fc from "fast-check";
import { RdsIamError } from "../../src/base/errors.ts";
import { commandTunnel, expandCommand } from "../../src/via/command.ts";
import { until } from "../support/traces.ts";

function target(address: string) {
  return { host: "db", port: 5432, address };
}

test("expandCommand() + puts in host and port, and one percent sign for two", () => {
  assert.equal(expandCommand("nc %h %p", target("db.example.com")), "nc db.example.com 5432");
  assert.equal(expandCommand("x %%h %h:%p", target("::1")), "x %h ::1:5432");
  assert.equal(expandCommand("x", target("_a-b.c")), "x");
});

test("expandCommand() + refuses a host that is more than a name to a shell", () => {
  for (const host of [
    "",
    "-e",
    "a b",
    "a;b",
    "$(x)",
    "`x`",
    "a|b",
    "a\nb",
    "a'b",
    'a"b',
    "a/b",
    "%h",
  ]) {
    assert.throws(() => expandCommand("nc %h", target(host)), { code: "ERR_VIA" }, host);
  }
});

test("expandCommand() + whatever the host, the command is refused or has no character that a shell acts on", () => {
  fc.assert(
    fc.property(fc.string(), (host) => {
      try {
        assert.match(expandCommand("%h", target(host)), /^[\w.:][\w.:-]*$/);
      } catch (error) {
        assert.ok(error instanceof RdsIamError);
      }
    }),
  );
});

function shellTunnel(script: string, file = "") {
  const broken: RdsIamError[] = [];
  const quoted = `'${script.replaceAll("'", "'\\''")}'`;
  const tunnel = commandTunnel(`sh -c ${quoted.replaceAll("%", "%%")}`, {
    env: { PATH: process.env["PATH"], FILE: file },
    connectTimeout: 5_000,
    findProgram: async (name) => name,
    note: () => {},
    warn: () => {},
    onBroken: (error) => broken.push(error),
  });
  const open = () => tunnel.open(target("db"), AbortSignal.timeout(10_000));
  return { broken, open, [Symbol.asyncDispose]: () => tunnel[Symbol.asyncDispose]() };
}

for (const [what, script, end] of [
  ["that says nothing of a database", "echo one >&2; sleep 0.1; echo two >&2; exit 3", "refused"],
  ["that exits with 0 without a byte", "exit 0", "refused"],
  [
    "that fails in the middle",
    "echo rows; echo one >&2; sleep 0.1; echo two >&2; exit 3",
    "broken",
  ],
  ["that ends with the database", "echo rows", "ended"],
] as const) {
  test(`commandTunnel() + a command ${what}: ${end}`, async () => {
    await using tunnel = shellTunnel(script);
    const stream = await tunnel.open();
    const read = textOf(stream).catch((error: unknown) => error);
    const result = await read;
    if (end === "ended") return assert.deepEqual([result, tunnel.broken], ["rows\n", []]);
    assert.ok(result instanceof RdsIamError);
    assert.equal(result.code, "ERR_VIA");
    const said =
      script === "exit 0" ? /status 0\. It said nothing/ : /status 3\. It said: one \| two$/;
    assert.match(result.detail ?? "", said);
    // Before a login worked it is the login's error; after that the tool cannot know it.
    assert.deepEqual(tunnel.broken, end === "broken" ? [result] : []);
  });
}

test("commandTunnel() + what was sent arrives before the end, and the answer to it after", async () => {
  await using tunnel = shellTunnel("cat; echo done");
  const stream = await tunnel.open();
  stream.end("rows\n");
  assert.equal(await textOf(stream), "rows\ndone\n");
});

test("commandTunnel() + its end is that of a command and its children, which are asked first", async (t) => {
  const directory = mkdtempSync(join(tmpdir(), "rdsiam-command-"));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const file = join(directory, "f");
  const waits = (name: string): string => `trap "echo >$FILE.${name}; exit" TERM`;
  const script = `${waits("own")}; (${waits("child")}; echo up; sleep 60 & wait) & wait`;
  const tunnel = shellTunnel(script, file);
  const stream = await tunnel.open();
  await new Promise((resolve) => stream.once("data", resolve));
  await tunnel[Symbol.asyncDispose]();
  assert.ok(existsSync(`${file}.own`));
  await until(async () => existsSync(`${file}.child`), "the child was asked");
  assert.deepEqual(tunnel.broken, []);
});
