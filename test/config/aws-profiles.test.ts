// Lines of AWS's files: where a value is, what is refused with which line, and what the SDK finds in the file made for it.
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  externalDataInterceptor,
  loadSharedConfigFiles,
  loadSsoSessionData,
} from "@smithy/core/config";
import { RdsIamError } from "../../src/base/errors.ts";
import { decodeAwsFile, parseAwsIni } from "../../src/config/aws-ini.ts";
import {
  awsConfigPaths,
  awsProfiles,
  NO_SECTIONS,
  sdkConfigFile,
  textOf,
} from "../../src/config/aws-profiles.ts";

function read(config: string, credentials?: string) {
  return awsProfiles(
    parseAwsIni(config, "config"),
    credentials === undefined ? NO_SECTIONS : parseAwsIni(credentials, "credentials"),
  );
}

function oddities(config: string): string[] {
  return read(config).oddities.map(({ line, problem }) => `${line} ${problem}`);
}

test("a comment glued to a header does not put the next profile's keys into the one above", () => {
  const { profiles } = read(
    "[profile dev]\nrds_user = app_rw\n[profile prod]# production\nrds_user = app_ro\n",
  );
  assert.equal(textOf(profiles.get("dev"), "rds_user"), "app_rw");
  assert.equal(textOf(profiles.get("prod"), "rds_user"), "app_ro");
});

test("a value keeps its file and line, the credentials file's before the config file's", () => {
  const { profiles } = read(
    "\r\n[profile a]\r\nRegion: eu-west-1 # Ireland\r\n",
    "# c\n[a]\n\nREGION = x\nk =\n\n  s = t\n",
  );
  assert.deepEqual(profiles.get("a")?.get("region"), { file: "credentials", line: 4, text: "x" });
  assert.deepEqual(profiles.get("a")?.get("k")?.block?.get("s"), {
    file: "credentials",
    line: 7,
    text: "t",
  });
});

const REFUSED: readonly (readonly [string, RegExp, RegExp?])[] = [
  [
    "[profile a]\nk = v\n[profile prod\nk = w\n",
    /^f, line 3: this section header is not closed by \]$/,
  ],
  ["\n[a]\n\n[b]\n[a]\n", /^f, line 5: section \[a\] occurs twice$/, /line 2\./],
  ["[a]\nregion = x\n\nRegion = y\n", /^f, line 4: region occurs twice in \[a\]$/, /line 2\./],
  [
    "[DEFAULT]\nk = x\n[a]\n[DEFAULT]\nk = y\n",
    /^f, line 5: k occurs twice in \[DEFAULT\]$/,
    /line 2\./,
  ],
  ["\nregion = x\n[a]\n", /^f, line 2: this line is before the first \[section\]$/],
  ["# mine\n[profile a\nk = v\n", /^f, line 2: this section header is not closed by \]$/],
  ["[a]\r= x\r", /^f, line 2: this line has nothing before its =$/],
  [
    "[a]\ns3 =\n  x = y\n\n  z\n",
    /^f, line 5: this line of an indented block has no =$/,
    /line 2\./,
  ],
  [
    "[a]\nwJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEYwJalr = x\nwJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEYwJalr = x\n",
    /^f, line 3: a key occurs twice/,
  ],
];

for (const [text, message, detail = /./] of REFUSED) {
  test(`parseAwsIni() refuses ${JSON.stringify(text.slice(0, 40))} with its line`, () => {
    assert.throws(
      () => parseAwsIni(text, "f"),
      (error) => {
        assert.ok(error instanceof RdsIamError);
        assert.equal(error.code, "ERR_CONFIG");
        assert.match(error.message, message);
        assert.match(error.detail ?? "", detail);
        return true;
      },
    );
  });
}

test("decodeAwsFile() names what is not UTF-8, and the line of it", () => {
  const text = "[profile büro]\nregion = x\n";
  const utf16 = Buffer.from(text, "utf16le");
  assert.equal(decodeAwsFile(Buffer.from(text), "f"), text);
  assert.throws(
    () => decodeAwsFile(Buffer.concat([Buffer.from([0xff, 0xfe]), utf16]), "f"),
    /^RdsIamError: f is UTF-16/,
  );
  assert.throws(() => decodeAwsFile(utf16, "f"), /^RdsIamError: f has NUL bytes: it is UTF-16/);
  assert.throws(
    () => decodeAwsFile(Buffer.from(`\uFEFF${text}`), "f"),
    /line 1: a byte order mark/,
  );
  assert.throws(
    () => decodeAwsFile(Buffer.from(`[a]\r\n# x\r\n${text}`, "latin1"), "f"),
    /line 3: this line is not UTF-8/,
  );
});

test("awsProfiles() reports what AWS's tools pass over", () => {
  assert.deepEqual(oddities("[default]\nregion = x\n[profile a]\nk = v\n[plugins]\n"), []);
  assert.match(
    oddities("[prod]\nk = v\n")[0] ?? "",
    /^1 is \[prod\], which AWS's tools ignore: a profile is \[profile prod\]/,
  );
  assert.match(oddities("\n[profile my prod]\n")[0] ?? "", /^2 has a header of 3 words/);
  assert.match(oddities("[profile 'prod]\n")[0] ?? "", /^1 has a quote that is not closed/);
  assert.match(
    oddities("[profile a]\nk = v\n\n[profile 'a']\n")[0] ?? "",
    /^1 names the same as line 4/,
  );
  assert.match(oddities("[profile a]\nk = v\n  [profile b]\n  k = w\n")[0] ?? "", /^3 is indented/);
});

test("awsProfiles() knows which profile a header in capitals was meant for", () => {
  const [oddity] = read("[Profile p]\nrds_host = h\n").oddities;
  assert.deepEqual(oddity?.profiles, ["p"]);
  assert.equal(
    oddity.problem,
    "is [Profile p], which AWS's tools ignore: a profile is [profile p]",
  );
});

test("awsProfiles() finds nothing odd in one file that is both", () => {
  const both = parseAwsIni("[profile a]\nregion = x\n[b]\nregion = y\n", "both");
  const { oddities: found, profiles } = awsProfiles(both, both);
  assert.deepEqual(found, []);
  assert.deepEqual([...profiles.keys()], ["a", "profile a", "b"]);
});

test("awsConfigPaths() expands variables, and takes an empty variable for no file", () => {
  const env = {
    AWS_CONFIG_FILE: "$DIR/${NAME}",
    AWS_SHARED_CREDENTIALS_FILE: "",
    DIR: "~",
    NAME: "c",
  };
  const expansion = { home: "/home/jo/", homeOf: () => undefined };
  assert.deepEqual(awsConfigPaths({ env, ...expansion }), {
    config: "/home/jo/c",
    credentials: "",
  });
  assert.equal(awsConfigPaths({ env: {}, ...expansion }).config, "/home/jo/.aws/config");
});

test("sdkConfigFile() gives the SDK's own loader what botocore reads", async () => {
  const files = read(
    [
      "[profile 'my büro']",
      "REGION : eu-west-1",
      "sso_session = corp x",
      "services = local",
      "credential_process = sh -c 'true ; exec x'",
      "empty =",
      "[profile constructor]",
      "region = eu-west-2",
      "[profile __proto__]",
      "region = eu-west-3",
      "[sso-session corp\\ x]",
      "sso_start_url = https://corp.example/start#/",
      "[services local]",
      "sts =",
      "  endpoint_url = http://127.0.0.1:1",
      "s3 =",
      "\tendpoint_url = http://127.0.0.1:2",
    ].join("\n"),
    "[my büro]\nAws_Access_Key_Id = AKID\n",
  );
  const { text, lost } = sdkConfigFile(["my büro", "constructor", "__proto__", "nobody"], files);
  assert.deepEqual(
    lost.map(({ line }) => line),
    [5, 6],
  );
  externalDataInterceptor.interceptFile("/nowhere/config", text);
  externalDataInterceptor.interceptFile("/nowhere/credentials", "");
  const paths = { configFilepath: "/nowhere/config", filepath: "/nowhere/credentials" };
  const { configFile } = await loadSharedConfigFiles(paths);
  assert.deepEqual(configFile["my büro"], {
    region: "eu-west-1",
    sso_session: "corp x",
    services: "local",
    aws_access_key_id: "AKID",
  });
  assert.deepEqual(configFile["services.local"], {
    "sts.endpoint_url": "http://127.0.0.1:1",
    "s3.endpoint_url": "http://127.0.0.1:2",
  });
  assert.equal(
    Object.entries(configFile).find(([name]) => name === "constructor")?.[1]["region"],
    "eu-west-2",
  );
  assert.deepEqual((await loadSsoSessionData(paths))["corp x"], {
    sso_start_url: "https://corp.example/start#/",
  });
});
