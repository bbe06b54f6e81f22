// Whatever stands in AWS's two files: credentials, or a clear RdsIamError; never a TypeError, and no secret in its texts.
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { inspect } from "node:util";
import fc from "fast-check";
import { credentialSource } from "../../src/aws/credentials.ts";
import { loadAwsFiles } from "../../src/config/aws-files.ts";
import { RdsIamError } from "../../src/base/errors.ts";
import { cleanProcessEnvironment, granted, SECRETS, startSts } from "../support/fake-sts.ts";
import { temporaryDirectory } from "../support/keep.ts";

cleanProcessEnvironment();
process.env["AWS_EC2_METADATA_SERVICE_ENDPOINT"] = "http://127.0.0.1:1";

const RUNS = 1000;
const NAMES = ["a", "b", "default", "__proto__", "a.b", "ä", "x y", ""];
const KEYS = [
  "role_arn",
  "source_profile",
  "credential_source",
  "mfa_serial",
  "external_id",
  "duration_seconds",
  "role_session_name",
  "web_identity_token_file",
  "credential_process",
  "sso_session",
  "sso_region",
  "sso_start_url",
  "sso_account_id",
  "sso_role_name",
  "aws_access_key_id",
  "aws_secret_access_key",
  "aws_session_token",
  "login_session",
  "region",
];
const VALUES = [
  "arn:aws:iam::123456789012:role/r",
  "arn:aws:iam::1:role/r",
  '"quoted"',
  "Environment",
  "Ec2InstanceMetadata",
  "EcsContainer",
  "900",
  "1e3",
  "/nowhere",
  "/",
  "true",
  "echo {}",
  "https://x.awsapps.com/start",
  "eu-west-1",
  "123456789012",
  "",
  "= =",
  "\u0000",
];

// What is right comes more often than by chance: else every file is broken in the same way.
const RIGHT = [
  "role_arn = arn:aws:iam::123456789012:role/r",
  "source_profile = a",
  "source_profile = b",
  "aws_access_key_id = AKIA\naws_secret_access_key = x",
  `aws_access_key_id = AKIA\naws_secret_access_key = ${SECRETS[0]}`,
  "role_arn = arn:aws:iam::123456789012:role/r\nsource_profile = b",
  "role_arn = arn:aws:iam::123456789012:role/r\ncredential_source = Environment",
  "sso_session = a\nsso_account_id = 123456789012\nsso_role_name = r",
  "sso_region = eu-west-1\nsso_start_url = https://x.awsapps.com/start",
  "credential_process = echo {}",
  "login_session = x",
  "role_arn = arn:aws:iam::123456789012:role/r\nweb_identity_token_file = /nowhere",
];
const name = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom("a", "b") },
  { weight: 1, arbitrary: fc.constantFrom(...NAMES) },
);
const key = fc.constantFrom(...KEYS);
const value = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...VALUES) },
  { weight: 3, arbitrary: name },
  { weight: 1, arbitrary: fc.string() },
);
const header = fc.oneof(
  { weight: 10, arbitrary: name.map((each) => `[profile ${each}]`) },
  ...["[%]", "[sso-session %]", '[profile "%"]', "[profile %", " [ profile  % ] ; c"].map(
    (form) => ({
      weight: 1,
      arbitrary: name.map((each) => form.replace("%", () => each)),
    }),
  ),
);
const line = fc.oneof(
  { weight: 9, arbitrary: fc.constantFrom(...RIGHT) },
  { weight: 3, arbitrary: fc.tuple(key, value).map(([each, text]) => `${each} = ${text}`) },
  { weight: 1, arbitrary: fc.tuple(key, value).map(([each, text]) => `  ${each}=${text} # c`) },
  { weight: 1, arbitrary: fc.string() },
);
const file = fc
  .array(fc.tuple(header, fc.array(line, { maxLength: 3 })), { maxLength: 6 })
  .chain((sections) =>
    fc
      .constantFrom("\n", "\n", "\n", "\r\n", "\n\uFEFF", "\r")
      .map((end) => sections.flatMap(([first, lines]) => [first, ...lines]).join(end)),
  );

test("credentialSource() gives credentials or a clear error for any config files", async () => {
  await using sts = await startSts(() => granted("2099-01-01T00:00:00Z"));
  const home = await temporaryDirectory("broken");
  const paths = { config: join(home, "config"), credentials: join(home, "credentials") };
  const env = {
    AWS_CONFIG_FILE: paths.config,
    AWS_SHARED_CREDENTIALS_FILE: paths.credentials,
    AWS_ENDPOINT_URL_STS: sts.url,
  };
  Object.assign(process.env, env);
  const ends = new Map<string, number>();
  const check = async (config: string, credentials: string, profile: string): Promise<void> => {
    await writeFile(paths.config, config);
    await writeFile(paths.credentials, credentials);
    const load = async () => credentialSource({ profile, files: loadAwsFiles(env, home), env })();
    const end = await load().then(
      ({ accessKeyId }) => assert.ok(accessKeyId),
      (error: unknown) => checkError(error),
    );
    ends.set(end ?? "credentials", (ends.get(end ?? "credentials") ?? 0) + 1);
  };
  const profile = fc.constantFrom("a", "a", "b", "b", "default");
  // Most files are refused: one that is not is always among them.
  const keys = "aws_access_key_id = AKIDEXAMPLE000000000\naws_secret_access_key = secret/of+it";
  const examples: [string, string, string][] = [[`[profile a]\n${keys}\n`, "", "a"]];
  await fc.assert(fc.asyncProperty(file, file, profile, check), { numRuns: RUNS, examples });
  // A generator that finds one way only would prove nothing.
  assert.ok(ends.size > 8 && ends.has("credentials"), inspect(ends));
});

function checkError(error: unknown): string {
  assert.ok(error instanceof RdsIamError, inspect(error));
  const told = `${error.message}\n${error.detail}\n${error.hint}`;
  assert.ok(error.message.length > 10 && error.hint !== undefined, told);
  assert.doesNotMatch(told, /Cannot read|is not a function|\[object|\n\s+at /);
  for (const secret of SECRETS) assert.ok(!told.includes(secret), told);
  return error.message.replaceAll(/"[^"]*"/g, '"..."').slice(0, 60);
}
