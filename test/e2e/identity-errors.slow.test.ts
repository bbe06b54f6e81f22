// What is said when one is nobody: the cause, the file and line or both ARNs, and the command to type; never a secret.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { PROOFS, startAwsServices } from "../support/aws-services.ts";
import { ACCOUNT, startIdentityStage } from "../support/identity-stage.ts";
import { keep } from "../support/keep.ts";

const arnOf = (role: string): string => `arn:aws:iam::${ACCOUNT}:role/${role}`;
const JANE = `arn:aws:iam::${ACCOUNT}:user/jane`;
const MARKED = "SECRETINCONFIG-marked-0005";

const stage = await keep(startIdentityStage());
const services = await keep(startAwsServices((service) => stage.sessionKey(service)));
const { keys, sts, home } = stage;
const jane = keys.createStaticKey({ arn: JANE });
const gone = keys.createStaticKey({ arn: `arn:aws:iam::${ACCOUNT}:user/gone` });
keys.delete(gone.accessKeyId);
const old = stage.sessionKey("old", -60);
stage.secrets.push(...Object.values(PROOFS), MARKED, gone.secretAccessKey);
sts.roles.set(arnOf("one"), {});
sts.roles.set(arnOf("strict"), { externalId: "ext-7" });
const aws = join(home.directory, ".aws");
await mkdir(join(aws, "sso", "cache"), { recursive: true });
for (const [session, accessToken, seconds] of [
  ["expired", PROOFS.sso, -60],
  ["good", PROOFS.sso, 3_600],
  ["refused", "SSOACCESSTOKEN-marked-9999", 3_600],
] as const) {
  const expiresAt = new Date(Date.now() + seconds * 1_000).toISOString();
  const file = `${createHash("sha1").update(session).digest("hex")}.json`;
  await writeFile(join(aws, "sso", "cache", file), JSON.stringify({ accessToken, expiresAt }));
}
const staticKeys = (id: string, secret: string, token = ""): string =>
  `aws_access_key_id = ${id}\naws_secret_access_key = ${secret}${token && `\naws_session_token = ${token}`}`;
const over = (source: string, role: string, more = ""): string =>
  `role_arn = ${arnOf(role)}\nsource_profile = ${source}\n${more}`;
const sso = "sso_account_id = 123456789012\nsso_role_name = reader";
const session = "sso_region = eu-west-1\nsso_start_url = https://corp.awsapps.com/start";
const sections: Readonly<Record<string, string>> = {
  "profile static": staticKeys(jane.accessKeyId, jane.secretAccessKey),
  "profile gone": staticKeys(gone.accessKeyId, gone.secretAccessKey),
  "profile wrong": staticKeys(jane.accessKeyId, MARKED),
  "profile old": staticKeys(old.accessKeyId, old.secretAccessKey, old.sessionToken),
  "profile half": "aws_access_key_id = AKIAHALF",
  "profile nobody": "region = eu-west-1",
  bare: "region = eu-west-1",
  "profile denied": over("static", "other"),
  "profile strict": over("static", "strict", "external_id = ext-8"),
  "profile chained": over("strictly", "one", "duration_seconds = 7200"),
  "profile strictly": over("static", "one"),
  "profile over-gone": over("gone", "one"),
  "profile over-wrong": over("wrong", "one"),
  "profile over-old": over("old", "one"),
  "profile lost": over("statik", "one"),
  "profile round": over("about", "one"),
  "profile about": over("round", "one"),
  "profile itself": `role_arn = ${arnOf("one")}\nsource_profile = itself`,
  "profile quoted": `role_arn = "${arnOf("one")}"\nsource_profile = static`,
  "profile alone": `role_arn = ${arnOf("one")}`,
  "profile both": over("static", "one", "credential_source = Environment"),
  "profile source": `role_arn = ${arnOf("one")}\ncredential_source = Enviroment`,
  "profile environment": `role_arn = ${arnOf("one")}\ncredential_source = Environment`,
  "profile instance": `role_arn = ${arnOf("one")}\ncredential_source = Ec2InstanceMetadata`,
  "profile long": over("static", "one", "duration_seconds = 1h"),
  "profile no-arn": "role_arn = db-reader\nsource_profile = static",
  "profile no-session": `sso_session = crop\n${sso}`,
  "sso-session corp": session,
  "profile half-session": `sso_session = half\n${sso}`,
  "sso-session half": "sso_region = eu-west-1",
  "profile logged-out": `sso_session = corp\n${sso}`,
  "profile expired": `sso_session = expired\n${sso}`,
  "sso-session expired": session,
  "profile refused": `sso_session = refused\n${sso}`,
  "sso-session refused": session,
  "profile no-access": `sso_session = good\nsso_account_id = 123456789012\nsso_role_name = nobody`,
  "sso-session good": session,
  "profile login": `login_session = ${JANE}`,
  "profile process": `credential_process = sh -c 'echo ${MARKED} >&2; exit 3'`,
  "profile html": `credential_process = echo '<html>${MARKED}'`,
  "profile odd": `credential_process = echo '{"Version":1,"AccessKeyId":7,"SecretAccessKey":"${MARKED}"}'`,
  "profile no-time": `credential_process = echo '{"Version":1,"AccessKeyId":"A","SecretAccessKey":"${MARKED}","Expiration":"soon"}'`,
  "profile web": `role_arn = ${arnOf("one")}\nweb_identity_token_file = /nowhere/token`,
};
for (const [name, text] of Object.entries(sections)) await stage.addConfig(`[${name}]\n${text}`);
await writeFile(home.credentials, "[profile misplaced]\naws_access_key_id = A\n");

// LINE(section, key) stands for that line's number in the config file.
const CASES: readonly (readonly [string, string])[] = [
  ["statix", `unknown AWS profile "statix"` + `.*Did you mean "static"\\?`],
  ["bare", "config, line LINE(bare) is \\[bare\\], which AWS's tools ignore: .*\\[profile bare\\]"],
  ["misplaced", "credentials, line 1 is \\[profile misplaced\\]: .*is \\[misplaced\\]"],
  [
    "lost",
    `unknown AWS profile "statik" \\(the source_profile of "lost"\\).*line LINE(profile lost, source_profile).*"static"`,
  ],
  ["round", "round -> about -> round.*line LINE(profile about, source_profile)"],
  ["itself", "itself -> itself.*line LINE(profile itself, source_profile)"],
  [
    "half",
    "aws_access_key_id without aws_secret_access_key.*line LINE(profile half, aws_access_key_id).*aws configure --profile half",
  ],
  [
    "nobody",
    `"nobody" has no credentials.*line LINE(profile nobody, region).*aws configure sso --profile nobody`,
  ],
  [
    "quoted",
    'role_arn of profile "quoted" has quotes.*line LINE(profile quoted, role_arn).*Leave the quotes out',
  ],
  [
    "alone",
    "role_arn without source_profile or credential_source.*line LINE(profile alone, role_arn).*source_profile NAME --profile alone",
  ],
  [
    "both",
    "both source_profile and credential_source.*line LINE(profile both, source_profile).*line LINE(profile both, credential_source)",
  ],
  [
    "source",
    "credential_source of profile .* is none of .*line LINE(profile source, credential_source).*Did you mean Environment",
  ],
  [
    "environment",
    'AWS_ACCESS_KEY_ID is not set.*credential_source of profile "environment".*line LINE(profile environment, credential_source)',
  ],
  ["instance", "instance metadata service|EC2"],
  ["long", "duration_seconds .* is not a whole number.*line LINE(profile long, duration_seconds)"],
  ["no-arn", "role_arn .* is not a valid role ARN.*line LINE(profile no-arn, role_arn)"],
  [
    "no-session",
    `no section \\[sso-session crop\\].*line LINE(profile no-session, sso_session).*Did you mean "corp".*aws configure sso-session`,
  ],
  [
    "half-session",
    "sso_start_url missing.*line LINE(sso-session half, sso_region).*aws configure sso --profile half-session",
  ],
  ["logged-out", "missing or has expired.*aws sso login --profile logged-out"],
  ["expired", "missing or has expired.*aws sso login --profile expired"],
  ["refused", "missing or has expired.*Session token not found.*aws sso login --profile refused"],
  ["no-access", "SSO gives no access.*sso_account_id and sso_role_name"],
  ["login", "missing or has expired.*aws login --profile login"],
  [
    "process",
    'credential_process of profile "process" failed.*aws configure get credential_process --profile process',
  ],
  [
    "html",
    'credential_process of profile "html" failed.*not JSON.*line LINE(profile html, credential_process)',
  ],
  ["odd", "returned invalid credentials.*A key in them is not text"],
  ["no-time", "Expiration is not a valid time"],
  ["web", "cannot read /nowhere/token.*web_identity_token_file"],
  [
    "denied",
    `cannot assume ${arnOf("other")}: AWS refused it to ${JANE}.*not authorized.*resource: ${arnOf("other")}.*no external id and no MFA code.*get-caller-identity --profile denied`,
  ],
  ["strict", `AWS refused it to ${JANE}.*external id "ext-8"`],
  ["chained", "1 hour session limit.*3600 seconds or less"],
  ["over-gone", "does not know the access key.*deleted"],
  ["over-wrong", "the secret access key is wrong"],
  ["over-old", "have expired"],
];

for (const [profile, expected] of CASES) {
  test(`identity errors: profile ${profile}`, async () => {
    const env = {
      AWS_ENDPOINT_URL_SSO: services.url,
      AWS_EC2_METADATA_SERVICE_ENDPOINT: "http://127.0.0.1:1",
    };
    const run = await stage.token(["--no-cache", "--profile", profile], env);
    assert.equal(run.status, 125, run.stderr);
    assert.equal(run.stdout, "");
    const config = (await readFile(stage.home.config, "utf8")).split("\n");
    const pattern = expected.replaceAll(/LINE\(([^,)]+)(?:, ([^)]+))?\)/g, (_, section, key) => {
      const header = config.indexOf(`[${section}]`);
      return String(
        key === undefined
          ? header + 1
          : config.findIndex((line, at) => at > header && line.startsWith(`${key} `)) + 1,
      );
    });
    const told = run.stderr.slice(run.stderr.indexOf("rdsiam: error:")).replaceAll("\n", " ");
    assert.match(told, new RegExp(pattern));
    assert.match(told, /HINT: /);
    assert.doesNotMatch(run.stderr, /\n\s+at |TypeError|undefined|internal error/);
  });
}
