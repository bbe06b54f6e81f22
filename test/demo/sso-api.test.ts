// The stand-in for IAM Identity Center, asked by hand; test/e2e/sso-aws-cli.slow.test.ts has the AWS CLI log in against it.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test, type TestContext } from "node:test";
import { KeyStore } from "../../src/demo/keys.ts";
import { type SsoStandIn, startSso } from "../../src/demo/sso-api.ts";

const START_URL = "https://d-0123456789.awsapps.com/start";
const REDIRECT = "http://127.0.0.1/oauth/callback";
const USED = "http://127.0.0.1:4711/oauth/callback";
const VERIFIER = "v".repeat(64);
const CHALLENGE = createHash("sha256").update(VERIFIER).digest("base64url");
const DEVICE = "urn:ietf:params:oauth:grant-type:device_code";
const CLIENT = {
  clientName: "botocore-client-corp",
  clientType: "public",
  grantTypes: ["authorization_code", "refresh_token"],
  redirectUris: [REDIRECT],
  issuerUrl: START_URL,
  scopes: ["sso:account:access"],
};

type Fields = Readonly<Record<string, unknown>>;

/** A stand-in whose clock stands still until a test moves it. */
interface Bench {
  readonly sso: SsoStandIn;
  readonly keys: KeyStore;
  /** Moves the clock by seconds. */
  readonly pass: (seconds: number) => void;
  /** The answer's fields, with the exception's name as `error_name`. */
  readonly post: (path: string, fields: Fields) => Promise<Readonly<Record<string, string>>>;
  readonly get: (path: string, token: string) => Promise<Readonly<Record<string, unknown>>>;
  /** The page's status and where it leads. */
  readonly browse: (query: Fields) => Promise<readonly [number, URL | undefined]>;
}

async function bench(t: TestContext): Promise<Bench> {
  let time = Date.UTC(2026, 10, 1);
  const keys = new KeyStore();
  const accounts = {
    "123456789012": { name: "a", roles: { Reader: {}, Billing: {}, Support: {} } },
    "210987654321": { name: "b", roles: {} },
    "333333333333": { name: "c", roles: {} },
  };
  const now = (): Date => new Date(time);
  const sso = await startSso({ keys, now, startUrl: START_URL, accounts });
  t.after(() => sso[Symbol.asyncDispose]());
  const read = async (response: Response): Promise<Readonly<Record<string, string>>> => {
    const name = response.headers.get("x-amzn-errortype")?.split(":")[0] ?? "";
    const fields = (await response.json()) as Record<string, string>;
    return { ...fields, error_name: name };
  };
  return {
    sso,
    keys,
    pass: (seconds) => (time += seconds * 1_000),
    post: async (path, fields) =>
      read(await fetch(sso.endpoint + path, { method: "POST", body: JSON.stringify(fields) })),
    get: async (path, token) =>
      read(await fetch(sso.endpoint + path, { headers: { "x-amz-sso_bearer_token": token } })),
    browse: async (query) => {
      const url = new URL("/authorize", sso.endpoint);
      for (const [name, value] of Object.entries(query)) url.searchParams.set(name, String(value));
      const { headers, status } = await fetch(url, { redirect: "manual" });
      const location = headers.get("location");
      return [status, location === null ? undefined : new URL(location)];
    },
  };
}

function authorizeQuery(clientId = ""): Fields {
  return {
    response_type: "code",
    client_id: clientId,
    redirect_uri: USED,
    state: "0123456789abcdef",
    code_challenge_method: "S256",
    code_challenge: CHALLENGE,
    scopes: "sso:account:access",
  };
}

test("startSso() gives tokens for a code and its verifier once, and the state back", async (t) => {
  const { browse, get, keys, post, sso } = await bench(t);
  const { clientId, clientSecret } = await post("/client/register", CLIENT);
  const [status, url] = await browse(authorizeQuery(clientId));
  assert.equal(status, 302);
  assert.equal(url?.searchParams.get("state"), "0123456789abcdef");
  const code = url.searchParams.get("code");
  const grant = { grantType: "authorization_code", clientId, clientSecret, code };
  const proof = { redirectUri: USED, codeVerifier: VERIFIER };
  const token = await post("/token", { ...grant, ...proof });
  const again = await post("/token", { ...grant, ...proof });
  assert.equal(again["error_name"], "InvalidGrantException");
  assert.equal(again["error"], "invalid_grant");
  const role = "/federation/credentials?account_id=123456789012&role_name=";
  const given = await get(`${role}Reader`, token["accessToken"] ?? "");
  const { accessKeyId } = given["roleCredentials"] as { readonly accessKeyId: string };
  assert.match(keys.find(accessKeyId)?.arn ?? "", /AWSReservedSSO_Reader_/);
  const refused = await get(`${role}Admin`, token["accessToken"] ?? "");
  assert.equal(refused["error_name"], "ForbiddenException");
  assert.equal((await get(`${role}Reader`, "wrong"))["error_name"], "UnauthorizedException");
  const renewal = { grantType: "refresh_token", clientId, clientSecret };
  const { refreshToken } = token;
  assert.match((await post("/token", { ...renewal, refreshToken }))["accessToken"] ?? "", /./);
  const stale = await post("/token", { ...renewal, refreshToken });
  assert.equal(stale["error_name"], "InvalidGrantException");
  assert.deepEqual(
    [code, token["accessToken"], refreshToken, clientSecret, VERIFIER].filter(
      (each) => !sso.oidc.secrets.has(each ?? ""),
    ),
    [],
  );
});

const WRONG_CLIENTS: readonly (readonly [string, Fields, string])[] = [
  ["a type that is not public", { clientType: "web" }, "InvalidClientMetadataException"],
  ["a grant type that is unknown", { grantTypes: ["pass"] }, "UnsupportedGrantTypeException"],
  ["a scope that is unknown", { scopes: ["everything"] }, "InvalidScopeException"],
  ["a redirect to a port", { redirectUris: [USED] }, "InvalidRedirectUriException"],
  [
    "a redirect elsewhere",
    { redirectUris: ["http://127.0.0.1.example.com/"] },
    "InvalidRedirectUriException",
  ],
  ["no redirect", { redirectUris: [] }, "InvalidRedirectUriException"],
  ["another start URL", { issuerUrl: "https://example.com" }, "InvalidRequestException"],
];

test("startSso() refuses clients with faults", async (t) => {
  const { post } = await bench(t);
  for (const [what, fault, name] of WRONG_CLIENTS)
    assert.equal(
      (await post("/client/register", { ...CLIENT, ...fault }))["error_name"],
      name,
      what,
    );
});

const WRONG_PAGES: readonly (readonly [string, Fields])[] = [
  ["an unknown client", { client_id: "x" }],
  ["another host", { redirect_uri: "http://192.0.2.1:4711/oauth/callback" }],
  ["another path", { redirect_uri: "http://127.0.0.1:4711/other" }],
  ["no PKCE", { code_challenge: "" }],
  ["a plain challenge", { code_challenge_method: "plain" }],
  ["no state", { state: "" }],
  ["more scopes than registered", { scopes: "sso:account:access openid" }],
];

const WRONG_PROOFS: readonly (readonly [string, Fields])[] = [
  ["another verifier", { codeVerifier: "w".repeat(64) }],
  ["the challenge as verifier", { codeVerifier: CHALLENGE }],
  ["another port", { redirectUri: REDIRECT }],
  ["another code", { code: "x" }],
];

test("startSso() sends nobody anywhere for a wrong request, and gives nothing for a wrong proof", async (t) => {
  const { browse, pass, post } = await bench(t);
  const { clientId, clientSecret } = await post("/client/register", CLIENT);
  for (const [what, fault] of WRONG_PAGES)
    assert.deepEqual(
      await browse({ ...authorizeQuery(clientId), ...fault }),
      [400, undefined],
      what,
    );
  for (const [what, fault] of WRONG_PROOFS) {
    const [, url] = await browse(authorizeQuery(clientId));
    const code = url?.searchParams.get("code");
    const proof = { redirectUri: USED, codeVerifier: VERIFIER, code, ...fault };
    const grant = { grantType: "authorization_code", clientId, clientSecret, ...proof };
    assert.equal((await post("/token", grant))["error_name"], "InvalidGrantException", what);
  }
  const grant = { grantType: "authorization_code", clientId };
  const impostor = await post("/token", { ...grant, clientSecret: "x" });
  assert.equal(impostor["error_name"], "InvalidClientException");
  const device = await post("/token", { grantType: DEVICE, clientId, clientSecret });
  assert.equal(device["error_name"], "UnauthorizedClientException");
  pass(7_776_000);
  const late = await post("/token", { ...grant, clientSecret });
  assert.equal(late["error_name"], "InvalidClientException", "an expired registration");
});

test("startSso() has device codes polled at their interval, and answers what the person did", async (t) => {
  const { pass, post, sso } = await bench(t);
  const client = { clientName: "x", clientType: "public" };
  const { clientId, clientSecret } = await post("/client/register", client);
  const start = async (): Promise<Readonly<Record<string, string>>> =>
    await post("/device_authorization", { clientId, clientSecret, startUrl: `${START_URL}/` });
  const poll = async ({ deviceCode }: Readonly<Record<string, string>>): Promise<string> => {
    const grant = { grantType: DEVICE, clientId, clientSecret, deviceCode };
    const { accessToken, error_name: name = "" } = await post("/token", grant);
    return accessToken === undefined ? name : "token";
  };
  const visit = async (code: Readonly<Record<string, string>>): Promise<void> => {
    await fetch(code["verificationUriComplete"] ?? "");
  };
  const first = await start();
  assert.equal(await poll(first), "AuthorizationPendingException");
  pass(4);
  assert.equal(await poll(first), "SlowDownException");
  await visit(first);
  pass(5);
  assert.equal(await poll(first), "SlowDownException", "the interval has grown");
  pass(15);
  assert.equal(await poll(first), "token");
  pass(15);
  assert.equal(await poll(first), "InvalidGrantException", "a code works once");
  sso.behavior.person = "denies";
  const second = await start();
  await visit(second);
  assert.equal(await poll(second), "AccessDeniedException");
  const third = await start();
  pass(600);
  await visit(third);
  assert.equal(await poll(third), "ExpiredTokenException");
  sso.behavior.person = "approves";
  sso.behavior.isWrongRegion = true;
  const fourth = await start();
  await visit(fourth);
  assert.equal(await poll(fourth), "AuthorizationPendingException", "in the wrong Region for ever");
});

test("startSso() lists accounts and roles in pages, and knows no token after a logout", async (t) => {
  const { get, post, sso } = await bench(t);
  const { clientId = "" } = await post("/client/register", CLIENT);
  const { accessToken } = sso.oidc.issue(clientId, []);
  const first = await get("/assignment/accounts?max_result=10", accessToken);
  assert.equal((first["accountList"] as unknown[]).length, 2);
  const more = `/assignment/accounts?next_token=${String(first["nextToken"])}`;
  const last = await get(more, accessToken);
  assert.deepEqual([(last["accountList"] as unknown[]).length, last["nextToken"]], [1, null]);
  const roles = await get("/assignment/roles?account_id=123456789012", accessToken);
  assert.equal((roles["roleList"] as unknown[]).length, 2);
  sso.behavior.failures.set("ListAccounts", ["TooManyRequestsException"]);
  const refused = await get("/assignment/accounts", accessToken);
  assert.equal(refused["error_name"], "TooManyRequestsException");
  const headers = { "x-amz-sso_bearer_token": accessToken };
  await fetch(`${sso.endpoint}/logout`, { method: "POST", headers });
  const gone = await get("/assignment/accounts", accessToken);
  assert.equal(gone["error_name"], "UnauthorizedException");
});
