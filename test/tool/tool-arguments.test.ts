// The programs' own option grammars: what would leave the proxy is found in every spelling, and nothing else is touched.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import {
  psqlUser,
  refuseOtherDatabase,
  refuseOtherServer,
  type ToolWords,
} from "../../src/tool/tool-arguments.ts";
import { RdsIamError } from "../../src/base/errors.ts";
import { without } from "../support/program.ts";

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
  ["dbname=orders sslmode=require"],
  ["-d", "sslmode = 'verify-full'"],
  ["postgresql:///orders?sslmode=require"],
  ["postgresql://?x@elsewhere/db"],
  ["postgresql:///orders?ssl=true"],
  ["postgresql://app_ro:secret@/orders"],
  ["dbname=orders password=x"],
  ["channel_binding=require"],
  ["gssencmode=require"],
  ["require_auth=md5,password"],
  ["require_auth=!scram-sha-256"],
  ["sslrootcert=system"],
  ["sslnegotiation=direct"],
  ["-W"],
  ["-AtWc", "select 1"],
  ["-d", "orders", "--password"],
  ["--passw"],
];

for (const args of REFUSED) {
  test(`refuseOtherServer() refuses psql ${args.join(" ")}`, () => {
    assert.throws(
      () => refuseOtherServer({ file: "psql", args, command: "psql" }),
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
  ["-w", "-vW=1", "-c", "-W"],
  ["--", "-W"],
  ["application_name='x host=y' sslmode=prefer"],
  ["application_name=a\\ port=b"],
  ["require_auth=none,scram-sha-256"],
  ["require_auth=!md5"],
  ["sslrootcert=/etc/ca.pem channel_binding=prefer gssencmode=disable"],
];

for (const args of TAKEN) {
  test(`refuseOtherServer() takes psql ${args.join(" ")}`, () =>
    refuseOtherServer({ file: "psql", args, command: "psql" }));
}

const OTHERS: readonly (readonly [string, string])[] = [
  ["pg_dump -p 5432 orders", "-p 5432 would bypass"],
  ["pg_dump -Fc -Zp -hx", "-h x would bypass"],
  ["/usr/bin/pg_dump dbname=orders\\ sslmode=require", "sslmode=require would make pg_dump refuse"],
  ["pg_dump --cluster 16/db.example.com:5432 -s", "--cluster 16/db.example.com:5432 would bypass"],
  ["vacuumdb --cluster=16/main orders", "--cluster 16/main would bypass"],
  ["pg_dump --schema host=x orders service=x", ""],
  ["pg_dump -Fp -t port=1 -T host=x --sch host=x orders", ""],
  ["pg_dumpall -l host=x", "-l would bypass"],
  ["pg_restore -l host=x", ""],
  ["pg_restore -d orders -p1 file", "-p 1 would bypass"],
  ["vacuumdb -P 2 --maintenance-db=service=x", "--maintenance-db would bypass"],
  ["vacuumdb -zP2 -j4 orders", ""],
  ["createdb host=x", ""],
  ["createdb -O host -D port -p 5432", "-p 5432 would bypass"],
  ["createuser -Pd -c 3 -m host ann", ""],
  ["dropuser --hos=x ann", "--host x would bypass"],
  ["pgbench -d -P 1 -T 5 -c 2 port=1", "the database argument would bypass"],
  ["pgbench --log -P1 -n orders", ""],
  ["pg_recvlogical --start -P pgoutput -f - -d hostaddr=::1", "-d would bypass"],
  ["pg_basebackup -D out -X stream -P -d sslmode=verify-ca", "sslmode=verify-ca would make"],
  ["oid2name -H x", "-H x would bypass"],
  ["vacuumlo -l 5 a postgresql://h/b", "the database argument would bypass"],
  ["pgcli -D other", "-D other would bypass"],
  ["pg_amcheck -d host=x orders", ""],
  ["pg_isready -t 3 -d port=1", "-d would bypass"],
  ["constructor -h x", ""],
];

for (const [line, refused] of OTHERS) {
  test(`refuseOtherServer() ${refused === "" ? "takes" : "refuses"} ${line} (A37)`, () => {
    const [file = "", ...args] = line.split(/(?<!\\) /).map((word) => word.replace("\\ ", " "));
    const refuse = (): void => refuseOtherServer({ file, args, command: "exec" });
    if (refused === "") return refuse();
    assert.throws(
      refuse,
      (error) => error instanceof RdsIamError && error.message.startsWith(refused),
    );
  });
}

const TOOLS =
  "clusterdb createdb createuser dropdb dropuser oid2name pg_amcheck pg_basebackup pg_dump pg_dumpall pg_isready pg_receivewal pg_recvlogical pg_restore pgbench psql reindexdb vacuumdb vacuumlo";

for (const file of TOOLS.split(" ")) {
  test(
    `refuseOtherServer() knows which options of ${file} take a value`,
    { skip: without(file) },
    () => {
      const help = execFileSync(file, ["--help"], { encoding: "utf8" });
      const refuses = (option: string): boolean =>
        isRefused({ file, args: [option, "-hx"], command: "exec" });
      const options = help.matchAll(/^ +(?:-(\w),? +)?(?:--([a-z-]+)(\[?=)?|-(\w) {2,})/gm);
      let seen = 0;
      for (const [, short, long, equals, alone] of options) {
        if (/^(?:host|help|port)$/.test(long ?? "")) continue;
        seen += 1;
        for (const word of [short && `-${short}`, long && `--${long}`, alone && `-${alone}`]) {
          if (word) assert.equal(refuses(word), equals !== "=", `${word} in ${file} --help`);
        }
      }
      assert.ok(seen > 3);
    },
  );
}

function isRefused(words: ToolWords): boolean {
  try {
    refuseOtherServer(words);
    return false;
  } catch {
    return true;
  }
}

test("refuseOtherServer() takes what --template fills in, and no other server", () => {
  const refuse = (...args: string[]): void =>
    refuseOtherServer({ file: "psql", args, command: "exec", template: true });
  refuse("-h", "{host}", "--port={port}", "{dbname}");
  refuse("host={host} port={port} user={user}");
  refuse("postgresql://{user}@{host}:{port}/{dbname}?sslmode=disable");
  refuse("{url}");
  for (const args of [["-h", "x", "{dbname}"], ["host=x dbname={dbname}"], ["{url}", "-p1"]])
    assert.throws(() => refuse(...args), /would bypass/);
});

test("refuseOtherDatabase() refuses a name that leads to another server, and no other", () => {
  for (const name of [
    "host=x dbname=y",
    "a=b service = z",
    "postgresql://h/db",
    "postgres:///?port=1",
  ])
    assert.throws(() => refuseOtherDatabase(name), /the database name is a connection string/);
  for (const name of ["orders", "a=b", "my db #1", "host", "postgresql", "p:q/r?host"])
    refuseOtherDatabase(name);
});

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
