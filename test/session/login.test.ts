// Logins of each kind, from a configuration file to what they are made with; nothing is connected.
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { createLog } from "../../src/base/log.ts";
import type { RunContext } from "../../src/base/context.ts";
import { BackendRefusal } from "../../src/proxy/failure.ts";
import { describeLogin, openIamLogin, openLogin } from "../../src/session/login.ts";
import { resolveRun } from "../../src/session/resolve-run.ts";
import { loginWords, type RunSettings, targetWords } from "../../src/session/settings.ts";
import { runContext } from "../support/run-context.ts";

const HOST = "orders.cabc123xyz0.eu-west-1.rds.amazonaws.com";
const directory = mkdtempSync(join(tmpdir(), "rdsiam-login-"));
after(() => rmSync(directory, { recursive: true, force: true }));

const file = join(directory, "config");
writeFileSync(
  file,
  `[profile prod]
region = eu-west-1
aws_access_key_id = AKIDEXAMPLE000000000
aws_secret_access_key = secret/of+the/profile/0123456789abcdefgh
rds_host = ${HOST}
rds_user = app_ro
rds_dbname = orders

[profile soon]
credential_process = cat ${join(directory, "soon.json")}
rds_host = ${HOST}
rds_user = app_ro

[profile vault]
rds_host = db.example.com
rds_password_command = echo of-the-command
rds_read_only = yes

[profile typo]
rds_hots = ${HOST}
rds_user = app_ro
`,
);

function contextOf(env: Readonly<Record<string, string>> = {}): RunContext {
  return runContext({ HOME: directory, AWS_CONFIG_FILE: file, ...env });
}

function loggedContext(env: Readonly<Record<string, string>> = {}) {
  let text = "";
  const write = (line: string): void => void (text += line);
  const log = createLog({ write, verbose: false, notices: true });
  return { context: { ...contextOf(env), log }, written: () => text };
}

function run(context: RunContext, targetName: string, options = {}) {
  return resolveRun(context, { targetName, options });
}

describe("resolveRun()", () => {
  test("parses --via once, with the settings", async () => {
    const context = contextOf();
    assert.equal((await run(context, "prod")).via.kind, "direct");
    const { via } = await run(context, "prod", { via: "ssh://bastion" });
    assert.equal(via.kind, "ssh");
  });

  test("takes a configuration that was read already, so that many targets read the files once", async () => {
    const { loaded } = await run(contextOf(), "prod");
    const request = { targetName: "vault", options: {}, loaded };
    const again = await resolveRun(contextOf({ AWS_CONFIG_FILE: "/dev/null" }), request);
    assert.equal(again.settings.host, "db.example.com");
    assert.equal(again.loaded, loaded);
  });

  test("warns of what is odd about the target, where that is why it fails too", async () => {
    for (const [env, targetName] of [
      [{}, "typo"],
      [{ RDSIAM_TARGET: "typo" }, undefined],
    ] as const) {
      const { context, written } = loggedContext(env);
      await assert.rejects(resolveRun(context, { targetName, options: {} }));
      assert.match(written(), /unknown key rds_hots in profile "typo"/);
    }
    const { context, written } = loggedContext();
    await run(context, "prod");
    assert.equal(written(), "");
  });

  test("rejects an invalid tunnel before anything is looked up", async () => {
    await assert.rejects(run(contextOf(), "prod", { via: "bastion" }), { code: "ERR_CONFIG" });
  });
});

describe("openLogin()", () => {
  test("+ IAM signs for the endpoint, with the credentials of the profile", async () => {
    const context = contextOf();
    const login = await openLogin(context, await run(context, "prod"));
    assert.equal(login.kind, "iam");
    assert.equal(describeLogin(login), `app_ro on ${HOST}/orders`);
    assert.match((await login.identify()) ?? "", /profile "prod"/);
    if (login.kind !== "iam") return;
    assert.equal(login.need(), "files");
    const { token } = await login.authToken(login.user);
    assert.match(token, new RegExp(`^${HOST}:5432/\\?.*AKIDEXAMPLE000000000`));
  });

  test("+ IAM names the credentials of the last token where the server refuses it", async () => {
    const context = contextOf();
    const login = await openLogin(context, await run(context, "prod"));
    if (login.kind !== "iam") return assert.fail();
    const who = { user: "app_ro", database: "orders" };
    const reused: boolean[] = [];
    for (const fresh of [false, false, true])
      reused.push((await login.passwords.get(who, { fresh })).reused);
    assert.deepEqual(reused, [false, true, false]);
    const refusal = new BackendRefusal(Buffer.alloc(0), new Map([["C", "28000"]]), true);
    const { detail } = login.explain("app_ro", refusal);
    assert.match(detail ?? "", /^The auth token was signed for user "app_ro" on .*profile "prod"/);
  });

  test("+ IAM notes once that the credentials end within 15 minutes", async () => {
    for (const [minutes, isNoted] of [
      [14, true],
      [16, false],
    ] as const) {
      const expiration = new Date(Date.now() + minutes * 60_000).toISOString();
      const keys = { Version: 1, AccessKeyId: "AKIDSOON0000000000000", Expiration: expiration };
      const made = JSON.stringify({ ...keys, SecretAccessKey: "secret/of+it", SessionToken: "t" });
      writeFileSync(join(directory, "soon.json"), made);
      const { context, written } = loggedContext();
      const login = await openLogin(context, await run(context, "soon"));
      for (let count = 0; count < 2; count += 1) await login.credentials();
      const notes = written().match(/the credentials of profile "soon" .*expire in 14 min/g) ?? [];
      assert.equal(notes.length, isNoted ? 1 : 0, written());
    }
  });

  test("+ IAM warns where the Region of the settings is not the one in the host's name", async () => {
    for (const [region, warns] of [
      ["us-east-1", true],
      ["eu-west-1", false],
    ] as const) {
      const { context, written } = loggedContext();
      await openLogin(context, await run(context, "prod", { region }));
      const said = /the host is in eu-west-1, but --region is us-east-1/;
      assert.equal(said.test(written()), warns, written());
    }
  });

  test("+ IAM needs a user, before any name is looked up", async () => {
    const context = contextOf();
    const settled = await run(context, "prod");
    const settings = { ...settled.settings, user: undefined, host: "alias.invalid" };
    await assert.rejects(openLogin(context, { ...settled, settings }), { code: "ERR_TARGET" });
  });

  test("+ a password command: no CNAME is followed, and the user may be the tool's", async () => {
    const context = contextOf();
    const login = await openLogin(context, await run(context, "vault"));
    assert.equal(login.kind, "password");
    assert.equal(login.user, undefined);
    assert.equal(login.endpoint.host, "db.example.com");
    assert.equal(describeLogin(login), "db.example.com/, read-only");
    assert.equal(await login.identify(), "a password command");
  });

  test('+ "iam" and "pass-through" win over the password command', async () => {
    const context = contextOf();
    const passed = await openLogin(context, await run(context, "vault"), { auth: "pass-through" });
    assert.equal(passed.kind, "pass-through");
    assert.equal(describeLogin(passed), "db.example.com, logins are passed through");
    assert.equal(await passed.identify(), undefined);
    const settled = await run(context, "vault", { user: "app", region: "eu-west-1", host: HOST });
    assert.equal((await openLogin(context, settled, { auth: "iam" })).kind, "iam");
  });
});

test("openIamLogin() + a password command has no auth token", async () => {
  const request = { targetName: "vault", options: {} };
  await assert.rejects(openIamLogin(contextOf(), request), {
    code: "ERR_TARGET",
    message: '"vault" uses a password command, so there is no auth token',
  });
});

describe("targetWords()", () => {
  test("+ a target by its name, quoted for the shell; a host alone by --host", async () => {
    const context = contextOf();
    assert.equal(targetWords(await run(context, "prod")), "prod");
    const named = await run(context, "prod");
    const loaded = { ...named.loaded, targets: new Map([["my prod", targetOf(named.loaded)]]) };
    const settings = { ...named.settings, target: "my prod" };
    assert.equal(targetWords({ settings, loaded }), "'my prod'");
    const bare = { ...named.settings, target: undefined, host: "db.example.com", user: "o'neil" };
    assert.equal(
      targetWords({ settings: bare, loaded }),
      `--host db.example.com --user 'o'\\''neil'`,
    );
  });
});

test("loginWords() + the options of the run that the command takes too, quoted; a host from elsewhere is named", async () => {
  const options = { user: "o'neil", host: `${HOST}:5433`, region: "eu-west-1", mfaCode: "123456" };
  const named = await run(contextOf(), "prod", options);
  assert.equal(
    loginWords(named, options, "policy"),
    `--host ${HOST}:5433 --user 'o'\\''neil' --region eu-west-1 prod`,
  );
  const switches = { via: "ssm", strictHost: "no", readOnly: true, noCache: true, dbname: "x" };
  assert.equal(
    loginWords(named, switches, "psql", ["dbname"]),
    "--via ssm --strict-host=no --read-only --no-cache prod",
  );
  assert.equal(
    loginWords(named, switches, "policy"),
    "--dbname x --strict-host=no --no-cache prod",
  );
  const bare = { ...named, settings: { ...named.settings, target: undefined, user: "app" } };
  assert.equal(
    loginWords(bare, { profile: "my prod" }, "policy"),
    `--host ${HOST} --user app --profile 'my prod'`,
  );
});

function targetOf({ targets }: RunSettings["loaded"]) {
  const [target] = targets.values();
  assert.ok(target);
  return target;
}
