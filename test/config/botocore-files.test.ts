// AWS's files as botocore reads them, the library under the AWS CLI: botocore-files.json.gz, made by make-botocore-files.py.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { gunzipSync } from "node:zlib";
import { type ChosenSource, chooseSource } from "../../src/aws/choose-source.ts";
import { RdsIamError } from "../../src/base/errors.ts";
import { splitWords } from "../../src/system/shell-word.ts";
import { type AwsValue, decodeAwsFile, parseAwsIni } from "../../src/config/aws-ini.ts";
import {
  type AwsProfiles,
  awsProfiles,
  expandPath,
  NO_SECTIONS,
} from "../../src/config/aws-profiles.ts";

const METHODS: readonly ChosenSource["method"][] = [
  "env",
  "assume-role",
  "assume-role-with-web-identity",
  "sso",
  "shared-credentials-file",
  "login",
  "custom-process",
  "config-file",
  "ec2-credentials-file",
  "boto-config",
  "container-role",
  "iam-role",
];

type Content = string | null | { readonly base64: string };
type Block = Readonly<Record<string, string>>;
type Read = Readonly<Record<string, Readonly<Record<string, string | Block>>>>;

/** One config and credentials file, and what botocore made of them. */
interface Case {
  readonly sources?: readonly string[];
  readonly config: Content;
  readonly credentials: Content;
  readonly env?: Readonly<Record<string, string>>;
  readonly boto?: Content;
  readonly ec2?: Content;
  /** AWS_PROFILE. */
  readonly named?: string;
  /** The exception's type, when botocore refuses a file. */
  readonly refused?: string;
  readonly profiles?: Read;
  readonly sso_sessions?: Read;
  readonly services?: Read;
  /** By profile, named by option: the source as a list, or the exception's type. */
  readonly choices?: Readonly<Record<string, unknown>>;
  /** The same with the environment alone. */
  readonly unnamed?: unknown;
}

interface Fixture {
  readonly made: string;
  readonly pathEnv: Readonly<Record<string, string>>;
  readonly paths: readonly (readonly [string, string])[];
  readonly words: readonly (readonly [string, readonly string[] | null])[];
  readonly combinations: readonly Case[];
  readonly files: readonly Case[];
}

const packed = readFileSync(new URL("botocore-files.json.gz", import.meta.url));
const fixture: Fixture = JSON.parse(gunzipSync(packed).toString("utf8"));

function bytesOf(content: Content | undefined): Buffer | undefined {
  if (content === null || content === undefined) return undefined;
  return typeof content === "string" ? Buffer.from(content) : Buffer.from(content.base64, "base64");
}

function sections(content: Content | undefined, file: string) {
  const bytes = bytesOf(content);
  return bytes === undefined ? undefined : parseAwsIni(decodeAwsFile(bytes, file), file);
}

function readFiles({ config, credentials }: Case): AwsProfiles {
  return awsProfiles(
    sections(config, "config") ?? NO_SECTIONS,
    sections(credentials, "credentials") ?? NO_SECTIONS,
  );
}

function plainValue({ text, block }: AwsValue): unknown {
  return text ?? mapped([...(block ?? [])], (value) => value.text);
}

function plain(read: AwsProfiles["profiles"]): unknown {
  return mapped([...read], (values) => mapped([...values], plainValue));
}

function expected(read: Read = {}): unknown {
  return mapped(Object.entries(read), (values) =>
    mapped(Object.entries(values), (value) =>
      typeof value === "string" ? value : new Map(Object.entries(value)),
    ),
  );
}

// Maps, for a profile can be called __proto__.
function mapped<T>(entries: readonly (readonly [string, T])[], change: (value: T) => unknown) {
  return new Map(entries.map(([key, value]) => [key, change(value)]));
}

function described(source: ChosenSource): readonly unknown[] {
  const { method } = source;
  switch (source.method) {
    case "assume-role": {
      const { roleArn, sessionName, externalId, mfaSerial, durationSeconds } = source;
      const extra = [sessionName, externalId, mfaSerial, durationSeconds];
      return [method, roleArn, ...extra.map((each) => each ?? null), described(source.from)];
    }
    case "assume-role-with-web-identity":
      return [method, source.tokenFile, source.roleArn, source.sessionName ?? null];
    case "sso": {
      const { startUrl, region, accountId, roleName, session } = source;
      return [method, startUrl, region, accountId, roleName, session ?? null];
    }
    case "login":
      return [method, source.session];
    case "custom-process":
      return [method, source.command];
    case "container-role":
    case "iam-role":
      return [method];
    case "env":
    case "shared-credentials-file":
    case "config-file":
    case "ec2-credentials-file":
    case "boto-config":
      return [method, source.accessKeyId, source.secretAccessKey, source.sessionToken ?? null];
  }
}

/** What we choose; "refused" for an error. */
function choose(each: Case, files: AwsProfiles, profile: string | undefined): unknown {
  try {
    return described(
      chooseSource({
        files,
        env: { ...each.env, ...(each.ec2 ? { AWS_CREDENTIAL_FILE: "~/ec2" } : {}) },
        profile: profile ?? each.named,
        isExplicit: profile !== undefined,
        readText: () => bytesOf(each.ec2)?.toString(),
        readBoto: (path) => {
          const boto = path === "~/.boto" ? sections(each.boto, path) : undefined;
          return boto && new Map([...boto].map(([name, { values }]) => [name, values]));
        },
      }),
    );
  } catch (error) {
    assert.ok(error instanceof RdsIamError, String(error));
    return "refused";
  }
}

/** The differences between botocore and us in one case, as sentences. */
function differences(each: Case): string[] {
  let files: AwsProfiles;
  try {
    files = readFiles(each);
  } catch (error) {
    assert.ok(error instanceof RdsIamError, String(error));
    return each.refused === undefined ? [`only we refuse it: ${error.message}`] : [];
  }
  if (each.refused !== undefined) return [`only botocore refuses it: ${each.refused}`];
  assert.deepEqual(plain(files.profiles), expected(each.profiles));
  assert.deepEqual(plain(files.ssoSessions), expected(each.sso_sessions));
  assert.deepEqual(plain(files.services), expected(each.services));
  const found: string[] = [];
  const tried = [...Object.entries(each.choices ?? {}), [undefined, each.unnamed] as const];
  for (const [profile, theirs] of tried) {
    const ours = choose(each, files, profile);
    const right = typeof theirs === "string" ? "refused" : theirs;
    if (JSON.stringify(ours) !== JSON.stringify(right)) {
      found.push(`${profile}: ${JSON.stringify(ours)}, botocore: ${JSON.stringify(theirs)}`);
    }
  }
  return found;
}

test("parseAwsIni(), awsProfiles() and chooseSource() give what botocore gives, in 3,000 files and more", () => {
  assert.ok(fixture.files.length >= 3000, String(fixture.files.length));
  const found = fixture.files.flatMap((each, index) => {
    try {
      return differences(each).map((one) => `${index} ${one}`);
    } catch (error) {
      return [`${index} ${String(error)}`];
    }
  });
  assert.deepEqual(found, []);
});

test("the fixture is not an easy one: files that botocore refuses, and each source several times", () => {
  const read = fixture.files.filter(({ refused }) => refused === undefined);
  assert.ok(fixture.files.length - read.length > 300);
  const found = read.flatMap(({ choices, unnamed }) => [...Object.values(choices ?? {}), unnamed]);
  const count = (method: string): number =>
    found.filter((each) => Array.isArray(each) && each[0] === method).length;
  for (const method of METHODS) assert.ok(count(method) >= 10, `${method}: ${count(method)}`);
});

// The last three are not a profile's own.
const TWELVE = 12;

test("chooseSource() chooses as botocore between two of twelve sources, 78 of 78, and among three of fifteen", () => {
  const single = fixture.combinations.filter(({ sources }) => sources?.length === 1);
  const twelve = single.slice(0, TWELVE).flatMap(({ sources }) => sources ?? []);
  const isOfTwelve = ({ sources = [] }: Case): boolean =>
    sources.length <= 2 && sources.every((source) => twelve.includes(source));
  assert.equal(fixture.combinations.filter(isOfTwelve).length, 78);
  for (const each of fixture.combinations) {
    assert.deepEqual(differences(each), [], each.sources?.join(" and "));
  }
});

test("splitWords() splits as shlex.split()", () => {
  for (const [text, words] of fixture.words)
    assert.deepEqual(splitWords(text) ?? null, words, JSON.stringify(text));
});

test("expandPath() expands as os.path.expandvars() and expanduser()", () => {
  const { HOME: home = "", ...others } = fixture.pathEnv;
  const users = new Map([
    ["root", "/root"],
    ["nobody", "/nonexistent"],
  ]);
  for (const [path, expanded] of fixture.paths) {
    const ours = expandPath(path, {
      env: { HOME: home, ...others },
      home,
      homeOf: (user) => users.get(user),
    });
    assert.equal(ours, expanded, path);
  }
});
