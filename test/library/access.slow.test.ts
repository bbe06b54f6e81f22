// authTokens(): whose credentials, for which name, and that nothing is printed, asked or told.
import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { inspect } from "node:util";
import process from "node:process";
import pg from "pg";
import {
  type AuthTokensOptions,
  authTokens,
  connectionOptions,
  type Warning,
} from "../../src/library.ts";
import { startStage } from "../support/stage.ts";
import { keep } from "../support/keep.ts";
import { failure } from "../support/failure.ts";

const standIn = await keep(startStage());

function tokens(options: AuthTokensOptions): () => Promise<string> {
  return authTokens({ ...options, env: { ...standIn.env, ...options.env } });
}

const NAMES = /^([^:]+):(\d+)\/\?.*DBUser=([^&]+)/;

async function signedFor(options: AuthTokensOptions): Promise<string[]> {
  const token = new URLSearchParams((await tokens(options)()).replace(/^[^?]+/, ""));
  const [, host = "", port = ""] = NAMES.exec(await tokens(options)()) ?? [];
  const [, , region = ""] = token.get("X-Amz-Credential")?.split("/") ?? [];
  return [host, port, region, token.get("DBUser") ?? ""];
}

const INSTANCE = "orders-1.c1a2b3c4d5e6.eu-west-1.rds.amazonaws.com";

test("authTokens() signs for a target, an endpoint, or the endpoint that an alias leads to", async () => {
  const port = String(standIn.gateway.port);
  const { canonicalHost: cluster, alias } = standIn;
  assert.deepEqual(await signedFor({ target: "prod" }), [cluster, port, "eu-west-1", "app_ro"]);
  const own = { user: "Zoë", profile: "prod" };
  assert.deepEqual(await signedFor({ ...own, host: INSTANCE }), [
    INSTANCE,
    "5432",
    "eu-west-1",
    "Zoë",
  ]);
  assert.deepEqual(await signedFor({ ...own, host: INSTANCE, port: 6432, region: "us-east-1" }), [
    INSTANCE,
    "6432",
    "us-east-1",
    "Zoë",
  ]);
  // The profile is a target with a port of its own, which is not this host's.
  const profiled = await signedFor({ user: "u", host: INSTANCE, env: { AWS_PROFILE: "prod" } });
  assert.equal(profiled[1], "5432");
  const env = { RDSIAM_DNS_SERVERS: standIn.dns.address };
  assert.deepEqual(await signedFor({ ...own, host: alias, env }), [
    cluster,
    "5432",
    "eu-west-1",
    "Zoë",
  ]);
  const signHost = `${INSTANCE}:1234`;
  assert.deepEqual(await signedFor({ ...own, host: "127.0.0.1", signHost }), [
    INSTANCE,
    "1234",
    "eu-west-1",
    "Zoë",
  ]);
});

test("authTokens() takes what is not given from the environment, as the command line does", async () => {
  const env = { RDSIAM_TARGET: "prod", RDSIAM_USER: "jane" };
  const [host, , , user] = await signedFor({ env });
  assert.deepEqual([host, user], [standIn.canonicalHost, "jane"]);
});

test("an alias that is led elsewhere is followed after ten minutes, and a name server may fail for a while", async () => {
  const { dns } = standIn;
  const options = { host: "moving.db.example.com", user: "u", profile: "prod" };
  dns.set("moving.db.example.com", { cname: standIn.canonicalHost });
  const give = tokens({ ...options, env: { RDSIAM_DNS_SERVERS: dns.address } });
  const host = async () => NAMES.exec(await give())?.[1];
  mock.timers.enable({ apis: ["Date"], now: Date.now() });
  try {
    assert.equal(await host(), standIn.canonicalHost);
    dns.set("moving.db.example.com", { rcode: "SERVFAIL" });
    mock.timers.setTime(Date.now() + 601_000);
    assert.equal(await host(), standIn.canonicalHost);
    dns.set("moving.db.example.com", { cname: INSTANCE });
    assert.equal(await host(), INSTANCE);
  } finally {
    mock.timers.reset();
  }
});

test("errors speak of the library's options, and have codes", async () => {
  const cases: readonly (readonly [AuthTokensOptions, string, RegExp])[] = [
    [{ target: "prd" }, "ERR_TARGET", /Did you mean "prod"/],
    [{ host: INSTANCE }, "ERR_TARGET", /Give user, or set rds_user/],
    [
      { host: INSTANCE, user: "u", region: "Ireland" },
      "ERR_USAGE",
      /^region is not a valid AWS Region/,
    ],
    [{ host: INSTANCE, user: "u", durationSeconds: 5 }, "ERR_USAGE", /^durationSeconds must be/],
    [{ host: INSTANCE, user: "u", port: 70_000 }, "ERR_USAGE", /^port must be/],
    [{ host: INSTANCE, user: "u", rdsiam: "defualt" }, "ERR_USAGE", /Did you mean "default"/],
    [
      { host: "127.0.0.1", user: "u" },
      "ERR_ENDPOINT",
      /name the endpoint behind it: signHost ENDPOINT/,
    ],
    [
      { host: INSTANCE, user: "u", profile: "nobody" },
      "ERR_CREDENTIALS",
      /unknown AWS profile "nobody"/,
    ],
  ];
  for (const [options, code, text] of cases) {
    const error = await failure(tokens(options)());
    const said = [error.message, error.detail, error.hint].join("\n");
    assert.deepEqual([error.code, text.test(said)], [code, true], said);
    assert.doesNotMatch(said.replaceAll(/(?:aws|rdsiam) .*/g, ""), /--[a-z]/);
  }
});

test("what a target wants that a library does not do is refused: a password command", async () => {
  await standIn.addProfile("vault", {
    ...standIn.targetSettings,
    rds_user: "u",
    rds_password_command: "echo x",
  });
  assert.match((await failure(tokens({ target: "vault" })())).message, /uses a password command/);
});

test("no one is asked for an MFA code: an error says how the role gets into the cache", async () => {
  const { targetSettings, addProfile, key } = standIn;
  const rds_mfa_serial = "arn:aws:iam::123456789012:mfa/jane";
  const rds_role_arn = "arn:aws:iam::123456789012:role/with-mfa";
  await addProfile(
    "guarded",
    { ...targetSettings, rds_user: "u", rds_role_arn, rds_mfa_serial },
    key,
  );
  const error = await failure(tokens({ target: "guarded" })());
  assert.deepEqual(
    [error.code, /rdsiam token guarded > \/dev\/null/.test(error.hint ?? "")],
    ["ERR_MFA", true],
  );
});

test("no secret is in an error, whoever made its text", async () => {
  const { accessKeyId, secretAccessKey } = standIn.key;
  const secrets = [secretAccessKey, "FwoGZXIvYXdzEXAMPLETOKEN"];
  let calls = 0;
  const credentials = () => {
    calls += 1;
    if (calls > 1) throw new Error(`cannot renew ${secrets.join(" ")}`);
    return {
      accessKeyId,
      secretAccessKey,
      sessionToken: secrets[1],
      expiration: new Date(Date.now() + 60_000),
    };
  };
  const give = tokens({ host: INSTANCE, user: "u", credentials });
  await give();
  const error = await give().then(String, (thrown: unknown) =>
    inspect(thrown, { depth: 9, showHidden: true }),
  );
  assert.match(error, /the credentials function failed: cannot renew \[secret\] \[secret\]/);
  for (const secret of secrets) assert.ok(!error.includes(secret));
});

test("a credentials function is asked again two minutes before their end, and each minute where they have none", async () => {
  const { accessKeyId, secretAccessKey } = standIn.key;
  let asked = 0;
  const askedIn = async (minutes: number, seconds: number | undefined) => {
    asked = 0;
    const give = tokens({
      host: INSTANCE,
      user: "u",
      credentials: () => {
        asked += 1;
        const expiration = seconds && new Date(Date.now() + seconds * 1_000);
        return { accessKeyId, secretAccessKey, ...(expiration ? { expiration } : {}) };
      },
    });
    mock.timers.enable({ apis: ["Date"], now: Date.now() });
    for (let minute = 0; minute < minutes; minute += 1) {
      mock.timers.setTime(Date.now() + 60_100);
      await give();
    }
    mock.timers.reset();
    return asked;
  };
  assert.equal(await askedIn(30, 3_600), 1);
  assert.equal(await askedIn(60, 3_600), 2);
  assert.equal(await askedIn(5, undefined), 5);
});

test("credentials of the program's own that are none are an error", async () => {
  const none = { accessKeyId: "AKIA", secretAccessKey: "" };
  assert.match(
    (await failure(tokens({ host: INSTANCE, user: "u", credentials: none })())).message,
    /no AWS keys/,
  );
});

test("nothing is printed; what the command line would say is told to onWarning", async () => {
  const written: string[] = [];
  const streams = [process.stdout, process.stderr].map((stream) => {
    const write = stream.write.bind(stream);
    // Handed on, for the test runner writes of its own.
    return mock.method(stream, "write", (...words: Parameters<typeof write>) => {
      written.push(String(words[0]));
      return write(...words);
    });
  });
  const warnings: Warning[] = [];
  const settings = { ...standIn.targetSettings, rds_user: "u", rds_hots: "x" };
  await standIn.addProfile("typo", settings, standIn.key);
  try {
    await authTokens({ target: "typo", env: standIn.env, onWarning: (it) => warnings.push(it) })();
    await authTokens({ target: "typo", env: standIn.env })();
  } finally {
    for (const stream of streams) stream.mock.restore();
  }
  assert.deepEqual(
    written.filter((text) => /rdsiam|rds_hots/.test(text)),
    [],
  );
  assert.match(
    warnings[0]?.message ?? "",
    /unknown key rds_hots in profile "typo", \S+, line \d+; did you mean rds_host\?/,
  );
});

test("the program's own environment is left as it is", async () => {
  const earlier = { ...process.env };
  await connectionOptions("stage", { env: standIn.env, cache: false }).then((it) => it.password());
  assert.deepEqual({ ...process.env }, earlier);
});

test("a pool that lives for half a day keeps logging in, with tokens and role credentials that change", async () => {
  const { logins, refusals } = standIn.gateway;
  const first = logins.length;
  const pool = new pg.Pool(await connectionOptions("stage", { env: standIn.env }));
  const held = await pool.connect();
  const assumed = standIn.sts.calls.length;
  mock.timers.enable({ apis: ["Date"], now: Date.now() });
  try {
    for (let minute = 0; minute < 12 * 60; minute += 7) {
      mock.timers.setTime(Date.now() + 7 * 60_000);
      const client = await pool.connect();
      assert.equal((await client.query("select 1 as it")).rowCount, 1);
      client.release(true);
    }
    assert.equal((await held.query("select 1 as it")).rowCount, 1);
  } finally {
    mock.timers.reset();
    held.release(true);
    await pool.end();
  }
  const mine = logins.slice(first);
  const roles = standIn.sts.calls.length - assumed;
  assert.deepEqual([mine.length, refusals.length], [104, 0]);
  // Every second login finds a token of seven minutes, and a role lives for an hour.
  const digests = new Set(mine.map(({ tokenDigest }) => tokenDigest)).size;
  assert.ok(digests > 50 && digests < 70, String(digests));
  assert.ok(roles >= 10 && roles < 15, String(roles));
});
