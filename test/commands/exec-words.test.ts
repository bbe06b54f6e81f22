// What exec's options make of arguments and environment, without a process.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { readArguments } from "../../src/cli/arguments.ts";
import { COMMANDS } from "../../src/commands/command-table.ts";
import { readTargets, refuseForSeveral } from "../../src/commands/exec-targets.ts";
import { checkTemplate, fitWords, readVariables } from "../../src/commands/exec-words.ts";
import { databaseUrl } from "../../src/base/database-url.ts";
import { RdsIamError } from "../../src/base/errors.ts";

const PLACE = {
  PGHOST: "127.0.0.1",
  PGPORT: "5000",
  PGUSER: "app@x",
  PGDATABASE: "my db",
  PGPASSWORD: "s3cret-of-the-run",
  PGSSLMODE: "disable",
};
const SOURCE = Object.fromEntries(
  Object.entries(PLACE).map(([name, value]) => [`SRC_${name}`, value]),
);
const URL_WITHOUT_SECRET = "postgresql://app%40x@127.0.0.1:5000/my%20db?sslmode=disable";
const URL_WITH_SECRET =
  "postgresql://app%40x:s3cret-of-the-run@127.0.0.1:5000/my%20db?sslmode=disable";

function words(...args: readonly string[]) {
  return readTargets(readArguments(["exec", ...args], COMMANDS));
}

test("fitWords() puts the URL with the secret into the variable, and leaves the arguments alone", () => {
  const fitting = { prefixes: [""], urlVariable: "DATABASE_URL", template: false, variables: [] };
  const fitted = fitWords({ args: ["{url}"], env: PLACE }, fitting);
  assert.deepEqual(fitted, {
    args: ["{url}"],
    env: { ...PLACE, DATABASE_URL: URL_WITH_SECRET },
  });
});

test("fitWords() fills in arguments, never with the secret", () => {
  const fitting = { prefixes: ["", "SRC_"], urlVariable: undefined, template: true, variables: [] };
  const args = [
    "--url={url}",
    "{host}:{port}/{dbname}",
    "{src.user}{SRC.host}",
    "{dst.host} {x} {}",
  ];
  const fitted = fitWords({ args, env: { ...PLACE, ...SOURCE } }, fitting);
  assert.deepEqual(fitted.args, [
    `--url=${URL_WITHOUT_SECRET}`,
    "127.0.0.1:5000/my db",
    "app@x127.0.0.1",
    "{dst.host} {x} {}",
  ]);
  assert.equal(fitted.env["SRC_URL"], URL_WITH_SECRET);
});

test("fitWords() lets the secret into no argument, whatever they are", () => {
  const part = fc.constantFrom(
    "{host}",
    "{url}",
    "{src.url}",
    "{password}",
    "{PGPASSWORD}",
    "{",
    "}",
    "x",
  );
  const fitting = { prefixes: ["", "SRC_"], urlVariable: "U", template: true, variables: [] };
  fc.assert(
    fc.property(fc.array(fc.array(part).map((parts) => parts.join(""))), (args) => {
      const fitted = fitWords({ args, env: { ...PLACE, ...SOURCE } }, fitting);
      assert.equal(fitted.args.join(" ").includes(PLACE.PGPASSWORD), false);
    }),
  );
});

test("fitWords() fills in variables, encoded where they are in a URL, with the secret", () => {
  const variables = readVariables(
    [
      "PASSWORD={password}",
      "LOGIN={user}/{dbname} at {src.host}",
      "JDBC=jdbc:postgresql://{host}:{port}/{dbname}?user={user} {user}",
      "COPY={url}",
      "EMPTY=",
      'JSON={"a":{"b":"{SRC.port}"}} {{host}} a=b',
      "COPY={src.url}",
    ],
    ["", "SRC_"],
  );
  const fitting = { prefixes: ["", "SRC_"], urlVariable: undefined, template: false, variables };
  const { args, env } = fitWords({ args: ["{url}"], env: { ...PLACE, ...SOURCE } }, fitting);
  assert.deepEqual(args, ["{url}"]);
  const { PASSWORD, LOGIN, JDBC, COPY, EMPTY, JSON } = env;
  assert.deepEqual(
    { PASSWORD, LOGIN, JDBC, COPY, EMPTY, JSON },
    {
      PASSWORD: PLACE.PGPASSWORD,
      LOGIN: "app@x/my db at 127.0.0.1",
      JDBC: "jdbc:postgresql://127.0.0.1:5000/my%20db?user=app%40x app@x",
      COPY: URL_WITH_SECRET,
      EMPTY: "",
      JSON: '{"a":{"b":"5000"}} {host} a=b',
    },
  );
});

test("fitWords() encodes what --template puts into a URL", () => {
  const fitting = { prefixes: [""], urlVariable: undefined, template: true, variables: [] };
  const { args } = fitWords(
    { args: ["jdbc:x://{host}/{dbname}", "-d{dbname}"], env: PLACE },
    fitting,
  );
  assert.deepEqual(args, ["jdbc:x://127.0.0.1/my%20db", "-dmy db"]);
});

test("readVariables() refuses unknown placeholders, names that are none, and those of the proxy", () => {
  for (const [given, prefixes, message] of [
    ["X={passwrd}", [""], /^unknown placeholder \{passwrd\} in --env X$/],
    ["X={host} {HOST}", [""], /unknown placeholder \{HOST\}/],
    ["X={host}", ["SRC_"], /unknown placeholder \{host\}/],
    ["X={dst.host}", ["SRC_"], /unknown placeholder \{dst\.host\}/],
    ["X", [""], /^--env X has no value$/],
    ["=x", [""], /is not a valid variable name/],
    ["a b={host}", [""], /is not a valid variable name/],
    ["PGHOST=db1", [""], /^--env cannot set PGHOST$/],
    ["PGSERVICE=x", [""], /cannot set/],
    ["SRC_PGSSLMODE=require", ["SRC_"], /cannot set/],
  ] as const) {
    assert.throws(() => readVariables([given], prefixes), isUsageError(message), given);
  }
  assert.deepEqual(readVariables(["PGAPPNAME=x"], [""]), [["PGAPPNAME", "x"]]);
});

test("databaseUrl() is read back by the URL standard as what it was made of", () => {
  // Whole characters: PostgreSQL takes no lone surrogates.
  const text = fc.string({ unit: "grapheme", minLength: 1 });
  fc.assert(
    fc.property(text, text, text, (user, password, dbname) => {
      const url = new URL(databaseUrl({ host: "127.0.0.1", port: 1, user, dbname, password }));
      const parts = [url.username, url.password, url.pathname.slice(1)].map(decodeURIComponent);
      // `.` and `..` are steps of a path to the standard, and names to PostgreSQL.
      fc.pre(!/^\.\.?$/.test(dbname));
      assert.deepEqual(parts, [user, password, dbname]);
    }),
  );
  const place = { port: 5432, user: "u", dbname: "d" };
  assert.equal(databaseUrl({ ...place, host: "::1" }), "postgresql://u@[::1]:5432/d");
  assert.equal(databaseUrl({ ...place, host: "/run/x" }), "postgresql://u@:5432/d?host=%2Frun%2Fx");
});

test("readTargets() takes TARGET, or --target with and without a name", () => {
  assert.deepEqual(words("prod", "x"), { targets: [{ prefix: "", target: "prod" }], tail: ["x"] });
  assert.deepEqual(words("--target", "prod", "x"), words("prod", "x"));
  assert.deepEqual(words("--target=src=prod", "--target", "Dst=a=b", "--", "x", "--", "y"), {
    targets: [
      { prefix: "SRC_", target: "prod" },
      { prefix: "DST_", target: "a=b" },
    ],
    tail: ["x", "--", "y"],
  });
});

test("readTargets() with --target leaves any other words to the tool", () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(fc.constant("--"), fc.string())), (tail) => {
      assert.deepEqual(words("--target", "src=prod", "--", ...tail).tail, tail);
      assert.deepEqual(words("--target", "src=prod", "tool", ...tail).tail, ["tool", ...tail]);
    }),
  );
});

function isUsageError(message: RegExp) {
  return (error: unknown): boolean =>
    error instanceof RdsIamError && error.code === "ERR_USAGE" && message.test(error.message);
}

test("readTargets() refuses two targets of one name, and a name without a target", () => {
  assert.throws(
    () => words("--target", "a=x", "--target", "A=y", "z"),
    isUsageError(/two targets with the name A/),
  );
  assert.throws(
    () => words("--target", "x", "--target", "y", "z"),
    isUsageError(/two targets without a name/),
  );
  assert.throws(() => words("--target", "a=", "z"), isUsageError(/has no target after the =/));
});

test("refuseForSeveral() refuses what only one target can have", () => {
  refuseForSeveral({ port: "0" }, { RDSIAM_TARGET: "prod", RDSIAM_HOST: "db1" });
  for (const [options, env] of [
    [{ host: "db1" }, {}],
    [{ signHost: "db1" }, {}],
    [{ port: "5000" }, {}],
    [{}, { RDSIAM_HOST: "db1" }],
    [{}, { RDSIAM_SIGN_HOST: "db1" }],
    [{}, { RDSIAM_PORT: "5000" }],
  ] as const) {
    assert.throws(() => refuseForSeveral(options, env), isUsageError(/works with one target/));
  }
});

test("checkTemplate() wants something to fill in, and no password", () => {
  checkTemplate(["x", "jdbc:postgresql://{host}:{port}/"], [""]);
  checkTemplate(["{src.url}"], ["SRC_", "DST_"]);
  assert.throws(() => checkTemplate(["x"], [""]), isUsageError(/nothing to fill in/));
  assert.throws(() => checkTemplate(["{prt}"], [""]), isUsageError(/unknown placeholder \{prt\}/));
  assert.throws(
    () => checkTemplate(["{host}"], ["SRC_"]),
    isUsageError(/unknown placeholder \{host\}/),
  );
  assert.throws(() => checkTemplate(["{host} {password}"], [""]), isUsageError(/\{password\}/));
});
