// Bad input: one clear error with its remedy on stderr, nothing on stdout, status 125, nothing left running.
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { rdsiam } from "../support/program.ts";
import { startStage } from "../support/stage.ts";
import { keep, temporaryDirectory } from "../support/keep.ts";

const standIn = await keep(startStage());
standIn.dns.set("loop-a.example.com", { cname: "loop-b.example.com" });
standIn.dns.set("loop-b.example.com", { cname: "loop-a.example.com" });
standIn.dns.set("plain.example.com", { a: ["127.0.0.1"] });
await standIn.addProfile("loop", {
  rds_host: "loop-a.example.com",
  rds_user: "app_ro",
  rds_dns_servers: standIn.dns.address,
});
await standIn.addProfile("plain", {
  rds_host: "plain.example.com",
  rds_user: "app_ro",
  rds_dns_servers: standIn.dns.address,
});
await standIn.addProfile("missing", {
  rds_host: "missing.example.com",
  rds_user: "app_ro",
  rds_dns_servers: standIn.dns.address,
});
await standIn.addProfile("nohost", { region: "eu-west-1" });
await standIn.addProfile("nokeys", {
  rds_host: standIn.canonicalHost,
  rds_user: "app_ro",
  rds_dns_servers: standIn.dns.address,
});
// A psql that must never be reached.
const bin = await temporaryDirectory("bin");
await writeFile(join(bin, "psql"), "#!/bin/sh\necho reached\n");
await chmod(join(bin, "psql"), 0o755);

const latin = join(bin, "latin.sql");
await writeFile(latin, Buffer.from("COMMENT ON TABLE t IS 'b\xFCro';", "latin1"));

const CASES: readonly (readonly [string, readonly string[], RegExp, RegExp])[] = [
  [
    "unknown command",
    ["pqsl", "prod"],
    /error: unknown command "pqsl"/,
    /HINT: .*did you mean "rdsiam psql"\?/i,
  ],
  [
    "unknown option",
    ["psql", "--rol-arn", "x", "prod"],
    /error: unknown option --rol-arn/,
    /HINT: .*did you mean --role-arn\?/i,
  ],
  [
    "option of the tool before the target",
    ["psql", "-c", "select 1", "prod"],
    /error: unknown option -c/,
    /HINT: .*rdsiam psql prod -c/,
  ],
  [
    "a file of statements that is not UTF-8",
    ["setup", "--grant", latin, "prod"],
    /error: .*latin\.sql is not UTF-8/,
    /HINT: .*iconv/,
  ],
  [
    "a policy for a role of another account",
    ["setup", "--attach-policy", "arn:aws:iam::999999999999:user/demo", "inventory"],
    /error: arn:aws:iam::999999999999:user\/demo is not in account 123456789012/,
    /HINT: .*--profile NAME/,
  ],
  [
    "a policy for a role that does not exist",
    ["setup", "--attach-policy", "role/nosuch", "inventory"],
    /error: there is no role "nosuch"/,
    /HINT: .*account/,
  ],
  ["option without value", ["psql", "--region"], /error: option --region needs a value/, /HINT: /],
  [
    "empty value",
    ["psql", "--user=", "prod"],
    /error: the value of option --user is empty/,
    /HINT: /,
  ],
  ["unknown target", ["psql", "prd"], /error: .*"prd"/, /HINT: .*"?prod"?/],
  [
    "target without host",
    ["psql", "nohost"],
    /error: .*"nohost" has no rds_host/,
    /HINT: .*aws configure set rds_host HOST --profile nohost/,
  ],
  ["host that is no RDS name", ["psql", "plain"], /error: .*plain\.example\.com/, /HINT: /],
  ["host that does not exist", ["psql", "missing"], /error: .*missing\.example\.com/, /HINT: /],
  ["CNAME loop", ["psql", "loop"], /error: .*loop-a\.example\.com/, /loop/i],
  ["no credentials", ["psql", "nokeys"], /error: no AWS credentials/, /HINT: /],
  [
    "no user",
    ["psql", "--host", "db1.abc.eu-west-1.rds.amazonaws.com"],
    /error: no database user/,
    /HINT: .*-U USER/,
  ],
  [
    "-h after the target",
    ["psql", "prod", "-h", "elsewhere"],
    /error: -h elsewhere would bypass/,
    /HINT: .*--host/,
  ],
  [
    "bad local port",
    ["psql", "--port", "5432x", "prod"],
    /error: "5432x" is not a valid port/,
    /HINT: /,
  ],
  ["no command", ["exec", "prod"], /error: no command to run/, /HINT: .*rdsiam exec prod COMMAND/],
  ["surplus argument", ["token", "prod", "stage"], /error: unexpected argument "stage"/, /HINT: /],
];

for (const [name, args, what, remedy] of CASES) {
  test(`bad input: ${name}`, async () => {
    const ran = await rdsiam(args, { env: { ...standIn.env, PATH: `${bin}:/usr/bin:/bin` } });
    assert.equal(ran.status, 125, ran.stderr);
    assert.equal(ran.stdout, "");
    assert.match(ran.stderr, what);
    assert.match(ran.stderr, remedy);
    assert.doesNotMatch(ran.stderr, /\n\s+at /);
  });
}
