// psql's own option grammar: what would leave the proxy is found in every spelling, and nothing else is touched.
import assert from "node:assert/strict";
import { test } from "node:test";
import { psqlUser, refuseOtherServer } from "../../src/commands/psql-arguments.ts";
import { RdsIamError } from "../../src/base/errors.ts";

const REFUSED: readonly (readonly string[])[] = [
  ["-h", "x"],
  ["-hx"],
  ["-Xh", "x"],
  ["-Xhx"],
  ["--host", "x"],
  ["--host=x"],
  ["--hos=x"],
  ["--hos", "x"],
  ["-p", "1"],
  ["-Atp1"],
  ["--port=1"],
  ["-d", "host=x"],
  ["-dhost=x"],
  ["--dbname=dbname=a host = x"],
  ["-d", "hostaddr=1.2.3.4"],
  ["-d", "service=x"],
  ["dbname=a port=1"],
  ["postgres://h/db"],
  ["postgresql://u@h:1/db"],
  ["postgresql:///db?host=x"],
  ["postgresql:///db?sslmode=disable&%68ost=x"],
  ["-c", "select 1", "service=x"],
  ["--", "host=x"],
  ["db", "-h", "x"],
];

for (const args of REFUSED) {
  test(`refuseOtherServer() refuses psql ${args.join(" ")}`, () => {
    assert.throws(
      () => refuseOtherServer(args),
      (error) => error instanceof RdsIamError && error.code === "ERR_USAGE",
    );
  });
}

const TAKEN: readonly (readonly string[])[] = [
  [],
  ["-c", "-h x"],
  ["-c", "host=x"],
  ["-v", "host=x"],
  ["-vhost=x"],
  ["--set=host=x"],
  ["-f", "-h"],
  ["--html"],
  ["--help"],
  ["-H"],
  ["-At", "db", "user"],
  ["db", "host=x"],
  ["postgres:///db"],
  ["postgres:///db?application_name=host=x&options=%zz"],
  ["postgresql://user@/db?application_name=x"],
  ["-d", "dbname=a user=b"],
  ["-U", "host=x"],
  ["-P", "pager=off"],
];

for (const args of TAKEN) {
  test(`refuseOtherServer() takes psql ${args.join(" ")}`, () => refuseOtherServer(args));
}

test("psqlUser() finds -U in every spelling, the last one first", () => {
  assert.equal(psqlUser(["-At", "-c", "-U x"]), undefined);
  for (const args of [
    ["-U", "bob"],
    ["-Ubob"],
    ["-AtUbob"],
    ["--username=bob"],
    ["--user", "bob"],
    ["-Uann", "-U", "bob"],
  ]) {
    assert.equal(psqlUser(args), "bob", args.join(" "));
  }
});
