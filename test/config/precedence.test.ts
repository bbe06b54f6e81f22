// Which credentials apply, pair by pair: the order of the table in docs/configuration.md, which is the AWS CLI's.
// Each row of the table is set together with every row below it, and each pair of neighbours on its own, by file and
// environment alone: the result shows in the resolved profile and in the access key.
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { credentialSource } from "../../src/aws/credentials.ts";
import type { OptionValues } from "../../src/config/keys.ts";
import { resolveSettings } from "../../src/config/settings.ts";
import { loadTargets } from "../../src/config/targets.ts";
import { cleanProcessEnvironment, granted, startSts } from "../support/fake-sts.ts";
import { keep, temporaryDirectory } from "../support/keep.ts";

cleanProcessEnvironment();

const HOST = "rds_host = db.example.com\nrds_user = u\n";
const key = (id: string) => `aws_access_key_id = ${id}\naws_secret_access_key = s\n`;
const DEFAULT = `[default]\n${key("AKIDEFAULT")}${HOST}`;
const CONFIG = `[profile option]\n${key("AKOPTION")}
[profile variable]\n${key("AKVARIABLE")}
[profile target]\nregion = eu-west-3\n${key("AKTARGET")}${HOST}
[profile older]\nregion = eu-west-2\n${key("AKOLDER")}${HOST}
[profile shell]\nregion = eu-west-1\n${key("AKSHELL")}${HOST}
[profile shellrole]\nrole_arn = arn:aws:iam::123456789012:role/r\nsource_profile = shell\n${HOST}
[profile bare]\nregion = eu-north-1\n${HOST}
`;
const KEYS = { AWS_ACCESS_KEY_ID: "AKENV", AWS_SECRET_ACCESS_KEY: "s" };

const home = await temporaryDirectory("precedence");
const sts = await keep(
  startSts((asked) => {
    const answer = granted("2099-01-01T00:00:00Z");
    const action = asked.get("Action") ?? "";
    return { ...answer, body: answer.body.replaceAll("AssumeRole", action) };
  }),
);
await writeFile(join(home, "jwt"), "eyJ.eyJ.sig");
const webIdentity = {
  AWS_WEB_IDENTITY_TOKEN_FILE: join(home, "jwt"),
  AWS_ROLE_ARN: "arn:aws:iam::123456789012:role/web",
};

interface Given {
  readonly target?: string;
  readonly options?: OptionValues;
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** The [default] section; one with keys when absent. */
  readonly defaults?: string;
}

/** Settles and gets credentials; what comes out is an access key, or an error's message. */
async function who({ target, options = {}, env = {}, defaults = DEFAULT }: Given): Promise<string> {
  const file = join(home, "config");
  await writeFile(file, CONFIG + defaults);
  const all = {
    AWS_CONFIG_FILE: file,
    AWS_SHARED_CREDENTIALS_FILE: join(home, "none"),
    AWS_ENDPOINT_URL_STS: sts.url,
    AWS_EC2_METADATA_DISABLED: "true",
    ...env,
  };
  const loaded = loadTargets({ env: all, home });
  const host = { host: "db.example.com", ...options };
  const settings = resolveSettings({
    targetName: target,
    options: target === undefined ? host : options,
    loaded,
    env: all,
    home,
  });
  const { configProfile, profile } = settings;
  const before = sts.requests.length;
  try {
    const found = await credentialSource({ profile, configProfile, files: loaded.aws, env: all })();
    const role = sts.requests.slice(before).at(-1)?.parameters.get("RoleArn");
    return role ?? found.accessKeyId;
  } catch (error) {
    return (error as Error).message;
  }
}

// From the first to the last: what is set, and who that is. The last is what is left when nothing is.
interface Row {
  readonly name: string;
  readonly set: Given;
  readonly who: string;
}

const ROWS: readonly Row[] = [
  { name: "--profile", set: { options: { profile: "option" } }, who: "AKOPTION" },
  { name: "RDSIAM_PROFILE", set: { env: { RDSIAM_PROFILE: "variable" } }, who: "AKVARIABLE" },
  { name: "the named target's profile", set: { target: "target" }, who: "AKTARGET" },
  { name: "AWS_ACCESS_KEY_ID", set: { env: KEYS }, who: "AKENV" },
  { name: "AWS_DEFAULT_PROFILE", set: { env: { AWS_DEFAULT_PROFILE: "older" } }, who: "AKOLDER" },
  { name: "AWS_PROFILE", set: { env: { AWS_PROFILE: "shell" } }, who: "AKSHELL" },
  { name: "[default]", set: {}, who: "AKIDEFAULT" },
];

function together(...rows: readonly Row[]): Given {
  const target = rows.find(({ set }) => set.target !== undefined)?.set.target;
  return {
    ...(target === undefined ? {} : { target }),
    options: Object.assign({}, ...rows.map(({ set }) => set.options)),
    env: Object.assign({}, ...rows.map(({ set }) => set.env)),
  };
}

for (const [index, first] of ROWS.entries()) {
  for (const second of ROWS.slice(index + 1)) {
    test(`${first.name} wins over ${second.name}`, async () => {
      assert.equal(await who(together(first, second)), first.who);
      assert.equal(await who(second.set), second.who);
    });
  }
  test(`${first.name} wins over everything below it`, async () => {
    assert.equal(await who(together(...ROWS.slice(index))), first.who);
  });
}

test("RDSIAM_TARGET names a target as the command line does", async () => {
  assert.equal(await who({ env: { ...KEYS, RDSIAM_TARGET: "target" } }), "AKTARGET");
  assert.equal(await who({ target: "default", env: KEYS }), "AKIDEFAULT");
});

test("a target that only AWS_PROFILE names leaves the environment's keys their place", async () => {
  const env = { AWS_PROFILE: "shell", ...KEYS };
  assert.equal(await who({ env }), "AKENV");
  assert.equal(await who({ target: "shell", env }), "AKSHELL");
});

test("a profile without credentials takes the environment's, and never those of [default]", async () => {
  assert.equal(await who({ target: "bare", env: { AWS_PROFILE: "shell", ...KEYS } }), "AKENV");
  assert.equal(await who({ target: "bare", env: { AWS_PROFILE: "shell" } }), "AKSHELL");
  assert.equal(await who({ env: { AWS_PROFILE: "bare", ...KEYS } }), "AKENV");
  assert.equal(await who({ target: "bare" }), "no AWS credentials");
  assert.equal(await who({ env: { AWS_PROFILE: "bare" } }), "no AWS credentials");
});

test("the environment's web identity comes between a profile's role and its keys", async () => {
  const { AWS_ROLE_ARN: web } = webIdentity;
  const role = "arn:aws:iam::123456789012:role/r";
  assert.equal(await who({ env: webIdentity }), web);
  assert.equal(await who({ env: webIdentity, defaults: "" }), web);
  const defaultRole = `[default]\nrole_arn = ${role}\nsource_profile = shell\n`;
  assert.equal(await who({ env: webIdentity, defaults: defaultRole }), role);
  assert.equal(await who({ env: { ...webIdentity, AWS_PROFILE: "shell" } }), web);
  assert.equal(await who({ env: { ...webIdentity, AWS_PROFILE: "shellrole" } }), role);
  assert.equal(await who({ env: { ...webIdentity, ...KEYS } }), "AKENV");
  assert.equal(await who({ target: "target", env: webIdentity }), "AKTARGET");
  assert.equal(await who({ options: { profile: "option" }, env: webIdentity }), "AKOPTION");
});

test("a profile that is not there is an error whatever else is set", async () => {
  const gone = /^unknown AWS profile "gone"/;
  assert.match(await who({ env: { AWS_PROFILE: "gone", ...KEYS } }), gone);
  assert.match(await who({ env: { AWS_DEFAULT_PROFILE: "gone", AWS_PROFILE: "shell" } }), gone);
  assert.match(await who({ options: { profile: "gone" }, env: KEYS }), gone);
  assert.equal(
    await who({ options: { profile: "option" }, env: { AWS_PROFILE: "gone" } }),
    "AKOPTION",
  );
});

test("half a key is an error, the other half alone is none", async () => {
  const env = { AWS_PROFILE: "shell", AWS_ACCESS_KEY_ID: "AKHALF" };
  assert.match(await who({ env }), /AWS_SECRET_ACCESS_KEY/);
  assert.equal(await who({ env: { AWS_PROFILE: "shell", AWS_SECRET_ACCESS_KEY: "s" } }), "AKSHELL");
  assert.equal(await who({ env: { AWS_PROFILE: "shell", AWS_ACCESS_KEY_ID: "" } }), "AKSHELL");
});

test("an empty variable is one that is not set", async () => {
  const env = { RDSIAM_PROFILE: "", AWS_DEFAULT_PROFILE: "", AWS_PROFILE: "" };
  assert.equal(await who({ env }), "AKIDEFAULT");
  assert.equal(await who({ env: { ...env, ...KEYS } }), "AKENV");
});
