// A secret of a run: read once, once more for all logins that were refused together, and what it fills in.
import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { RdsIamError } from "../../src/base/errors.ts";
import type { OptionValues } from "../../src/config/keys.ts";
import { resolveSettings } from "../../src/config/settings.ts";
import { loadTargets } from "../../src/config/targets.ts";
import { KeyStore } from "../../src/demo/keys.ts";
import { type SecretsApi, startSecretsApi } from "../../src/demo/secrets-api.ts";
import { openSecret, secretPasswords, withSecret } from "../../src/session/secret.ts";
import { runContext } from "../support/run-context.ts";

const ARN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-AbCdEf";
const FULL = {
  username: "app",
  password: "first-password",
  host: "db.example.com",
  port: 5433,
  dbname: "orders",
};
const CONFIG = `[profile named]
region = eu-central-1
rds_secret = db
[profile by-arn]
region = eu-central-1
rds_secret = ${ARN}
rds_user = own
[profile auto]
rds_secret = auto
[profile both]
rds_host = db.example.com
rds_secret = db
rds_password_command = echo x
[profile command]
rds_host = db.example.com
rds_user = app
rds_password_command = echo x
`;
const keys = new KeyStore();
const key = keys.createStaticKey({ arn: "arn:aws:iam::123456789012:user/jane" });
let api: SecretsApi;
let home = "";
before(async () => {
  api = await startSecretsApi({ keys, region: "eu-west-1", secrets: new Map() });
  api.secrets.set(ARN, { name: "db", text: JSON.stringify(FULL) });
  home = await mkdtemp(join(tmpdir(), "rdsiam-secret-"));
  await mkdir(join(home, ".aws"));
  await writeFile(join(home, ".aws", "config"), CONFIG);
});
after(async () => {
  await api[Symbol.asyncDispose]();
  await rm(home, { recursive: true, force: true });
});

function settled(targetName: string | undefined, options: OptionValues = {}, more = {}) {
  const env = { AWS_ENDPOINT_URL_SECRETS_MANAGER: api.endpoint, ...more };
  const loaded = loadTargets({ env, home });
  const settings = resolveSettings({ targetName, options, loaded, env, home });
  const credentials = () => async () => ({ ...key, source: "the test" });
  const secret = openSecret(runContext(env, { home }), { loaded, settings }, { credentials });
  return { settings, secret };
}

test("resolveSettings() + of two sources of the password the nearer one wins, and two of one place are an error", () => {
  assert.equal(settled("command", { secret: "db" }).settings.passwordCommand, undefined);
  assert.equal(settled("command", {}, { RDSIAM_SECRET: "db" }).settings.secret, "db");
  assert.equal(settled("named", { host: "h", passwordCommand: "x" }).settings.secret, undefined);
  const both = {
    message: "rds_password_command and rds_secret cannot be combined",
    code: "ERR_CONFIG",
  };
  assert.throws(() => settled("both"), both);
  assert.throws(() => settled("auto", { host: "h", secret: "db", passwordCommand: "x" }), {
    code: "ERR_USAGE",
  });
  assert.throws(() => settled("auto"), { message: 'profile "auto" has no rds_host' });
  assert.throws(
    () => settled("named", { secret: "arn:aws:s3:::x" }),
    /must be auto, a secret's name, or its ARN/,
  );
  assert.deepEqual(
    [settled("named").settings.label, settled(undefined, { secret: "db" }).settings.label],
    ["named", "db"],
  );
});

test("withSecret() + host, port, user and database come from the secret where nothing else has them; an ARN has the Region", async () => {
  const { settings, secret } = settled("by-arn");
  const { host, port, user, dbname } = await withSecret(settings, secret);
  assert.deepEqual([host, port, user, dbname], ["db.example.com", 5433, "own", "orders"]);
  const other = settled("by-arn", { host: "other.example.com", user: "app", dbname: "x" });
  assert.equal((await withSecret(other.settings, other.secret)).port, 5432);
  assert.deepEqual(api.calls.splice(0), [`eu-west-1 ${ARN}`]);
  const named = settled("named");
  await assert.rejects(withSecret(named.settings, named.secret), {
    message: "there is no secret db in eu-central-1",
  });
  const given = settled("named", { region: "eu-west-1" });
  assert.equal((await withSecret(given.settings, given.secret)).user, "app");
  api.calls.length = 0;
});

test("secretPasswords() + one call for a run, one more for all logins that were refused together", async () => {
  const { secret } = settled("by-arn");
  const { get } = secretPasswords(secret);
  const who = { user: "app", database: "orders" };
  const logins = (fresh: boolean) => Promise.all([1, 2, 3].map(() => get(who, { fresh })));
  assert.deepEqual(
    (await logins(false)).map(({ password, isGuess }) => [password, isGuess]),
    Array(3).fill(["first-password", true]),
  );
  api.secrets.set(ARN, {
    name: "db",
    text: JSON.stringify({ ...FULL, password: "second-password" }),
  });
  assert.deepEqual(
    (await logins(true)).map(({ password, isGuess }) => [password, isGuess]),
    Array(3).fill(["second-password", false]),
  );
  const second = { password: "second-password", reused: false };
  assert.deepEqual(await get(who, { fresh: true }), { ...second, isGuess: false });
  assert.deepEqual(await get(who, { fresh: false }), { ...second, isGuess: true });
  assert.equal(api.calls.splice(0).length, 2);
  await assert.rejects(get({ user: "other", database: "orders" }, { fresh: false }), (error) => {
    assert.ok(error instanceof RdsIamError);
    assert.equal(error.message, `the secret ${ARN} has no password for "other"`);
    return error.hint?.startsWith("Log in as that user: -U app.") === true;
  });
});
