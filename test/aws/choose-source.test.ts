// Profiles with several sources of credentials, and refusals with the line to correct. botocore-files.test.ts has the rest.
import assert from "node:assert/strict";
import { test } from "node:test";
import { chooseSource } from "../../src/aws/choose-source.ts";
import { RdsIamError } from "../../src/base/errors.ts";
import { parseAwsIni } from "../../src/config/aws-ini.ts";
import { awsProfiles } from "../../src/config/aws-profiles.ts";

const ROLE = "role_arn = arn:aws:iam::111122223333:role/app\n";
const KEYS = "aws_access_key_id = AKID\naws_secret_access_key = secret\n";

function choose(config: string, credentials = "", profile = "prod") {
  return chooseSource({
    files: awsProfiles(parseAwsIni(config, "config"), parseAwsIni(credentials, "credentials")),
    env: { AWS_ACCESS_KEY_ID: "AKIDENV", AWS_SECRET_ACCESS_KEY: "secretenv" },
    profile,
    isExplicit: true,
    readBoto: () => undefined,
    readText: () => undefined,
  });
}

test("a credential_process comes before the config file's keys, and after the credentials file's", () => {
  const config = `[profile prod]\n${KEYS}credential_process = sh -c 'true ; exec /bin/helper'\n`;
  assert.deepEqual(choose(config), {
    method: "custom-process",
    profile: "prod",
    command: ["sh", "-c", "true ; exec /bin/helper"],
  });
  assert.equal(choose(config, `[prod]\n${KEYS}`).method, "shared-credentials-file");
});

test("a web identity token file comes before a role with a source", () => {
  const config = `[profile prod]\n${ROLE}source_profile = prod\nweb_identity_token_file = /t\n`;
  assert.equal(choose(config).method, "assume-role-with-web-identity");
});

test("keys in capitals are the profile's, and no other credentials are taken for a named profile", () => {
  const files = `[default]\n${KEYS}[prod]\n${KEYS.toUpperCase()}`;
  const source = choose("", files);
  assert.ok(source.method === "shared-credentials-file" && source.accessKeyId === "AKID");
  assert.throws(() => choose("", files, "other"), /unknown AWS profile "other"/);
});

const REFUSED: readonly (readonly [string, RegExp, RegExp])[] = [
  [
    `[profile prod]\n${ROLE}source_profile = a\ncredential_source = Environment\n`,
    /profile "prod" has both source_profile and credential_source/,
    /^See config, line 3, and config, line 4\.$/,
  ],
  [
    `[profile prod]\n${ROLE}source_profile = a\n[profile a]\n${ROLE}source_profile = prod\n`,
    /the source_profile chain of profile "prod" is a loop/,
    /^The chain is prod -> a -> prod\. See config, line 6\.$/,
  ],
  [`[profile prod]\n${ROLE}`, /has role_arn without source_profile or credential_source/, /line 2/],
  [
    `[profile prod]\n${ROLE}source_profile = b\n`,
    /unknown AWS profile "b" \(the source_profile of "prod"\)/,
    /line 3/,
  ],
  [
    "[profile prod]\naws_access_key_id = x\n",
    /has aws_access_key_id without aws_secret_access_key/,
    /line 2/,
  ],
  [
    "[profile prod]\nsso_session = s\nsso_role_name = r\nsso_region = x\n[sso-session s]\nsso_region = y\n",
    /sso_region of profile "prod" differs from \[sso-session s\]/,
    /^See config, line 4, and config, line 6\.$/,
  ],
  ["[profile prod]\ncredential_process = sh 'x\n", /has a quote that is not closed/, /line 2/],
  ["[profile prod]\nlogin_session =\n  a = b\n", /is a block of indented lines/, /line 2/],
];

for (const [config, message, detail] of REFUSED) {
  test(`chooseSource() refuses with the line: ${message.source}`, () => {
    assert.throws(
      () => choose(config),
      (error) => {
        assert.ok(error instanceof RdsIamError);
        assert.equal(error.code, "ERR_CREDENTIALS");
        assert.match(error.message, message);
        assert.match(error.detail ?? "", detail);
        return true;
      },
    );
  });
}
