// Credentials from profiles, the environment and AssumeRole, with the real SDK against a stand-in for STS.
import assert from "node:assert/strict";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { inspect } from "node:util";
import { loadAwsFiles } from "../../src/config/aws-files.ts";
import { type CredentialOptions, credentialSource } from "../../src/aws/credentials.ts";
import { roleSessionName, stsRegion } from "../../src/aws/assume-role.ts";
import { timeOf } from "../../src/aws/keys.ts";
import type { RdsIamError } from "../../src/base/errors.ts";
import {
  cleanProcessEnvironment,
  granted,
  refused,
  SECRETS,
  startSts,
  type StsAnswer,
} from "../support/fake-sts.ts";
import { profileFiles, profileValues } from "../support/profile-values.ts";
import { failure } from "../support/failure.ts";
import { temporaryDirectory } from "../support/keep.ts";
import { listen } from "../support/listen.ts";

cleanProcessEnvironment();

const ROLE = "arn:aws:iam::123456789012:role/db-reader";
const SERIAL = "arn:aws:iam::123456789012:mfa/jane";
const LATER = "2099-01-01T00:00:00Z";
const CONFIG = `[profile corp]
aws_access_key_id = AKIACORP
aws_secret_access_key = ${SECRETS[0]}
[profile prod]
region = eu-west-1
role_arn = ${ROLE}
source_profile = corp
external_id = ext-1
duration_seconds = 900
[profile chained]
role_arn = arn:aws:iam::123456789012:role/second
source_profile = prod
role_session_name = mine
[profile mfa]
role_arn = ${ROLE}
source_profile = corp
mfa_serial = ${SERIAL}
[profile lost]
role_arn = ${ROLE}
source_profile = crop
[profile round]
role_arn = ${ROLE}
source_profile = about
[profile about]
role_arn = ${ROLE}
source_profile = round
[profile nosession]
sso_session = gone
sso_account_id = 123456789012
sso_role_name = r
[profile sso]
sso_session = here
sso_account_id = 123456789012
sso_role_name = r
[sso-session here]
sso_start_url = https://x.awsapps.com/start
sso_region = eu-west-1
[profile region-only]
region = eu-west-1
[profile process]
credential_process = sh -c 'echo ${SECRETS[3]} >&2; exit 3'
[profile processok]
credential_process = echo '{"Version":1,"AccessKeyId":"AKIAPROC","SecretAccessKey":"${SECRETS[3]}"}'
`;

/** Runs a check with the config file above and a stand-in for STS. */
async function withSts(
  answer: (parameters: URLSearchParams) => StsAnswer | undefined,
  check: (
    make: (over: Partial<CredentialOptions>) => ReturnType<typeof credentialSource>,
    sts: Awaited<ReturnType<typeof startSts>>,
  ) => Promise<void>,
): Promise<void> {
  await using sts = await startSts(answer);
  const home = await temporaryDirectory("aws");
  const path = join(home, "config");
  await writeFile(path, CONFIG);
  const env = { AWS_CONFIG_FILE: path, AWS_ENDPOINT_URL_STS: sts.url };
  // fromIni does not hand the paths on to its SSO part, which looks at the process's own environment.
  process.env["AWS_CONFIG_FILE"] = path;
  const files = loadAwsFiles(env, home);
  await check(
    (over) => credentialSource({ profile: undefined, files, env, osUser: "jane doe", ...over }),
    sts,
  );
}

async function failureToShow(promise: Promise<unknown>): Promise<RdsIamError> {
  const error = await failure(promise);
  const printed = `${error.message} ${error.detail} ${error.hint} ${inspect(error.cause)}`;
  for (const secret of SECRETS) {
    assert.ok(!printed.includes(secret), printed);
  }
  return error;
}

const yes = () => granted(LATER);
const never = () => assert.fail("STS was called");

test("credentialSource() takes static keys of a profile, and says where from", async () => {
  await withSts(never, async (make) => {
    const found = await make({ profile: "corp" })();
    assert.deepEqual(
      [found.accessKeyId, found.secretAccessKey, found.expiration],
      ["AKIACORP", SECRETS[0], undefined],
    );
    assert.match(found.source, /^profile "corp" in .*config, line 2$/);
    assert.equal((await make({ profile: "processok" })()).accessKeyId, "AKIAPROC");
  });
});

test("credentialSource() takes an empty session token for none, as the AWS CLI", async () => {
  await withSts(never, async (make) => {
    const p = { aws_access_key_id: "AKI", aws_secret_access_key: "s", aws_session_token: "" };
    const keys = await make({ profile: "p", files: profileFiles({ p }) })();
    assert.deepEqual([keys.accessKeyId, keys.sessionToken], ["AKI", undefined]);
  });
});

test("credentialSource() says what is wrong with a container's token", async () => {
  const variables = {
    AWS_CONTAINER_CREDENTIALS_FULL_URI: "http://127.0.0.1:1/",
    AWS_CONTAINER_AUTHORIZATION_TOKEN: "token\n",
  };
  await withSts(never, async (make) => {
    const error = await failureToShow(make({ env: variables })());
    assert.match(error.detail ?? "", /^AWS_CONTAINER_AUTHORIZATION_TOKEN has a line break/);
  });
});

test("credentialSource() assumes a profile's role with its external id, duration and our session name", async () => {
  await withSts(yes, async (make, sts) => {
    const found = await make({ profile: "prod" })();
    assert.deepEqual(
      [found.accessKeyId, found.sessionToken, found.expiration],
      ["ASIAISSUED", SECRETS[2], new Date(LATER)],
    );
    const { parameters, authorization } = sts.requests[0] ?? assert.fail();
    assert.deepEqual(
      ["Action", "RoleArn", "ExternalId", "DurationSeconds", "RoleSessionName"].map((name) =>
        parameters.get(name),
      ),
      ["AssumeRole", ROLE, "ext-1", "900", "rdsiam-jane-doe"],
    );
    assert.match(authorization, /Credential=AKIACORP\/\d+\/eu-west-1\/sts\//);
  });
});

test("credentialSource() follows a chain of roles", async () => {
  await withSts(yes, async (make, sts) => {
    await make({ profile: "chained", fallbackRegion: "eu-north-1" })();
    assert.deepEqual(
      sts.requests.map(({ parameters }) => parameters.get("RoleSessionName")),
      ["rdsiam-jane-doe", "mine"],
    );
    assert.match(sts.requests[1]?.authorization ?? "", /Credential=ASIAISSUED\/\d+\/eu-north-1\//);
  });
});

test("credentialSource() assumes rds_role_arn on top of a profile and of the environment", async () => {
  await withSts(yes, async (make, sts) => {
    const role = { roleArn: ROLE, externalId: "e", sessionName: "s1", durationSeconds: 1200 };
    const found = await make({ profile: "corp", role })();
    assert.match(found.source, /^arn:.*db-reader assumed with profile "corp"/);
    const { parameters } = sts.requests[0] ?? assert.fail();
    assert.deepEqual(
      ["ExternalId", "RoleSessionName", "DurationSeconds"].map((name) => parameters.get(name)),
      ["e", "s1", "1200"],
    );
    const env = {
      AWS_ACCESS_KEY_ID: "AKIAENV",
      AWS_SECRET_ACCESS_KEY: "x",
      AWS_ENDPOINT_URL: sts.url,
      AWS_DEFAULT_REGION: "sa-east-1",
    };
    await make({ env, role: { roleArn: ROLE } })();
    assert.match(sts.requests[1]?.authorization ?? "", /Credential=AKIAENV\/\d+\/sa-east-1\//);
    assert.equal(sts.requests[1]?.parameters.get("ExternalId"), null);
  });
});

test("credentialSource() takes the environment's keys when no profile is meant, and refuses half of them", async () => {
  await withSts(never, async (make) => {
    const env = { AWS_ACCESS_KEY_ID: "A", AWS_SECRET_ACCESS_KEY: "B", AWS_SESSION_TOKEN: "C" };
    assert.deepEqual(await make({ env })(), {
      accessKeyId: "A",
      secretAccessKey: "B",
      sessionToken: "C",
      expiration: undefined,
      source: "AWS_ACCESS_KEY_ID in the environment",
    });
    const error = await failureToShow(make({ env: { AWS_ACCESS_KEY_ID: "A" } })());
    assert.equal(error.message, "AWS_SECRET_ACCESS_KEY is not set");
  });
});

test("credentialSource() fetches once for concurrent calls, and again two minutes before the end", async () => {
  await withSts(yes, async (make, sts) => {
    const end = Date.parse(LATER);
    let time = end - 3_600_000;
    const load = make({ profile: "prod", now: () => time });
    await Promise.all([load(), load(), load()]);
    time = end - 120_001;
    await load();
    assert.equal(sts.requests.length, 1);
    time = end - 120_000;
    await load();
    assert.equal(sts.requests.length, 2);
  });
});

test("credentialSource() reads keys of a file anew after a minute", async () => {
  await withSts(never, async (make) => {
    let time = 0;
    const withKey = (id: string) =>
      profileFiles({ p: { aws_access_key_id: id, aws_secret_access_key: "x" } });
    const load = make({
      profile: "p",
      files: withKey("OLD"),
      reloadFiles: () => withKey("NEW"),
      now: () => time,
    });
    assert.equal((await load()).accessKeyId, "OLD");
    time = 60_000;
    assert.equal((await load()).accessKeyId, "OLD");
    time = 60_001;
    assert.equal((await load()).accessKeyId, "NEW");
  });
});

test("credentialSource() looks into the cache again before it asks for another MFA code", async () => {
  await withSts(yes, async (make, sts) => {
    const directory = await temporaryDirectory("cache");
    let time = Date.parse(LATER) - 3_600_000;
    let asked = 0;
    const options = { profile: "mfa", cacheDirectory: directory, now: () => time };
    const askMfaCode = () => {
      asked += 1;
      return Promise.resolve("012345");
    };
    const load = make({ ...options, askMfaCode });
    await load();
    assert.deepEqual([asked, sts.requests.length], [1, 1]);
    // Another process, that has no terminal to ask on.
    assert.equal((await make(options)()).accessKeyId, "ASIAISSUED");
    time = Date.parse(LATER) - 60_000;
    const [file = ""] = await readdir(directory);
    const entry = await readFile(join(directory, file), "utf8");
    await writeFile(join(directory, file), entry.replace("2099", "2100"));
    assert.equal((await load()).expiration?.getUTCFullYear(), 2100);
    assert.deepEqual([asked, sts.requests.length], [1, 1]);
  });
});

const WRONG_CODE = "MultiFactorAuthentication failed with invalid MFA one time pass code. ";
for (const [text, times] of [
  [WRONG_CODE, 3],
  ["not authorized", 1],
] as const) {
  test(`credentialSource() asks for a code ${times} times when STS says "${text}"`, async () => {
    await withSts(
      () => refused("AccessDenied", text),
      async (make) => {
        const refusals: unknown[] = [];
        const askMfaCode = ({ refusal }: { readonly refusal: unknown }) => {
          refusals.push(refusal);
          return Promise.resolve("012345");
        };
        await failureToShow(make({ profile: "mfa", askMfaCode })());
        assert.equal(refusals.length, times);
        assert.equal(refusals[0], undefined);
      },
    );
  });
}

test("credentialSource() asks again after a failure", async () => {
  let refuse = true;
  await withSts(
    () => (refuse ? refused("AccessDenied", "no") : yes()),
    async (make) => {
      const load = make({ profile: "prod" });
      await failureToShow(load());
      refuse = false;
      assert.equal((await load()).accessKeyId, "ASIAISSUED");
    },
  );
});

test("credentialSource() asks for an MFA code, or says that it cannot", async () => {
  await withSts(yes, async (make, sts) => {
    const error = await failureToShow(make({ profile: "mfa" })());
    assert.deepEqual(
      [error.code, error.message],
      ["ERR_MFA", `${ROLE} needs an MFA code from ${SERIAL}`],
    );
    await make({ profile: "mfa", askMfaCode: () => Promise.resolve("012345") })();
    assert.equal(sts.requests.at(-1)?.parameters.get("TokenCode"), "012345");
    assert.match(sts.requests.at(-1)?.parameters.get("SerialNumber") ?? "", /mfa\/jane$/);
  });
});

const FILES: readonly (readonly [string, RegExp])[] = [
  ["prdo", /^unknown AWS profile "prdo".*Did you mean "prod"\?/],
  ["lost", /^unknown AWS profile "crop" \(the source_profile of "lost"\).*Did you mean "corp"\?/],
  ["round", /chain of profile "round" is a loop.*round -> about -> round.*config, line \d+/],
  ["nosession", /names an sso_session "gone" that does not exist.*no section \[sso-session gone\]/],
  [
    "sso",
    /^the AWS login of profile "sso" is missing or has expired.*Run: aws sso login --profile sso/,
  ],
  ["region-only", /^profile "region-only" has no credentials/],
  ["process", /^the credential_process of profile "process" failed/],
];

for (const [profile, expected] of FILES) {
  test(`credentialSource() says what is wrong with profile ${profile}`, async () => {
    await withSts(never, async (make) => {
      const error = await failureToShow(make({ profile })());
      assert.equal(error.code, "ERR_CREDENTIALS");
      assert.match(`${error.message} ${error.detail} ${error.hint}`, expected);
    });
  });
}

const CALLER = "arn:aws:iam::123456789012:user/jane";
const ANSWERS: readonly (readonly [string, StsAnswer | undefined, RegExp])[] = [
  [
    "AccessDenied",
    refused(
      "AccessDenied",
      `User: ${CALLER} is not authorized to perform: sts:AssumeRole on resource: ${ROLE}`,
    ),
    /user\/jane.*resource: arn:aws:iam::123456789012:role\/db-reader\..*trust policy/,
  ],
  [
    "ExpiredToken",
    refused("ExpiredToken", "The security token included in the request is expired"),
    /credentials for the call have expired/,
  ],
  [
    "InvalidClientTokenId",
    refused("InvalidClientTokenId", "The security token included in the request is invalid."),
    /does not know the access key/,
  ],
  [
    "a wrong secret",
    refused(
      "SignatureDoesNotMatch",
      `The request signature we calculated does not match.\n\nThe Canonical String was x-amz-security-token:${SECRETS[2]} ${SECRETS[0]}`,
    ),
    /the secret access key is wrong/,
  ],
  [
    "a wrong clock",
    refused(
      "SignatureDoesNotMatch",
      "Signature expired: 20200101T000000Z is now earlier than 20200101T001500Z",
    ),
    /clock and AWS's disagree.*clock here is \d{9} seconds behind AWS's/,
  ],
  [
    "a duration too long",
    refused(
      "ValidationError",
      "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining",
      400,
    ),
    /3600/,
  ],
  [
    "a captive portal",
    {
      status: 200,
      body: "<html><head><title>Log in</title></head><body>Hi<br></body></html>",
      type: "text/html",
    },
    /did not come from AWS.*captive portal/,
  ],
  ["an empty answer", { status: 200, body: "" }, /did not come from AWS/],
  ["a cut connection", undefined, /the connection was cut/],
];

for (const [what, answer, expected] of ANSWERS) {
  test(`credentialSource() explains ${what} from STS`, async () => {
    await withSts(
      () => answer,
      async (make) => {
        const error = await failureToShow(make({ profile: "prod" })());
        assert.equal(error.code, "ERR_ASSUME_ROLE");
        assert.match(`${error.message} ${error.detail} ${error.hint}`, expected);
      },
    );
  });
}

test("credentialSource() explains an STS that nobody listens at", async () => {
  await withSts(never, async (make) => {
    const env = { AWS_ENDPOINT_URL_STS: "http://127.0.0.1:1" };
    const error = await failureToShow(make({ profile: "prod", env })());
    assert.match(
      `${error.message} ${error.detail}`,
      /http:\/\/127\.0\.0\.1:1 cannot be reached.*refused/,
    );
  });
});

test("credentialSource() says that there are no credentials at all", async () => {
  await withSts(never, async (make) => {
    const error = await failureToShow(make({})());
    assert.deepEqual([error.code, error.message], ["ERR_CREDENTIALS", "no AWS credentials"]);
  });
});

test("credentialSource() waits for the metadata service as long as the AWS CLI's settings say", async (t) => {
  const keys = { Code: "Success", AccessKeyId: "AKIMDS", SecretAccessKey: "s", Token: "t" };
  const server = createServer((request, response) => {
    const isRole = request.method === "GET" && request.url?.endsWith("/role") === true;
    const body = isRole ? JSON.stringify({ ...keys, Expiration: LATER }) : "role";
    setTimeout(() => response.end(body), 600);
  });
  await using running = await listen(server);
  process.env["AWS_EC2_METADATA_SERVICE_ENDPOINT"] = `http://127.0.0.1:${running.port}`;
  t.after(() => delete process.env["AWS_EC2_METADATA_SERVICE_ENDPOINT"]);
  await withSts(never, async (make) => {
    const env = { AWS_METADATA_SERVICE_TIMEOUT: "20" };
    assert.equal((await make({ env })()).accessKeyId, "AKIMDS");
    const files = profileFiles({ default: { metadata_service_timeout: "20" } });
    assert.equal((await make({ env: {}, files })()).accessKeyId, "AKIMDS");
    assert.equal((await failureToShow(make({ env: {} })())).message, "no AWS credentials");
    const wrong = make({ env: { ...env, AWS_METADATA_SERVICE_NUM_ATTEMPTS: "many" } });
    assert.equal(
      (await failureToShow(wrong())).message,
      "AWS_METADATA_SERVICE_NUM_ATTEMPTS must be a whole number from 1 to 999",
    );
  });
});

test("stsRegion() takes environment, profile, the database's, and stays in the ARN's partition", () => {
  const place = {
    env: {},
    configProfile: undefined,
    services: new Map(),
    awsTimeout: undefined,
    fallbackRegion: undefined,
    profile: undefined,
  };
  const env = { AWS_DEFAULT_REGION: "r3" };
  const withProfile = { ...place, profileValues: profileValues({ region: "r1" }) };
  assert.equal(stsRegion(ROLE, { ...withProfile, env: { AWS_REGION: "r2" } }), "r2");
  assert.equal(stsRegion(ROLE, { ...withProfile, fallbackRegion: "r4" }), "r1");
  const abroad = {
    ...withProfile,
    env: { AWS_REGION: "eu-west-1", AWS_DEFAULT_REGION: "cn-north-1" },
  };
  assert.equal(stsRegion("arn:aws-cn:iam::1:role/r", abroad), "cn-north-1");
  assert.equal(stsRegion("", abroad), "eu-west-1");
  assert.equal(
    stsRegion(ROLE, { ...place, env: { AWS_REGION: "r2", ...env }, fallbackRegion: "r4" }),
    "r2",
  );
  assert.equal(stsRegion(ROLE, { ...place, env, fallbackRegion: "r4" }), "r3");
  assert.equal(stsRegion(ROLE, { ...place, fallbackRegion: "r4" }), "r4");
  assert.equal(stsRegion(ROLE, place), "us-east-1");
  assert.equal(stsRegion("arn:aws-cn:iam::1:role/r", place), "cn-north-1");
  assert.throws(() => stsRegion("arn:aws-new:iam::1:role/r", place), { code: "ERR_REGION" });
});

test("roleSessionName() keeps to what STS allows", () => {
  assert.equal(roleSessionName("DOM\\jané x"), "rdsiam-DOM-jan--x");
  assert.match(roleSessionName("é".repeat(99)), /^[\w+=,.@-]{2,64}$/);
});

test("timeOf() reads the times that the AWS CLI reads and writes", () => {
  for (const text of [
    "2027-01-02T03:04:05Z",
    "2027-01-02T03:04:05+00:00",
    "2027-01-02T04:04:05.000000+01:00",
    "2027-01-02T03:04:05UTC",
    "2027-01-02 03:04:05 UTC",
    "20270102T030405Z",
    "20270102T030405UTC",
  ]) {
    assert.equal(timeOf(text).getTime(), Date.UTC(2027, 0, 2, 3, 4, 5), text);
  }
  for (const text of ["", "soon", "UTC", "20270102"]) {
    assert.ok(Number.isNaN(timeOf(text).getTime()), text);
  }
});
