// Logins that are shared with the AWS CLI 2, in both directions, with the renewal of tokens: each reads the files that the other
// has written. Both go to the real names of IAM Identity Center, over TLS and through a proxy, which lead to the stand-in here.
// Debian's: apt-get install awscli (2.9 knows device codes alone, PKCE came with 2.22).
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { makeAuthority, makeLeaf } from "../../src/demo/certificates.ts";
import { type CorporateProxy, LOGIN, startProxy } from "../support/network-scene.ts";
import { type Finished, rdsiam, run } from "../support/program.ts";
import { SSO_REGION, type SsoStage, startSsoStage } from "../support/sso-stage.ts";

const HOSTS = [
  `oidc.${SSO_REGION}.amazonaws.com`,
  `portal.sso.${SSO_REGION}.amazonaws.com`,
] as const;

const minor = Number(
  /^aws-cli\/2\.(\d+)/.exec(spawnSync("aws", ["--version"], { encoding: "utf8" }).stdout)?.[1],
);
const skip = Number.isNaN(minor) && "the AWS CLI 2 is not on this machine: apt-get install awscli";

/** The stage, and both programs in it. */
interface Pair extends AsyncDisposable {
  readonly stage: SsoStage;
  readonly proxy: CorporateProxy;
  readonly aws: (...args: readonly string[]) => Promise<Finished>;
  readonly rdsiam: (...args: readonly string[]) => Promise<Finished>;
  /** The ARN that each gets credentials for. */
  readonly awsCaller: (profile: string) => Promise<string | undefined>;
  readonly rdsiamCaller: (profile: string) => Promise<string | undefined>;
  /** Actions of the OIDC service that were called since the last time, with their status. */
  readonly calls: () => readonly string[];
}

async function startPair(more = ""): Promise<Pair> {
  const issuer = await makeAuthority({ subject: "CN=Corp Private Root" });
  const names = [...HOSTS, "127.0.0.1"];
  const certificate = await makeLeaf({ subject: "CN=sso", names, issuer });
  const stage = await startSsoStage({ certificate });
  stage.sso.behavior.lifetimes.interval = 1;
  const port = Number(new URL(stage.sso.endpoint).port);
  const proxy = await startProxy(Object.fromEntries(HOSTS.map((host) => [host, port])));
  const caFile = join(stage.home.directory, "ca.pem");
  await writeFile(caFile, issuer.cert);
  await stage.addConfig(more);
  const login = `${encodeURIComponent(LOGIN.user)}:${encodeURIComponent(LOGIN.password)}`;
  const env = {
    ...stage.env,
    // Deno would ask for its newest version through the proxy.
    DENO_NO_UPDATE_CHECK: "1",
    AWS_ENDPOINT_URL_SSO: undefined,
    AWS_ENDPOINT_URL_SSO_OIDC: undefined,
    AWS_CA_BUNDLE: caFile,
    HTTPS_PROXY: `http://${login}@127.0.0.1:${proxy.port}`,
  };
  const aws: Pair["aws"] = (...args) =>
    run(["aws", ...args], { env: { ...env, KIND_BROWSER: "1" } });
  const callerOf = (id: string | undefined): string | undefined =>
    id === undefined ? undefined : stage.keys.find(id)?.arn;
  const tool: Pair["rdsiam"] = (...args) => rdsiam(args, { env });
  return {
    stage,
    proxy,
    aws,
    rdsiam: tool,
    awsCaller: async (profile) => {
      const format = ["--format", "env-no-export"];
      const ran = await aws("configure", "export-credentials", "--profile", profile, ...format);
      return callerOf(/AWS_ACCESS_KEY_ID=(\w+)/.exec(ran.stdout)?.[1]);
    },
    rdsiamCaller: async (profile) => {
      const { stdout } = await tool("token", profile);
      return callerOf(/X-Amz-Credential=([A-Z0-9]+)/.exec(stdout)?.[1]);
    },
    calls: () => {
      const oidc = /^(?:RegisterClient|CreateToken)$/;
      const seen = stage.sso.calls.filter(
        ({ action, status }) => oidc.test(action) && status < 400,
      );
      stage.sso.calls.length = 0;
      return seen.map(({ action }) => action);
    },
    async [Symbol.asyncDispose]() {
      await proxy[Symbol.asyncDispose]();
      await stage[Symbol.asyncDispose]();
    },
  };
}

const READER = /:assumed-role\/AWSReservedSSO_DatabaseReader_/;
const LOGIN_CALLS = ["RegisterClient", "CreateToken"];
// The AWS CLI before 2.22 always uses a device code.
const PROFILES = ["sso", "sso-legacy"];

for (const profile of PROFILES) {
  test(`rdsiam login, and aws has credentials: ${profile}`, { skip }, async () => {
    await using pair = await startPair();
    const ran = await pair.rdsiam("login", "--profile", profile);
    assert.equal(ran.status, 0, ran.stderr);
    assert.deepEqual(pair.calls(), LOGIN_CALLS);
    assert.match((await pair.awsCaller(profile)) ?? "", READER);
    assert.deepEqual(pair.calls(), []);
    await assertPrivate(pair.stage);
  });

  test(`aws sso login, and rdsiam has credentials: ${profile}`, { skip }, async () => {
    await using pair = await startPair();
    const ran = await pair.aws("sso", "login", "--profile", profile);
    assert.equal(ran.status, 0, ran.stderr);
    assert.deepEqual(pair.calls(), LOGIN_CALLS);
    assert.match((await pair.rdsiamCaller(profile)) ?? "", READER);
    assert.deepEqual(pair.calls(), []);
  });
}

test("rdsiam login with a device code, and the role's keys, through HTTPS_PROXY with a password", async () => {
  await using pair = await startPair();
  const { proxy, stage } = pair;
  const ran = await pair.rdsiam("login", "-v", "--device-code", "--profile", "sso");
  assert.equal(ran.status, 0, ran.stderr);
  assert.equal(stage.sso.count("StartDeviceAuthorization"), 1);
  assert.match((await pair.rdsiamCaller("sso")) ?? "", READER);
  assert.deepEqual(
    [...new Set(proxy.asked)],
    HOSTS.map((host) => `CONNECT ${host}:443`),
  );
  const secrets = [LOGIN.password, encodeURIComponent(LOGIN.password), ...stage.sso.oidc.secrets];
  for (const secret of secrets) assert.ok(!(ran.stdout + ran.stderr).includes(secret), secret);
  proxy.refuse = 407;
  const refused = await pair.rdsiam("login", "--device-code", "--profile", "sso");
  assert.notEqual(refused.status, 0);
  assert.match(refused.stderr, /error: [^]*407/);
  assert.ok(!refused.stderr.includes("PROXYPASSWORD"), refused.stderr);
});

async function assertPrivate({ cacheDirectory }: SsoStage): Promise<void> {
  for (const name of await readdir(cacheDirectory))
    assert.equal((await stat(join(cacheDirectory, name))).mode & 0o777, 0o600, name);
}

test(
  "each program renews the token that the other has written, again and again",
  { skip },
  async () => {
    await using pair = await startPair();
    const { awsCaller, rdsiamCaller, stage } = pair;
    assert.equal((await pair.rdsiam("login", "--profile", "sso")).status, 0);
    pair.calls();
    const [file] = await tokenFiles(stage);
    const fields: string[] = [];
    for (const caller of [
      awsCaller,
      rdsiamCaller,
      awsCaller,
      rdsiamCaller,
      rdsiamCaller,
      awsCaller,
    ]) {
      await expire(stage);
      assert.match((await caller("sso")) ?? "", READER);
      assert.deepEqual(pair.calls(), ["CreateToken"]);
      assert.deepEqual(await tokenFiles(stage), [file], "no other file");
      const token = JSON.parse(await readFile(file ?? "", "utf8")) as Record<string, string>;
      assert.match(token["expiresAt"] ?? "", /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
      fields.push(Object.keys(token).toSorted().join(" "));
    }
    assert.equal(new Set(fields).size, 1, fields.join("\n"));
  },
);

// The access token is over, here and at the service; what is left is the refresh token. The AWS CLI keeps a role's credentials too.
async function expire(stage: SsoStage): Promise<void> {
  stage.sso.oidc.accessTokens.clear();
  await rm(join(stage.home.directory, ".aws", "cli"), { recursive: true, force: true });
  for (const file of await tokenFiles(stage)) {
    const token = JSON.parse(await readFile(file, "utf8")) as object;
    await writeFile(file, JSON.stringify({ ...token, expiresAt: "2026-01-01T00:00:00Z" }));
  }
}

async function tokenFiles({ cacheDirectory }: SsoStage): Promise<readonly string[]> {
  const files: string[] = [];
  for (const name of await readdir(cacheDirectory)) {
    const file = join(cacheDirectory, name);
    if (name.endsWith(".json") && (await readFile(file, "utf8")).includes("accessToken"))
      files.push(file);
  }
  return files;
}

test("a client is registered once for both, for each way of logging in", { skip }, async () => {
  await using pair = await startPair();
  const device = minor < 22 ? [] : ["--use-device-code"];
  const steps: readonly (readonly [readonly string[], readonly string[], readonly string[]])[] = [
    [["login", "--device-code", "--profile", "sso"], ["sso", "login", ...device], ["CreateToken"]],
    ...(minor < 22
      ? []
      : [[["login", "--profile", "sso"], ["sso", "login"], ["CreateToken"]] as const]),
  ];
  for (const [ours, theirs, calls] of steps) {
    assert.equal((await pair.rdsiam(...ours)).status, 0);
    assert.deepEqual(pair.calls(), LOGIN_CALLS);
    assert.equal((await pair.aws(...theirs, "--profile", "sso")).status, 0);
    assert.deepEqual(pair.calls(), calls);
    assert.equal((await pair.rdsiam(...ours)).status, 0);
    assert.deepEqual(pair.calls(), calls);
  }
});

test("a logout with either ends the login for both", { skip }, async () => {
  await using pair = await startPair();
  const { oidc } = pair.stage.sso;
  for (const logout of [() => pair.rdsiam("logout"), () => pair.aws("sso", "logout")]) {
    assert.equal((await pair.rdsiam("login", "--profile", "sso")).status, 0);
    assert.equal(oidc.accessTokens.size, 1);
    const ran = await logout();
    assert.equal(ran.status, 0, ran.stderr);
    assert.equal(oidc.accessTokens.size, 0, "the service knows");
    assert.equal(await pair.awsCaller("sso"), undefined);
    const refused = await pair.rdsiam("token", "sso");
    assert.match(refused.stderr, /rdsiam login --profile sso|aws sso login --profile sso/);
  }
});

test("names with blanks and beyond ASCII, and scopes in their order", { skip }, async () => {
  const role = "sso_account_id = 123456789012\nsso_role_name = DatabaseReader\n";
  const names = ["my corp", "größe-日本", "it's", "smile-\u{1F600}"];
  const text = names
    .map((name, index) => {
      const start = "sso_start_url = https://d-0123456789.awsapps.com/start/\n";
      const scopes = "sso_registration_scopes = openid, sso:account:access,\n";
      const session = `[sso-session "${name}"]\n${start}sso_region = ${SSO_REGION}\n${scopes}`;
      const where = `rds_host = orders.cluster-c1a2b3d4e5f6.eu-west-1.rds.amazonaws.com\nrds_user = app_ro\n`;
      return `${session}\n[profile p${index}]\nsso_session = ${name}\nregion = eu-west-1\n${where}${role}`;
    })
    .join("\n");
  await using pair = await startPair(text);
  for (const index of names.keys()) {
    const ran = await pair.rdsiam("login", "--profile", `p${index}`);
    assert.equal(ran.status, 0, ran.stderr);
    pair.calls();
    assert.match((await pair.awsCaller(`p${index}`)) ?? "", READER, names[index]);
    if (minor >= 22) {
      assert.equal((await pair.aws("sso", "login", "--profile", `p${index}`)).status, 0);
      assert.deepEqual(pair.calls(), ["CreateToken"], `${names[index]}: the registration is found`);
    }
    assert.match((await pair.rdsiamCaller(`p${index}`)) ?? "", READER);
  }
});
