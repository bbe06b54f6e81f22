// Every way to be somebody that needs no network: the built program's token is signed by whom the profile says.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { PROOFS, startAwsServices } from "../support/aws-services.ts";
import { ACCOUNT, startIdentityStage } from "../support/identity-stage.ts";
import { keep } from "../support/keep.ts";

const WEB_TOKEN = "WEBIDENTITYTOKEN-marked-0004";
const arnOf = (role: string): string => `arn:aws:iam::${ACCOUNT}:role/${role}`;

const extra: Record<string, Record<string, string | undefined>> = {};

const stage = await keep(startIdentityStage());
const { keys, sts } = stage;
const services = await keep(startAwsServices((service) => stage.sessionKey(service)));
const jane = keys.createStaticKey({ arn: `arn:aws:iam::${ACCOUNT}:user/jane` });
const session = stage.sessionKey("pasted");
for (const role of ["one", "two", "three"]) sts.roles.set(arnOf(role), {});
sts.roles.set(arnOf("strict"), { externalId: "ext-7", maxSessionDuration: 7_200 });
// AssumeRole is refused.
sts.roles.set(arnOf("web"), { webIdentityToken: WEB_TOKEN, trusted: [] });
stage.secrets.push(...Object.values(PROOFS), WEB_TOKEN);
const tokenFile = join(stage.home.directory, ".aws", "web-token");
await writeFile(tokenFile, WEB_TOKEN);
await writeLogins();
await writeFile(
  join(stage.home.directory, ".aws", "process.json"),
  JSON.stringify({
    Version: 1,
    AccessKeyId: session.accessKeyId,
    SecretAccessKey: session.secretAccessKey,
    SessionToken: session.sessionToken,
    Expiration: session.expiration?.toISOString(),
  }),
);
await stage.addConfig(`
[profile static]
aws_access_key_id = ${jane.accessKeyId}
aws_secret_access_key = ${jane.secretAccessKey}
[profile session]
aws_access_key_id = ${session.accessKeyId}
aws_secret_access_key = ${session.secretAccessKey}
aws_session_token = ${session.sessionToken}
[profile one]
role_arn = ${arnOf("one")}
source_profile = static
[profile two]
role_arn = ${arnOf("two")}
source_profile = one
[profile three]
role_arn = ${arnOf("three")}
source_profile = two
[profile itself]
aws_access_key_id = ${jane.accessKeyId}
aws_secret_access_key = ${jane.secretAccessKey}
role_arn = ${arnOf("one")}
source_profile = itself
role_session_name = me
[profile strict]
role_arn = ${arnOf("strict")}
source_profile = static
external_id = ext-7
role_session_name = mine
duration_seconds = 7200
[profile environment]
role_arn = ${arnOf("one")}
credential_source = Environment
role_session_name = env
[profile instance]
role_arn = ${arnOf("one")}
credential_source = Ec2InstanceMetadata
role_session_name = imds
[profile container]
role_arn = ${arnOf("one")}
credential_source = EcsContainer
role_session_name = ecs
[profile process]
credential_process = cat "${join(stage.home.directory, ".aws", "process.json")}"
[profile sso]
sso_session = corp
sso_account_id = ${ACCOUNT}
sso_role_name = reader
[sso-session corp]
sso_start_url = https://corp.awsapps.com/start
sso_region = eu-west-1
[profile legacy]
sso_start_url = https://old.awsapps.com/start
sso_region = eu-west-1
sso_account_id = ${ACCOUNT}
sso_role_name = reader
[profile over-sso]
role_arn = ${arnOf("two")}
source_profile = sso
role_session_name = over
[profile stale]
sso_session = corp
sso_account_id = ${ACCOUNT}
sso_role_name = reader
[profile over-stale]
role_arn = ${arnOf("two")}
source_profile = stale
role_session_name = over
[profile web-first]
role_arn = ${arnOf("web")}
source_profile = static
web_identity_token_file = ${tokenFile}
role_session_name = first
[profile web-itself]
role_arn = ${arnOf("web")}
source_profile = web-itself
web_identity_token_file = ${tokenFile}
role_session_name = itself
[profile web-named]
role_arn = ${arnOf("web")}
credential_source = Environment
web_identity_token_file = ${tokenFile}
role_session_name = named
[profile over-web]
role_arn = ${arnOf("two")}
source_profile = web-first
role_session_name = over
[profile blank]
Role_Arn = ${arnOf("two")}
SOURCE_PROFILE = Corp Base
role_session_name = blank
[profile quoted]
role_arn = ${arnOf("two")}
source_profile = 'Corp' Base
role_session_name = quoted
[profile 'büro sso']
SSO_Session = corp
sso_account_id : ${ACCOUNT}
sso_role_name = reader
[profile login]
login_session = arn:aws:iam::${ACCOUNT}:user/jane
[profile web]
role_arn = ${arnOf("web")}
web_identity_token_file = ${tokenFile}
role_session_name = pod`);
const janeKeys = `aws_access_key_id = ${jane.accessKeyId}\naws_secret_access_key = ${jane.secretAccessKey}\n`;
await writeFile(
  stage.home.credentials,
  ["stale", "Corp Base", "'Corp' Base"].map((name) => `[${name}]\n${janeKeys}`).join(""),
);
const keyOf = {
  AWS_ACCESS_KEY_ID: jane.accessKeyId,
  AWS_SECRET_ACCESS_KEY: jane.secretAccessKey,
};
const imds = {
  AWS_EC2_METADATA_DISABLED: undefined,
  AWS_EC2_METADATA_SERVICE_ENDPOINT: services.url,
};
const ecs = {
  AWS_CONTAINER_CREDENTIALS_FULL_URI: `${services.url}/container`,
  AWS_CONTAINER_AUTHORIZATION_TOKEN: PROOFS.container,
};
const sso = { AWS_ENDPOINT_URL_SSO: services.url };
const web = { AWS_WEB_IDENTITY_TOKEN_FILE: tokenFile, AWS_ROLE_ARN: arnOf("web") };
const security = {
  AWS_ACCESS_KEY_ID: session.accessKeyId,
  AWS_SECRET_ACCESS_KEY: session.secretAccessKey,
  AWS_SECURITY_TOKEN: session.sessionToken,
  AWS_SESSION_TOKEN: "older-one-applies",
};
Object.assign(extra, { keyOf, security, imds, ecs, sso, web });

async function writeLogins(): Promise<void> {
  const aws = join(stage.home.directory, ".aws");
  const expiresAt = new Date(Date.now() + 3_600_000).toISOString();
  await mkdir(join(aws, "sso", "cache"), { recursive: true });
  await mkdir(join(aws, "login", "cache"), { recursive: true });
  for (const name of ["corp", "https://old.awsapps.com/start"]) {
    const file = `${createHash("sha1").update(name).digest("hex")}.json`;
    const token = { accessToken: PROOFS.sso, expiresAt, region: "eu-west-1" };
    await writeFile(join(aws, "sso", "cache", file), JSON.stringify(token));
  }
  const { accessKeyId, secretAccessKey, sessionToken } = stage.sessionKey("console");
  const keys = { accessKeyId, secretAccessKey, sessionToken, accountId: ACCOUNT, expiresAt };
  const name = `arn:aws:iam::${ACCOUNT}:user/jane`;
  const file = `${createHash("sha256").update(name).digest("hex")}.json`;
  await writeFile(
    join(aws, "login", "cache", file),
    JSON.stringify({ accessToken: keys, clientId: "c", refreshToken: "r", dpopKey: "k" }),
  );
}

// What is asked for, the environment's extra part, the caller behind the token, and the STS calls that it takes.
const SOURCES: readonly (readonly [string, readonly string[], string, RegExp, number])[] = [
  ["static keys", ["--profile", "static"], "", /:user\/jane$/, 0],
  ["session keys", ["--profile", "session"], "", /assumed-role\/pasted\//, 0],
  ["a role", ["--profile", "one"], "", /assumed-role\/one\/rdsiam-/, 1],
  ["a chain of three roles", ["--profile", "three"], "", /assumed-role\/three\/rdsiam-/, 3],
  ["its own source_profile", ["--profile", "itself"], "", /assumed-role\/one\/me$/, 1],
  ["external id, session name, duration", ["--profile", "strict"], "", /role\/strict\/mine$/, 1],
  ["credential_source Environment", ["--profile", "environment"], "keyOf", /role\/one\/env$/, 1],
  ["credential_source Ec2InstanceMetadata", ["--profile", "instance"], "imds", /one\/imds$/, 1],
  ["credential_source EcsContainer", ["--profile", "container"], "ecs", /role\/one\/ecs$/, 1],
  ["credential_process", ["--profile", "process"], "", /assumed-role\/pasted\//, 0],
  ["sso_session", ["--profile", "sso"], "sso", /assumed-role\/sso\//, 0],
  ["legacy SSO", ["--profile", "legacy"], "sso", /assumed-role\/sso\//, 0],
  ["a role over SSO", ["--profile", "over-sso"], "sso", /assumed-role\/two\/over$/, 1],
  ["SSO before stale keys (A7)", ["--profile", "stale"], "sso", /assumed-role\/sso\//, 0],
  ["a role over that", ["--profile", "over-stale"], "sso", /assumed-role\/two\/over$/, 1],
  ["SSO in odd letters", ["--profile", "büro sso"], "sso", /assumed-role\/sso\//, 0],
  ["a web identity before a source (A8)", ["--profile", "web-first"], "", /role\/web\/first$/, 1],
  ["a web identity before itself (A8)", ["--profile", "web-itself"], "", /role\/web\/itself$/, 1],
  [
    "a web identity, not the environment (A8)",
    ["--profile", "web-named"],
    "keyOf",
    /web\/named$/,
    1,
  ],
  ["a role over a web identity", ["--profile", "over-web"], "", /role\/two\/over$/, 2],
  [
    "a source with a blank, keys in any case (A5, A20)",
    ["--profile", "blank"],
    "",
    /two\/blank$/,
    1,
  ],
  ["a source with quotes in its name", ["--profile", "quoted"], "", /two\/quoted$/, 1],
  ["older name of the session token", [], "security", /assumed-role\/pasted\//, 0],
  ["login_session", ["--profile", "login"], "", /assumed-role\/console\//, 0],
  ["web_identity_token_file", ["--profile", "web"], "", /assumed-role\/web\/pod$/, 1],
  ["a web identity in the environment", [], "web", /assumed-role\/web\//, 1],
  ["environment keys", [], "keyOf", /:user\/jane$/, 0],
  ["the container of the default chain", [], "ecs", /assumed-role\/container\//, 0],
  ["the instance of the default chain", [], "imds", /assumed-role\/instance\//, 0],
  [
    "rds_role_arn over environment keys",
    ["--role-arn", arnOf("strict"), "--external-id", "ext-7", "--role-session-name", "over"],
    "keyOf",
    /assumed-role\/strict\/over$/,
    1,
  ],
  ["rds_role_arn over a role", ["--profile", "one", "--role-arn", arnOf("two")], "", /two\/rds/, 2],
];

for (const [name, args, environment, caller, calls] of SOURCES) {
  test(`identity: ${name}`, async () => {
    const before = stage.sts.calls.length;
    const run = await stage.token(["--no-cache", ...args], extra[environment]);
    assert.equal(run.status, 0, run.stderr);
    assert.match(run.caller ?? "", caller);
    assert.equal(stage.sts.calls.length - before, calls);
  });
}

test("identity: a role's parameters reach STS, and none that nobody gave", async () => {
  stage.sts.calls.length = 0;
  await stage.token(["--no-cache", "--profile", "strict"]);
  await stage.token(["--no-cache", "--profile", "one"]);
  const [strict, plain] = stage.sts.calls.map(({ parameters }) => parameters);
  assert.equal(strict?.["DurationSeconds"], "7200");
  assert.equal(strict?.["ExternalId"], "ext-7");
  assert.deepEqual(Object.keys(plain ?? {}).toSorted(), [
    "Action",
    "RoleArn",
    "RoleSessionName",
    "Version",
  ]);
});

test("identity: a metadata service that hangs costs at most a second more", async () => {
  services.hang = true;
  try {
    const none = Date.now();
    await stage.token([]);
    const start = Date.now();
    const run = await stage.token([], extra["imds"]);
    assert.equal(run.status, 125);
    assert.match(run.stderr, /no AWS credentials/);
    const cost = Date.now() - start - (start - none);
    assert.ok(cost < 1_500, `${cost} ms`);
  } finally {
    services.hang = false;
  }
});
