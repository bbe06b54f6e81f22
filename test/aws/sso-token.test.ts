// Tokens of IAM Identity Center: the kept one, the refresh token, the person, in this order; and each failure with its sentence.
import assert from "node:assert/strict";
import { readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeEach, test } from "node:test";
import { ssoKeys } from "../../src/aws/sso-keys.ts";
import { readScopes, timeLeft, tokenFile } from "../../src/aws/sso-cache.ts";
import type { LoginScreen } from "../../src/aws/sso-login.ts";
import {
  ssoSession,
  type SsoSource,
  ssoToken,
  type TokenContext,
} from "../../src/aws/sso-token.ts";
import { RdsIamError } from "../../src/base/errors.ts";
import { makeAuthority, makeLeaf } from "../../src/demo/certificates.ts";
import { loadAwsFiles } from "../../src/config/aws-files.ts";
import { ACCOUNT } from "../support/identity-stage.ts";
import { keepLogin, SSO_REGION, SSO_ROLE, startSsoStage, START_URL } from "../support/sso-stage.ts";
import { keep } from "../support/keep.ts";
import { failure } from "../support/failure.ts";

const SOURCE: SsoSource = {
  method: "sso",
  profile: "sso",
  session: "corp",
  startUrl: START_URL,
  region: SSO_REGION,
  accountId: ACCOUNT,
  roleName: SSO_ROLE,
};

const stage = await keep(startSsoStage());
stage.sso.behavior.lifetimes.interval = 0.01;
beforeEach(() => {
  stage.sso.calls.length = 0;
  Object.assign(stage.sso.behavior, { person: "approves", isWrongRegion: false });
});

interface Asked {
  questions: number;
  readonly remarks: string[];
}

/** A person who answers yes and goes to the page that is shown. */
function contextOf(screen: Partial<LoginScreen> = {}): { context: TokenContext; asked: Asked } {
  const asked: Asked = { questions: 0, remarks: [] };
  const askLogin: TokenContext["askLogin"] = (_session, logIn) => {
    asked.questions += 1;
    return logIn({
      usesDeviceCode: false,
      show: async ({ url }) => void fetch(url).catch(() => {}),
      remark: (text) => asked.remarks.push(text),
      signal: new AbortController().signal,
      onSecret: () => {},
      ...screen,
    });
  };
  const calls = { env: stage.env };
  return { context: { calls, askLogin, onWait: undefined, note: () => {} }, asked };
}

const session = () => ssoSession(SOURCE, loadAwsFiles(stage.env, stage.home.directory));
const count = (action: string): number => stage.sso.count(action);

async function failureText(work: Promise<unknown>): Promise<string> {
  const error = await failure(work);
  const text = [error.message, error.detail, error.hint].join("\n");
  for (const secret of stage.sso.oidc.secrets) assert.ok(!text.includes(secret), text);
  return text;
}

test("ssoToken() renews with the refresh token before it asks, and keeps what it gets as the AWS CLI does", async () => {
  const { context, asked } = contextOf();
  await keepLogin(stage.cacheDirectory, stage.sso, { session: "corp", left: -60, renews: true });
  const tokens = await Promise.all([1, 2, 3].map(() => ssoToken(session(), context)));
  assert.equal(new Set(tokens.map((token) => token?.accessToken)).size, 1);
  assert.deepEqual([asked.questions, count("CreateToken")], [0, 1]);
  const file = tokenFile(session(), stage.env);
  assert.equal((await stat(file)).mode & 0o777, 0o600);
  const kept = JSON.parse(await readFile(file, "utf8")) as Record<string, string>;
  assert.deepEqual(
    Object.keys(kept),
    "startUrl region accessToken expiresAt clientId clientSecret registrationExpiresAt refreshToken".split(
      " ",
    ),
  );
  assert.match(kept["expiresAt"] ?? "", /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  // Half an hour is enough; a quarter is renewed, and used as it is where that fails.
  await keepLogin(stage.cacheDirectory, stage.sso, { session: "corp", left: 1_800, renews: true });
  await ssoToken(session(), context);
  assert.equal(count("CreateToken"), 1);
  const last = await keepLogin(stage.cacheDirectory, stage.sso, {
    session: "corp",
    left: 600,
    renews: true,
  });
  stage.sso.behavior.failures.set("CreateToken", ["InvalidGrantException"]);
  assert.equal((await ssoToken(session(), context))?.accessToken, last);
  assert.equal(asked.questions, 0);
});

test("ssoToken() asks once where a refresh token is refused, or the client's registration is over", async () => {
  await keepLogin(stage.cacheDirectory, stage.sso, { session: "corp", left: -60, renews: true });
  stage.sso.behavior.failures.set("CreateToken", ["InvalidGrantException"]);
  const first = contextOf();
  const tokens = await Promise.all([1, 2].map(() => ssoToken(session(), first.context)));
  assert.equal(new Set(tokens.map((token) => token?.accessToken)).size, 1);
  assert.equal(first.asked.questions, 1);
  const file = tokenFile(session(), stage.env);
  const kept = JSON.parse(await readFile(file, "utf8")) as object;
  const over = {
    expiresAt: "2026-01-01T00:00:00UTC",
    registrationExpiresAt: "2026-01-01T00:00:00UTC",
  };
  await writeFile(file, JSON.stringify({ ...kept, ...over }));
  const before = count("CreateToken");
  const second = contextOf();
  await ssoToken(session(), second.context);
  assert.deepEqual([second.asked.questions, count("CreateToken") - before], [1, 1]);
});

test("ssoKeys() logs in again where the portal refuses a token that has not expired, and once only", async () => {
  const token = await keepLogin(stage.cacheDirectory, stage.sso, { session: "corp" });
  stage.sso.oidc.accessTokens.delete(token);
  const files = loadAwsFiles(stage.env, stage.home.directory);
  const { context, asked } = contextOf();
  assert.match((await ssoKeys(SOURCE, files, context)).accessKeyId, /^ASIA/);
  assert.equal(asked.questions, 1);
  stage.sso.behavior.failures.set("GetRoleCredentials", Array(2).fill("UnauthorizedException"));
  const text = await failureText(ssoKeys(SOURCE, files, context));
  assert.match(
    text,
    /missing or has expired[^]*aws sso login --profile sso, or: rdsiam login --profile sso/,
  );
  // The second time the refresh token has given another one.
  assert.equal(asked.questions, 1);
});

const ASSIGNMENTS: readonly (readonly [string, Partial<SsoSource>, RegExp])[] = [
  [
    "a role",
    { roleName: "Admin" },
    /Admin is not assigned to you in account 123456789012 \(orders\); assigned are: DatabaseReader, Billing, Support\.[^]*Correct sso_role_name \(.*line \d+\)/,
  ],
  [
    "an account",
    { accountId: "999999999999" },
    /Account 999999999999 is not assigned to you; assigned are: .*210987654321 \(ledger\).*\.[^]*Correct sso_account_id/,
  ],
];
for (const [what, wrong, wanted] of ASSIGNMENTS) {
  test(`ssoKeys() names those that are assigned where ${what} is not`, async () => {
    await keepLogin(stage.cacheDirectory, stage.sso, { session: "corp" });
    const files = loadAwsFiles(stage.env, stage.home.directory);
    assert.match(
      await failureText(ssoKeys({ ...SOURCE, ...wrong }, files, contextOf().context)),
      wanted,
    );
    // An answer that does not come is not an empty list.
    stage.sso.behavior.failures.set("ListAccounts", [
      "TooManyRequestsException",
      "TooManyRequestsException",
    ]);
    const text = await failureText(ssoKeys({ ...SOURCE, ...wrong }, files, contextOf().context));
    assert.match(text, /SSO gives no access to that account and role/);
    assert.doesNotMatch(text, /assigned are/);
  });
}

// By the call that fails, with what; a device code's login where there is a third word.
const FAILURES: readonly (readonly [string, string, RegExp, boolean?])[] = [
  [
    "RegisterClient",
    "InvalidRequestException",
    /does not know https:[^]*sso_start_url and sso_region \(.*line \d+\)/,
  ],
  [
    "RegisterClient",
    "InvalidScopeException",
    /the scopes are not valid[^]*sso_registration_scopes/,
  ],
  [
    "RegisterClient",
    "InvalidRequestRegionException",
    /is not in eu-central-1[^]*Set sso_region in .*line/,
  ],
  ["CreateToken", "ExpiredTokenException", /was not finished in time/],
  ["CreateToken", "AccessDeniedException", /the login to corp was denied/],
  [
    "CreateToken",
    "InvalidClientException",
    /refused it[^]*InvalidClientException[^]*--device-code/,
  ],
  ["StartDeviceAuthorization", "InvalidRequestException", /does not know https:/, true],
  ["StartDeviceAuthorization", "SlowDownException", /asks to slow down[^]*Wait a minute/, true],
  ["CreateToken", "AccessDeniedException", /the login to corp was denied/, true],
  [
    "CreateToken",
    "ExpiredTokenException",
    /was not finished in time[^]*sso_region = eu-central-1/,
    true,
  ],
];
for (const [action, exception, wanted, usesDeviceCode = false] of FAILURES) {
  test(`logIn() + ${exception} of ${action}${usesDeviceCode ? " for a device" : ""} has its sentence`, async () => {
    // A registration of its own for each.
    const own = {
      ...session(),
      scopes: ["sso:account:access", "openid"].slice(Number(usesDeviceCode)),
      session: `corp`,
    };
    stage.sso.oidc.clients.clear();
    await rm(stage.cacheDirectory, { recursive: true, force: true });
    stage.sso.behavior.failures.clear();
    stage.sso.behavior.failures.set(action, [exception]);
    assert.match(
      await failureText(ssoToken(own, contextOf({ usesDeviceCode }).context, { anew: true })),
      wanted,
    );
  });
}

test("logIn() + a denial in the browser, an unknown host, and a Region where no login ends have their sentences", async () => {
  stage.sso.behavior.person = "denies";
  const denied = await failureText(ssoToken(session(), contextOf().context, { anew: true }));
  assert.match(denied, /the login to corp was denied[^]*User denied access/);
  stage.sso.behavior.person = "approves";
  const { context } = contextOf({ usesDeviceCode: true });
  const env = { ...stage.env, AWS_ENDPOINT_URL_SSO_OIDC: "http://127.0.0.1:9" };
  const lost = await failureText(
    ssoToken(session(), { ...context, calls: { env } }, { anew: true }),
  );
  assert.match(
    lost,
    /IAM Identity Center in eu-central-1 cannot be reached[^]*sso_region \(.*line/,
  );
  Object.assign(stage.sso.behavior, { isWrongRegion: true });
  const givenUp = new AbortController();
  const remark = (text: string): void => {
    assert.match(
      text,
      /Still waiting\.[^]*sso_region = eu-central-1 \(.*line \d+\) may be the wrong one/,
    );
    givenUp.abort(new RdsIamError("interrupted", { code: "ERR_INTERRUPTED" }));
  };
  const slow = { usesDeviceCode: true, remarkAfter: 20, signal: givenUp.signal, remark };
  assert.match(
    await failureText(ssoToken(session(), contextOf(slow).context, { anew: true })),
    /interrupted/,
  );
});

test("logIn() waits longer where it is asked to slow down, and uses one registration for each way", async () => {
  stage.sso.behavior.failures.set("CreateToken", ["AuthorizationPendingException"]);
  const { context } = contextOf({ usesDeviceCode: true });
  await ssoToken(session(), context, { anew: true });
  await ssoToken(session(), context, { anew: true });
  assert.deepEqual([count("RegisterClient") <= 1, count("CreateToken")], [true, 3]);
  await ssoToken(session(), contextOf().context, { anew: true });
  assert.equal(count("Authorize"), 1);
});

test("ssoToken() + a clock that is wrong says so after the login; ssoKeys() does where the keys are over already", async () => {
  for (const [minutes, wanted] of [
    [-30, "30 minutes ahead of"],
    [30, "30 minutes behind"],
  ] as const) {
    const now = (): Date => new Date(Date.now() + minutes * 60_000);
    await using skewed = await startSsoStage({ now });
    const { context, asked } = contextOf();
    const calls = { env: skewed.env };
    assert.ok(await ssoToken(session(), { ...context, calls }, { anew: true }));
    assert.match(asked.remarks.join("\n"), new RegExp(`is ${wanted} AWS's.*timedatectl`));
  }
  const { context, asked } = contextOf();
  await ssoToken(session(), context, { anew: true });
  assert.deepEqual(asked.remarks, []);
  const { lifetimes } = stage.sso.behavior;
  lifetimes.credentials = -60;
  const files = loadAwsFiles(stage.env, stage.home.directory);
  const over = await failureText(ssoKeys(SOURCE, files, context));
  lifetimes.credentials = 3_600;
  assert.match(
    over,
    /clock and AWS's disagree[^]*ended at 20\S+Z by the clock of this machine[^]*timedatectl/,
  );
});

const DAY = 86_400_000;
for (const [what, code, dates] of [
  ["not valid yet", "CERT_NOT_YET_VALID", { notBefore: new Date(Date.now() + DAY) }],
  ["over", "CERT_HAS_EXPIRED", { notAfter: new Date(Date.now() - DAY / 2) }],
] as const) {
  test(`logIn() + a certificate that is ${what} asks for a look at the clock`, async () => {
    const issuer = await makeAuthority({ subject: "CN=Root" });
    const names = ["127.0.0.1"];
    const certificate = await makeLeaf({ subject: "CN=sso", names, issuer, ...dates });
    await using secure = await startSsoStage({ certificate });
    const caFile = join(secure.home.directory, "ca.pem");
    await writeFile(caFile, issuer.cert);
    const calls = { env: { ...secure.env, AWS_CA_BUNDLE: caFile } };
    const text = await failureText(ssoToken(session(), { ...contextOf().context, calls }));
    assert.match(text, /the certificate of 127\.0\.0\.1:\d+ is not valid at this time/);
    assert.match(text, new RegExp(`${code}; this machine's clock says 20\\S+Z\\.\n.*timedatectl`));
  });
}

test("readScopes() and timeLeft() read what the AWS CLI has written", () => {
  assert.deepEqual(readScopes(" sso:account:access , ,openid"), ["sso:account:access", "openid"]);
  assert.equal(readScopes(undefined), undefined);
  const now = Date.parse("2026-01-01T00:00:00Z");
  for (const time of [
    "2026-01-01T00:00:09Z",
    "2026-01-01T00:00:09UTC",
    "2026-01-01T00:00:09+00:00",
  ])
    assert.equal(timeLeft(time, now), 9_000, time);
  assert.ok(timeLeft("soon", now) < 0 && timeLeft(undefined, now) < 0);
  assert.equal(
    join(stage.cacheDirectory, "ee0bfd2552fbd840c02cc48b6e823320543c450f.json"),
    tokenFile(session(), stage.env),
  );
});
