// Which words are rdsiam's and which are the tool's: one line a case, and arbitrary tails.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { readArguments } from "../../src/cli/arguments.ts";
import type { Invocation } from "../../src/cli/options.ts";
import { COMMANDS } from "../../src/commands/command-table.ts";
import { RdsIamError } from "../../src/base/errors.ts";

type Read = Omit<Invocation, "command"> & { readonly command: string | undefined };

function read(...args: readonly string[]): Read {
  const { command, ...rest } = readArguments(args, COMMANDS);
  return { ...rest, command: command?.name };
}

const CASES: readonly (readonly [readonly string[], Partial<Read>])[] = [
  [["psql", "prod"], { command: "psql", target: "prod", tail: [] }],
  [["psql", "prod", "-c", "select 1"], { target: "prod", tail: ["-c", "select 1"] }],
  [["psql", "prod", "--", "-c", "select 1"], { target: "prod", tail: ["-c", "select 1"] }],
  [
    ["psql", "prod", "-v", "x=1", "--help"],
    { command: "psql", options: {}, tail: ["-v", "x=1", "--help"] },
  ],
  [["psql", "--", "-c", "x"], { target: undefined, tail: ["-c", "x"] }],
  [["psql", "-v", "prod"], { options: { verbose: true }, target: "prod" }],
  [["psql", "-qv", "prod"], { options: { quiet: true, verbose: true } }],
  [["psql", "-U", "007", "prod"], { options: { user: "007" } }],
  [["psql", "-U007", "prod"], { options: { user: "007" } }],
  [["psql", "-qU007", "prod"], { options: { quiet: true, user: "007" } }],
  [["psql", "--user=007", "prod"], { options: { user: "007" } }],
  [["psql", "--user", "-x", "prod"], { options: { user: "-x" } }],
  [["psql", "--user", "a", "--user", "b", "prod"], { options: { user: "b" } }],
  [["psql", "--user=a=b", "prod"], { options: { user: "a=b" } }],
  [["psql", "--dbname", "true", "prod"], { options: { dbname: "true" } }],
  [
    ["psql", "--role-arn", "arn:aws:iam::012345678901:role/x", "prod"],
    { options: { roleArn: "arn:aws:iam::012345678901:role/x" } },
  ],
  [["--verbose", "psql", "prod"], { command: "psql", options: { verbose: true }, target: "prod" }],
  [
    ["exec", "--", "pg_dump", "-h"],
    { command: "exec", target: undefined, tail: ["pg_dump", "-h"], dashes: true },
  ],
  [
    ["exec", "prod", "pg_dump", "--", "-x"],
    { target: "prod", tail: ["pg_dump", "--", "-x"], dashes: false },
  ],
  [["exec", "prod", "--", "--", "x"], { target: "prod", tail: ["--", "x"] }],
  [["token", "prod", "--json"], { command: "token", options: { json: true }, target: "prod" }],
  [["token", "--json", "prod"], { options: { json: true }, target: "prod" }],
  [["list", "--names"], { command: "list", options: { names: true } }],
  [["demo"], { command: "demo", tail: [] }],
  [["demo", "-c", "select 1"], { tail: ["-c", "select 1"], dashes: false }],
  [["demo", "-v", "-Atc", "x"], { options: { verbose: true }, tail: ["-Atc", "x"] }],
  [["demo", "--", "bash", "-l"], { tail: ["bash", "-l"], dashes: true }],
  [["--version"], { command: undefined, options: { version: true } }],
  [["-V"], { command: undefined, options: { version: true } }],
  [["psql", "-h"], { command: "psql", options: { help: true } }],
  [["-h"], { command: undefined, options: { help: true } }],
  [[], { command: undefined, options: {} }],
];

for (const [args, expected] of CASES) {
  test(`readArguments(): rdsiam ${args.join(" ")}`, () => {
    assert.deepEqual({ ...read(...args), ...expected }, read(...args));
  });
}

const REFUSED: readonly (readonly [readonly string[], RegExp])[] = [
  [["pqsl"], /unknown command "pqsl"/],
  [["psql", "-c", "x", "prod"], /unknown option -c before the target/],
  [["psql", "--hots", "x"], /unknown option --hots/],
  [["psql", "--names", "prod"], /unknown option --names/],
  [["psql", "--user"], /option --user needs a value/],
  [["psql", "--user", "--", "x"], /option --user needs a value/],
  [["psql", "--user="], /the value of option --user is empty/],
  [["psql", "--user", ""], /the value of option --user is empty/],
  [["psql", "--quiet=yes"], /option --quiet takes no value/],
  [["list", "prod"], /unexpected argument "prod"/],
  [["token", "a", "b"], /unexpected argument "b"/],
];

for (const [args, message] of REFUSED) {
  test(`readArguments() refuses rdsiam ${args.join(" ")}`, () => {
    assert.throws(
      () => read(...args),
      (error) =>
        error instanceof RdsIamError && error.code === "ERR_USAGE" && message.test(error.message),
    );
  });
}

test("readArguments() passes any tail on verbatim", () => {
  const word = fc.oneof(
    fc.string(),
    fc.constantFrom("--", "-", "-h", "--help", "--user", "--user=x", "-v", "\u0001", "007", "true"),
  );
  fc.assert(
    fc.property(fc.constantFrom("psql", "exec"), fc.array(word), (command, tail) => {
      assert.deepEqual(read(command, "-v", "prod", "--", ...tail).tail, tail);
      const direct = read(command, "prod", ...tail);
      assert.deepEqual(direct.tail, tail[0] === "--" ? tail.slice(1) : tail);
      assert.deepEqual([direct.target, direct.options], ["prod", {}]);
    }),
  );
});

test("readArguments() keeps any value as the string it was", () => {
  const value = fc.oneof(
    fc.string({ minLength: 1 }),
    fc.integer().map(String),
    fc.constantFrom("true", "false", "1e3", "--x", "a.b=c"),
  );
  fc.assert(
    fc.property(value, (given) => {
      fc.pre(given !== "--");
      assert.deepEqual(read("psql", "--external-id", given, "prod").options, { externalId: given });
      assert.deepEqual(read("psql", `--external-id=${given}`, "prod").options, {
        externalId: given,
      });
    }),
  );
});
