// Targets from ~/.aws/config and from our own file.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import process from "node:process";
import { test } from "node:test";
import { configWarnings, findTarget, loadTargets } from "../../src/config/targets.ts";
import { RdsIamError } from "../../src/base/errors.ts";
import { loadFrom } from "../support/config-fixture.ts";

const PROD =
  "[profile prod]\nregion = eu-west-1\nrds_host = db.example.com:6432\nrds_user = app_ro\n";

test("loadTargets() reads rds_* keys with synonyms, port in the host and ~/", async () => {
  const loaded = await loadFrom({
    config: `${PROD}[profile my.prod]\nrds_hostname = h\nrds_username = jane.doe+x@corp\nrds_database = d\nrds_port=5433\nrds_sslrootcert = ~/ca.pem\nrds_dns_servers = 10.0.0.2, [fd00::1]:53\nrds_tags = env=dev, team=a=b ,on-call\nrds_duration_seconds=900\n[profile plain]\nregion = x\n`,
    credentials:
      "[prod]\naws_access_key_id = A\naws_secret_access_key = B\nrds_dbname = from_credentials\n",
  });
  const prod = findTarget("prod", loaded);
  assert.deepEqual(
    [prod.host, prod.port, prod.user, prod.dbname, prod.profile],
    ["db.example.com", 6432, "app_ro", "from_credentials", "prod"],
  );
  const dotted = findTarget("my.prod", loaded);
  assert.deepEqual(
    [dotted.host, dotted.port, dotted.user, dotted.dbname, dotted.durationSeconds],
    ["h", 5433, "jane.doe+x@corp", "d", 900],
  );
  assert.match(dotted.sslrootcert ?? "", /^\/.*\/ca\.pem$/);
  assert.deepEqual(dotted.tags, ["env=dev", "team=a=b", "on-call"]);
  assert.deepEqual(dotted.dnsServers, ["10.0.0.2", "[fd00::1]:53"]);
  assert.deepEqual([...loaded.targets.keys()], ["prod", "my.prod"]);
  assert.deepEqual(configWarnings(loaded), []);
});

test("loadTargets() puts our own file first, with a profile", async () => {
  const loaded = await loadFrom({
    config: PROD,
    own: "[prod]\nhost = own\n[a.b]\nprofile = prod\nhost = x\n",
  });
  assert.equal(findTarget("prod", loaded).host, "own");
  assert.equal(findTarget("prod", loaded).profile, undefined);
  assert.equal(findTarget("a.b", loaded).profile, "prod");
});

test("loadTargets() warns about an unknown key and names the nearest", async () => {
  const loaded = await loadFrom({
    config: "[profile p]\nrds_host = h\nrds_usr = u\n",
    own: "[o]\nhots = h\nrds_host=x\n",
  });
  const [first = "", second = "", third = ""] = configWarnings(loaded);
  assert.match(first, /unknown key hots in \[o\], .*config, line 2; did you mean host\?/);
  assert.match(second, /unknown key rds_host .*did you mean host\?/);
  assert.match(third, /unknown key rds_usr in profile "p", .*line 3; did you mean rds_user\?/);
  assert.deepEqual(configWarnings(loaded, new Set(["p"])), [third]);
});

test("loadTargets() takes values as they stand in both kinds of files: commands without a warning (A15), texts with one (A16)", async () => {
  const loaded = await loadFrom({
    config:
      "[profile p]\nrds_host = h\nrds_password_command = X=static ; echo $X # x\nrds_user = a;b\n",
    own: '[o]\nhost = h\ndbname = my db #1\npassword_command = X=static ; echo $X\n[q]\nhost = h\ndbname = "my db #1"\n',
  });
  const command = "X=static ; echo $X";
  assert.equal(findTarget("p", loaded).passwordCommand, `${command} # x`);
  assert.equal(findTarget("p", loaded).user, "a;b");
  assert.equal(findTarget("o", loaded).passwordCommand, command);
  assert.equal(findTarget("o", loaded).dbname, "my db #1");
  assert.equal(findTarget("q", loaded).dbname, "my db #1");
  const warnings = configWarnings(loaded);
  assert.equal(warnings.length, 1, warnings.join("\n"));
  assert.match(warnings[0] ?? "", /^dbname \(.*config, line 3\) has " #" in its value/);
});

test("loadTargets() finds missing files empty and unreadable ones worth a warning", async () => {
  const missing = loadTargets({
    env: { AWS_CONFIG_FILE: "/dev/null/config" },
    home: "/dev/null/home",
  });
  assert.deepEqual([missing.targets.size, missing.aws.warnings], [0, []]);
});

test("loadTargets() is not confused by a profile named as a member of Object", async () => {
  const loaded = await loadFrom({
    config: "[profile constructor]\nrds_host = h\n",
    credentials: "[toString]\nrds_host = h\n",
  });
  assert.equal(findTarget("constructor", loaded).host, "h");
  assert.throws(() => findTarget("hasOwnProperty", loaded), { code: "ERR_TARGET" });
});

const BAD: readonly (readonly [string, RegExp])[] = [
  ["rds_host = postgres://h/db", /rds_host must be a host name, not a URL/],
  ["rds_host = h:0", /rds_host must be HOST or HOST:PORT/],
  ['rds_host = "h"', /rds_host must be HOST/],
  ["rds_port = 65536", /rds_port must be a whole number from 1 to 65535/],
  ["rds_port = 5432.0", /rds_port must be a whole/],
  ["rds_host = h:1\nrds_port = 2", /rds_host has port 1, rds_port is 2/],
  ["rds_user = a\nrds_username = b", /rds_username and rds_user are the same key, but differ/],
  ['rds_user = "a"', /rds_user has quotes around it/],
  ["rds_cache = no", /rds_cache must be on or off/],
  ["rds_mfa_serial = phone", /rds_mfa_serial is not a valid MFA device/],
  ["rds_role_arn = role", /rds_role_arn is not a valid role ARN/],
  ["rds_dns_servers = dns.example.com", /rds_dns_servers must be IP or IP:PORT/],
  ["rds_region = EU West", /rds_region is not a valid AWS Region/],
];

for (const [keys, expected] of BAD) {
  test(`findTarget() refuses ${JSON.stringify(keys)}, loadTargets() does not`, async () => {
    const loaded = await loadFrom({ config: `[profile bad]\n${keys}\n${PROD}` });
    assert.equal(findTarget("prod", loaded).name, "prod");
    assert.throws(
      () => findTarget("bad", loaded),
      (error: unknown) =>
        error instanceof RdsIamError &&
        error.code === "ERR_CONFIG" &&
        expected.test(error.detail ?? ""),
    );
  });
}

test("findTarget() names the nearest target, the files, and the command for a profile without host", async () => {
  const loaded = await loadFrom({ config: `${PROD}[profile plain]\nregion = x\n` });
  assert.throws(
    () => findTarget("prdo", loaded),
    (error: unknown) =>
      error instanceof RdsIamError &&
      error.code === "ERR_TARGET" &&
      /Did you mean "prod"/.test(error.hint ?? "") &&
      /\.aws\/config/.test(error.detail ?? ""),
  );
  assert.throws(() => findTarget("plain", loaded), {
    message: 'profile "plain" has no rds_host',
    hint: "Run: aws configure set rds_host HOST --profile plain",
  });
});

test("loadTargets() loads no module of the AWS SDK's clients", () => {
  const script = `
    const { loadTargets } = await import("./src/config/targets.ts");
    loadTargets({ env: {}, home: "/nonexistent" });
    const { createRequire } = await import("node:module");
    const files = Object.keys(createRequire(import.meta.url).cache).filter((file) => /@aws-sdk|node-http-handler/.test(file));
    process.stdout.write(JSON.stringify(files));`;
  const child = spawnSync(
    process.execPath,
    ["--import", "tsx", "--input-type=module", "-e", script],
    {
      encoding: "utf8",
      env: { PATH: process.env["PATH"] },
    },
  );
  assert.equal(child.stdout, "[]", child.stderr);
});
