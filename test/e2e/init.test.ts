// `rdsiam init`: from an empty home directory to a working psql, and by options where there is no terminal.
import assert from "node:assert/strict";
import { mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { beforeEach, test } from "node:test";
import { LEDGER_ID, startStandIn } from "../../src/demo/stand-in.ts";
import { openShell } from "../support/pty.ts";
import { cleanEnvironment, rdsiam, RDSIAM } from "../support/program.ts";
import { keep, temporaryDirectory } from "../support/keep.ts";

let [home, own, config] = ["", "", ""];
let env: Record<string, string> = {};

const standIn = await keep(startStandIn({ env: process.env, from: [process.cwd()] }));
beforeEach(async () => {
  home = await temporaryDirectory("init");
  own = join(home, ".config", "rdsiam", "config");
  config = join(home, ".aws", "config");
  env = {
    HOME: home,
    TERM: "xterm",
    AWS_ACCESS_KEY_ID: standIn.key.accessKeyId,
    AWS_SECRET_ACCESS_KEY: standIn.key.secretAccessKey,
    AWS_ENDPOINT_URL_STS: standIn.sts.endpoint,
    AWS_ENDPOINT_URL_RDS: standIn.rds.endpoint,
    AWS_EC2_METADATA_DISABLED: "true",
    // The database of the stand-in is on this machine alone.
    RDSIAM_SSLROOTCERT: standIn.caFile,
    RDSIAM_DNS_SERVERS: standIn.dns.address,
  };
});

test("init on an empty home directory: seven answers, doctor, and psql works", async () => {
  await using terminal = await openShell(cleanEnvironment(env));
  const answer = async (question: RegExp, text: string): Promise<void> => {
    await terminal.shows(question);
    terminal.type(`${text}\r`);
  };
  terminal.type(`${RDSIAM} init new; echo status=$?\r`);
  await answer(/Credentials: _[^]*> environment[^]*IAM Identity Center[^]*Esc to leave/, "");
  await answer(/Region: $/, "eu-west-1");
  await answer(/Database: _[^]*> orders +cluster +orders\.cluster-[^]*Esc to leave/, "");
  await answer(/Database user: $/, "app_ro");
  await answer(/Database \[orders\]: $/, "");
  await answer(/Read-only sessions, yes or no \[no\]: $/, "yes");
  await answer(/\[new\]\r\n[^]*Add this to \S+\/rdsiam\/config\? \[Y\/n\] $/, "");
  await terminal.shows(/target "new" added[^]*ok +config[^]*ok +query[^]*status=0\r/);
  const port = standIn.gateway.port;
  assert.equal(
    await readFile(own, "utf8"),
    `[new]\nhost = ${standIn.canonicalHost}\nport = ${port}\nuser = app_ro\ndbname = orders\nread_only = yes\n`,
  );
  assert.equal((await stat(own)).mode & 0o777, 0o600);
  terminal.type(`${RDSIAM} psql -q new -Atc 'select current_user'\r`);
  await terminal.shows(/app_ro\r/);
});

test("init without a terminal takes its answers from options, and leaves every line that is there", async () => {
  await mkdir(join(home, ".config", "rdsiam"), { recursive: true });
  const before = "; mine\r\n[here]\r\nhost = h.example.com";
  await writeFile(own, before);
  const args = [
    "--host",
    `${standIn.alias}:${standIn.gateway.port}`,
    "-U",
    "app_ro",
    "-d",
    "orders",
  ];
  const ran = await rdsiam(["init", ...args, "--connect-x", "new"], { env });
  assert.equal(ran.status, 125);
  const done = await rdsiam(["init", ...args, "--aws-timeout", "9", "new"], { env });
  assert.equal(done.status, 0, done.stderr + done.stdout);
  const section = `[new]\nhost = ${standIn.alias}:${standIn.gateway.port}\nuser = app_ro\ndbname = orders\naws_timeout = 9\n`;
  assert.equal(await readFile(own, "utf8"), `${before}\n\n${section}`);
  const again = await rdsiam(["init", ...args, "new"], { env });
  assert.deepEqual([again.status, again.stdout], [125, ""]);
  assert.match(again.stderr, /error: "new" already exists[^]*rdsiam show new/);
});

test("init fills in user and database of an Aurora DSQL cluster whose ID is given", async () => {
  const host = `${LEDGER_ID}:${standIn.dsql.port}`;
  const words = ["init", "--host", host, "--region", "eu-west-1", "books"];
  const ran = await rdsiam(words, { env });
  assert.equal(ran.status, 0, ran.stderr + ran.stdout);
  assert.equal(
    await readFile(own, "utf8"),
    `[books]\nhost = ${host}\nuser = admin\ndbname = postgres\nregion = eu-west-1\n`,
  );
});

test("init with IAM Identity Center makes a profile in ~/.aws/config", async () => {
  await mkdir(join(home, ".aws"));
  await writeFile(config, "[profile here]\nregion = eu-west-1\n");
  const sso = ["--sso-start-url", "https://corp.awsapps.com/start", "--sso-region", "eu-west-1"];
  const account = ["--sso-account-id", "123456789012", "--sso-role-name", "db"];
  const ran = await rdsiam(
    ["init", ...sso, ...account, "--host", standIn.canonicalHost, "-U", "app_ro", "prod"],
    { env },
  );
  assert.equal(ran.status, 1, ran.stdout);
  assert.match(ran.stdout, /aws sso login --profile prod/);
  assert.equal(
    await readFile(config, "utf8"),
    `[profile here]
region = eu-west-1

[sso-session prod]
sso_start_url = https://corp.awsapps.com/start
sso_region = eu-west-1

[profile prod]
sso_session = prod
sso_account_id = 123456789012
sso_role_name = db
rds_host = ${standIn.canonicalHost}
rds_user = app_ro
rds_dbname = app_ro
`,
  );
});

test("init names the option of an answer that is missing, and writes nothing", async () => {
  const none = await rdsiam(["init", "new"], { env });
  assert.equal(none.status, 125);
  assert.match(none.stderr, /no answer to "Host of the database"[^]*HINT: +Add --host/);
  const noName = await rdsiam(["init", "--host", "127.0.0.1", "-U", "app_ro", "-q", "bad name"], {
    env,
  });
  assert.match(noName.stderr, /"bad name" is not a valid name/);
  const nobody = await rdsiam(["init", "--host", "h", "-U", "u", "--profile", "x", "new"], { env });
  assert.equal(nobody.status, 125);
  assert.match(nobody.stderr, /error: unknown AWS profile "x"/);
  const account = await rdsiam(["discover", "--profile", "x"], { env });
  assert.match(account.stderr, /error: unknown AWS profile "x"/);
  await assert.rejects(readFile(own), { code: "ENOENT" });
});

test("init does not add to a session that is there, nor a value that AWS's files would cut", async () => {
  await mkdir(join(home, ".aws"));
  const before = "[sso-session prod]\nsso_region = eu-west-1\nsso_start_url = https://a.example\n";
  await writeFile(config, before);
  const sso = ["--sso-start-url", "https://b.example", "--sso-region", "eu-west-1"];
  const account = ["--sso-account-id", "123456789012", "--sso-role-name", "db"];
  const words = ["init", ...sso, ...account, "--host", standIn.canonicalHost, "-U", "app_ro"];
  const there = await rdsiam([...words, "prod"], { env });
  assert.equal(there.status, 125);
  assert.match(there.stderr, /error: \[sso-session prod\] already exists\n/);
  for (const [dbname, why] of [
    [" orders", /error: rds_dbname cannot be written to AWS.s config file\nDETAIL: /],
    ["a\nrds_user = other", /error: --dbname has a line break in it\nDETAIL: /],
    ["a\rb", /error: --dbname has a line break in it\nDETAIL: /],
  ] as const) {
    const cut = await rdsiam([...words, "-d", dbname, "new"], { env });
    assert.equal(cut.status, 125, cut.stdout);
    assert.match(cut.stderr, why);
  }
  assert.equal(await readFile(config, "utf8"), before);
});

test("init + n at its last question adds nothing, says so and ends with 130", async () => {
  await mkdir(join(home, ".aws"));
  await writeFile(config, "[profile x]\nregion = eu-west-1\n");
  await using terminal = await openShell(cleanEnvironment(env));
  const options = `--profile x --host ${standIn.canonicalHost} -U app_ro -d orders --read-only`;
  for (const [name, no] of [
    ["one", "n\r"],
    ["two", "\x04"],
  ] as const) {
    terminal.type(`${RDSIAM} init ${options} ${name}; echo status-${name}=$?\r`);
    await terminal.shows(new RegExp(`\\[${name}\\]\r\n[^]*Add this to \\S+\\? \\[Y/n\\] $`));
    terminal.type(no);
    await terminal.shows(new RegExp(`error: [^]*nothing was added[^]*status-${name}=130\r`));
  }
  await assert.rejects(readFile(own), { code: "ENOENT" });
});
