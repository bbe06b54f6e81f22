// The AWS CLI's credential cache: a second run makes no STS call, nothing in the cache is ever an error, and the AWS CLI
// itself reads what rdsiam writes and writes what rdsiam reads.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdir, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { beforeEach, test } from "node:test";
import { openTerminal } from "../support/pty.ts";
import { ACCOUNT, startIdentityStage } from "../support/identity-stage.ts";
import { cleanEnvironment, run } from "../support/program.ts";
import { keep } from "../support/keep.ts";

const arnOf = (role: string): string => `arn:aws:iam::${ACCOUNT}:role/${role}`;
const SERIAL = `arn:aws:iam::${ACCOUNT}:mfa/jane`;

const codes = new Set<string>();

const stage = await keep(startIdentityStage());
const jane = stage.keys.createStaticKey({ arn: `arn:aws:iam::${ACCOUNT}:user/jane` });
for (const role of ["one", "two", "three"]) stage.sts.roles.set(arnOf(role), {});
stage.sts.roles.set(arnOf("guarded"), { mfa: { serialNumber: SERIAL, codes } });
await stage.addConfig(`
[profile static]
aws_access_key_id = ${jane.accessKeyId}
aws_secret_access_key = ${jane.secretAccessKey}
region = eu-west-1
[profile one]
role_arn = ${arnOf("one")}
source_profile = static
external_id = größe/+
duration_seconds = 3000
region = eu-west-1
[profile two]
role_arn = ${arnOf("two")}
source_profile = one
role_session_name = mine
[profile three]
role_arn = ${arnOf("three")}
source_profile = two
[profile guarded]
role_arn = ${arnOf("guarded")}
source_profile = static
mfa_serial = ${SERIAL}
region = eu-west-1
[profile careful]
role_arn = ${arnOf("one")}
source_profile = static
rds_cache = off
rds_host = placeholder.cluster-c1a2b3d4e5f6.eu-west-1.rds.amazonaws.com`);
beforeEach(async () => {
  await rm(join(stage.home.directory, ".aws", "cli"), { recursive: true, force: true });
});

/** Runs something and answers how often AssumeRole was called meanwhile. */
async function assumed(during: () => Promise<unknown>): Promise<number> {
  const before = stage.sts.count("AssumeRole");
  await during();
  return stage.sts.count("AssumeRole") - before;
}

async function token(profile: string, ...args: readonly string[]): Promise<void> {
  const finished = await stage.token(["--profile", profile, ...args]);
  assert.equal(finished.status, 0, finished.stderr);
  assert.match(finished.caller ?? "", new RegExp(`assumed-role/${profile}/`));
}

async function entry(): Promise<string> {
  const [file, ...others] = await readdir(stage.cacheDirectory);
  assert.deepEqual(others, []);
  assert.match(file ?? "", /^[0-9a-f]{40}\.json$/);
  return join(stage.cacheDirectory, file ?? "");
}

test("cache: the second run makes no STS call, also for a chain of three and with MFA", async () => {
  assert.equal(await assumed(() => token("three")), 3);
  assert.equal(await assumed(() => token("three")), 0);
  assert.equal(await assumed(() => token("one")), 0);
  codes.add("012345");
  assert.equal(await assumed(() => token("guarded", "--mfa-code", "012345")), 1);
  assert.equal(await assumed(() => token("guarded")), 0);
  assert.equal((await readdir(stage.cacheDirectory)).length, 4);
});

test("cache: entries are for their owner alone, and no other file is left", async () => {
  await token("one");
  assert.equal((await stat(stage.cacheDirectory)).mode & 0o777, 0o700);
  assert.equal((await stat(await entry())).mode & 0o777, 0o600);
});

test("cache: --no-cache, RDSIAM_NO_CACHE=1 and rds_cache = off neither read nor write it", async () => {
  const off: readonly (() => Promise<unknown>)[] = [
    () => token("one", "--no-cache"),
    () => stage.token(["--profile", "one"], { RDSIAM_NO_CACHE: "1" }),
    () => stage.token(["careful"]),
  ];
  for (const go of off) assert.equal(await assumed(go), 1);
  await assert.rejects(readdir(stage.cacheDirectory), { code: "ENOENT" });
  await token("one");
  for (const go of off.slice(0, 2)) assert.equal(await assumed(go), 1);
});

test("cache: corrupt, foreign and expired entries are not there, and are replaced", async () => {
  await token("one");
  const file = await entry();
  const good = JSON.parse(await readFile(file, "utf8")) as { Credentials: object };
  const withKeys = (keys: object): string =>
    JSON.stringify({ ...good, Credentials: { ...good.Credentials, ...keys } });
  const soon = (seconds: number): string => new Date(Date.now() + seconds * 1_000).toISOString();
  const bad = [
    "",
    "{",
    "null",
    "7",
    "[]",
    "\0\xFF",
    '{"Credentials":null}',
    '{"Credentials":{}}',
    withKeys({ Expiration: "2020-01-01T00:00:00UTC" }),
    withKeys({ Expiration: soon(115) }),
    withKeys({ Expiration: "never" }),
    withKeys({ Expiration: 7 }),
    withKeys({ AccessKeyId: 7 }),
    withKeys({ SecretAccessKey: "" }),
    withKeys({ SessionToken: "two\nlines" }),
    "x".repeat(200_000),
  ];
  for (const text of bad) {
    await writeFile(file, text);
    assert.equal(await assumed(() => token("one")), 1, text.slice(0, 100));
    assert.equal(await assumed(() => token("one")), 0, text.slice(0, 100));
  }
  for (const text of [withKeys({ Expiration: soon(180) }), withKeys({ Expiration: soon(9_000) })]) {
    await writeFile(file, text);
    assert.equal(await assumed(() => token("one")), 0);
  }
  await rm(file);
  await mkdir(file);
  assert.equal(await assumed(() => token("one")), 1);
  await rm(file, { recursive: true });
  assert.equal(spawnSync("mkfifo", [file]).status, 0);
  assert.equal(await assumed(() => token("one")), 1);
});

test("cache: a place that cannot be written is no error", async () => {
  await writeFile(join(stage.home.directory, ".aws", "cli"), "a file");
  assert.equal(await assumed(() => token("one")), 1);
  const finished = await stage.token(["--profile", "one"]);
  assert.match(finished.stderr, /cache cannot be written: (ENOTDIR|EEXIST)/);
});

test("cache: several rdsiam at once do no harm", async () => {
  await Promise.all(Array.from({ length: 6 }, () => token("one")));
  JSON.parse(await readFile(await entry(), "utf8"));
  assert.equal(await assumed(() => token("one")), 0);
});

const env = cleanEnvironment({ PATH: process.env["PATH"], HOME: "/nonexistent" });
// It says `aws-cli/2.9.19 Python/...`; AWS_ENDPOINT_URL_STS, which keeps it on this machine, came with 2.13 and 1.29.
const [, major = "", minor = ""] =
  /^aws-cli\/(\d+)\.(\d+)\./.exec(
    spawnSync("aws", ["--version"], { env, encoding: "utf8" }).stdout,
  ) ?? [];
const isNew = Number(minor) >= (major === "1" ? 29 : 13);
const skip =
  major === ""
    ? "the AWS CLI (aws) is not on this machine"
    : !isNew && `the AWS CLI here is ${major}.${minor}, which knows no AWS_ENDPOINT_URL_STS`;

async function whoami(profile: string): Promise<string> {
  const words = ["aws", "sts", "get-caller-identity", "--profile", profile, "--output", "text"];
  const finished = await run(words, { env: { ...stage.env, AWS_DEFAULT_REGION: "eu-west-1" } });
  assert.equal(finished.status, 0, finished.stderr);
  return finished.stdout;
}

test("cache: the AWS CLI reads what rdsiam wrote", { skip }, async () => {
  await token("two");
  codes.add("111111");
  await token("guarded", "--mfa-code", "111111");
  assert.equal(await assumed(async () => assert.match(await whoami("one"), /role\/one\//)), 0);
  assert.equal(await assumed(async () => assert.match(await whoami("two"), /role\/two\/mine/)), 0);
  assert.equal(await assumed(async () => assert.match(await whoami("guarded"), /guarded/)), 0);
});

test("cache: rdsiam reads what the AWS CLI wrote", { skip }, async () => {
  await whoami("two");
  assert.equal(await assumed(() => token("two")), 0);
  codes.add("222222");
  await using terminal = openTerminal(
    ["aws", "sts", "get-caller-identity", "--profile", "guarded"],
    cleanEnvironment(stage.env),
  );
  await terminal.shows(/Enter MFA code for .*: $/);
  terminal.type("222222\r");
  assert.equal((await terminal.exited).exitCode, 0);
  assert.equal(await assumed(() => token("guarded")), 0);
});
