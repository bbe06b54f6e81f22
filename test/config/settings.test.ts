// Option, then environment, then target, then default; and which target there is.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { OptionValues } from "../../src/config/keys.ts";
import { requireUser, resolveSettings } from "../../src/config/settings.ts";
import { RdsIamError } from "../../src/base/errors.ts";
import { loadFrom } from "../support/config-fixture.ts";

const loaded = await loadFrom({
  config: `[default]
region = us-east-1
aws_access_key_id = A
rds_host = default.example.com
rds_user = du
[profile prod]
region = eu-west-1
role_arn = arn:aws:iam::123456789012:role/r
source_profile = corp
rds_host = prod.example.com:6432
rds_user = pu
rds_dbname = pd
rds_connect_timeout = 3
[profile corp]
sso_session = s
[profile bare]
region = eu-north-1
rds_host = bare.example.com
[profile nohost]
rds_user = u
`,
  own: "[orders]\nprofile = prod\nhost = orders.example.com\nuser = ou\n",
});

function settle(
  targetName: string | undefined,
  options: OptionValues = {},
  env: Record<string, string> = {},
) {
  return resolveSettings({ targetName, options, loaded, env, home: "/home/u" });
}

const PSQL = { PGUSER: "shell", PGDATABASE: "shell", PGHOST: "shell", PGPORT: "1" };

test("resolveSettings() takes the target's keys and never the shell's PG variables", () => {
  const settings = settle("prod", {}, PSQL);
  assert.deepEqual(
    [
      settings.target,
      settings.profile,
      settings.host,
      settings.port,
      settings.user,
      settings.dbname,
      settings.connectTimeout,
      settings.profileRegion,
      settings.region,
    ],
    ["prod", "prod", "prod.example.com", 6432, "pu", "pd", 3, "eu-west-1", undefined],
  );
  assert.equal(settle("orders").profile, "prod");
  assert.equal(settle("orders").dbname, undefined);
  assert.equal(settle("orders").connectTimeout, 10);
  assert.deepEqual(settle("orders").dnsServers, []);
});

test("resolveSettings() puts option over environment over target", () => {
  const env = {
    RDSIAM_USER: "eu",
    RDSIAM_DBNAME: "ed",
    RDSIAM_REGION: "ap-south-1",
    RDSIAM_DNS_SERVERS: "127.0.0.1:5353",
    RDSIAM_SSLROOTCERT: "~/e.pem",
    RDSIAM_CONNECT_TIMEOUT: "7",
  };
  const settings = settle("prod", { user: "ou", sslrootcert: "system" }, env);
  assert.deepEqual(
    [
      settings.user,
      settings.dbname,
      settings.region,
      settings.dnsServers,
      settings.sslrootcert,
      settings.connectTimeout,
    ],
    ["ou", "ed", "ap-south-1", ["127.0.0.1:5353"], "system", 7],
  );
  assert.equal(settle("prod", {}, env).sslrootcert, "/home/u/e.pem");
  assert.equal(settle("prod", {}, { RDSIAM_USER: "" }).user, "pu");
});

test("resolveSettings() takes RDSIAM_NO_CACHE as the variables of other flags", () => {
  for (const text of ["1", "yes", "on", "true", "TRUE"]) {
    assert.equal(settle("prod", {}, { RDSIAM_NO_CACHE: text }).cache, false, text);
  }
  for (const text of ["", "0", "no"]) {
    assert.equal(settle("prod", {}, { RDSIAM_NO_CACHE: text }).cache, true, text);
  }
});

test("resolveSettings() keeps strings exactly as typed", () => {
  assert.equal(settle("prod", { user: "007" }).user, "007");
});

test("resolveSettings() chooses RDSIAM_TARGET, then AWS_PROFILE, then default when it has a host", () => {
  assert.equal(
    settle(undefined, {}, { RDSIAM_TARGET: "orders", AWS_PROFILE: "prod" }).target,
    "orders",
  );
  assert.equal(settle(undefined, {}, { AWS_PROFILE: "prod" }).target, "prod");
  assert.equal(settle(undefined).target, "default");
  assert.throws(() => settle(undefined, {}, { AWS_PROFILE: "nohost" }), {
    code: "ERR_TARGET",
    message: /AWS_PROFILE "nohost" has no rds_host/,
  });
  assert.throws(() => settle("nohost"), {
    code: "ERR_TARGET",
    message: 'profile "nohost" has no rds_host',
  });
  assert.throws(() => settle(undefined, {}, { RDSIAM_TARGET: "typo" }), {
    code: "ERR_TARGET",
    message: 'unknown target "typo"',
  });
});

test("resolveSettings() with --host alone needs no target", async () => {
  const empty = await loadFrom({});
  const options = { host: "db.example.com:6000", user: "u", dbname: "d" };
  const settings = resolveSettings({
    targetName: undefined,
    options,
    loaded: empty,
    env: {},
    home: "/",
  });
  assert.deepEqual(
    [
      settings.target,
      settings.label,
      settings.host,
      settings.port,
      settings.user,
      settings.profile,
    ],
    [undefined, "db.example.com", "db.example.com", 6000, "u", undefined],
  );
});

test("resolveSettings() replaces the target's host by --host and keeps the rest", () => {
  const settings = settle("prod", { host: "other.example.com" });
  assert.deepEqual(
    [settings.target, settings.label, settings.host, settings.user],
    ["prod", "prod", "other.example.com", "pu"],
  );
  assert.equal(settle("corp", { host: "h", user: "u" }).profile, "corp");
});

// The variables that the child of an outer `rdsiam exec` has.
test("resolveSettings() applies RDSIAM_HOST only to the target of RDSIAM_TARGET", () => {
  const outer = { RDSIAM_TARGET: "prod", RDSIAM_HOST: "canonical.example.com" };
  assert.equal(settle("prod", {}, outer).host, "canonical.example.com");
  assert.equal(settle(undefined, {}, outer).host, "canonical.example.com");
  assert.equal(settle("orders", {}, outer).host, "orders.example.com");
  assert.equal(settle("orders", { host: "h" }, outer).host, "h");
  assert.equal(settle("orders", {}, { RDSIAM_HOST: "h" }).host, "h");
});

test("resolveSettings() knows an outer rdsiam that was started with --host alone", () => {
  const outer = { RDSIAM_TARGET: "alias.example.com", RDSIAM_HOST: "canonical.example.com" };
  assert.equal(settle(undefined, { user: "u" }, outer).host, "canonical.example.com");
  assert.equal(settle("prod", {}, outer).host, "prod.example.com");
});

test("resolveSettings() takes --profile, then the target's profile, then AWS_PROFILE", () => {
  const env = { AWS_PROFILE: "corp", RDSIAM_PROFILE: "envp" };
  assert.equal(settle("prod", { profile: "optp" }, env).profile, "optp");
  assert.equal(settle("prod", {}, env).profile, "envp");
  assert.equal(settle("prod", {}, { AWS_PROFILE: "corp" }).profile, "prod");
  // A profile that only has a region and rds_* keys has no credentials.
  assert.equal(settle("bare", {}, { AWS_PROFILE: "corp" }).profile, "corp");
  assert.equal(settle("bare").profile, undefined);
  assert.equal(settle("bare").profileRegion, "eu-north-1");
  // [default] is meant only when it is named.
  assert.equal(settle(undefined).profile, undefined);
  assert.equal(settle("default").profile, "default");
});

test("resolveSettings() refuses an empty or wrong option by its name", () => {
  const wrong: readonly (readonly [OptionValues, RegExp])[] = [
    [{ roleArn: "" }, /^--role-arn is empty$/],
    [{ host: "" }, /^--host is empty$/],
    [{ profile: "" }, /^--profile is empty$/],
    [{ host: "h:x" }, /^--host must be/],
    [{ durationSeconds: "60" }, /^--duration-seconds must be a whole number from 900/],
    [{ roleSessionName: "a b" }, /^--role-session-name must be/],
  ];
  for (const [options, message] of wrong) {
    assert.throws(
      () => settle("prod", options),
      (error: unknown) =>
        error instanceof RdsIamError && error.code === "ERR_USAGE" && message.test(error.message),
      JSON.stringify(options),
    );
  }
  assert.throws(() => settle("prod", {}, { RDSIAM_DURATION_SECONDS: "x" }), {
    message: /^RDSIAM_DURATION_SECONDS must be/,
  });
});

test("resolveSettings() refuses a name of two lines: a secret's final newline, an indented key below", async () => {
  assert.throws(() => settle("prod", {}, { RDSIAM_USER: "app\n" }), {
    code: "ERR_USAGE",
    message: "RDSIAM_USER has a line break in it",
  });
  const indented = await loadFrom({
    config: "[profile p]\nrds_host = h\nrds_user = app\n  rds_dbname = orders\n",
  });
  assert.throws(
    () => resolveSettings({ targetName: "p", options: {}, loaded: indented, env: {}, home: "/h" }),
    ({ detail }: RdsIamError) =>
      /^rds_user has a line break in it \(.*line 3\)\.$/.test(detail ?? ""),
  );
});

test("requireUser() names the ways to give a user", () => {
  assert.equal(requireUser(settle("prod")), "pu");
  assert.throws(() => requireUser(settle("bare", {}, PSQL)), {
    code: "ERR_TARGET",
    hint: /-U USER/,
  });
});

test("resolveSettings() says where the Region was given", async () => {
  const withRegions = await loadFrom({
    config: "[profile aws]\nrds_host = a.example.com\nrds_region = eu-west-1\n",
    own: "[own]\nhost = o.example.com\nregion = eu-west-2\n",
  });
  const sourceOf = (targetName: string, options: OptionValues = {}, env = {}) =>
    resolveSettings({ targetName, options, loaded: withRegions, env, home: "/home/u" })
      .regionSource;
  assert.equal(sourceOf("aws"), "rds_region");
  assert.equal(sourceOf("own"), "region");
  const env = { RDSIAM_REGION: "us-east-1" };
  assert.equal(sourceOf("aws", {}, env), "RDSIAM_REGION");
  assert.equal(sourceOf("own", { region: "us-east-2" }, env), "{--region}");
  assert.equal(settle("prod").regionSource, undefined);
});
