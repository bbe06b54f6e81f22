// How long an auth token is given out again: each boundary under a simulated clock, with the real signer.
import assert from "node:assert/strict";
import { test } from "node:test";

import { type Credentials, credentialSource } from "../../src/aws/credentials.ts";
import { authTokenSource } from "../../src/aws/token-cache.ts";
import { cleanProcessEnvironment } from "../support/fake-sts.ts";
import { profileFiles } from "../support/profile-values.ts";

cleanProcessEnvironment();

const START = Date.parse("2030-01-01T00:00:00Z");

/** A token source with a clock to turn and credentials to change; `ends` is in seconds from the start. */
function scene(ends?: number) {
  const clock = { now: START };
  let identity: Credentials = keys("AKIDONE", ends);
  let asked = 0;
  const tokens = authTokenSource({
    host: "db.example.com",
    port: 5432,
    region: "eu-west-1",
    now: () => clock.now,
    credentials: () => {
      asked++;
      return Promise.resolve(identity);
    },
  });
  return {
    tokens,
    asked: () => asked,
    at: (seconds: number) => (clock.now = START + seconds * 1_000),
    become: (next: Credentials) => (identity = next),
    reusedAt: async (seconds: number) => {
      clock.now = START + seconds * 1_000;
      return (await tokens("u")).reused;
    },
  };
}

function keys(accessKeyId: string, ends?: number): Credentials {
  const expiration = ends === undefined ? undefined : new Date(START + ends * 1_000);
  return { accessKeyId, secretAccessKey: "SECRETKEY", expiration, source: accessKeyId };
}

// Seconds after the signing, seconds after it that the credentials end, whether the token is given out again.
const BOUNDARIES: readonly (readonly [number, number | undefined, boolean])[] = [
  [0, undefined, true],
  [599.999, undefined, true],
  [600, undefined, true],
  [600.001, undefined, false],
  [900, undefined, false],
  [-1, undefined, false],
  [139.999, 200, true],
  [140, 200, false],
  [199.999, 200, false],
  [600, 660.001, true],
  [600, 660, false],
  [0, 60.001, true],
  [0, 60, false],
  [0, 1, false],
];

for (const [age, ends, reused] of BOUNDARIES) {
  const whose = ends === undefined ? "lasting credentials" : `credentials that end at ${ends} s`;
  test(`authTokenSource() ${reused ? "reuses" : "signs anew"} at ${age} s with ${whose}`, async () => {
    const { reusedAt } = scene(ends);
    assert.equal(await reusedAt(0), false);
    assert.equal(await reusedAt(age), reused);
  });
}

test("authTokenSource() never gives a token that outlives its credentials, at any second", async () => {
  const { at, become, tokens } = scene(400);
  for (let second = 0; second < 1_500; second += 7) {
    at(second);
    if (second > 390 && second < 400) become(keys("AKIDTWO", 1_500));
    const { expiresAt, identity } = await tokens("u");
    assert.ok(expiresAt.getTime() <= (identity.expiration?.getTime() ?? 0), String(second));
    assert.ok(expiresAt.getTime() > START + second * 1_000, String(second));
  }
});

test("authTokenSource() signs nothing with credentials that have ended, whatever it holds", async () => {
  const { at, asked, tokens } = scene(100);
  assert.equal((await tokens("u")).reused, false);
  at(99.999);
  assert.equal((await tokens("u")).expiresAt.getTime(), START + 100_000);
  for (const second of [100, 101, 10_000]) {
    at(second);
    await assert.rejects(tokens("u"), { message: "the credentials of AKIDONE have expired" });
  }
  assert.equal(asked(), 5);
});

test("authTokenSource() keeps users and identities apart", async () => {
  const { become, tokens } = scene();
  const first = await tokens("a");
  assert.equal((await tokens("b")).reused, false);
  assert.deepEqual(await tokens("a"), { ...first, reused: true });
  become(keys("AKIDTWO"));
  const second = await tokens("a");
  assert.equal(second.reused, false);
  assert.match(second.token, /AKIDTWO/);
  become({ ...keys("AKIDTWO"), sessionToken: "other" });
  assert.equal((await tokens("a")).reused, false);
  become(keys("AKIDONE"));
  assert.equal((await tokens("a")).token, first.token);
});

test("authTokenSource() lets logins at the same time share one signing", async () => {
  const { tokens, at } = scene();
  const issued = await Promise.all(Array.from({ length: 20 }, () => tokens("u")));
  assert.equal(new Set(issued.map(({ token }) => token)).size, 1);
  assert.deepEqual(
    issued.map(({ reused }) => reused),
    [false, ...Array.from({ length: 19 }, () => true)],
  );
  at(700);
  const later = await Promise.all([tokens("u"), tokens("u", { renew: true })]);
  assert.deepEqual(
    later.map(({ reused }) => reused),
    [false, true],
  );
});

test("authTokenSource() signs anew when asked to, and gives that one out from then on", async (context) => {
  context.mock.timers.enable({ apis: ["Date"], now: START });
  const { tokens } = scene();
  const old = await tokens("u");
  context.mock.timers.setTime(START + 5_000);
  const renewed = await tokens("u", { renew: true });
  assert.equal(renewed.reused, false);
  assert.notEqual(renewed.token, old.token);
  assert.deepEqual(await tokens("u"), { ...renewed, reused: true });
});

test("authTokenSource() + ahead gives nothing out: the login that gets it is its first", async () => {
  const { tokens, asked } = scene();
  const ahead = await tokens("u", { ahead: true });
  assert.equal((await tokens("u", { ahead: true })).token, ahead.token);
  const first = await tokens("u");
  const second = await tokens("u");
  assert.deepEqual([first.reused, second.reused], [false, true]);
  assert.deepEqual([first.token, second.token], [ahead.token, ahead.token]);
  assert.equal(asked(), 4);
});

test("authTokenSource() holds no failure", async () => {
  const { at, become, tokens } = scene(10);
  at(20);
  await assert.rejects(tokens("u"));
  become(keys("AKIDONE", 5_000));
  assert.equal((await tokens("u")).reused, false);
});

test("authTokenSource() holds at most 64 tokens", async () => {
  const { tokens } = scene();
  for (let n = 0; n < 100; n++) await tokens(`u${n}`);
  assert.equal((await tokens("u99")).reused, true);
  assert.equal((await tokens("u0")).reused, false);
});

// Credentials from the environment, to have the real credential source between clock and token.
test("credentialSource() and authTokenSource() refresh credentials with two minutes left before signing", async () => {
  const clock = { now: START };
  const env: Record<string, string> = {
    AWS_ACCESS_KEY_ID: "AKIDOLD",
    AWS_SECRET_ACCESS_KEY: "s",
    AWS_CREDENTIAL_EXPIRATION: new Date(START + 1_000_000).toISOString(),
  };
  const files = profileFiles({});
  const credentials = credentialSource({ profile: undefined, files, env, now: () => clock.now });
  const tokens = authTokenSource({
    host: "db.example.com",
    port: 5432,
    region: "eu-west-1",
    now: () => clock.now,
    credentials,
  });
  assert.match((await tokens("u")).token, /AKIDOLD/);
  env["AWS_ACCESS_KEY_ID"] = "AKIDNEW";
  env["AWS_CREDENTIAL_EXPIRATION"] = new Date(START + 9_000_000).toISOString();
  clock.now = START + 879_999;
  assert.match((await tokens("u")).token, /AKIDOLD/);
  clock.now = START + 880_000;
  const fresh = await tokens("u");
  assert.match(fresh.token, /AKIDNEW/);
  assert.equal(fresh.expiresAt.getTime(), START + 880_000 + 900_000);
});

test("authTokenSource() with an issuer: kept until a minute before the password's end, for one database", async () => {
  let now = START;
  const asked: unknown[] = [];
  const tokens = authTokenSource({
    host: "dwh.example.com",
    port: 5439,
    region: "eu-west-1",
    now: () => now,
    credentials: () => Promise.resolve(keys("AKIA1")),
    issue: async (user, { source }, database) => {
      asked.push([user, database]);
      const expiresAt = new Date(now + 3_600_000);
      const named = {
        user: `IAM:${user}`,
        host: "dwh.example.com",
        port: 5439,
        region: "eu-west-1",
      };
      return {
        ...named,
        token: `${asked.length}`,
        expiresAt,
        identity: { source, expiration: undefined },
      };
    },
  });
  const at = async (seconds: number, database: string): Promise<unknown[]> => {
    now = START + seconds * 1_000;
    const { token, user, reused } = await tokens("jane", { database });
    return [token, user, reused];
  };
  assert.deepEqual(await at(0, "dev"), ["1", "IAM:jane", false]);
  assert.deepEqual(await at(0, "sales"), ["2", "IAM:jane", false]);
  assert.deepEqual(await at(3_539, "dev"), ["1", "IAM:jane", true]);
  assert.deepEqual(await at(3_540, "dev"), ["3", "IAM:jane", false]);
  assert.deepEqual((await tokens("jane", { database: "dev", renew: true })).token, "4");
  assert.deepEqual(asked.at(1), ["jane", "sales"]);
});
