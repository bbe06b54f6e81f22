// Connection strings in both forms, read as libpq reads them.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { RdsIamError } from "../../src/base/errors.ts";
import {
  plainOptions,
  readKeywords,
  readUrl,
  requestIn,
  sourceIn,
} from "../../src/library/connection-text.ts";

const URLS: readonly (readonly [string, Readonly<Record<string, string>>])[] = [
  ["postgres://u@h/db?rdsiam=default", { host: "h", user: "u", dbname: "db", rdsiam: "default" }],
  ["postgresql://h", { host: "h" }],
  ["postgresql://", {}],
  [
    "postgresql://u%40corp:p%2Fw@h:5433/a%20b",
    { user: "u@corp", password: "p/w", host: "h", port: "5433", dbname: "a b" },
  ],
  ["postgresql://u@[::1]:5433/db", { user: "u", host: "::1", port: "5433", dbname: "db" }],
  ["postgresql:///db?host=h&port=1&user=u", { dbname: "db", host: "h", port: "1", user: "u" }],
  [
    "postgres://u@h/db?application_name=a+b%26c",
    { user: "u", host: "h", dbname: "db", application_name: "a b&c" },
  ],
];

for (const [url, expected] of URLS) {
  test(`readUrl() ${url}`, () => assert.deepEqual(Object.fromEntries(readUrl(url)), expected));
}

const KEYWORDS: readonly (readonly [string, Readonly<Record<string, string>>])[] = [
  [
    "user=andrew host=h port=5432 rdsiam=default",
    { user: "andrew", host: "h", port: "5432", rdsiam: "default" },
  ],
  ["  user = andrew\thost= h ", { user: "andrew", host: "h" }],
  [
    String.raw`user='a b' dbname='it\'s' password=x\ y\\z`,
    { user: "a b", dbname: "it's", password: String.raw`x y\z` },
  ],
  ["user='' host=h", { host: "h" }],
  ["user=a'b", { user: "a'b" }],
  ["", {}],
];

for (const [text, expected] of KEYWORDS) {
  test(`readKeywords() ${text}`, () =>
    assert.deepEqual(Object.fromEntries(readKeywords(text)), expected));
}

for (const text of ["user", "=x", "user='x", "user='x'y", "user=x host"]) {
  test(`readKeywords() refuses ${text}`, () =>
    assert.throws(() => readKeywords(text), { code: "ERR_USAGE" }));
}

for (const url of ["mysql://h/db", "h", "postgres://h:99999/db", "postgres://u%zz@h/db"]) {
  test(`readUrl() refuses ${url}, and does not repeat it`, () => {
    const secret = url.replace("://", "://name:swordfish@");
    assert.throws(
      () => readUrl(secret),
      (error) =>
        error instanceof RdsIamError && !`${error.message}${error.hint}`.includes("swordfish"),
    );
  });
}

test("readKeywords() reads every value that is quoted as libpq wants it", () => {
  const name = fc.stringMatching(/^[a-z_]{1,9}$/);
  const value = fc.string({ minLength: 1, unit: "binary" });
  fc.assert(
    fc.property(fc.dictionary(name, value), (parameters) => {
      const text = Object.entries(parameters)
        .map(([key, each]) => `${key}='${each.replaceAll(/[\\']/g, String.raw`\$&`)}'`)
        .join(" ");
      assert.deepEqual([...readKeywords(text)], Object.entries(parameters));
    }),
  );
});

test("readKeywords() and readUrl() take any text, or refuse it with a code, at once", () => {
  const part = fc.constantFrom(
    "a",
    "=",
    "'",
    "\\",
    " ",
    "postgres://",
    "@",
    "/",
    "?",
    "%",
    ":",
    "&",
  );
  fc.assert(
    fc.property(fc.array(part, { maxLength: 60 }), (parts) => {
      for (const read of [readKeywords, readUrl]) {
        try {
          read(parts.join(""));
        } catch (error) {
          assert.ok(error instanceof RdsIamError);
        }
      }
    }),
  );
});

test("sourceIn() knows our word and the gem's", () => {
  assert.equal(sourceIn(readUrl("postgres://h/?rdsiam=a")), "a");
  assert.equal(sourceIn(readKeywords("aws_rds_iam_auth_token_generator=b")), "b");
  assert.equal(sourceIn(readUrl("postgres://h/")), undefined);
});

test("requestIn() takes what the string says, warns of what it does not use, refuses to go without TLS", () => {
  const warnings: string[] = [];
  const onWarning = ({ message }: { readonly message: string }) => warnings.push(message);
  const options = { profile: "p", user: "other", onWarning };
  const text =
    "postgres://u:ignored@h:1/db?rdsiam=x&sslmode=require&connect_timeout=3&keepalives=1";
  const { onWarning: _, ...request } = requestIn(readUrl(text), options);
  const rest = { sslrootcert: undefined, applicationName: undefined };
  const named = { host: "h", port: 1, user: "u", database: "db", rdsiam: "x" };
  assert.deepEqual(request, { profile: "p", connectTimeout: 3, ...named, ...rest });
  assert.deepEqual(warnings, ["the connection string's keepalives is not used"]);
  assert.throws(() => requestIn(readUrl("postgres://h?sslmode=disable"), {}), {
    code: "ERR_USAGE",
  });
});

test("plainOptions() hands a string without a source back: node-postgres reads it, others take its parts", () => {
  const url = "postgres://u:p@h:1/db?sslmode=require";
  const parts = { host: "h", port: 1, user: "u", database: "db", password: "p", ssl: true };
  assert.deepEqual(plainOptions(url, readUrl(url)), { connectionString: url, ...parts });
  const text = "host=h sslmode=disable";
  assert.deepEqual(plainOptions(text, readKeywords(text)), { host: "h", ssl: false });
});
