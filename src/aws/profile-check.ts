// Checks a profile before the SDK reads it: what the SDK reports as one vague sentence (or as a TypeError, for a missing
// [sso-session]) has causes that the files show by themselves, with a file and a line to go to.
// https://docs.aws.amazon.com/sdkref/latest/guide/feature-assume-role-credentials.html
// https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html

import { RdsIamError } from "../base/errors.ts";
import { nearestName } from "../base/nearest-name.ts";
import {
  type AwsPaths,
  lineOf,
  type ProfileFiles,
  type ProfileKeys,
  whereIs,
} from "./profile-files.ts";

const IDENTITY_KEYS = [
  "aws_access_key_id",
  "role_arn",
  "credential_source",
  "credential_process",
  "web_identity_token_file",
  "sso_session",
  "sso_start_url",
  "sso_account_id",
  "login_session",
];

// No credential_process: it is a command line, and may well begin and end with a quote.
const UNQUOTED = [
  ...IDENTITY_KEYS.filter((key) => key !== "credential_process"),
  "aws_secret_access_key",
  "aws_session_token",
  "source_profile",
  "external_id",
  "role_session_name",
  "duration_seconds",
  "mfa_serial",
  "sso_region",
  "sso_role_name",
  "region",
];

const CREDENTIAL_SOURCES = ["Environment", "Ec2InstanceMetadata", "EcsContainer"];

const SSO_KEYS = ["sso_session", "sso_start_url", "sso_account_id", "sso_role_name"];

// What the SDK looks for in a profile before SSO; with one of them its sso_* keys are not used.
const BEFORE_SSO = [
  "role_arn",
  "aws_access_key_id",
  "web_identity_token_file",
  "credential_process",
];

/** Throws when the files show that a profile, or one on its source_profile chain, cannot give credentials. */
export function checkProfile(name: string, files: ProfileFiles): void {
  const chain = profileChain(name, files);
  for (const [index, each] of chain.entries()) {
    checkOne(each, chain[index - 1], files);
  }
  const last = chain.at(-1) ?? name;
  const next = sourceOf(last, chain.length > 1, files);
  if (next !== undefined) {
    throw broken(`the source_profile chain of profile "${name}" is a loop`, {
      detail: `The chain is ${[...chain, next].join(" -> ")}.`,
      hint: `Correct source_profile of profile "${last}" in ${whereIs(last, "source_profile", files.paths)}.`,
    });
  }
}

function checkOne(name: string, from: string | undefined, files: ProfileFiles): void {
  const keys = files.profiles.get(name);
  if (keys === undefined) {
    throw unknownProfile(name, from, files);
  }
  checkValues(name, keys, files);
  // As a source, a profile's static keys are used and its role is not.
  if (from === undefined || !hasStaticKeys(keys)) {
    checkSection(name, keys, files);
    checkSso(name, keys, files);
  }
  if (!hasIdentity(keys)) {
    throw broken(`profile "${name}" has no credentials`, {
      detail: `Its section (${whereIs(name, undefined, files.paths)}) has none of ${IDENTITY_KEYS.join(", ")}.`,
      hint: `Run: aws configure sso --profile ${name}, or: aws configure --profile ${name}`,
    });
  }
}

/** Whether a profile has an identity in it, rather than only a region and the like. */
export function hasIdentity(keys: ProfileKeys): boolean {
  return IDENTITY_KEYS.some((key) => keys[key] !== undefined);
}

/** Whether a profile has an access key of its own, both halves. */
export function hasStaticKeys(keys: ProfileKeys): boolean {
  return keys["aws_access_key_id"] !== undefined && keys["aws_secret_access_key"] !== undefined;
}

/** The profiles from one to the end of its source_profile chain; a loop ends before its first repeat. */
export function profileChain(name: string, files: ProfileFiles): readonly string[] {
  const chain: string[] = [name];
  for (;;) {
    const last = chain.at(-1) ?? name;
    const next = sourceOf(last, chain.length > 1, files);
    if (next === undefined || chain.includes(next)) {
      return chain;
    }
    chain.push(next);
  }
}

// The profile whose credentials a profile's role is assumed with, if it has a role to assume.
function sourceOf(name: string, isSource: boolean, files: ProfileFiles): string | undefined {
  const keys = files.profiles.get(name);
  if (keys?.["role_arn"] === undefined || (isSource && hasStaticKeys(keys))) {
    return undefined;
  }
  const next = keys["source_profile"];
  // A profile may name itself: its role is assumed with its own static keys.
  return next === name && hasStaticKeys(keys) ? undefined : next;
}

// Values that cannot be right, whatever the rest of the profile is.
function checkValues(name: string, keys: ProfileKeys, { paths }: ProfileFiles): void {
  const refuse = (key: string, problem: string, remedy = "Correct that line"): never => {
    throw broken(`${key} of profile "${name}" ${problem}`, {
      detail: `It is in ${whereIs(name, key, paths)}.`,
      hint: `${remedy}, then try again.`,
    });
  };
  const quoted = UNQUOTED.find((key) => /^(".*"|'.*'|[“‘].*)$/.test(keys[key] ?? ""));
  if (quoted !== undefined) refuse(quoted, "has quotes around its value", "Leave the quotes out");
  const { duration_seconds: duration, role_arn: arn, credential_source: source } = keys;
  if (duration !== undefined && !/^\d{1,6}$/.test(duration)) {
    refuse("duration_seconds", "is not a whole number of seconds");
  }
  if (arn !== undefined && !/^arn:[\w-]+:iam::\d{12}:role\/\S+$/.test(arn)) {
    refuse("role_arn", "is not a valid role ARN (arn:aws:iam::ACCOUNT:role/NAME)");
  }
  if (source !== undefined && !CREDENTIAL_SOURCES.includes(source)) {
    const near = nearestName(source, CREDENTIAL_SOURCES);
    const remedy = near === undefined ? undefined : `Did you mean ${near}? Correct it`;
    refuse("credential_source", `is none of ${CREDENTIAL_SOURCES.join(", ")}`, remedy);
  }
}

// Keys that are there without the ones that they need.
function checkSection(name: string, keys: ProfileKeys, { paths }: ProfileFiles): void {
  const { role_arn, source_profile, credential_source, web_identity_token_file } = keys;
  const hasSource = Boolean(web_identity_token_file || source_profile || credential_source);
  const halves = ["aws_access_key_id", "aws_secret_access_key"];
  const missing = halves.filter((key) => keys[key] === undefined);
  const problems: readonly (readonly [boolean, string, string])[] = [
    [
      role_arn !== undefined && source_profile !== undefined && credential_source !== undefined,
      "has both source_profile and credential_source",
      "Leave one of the two out.",
    ],
    [
      role_arn !== undefined && !hasSource,
      "has a role_arn, and nothing to assume it with",
      `Run: aws configure set source_profile NAME --profile ${name}`,
    ],
    [
      web_identity_token_file !== undefined && role_arn === undefined,
      "has a web_identity_token_file, and no role_arn to use it for",
      `Run: aws configure set role_arn ARN --profile ${name}`,
    ],
    [
      missing.length === 1,
      `has one half of an access key: ${missing[0]} is missing`,
      `Run: aws configure --profile ${name}`,
    ],
  ];
  for (const [isTrue, problem, hint] of problems) {
    const detail = `It is in ${whereIs(name, undefined, paths)}.`;
    if (isTrue) throw broken(`profile "${name}" ${problem}`, { detail, hint });
  }
}

function checkSso(name: string, keys: ProfileKeys, { paths, ssoSessions }: ProfileFiles): void {
  const session = keys["sso_session"];
  const [isSso, isOther] = [SSO_KEYS, BEFORE_SSO].map((names) => names.some((key) => keys[key]));
  if (!isSso || isOther) {
    return;
  }
  const found = session === undefined ? keys : ssoSessions.get(session);
  if (found === undefined) {
    const near = nearestName(session ?? "", ssoSessions.keys());
    const question = near === undefined ? "" : ` Did you mean "${near}"?`;
    throw broken(`profile "${name}" names an sso_session "${session}" that does not exist`, {
      detail: `${paths.configFilepath} has no section [sso-session ${session}] with keys; the name is in ${whereIs(name, "sso_session", paths)}.${question}`,
      hint: `Run: aws configure sso-session, or correct sso_session in profile "${name}".`,
    });
  }
  const ofSession = ["sso_start_url", "sso_region"].filter((key) => found[key] === undefined);
  const ofProfile = ["sso_account_id", "sso_role_name"].filter((key) => keys[key] === undefined);
  const missing = [...ofSession, ...ofProfile];
  if (missing.length > 0) {
    const isInSession = session !== undefined && ofSession.length > 0;
    const section = isInSession ? `sso-session ${session}` : name;
    throw broken(`profile "${name}" cannot use SSO: ${missing.join(", ")} missing`, {
      detail: `The section is in ${whereIs(section, undefined, paths)}.`,
      hint: `Run: aws configure sso --profile ${name}`,
    });
  }
}

// The error for a profile that is in neither file, with the likeliest reason.
function unknownProfile(
  name: string,
  from: string | undefined,
  { paths, profiles }: ProfileFiles,
): RdsIamError {
  const asSource = from === undefined ? "" : ` (the source_profile of "${from}")`;
  const near = nearestName(name, profiles.keys());
  const named =
    from === undefined ? "" : ` It is named in ${whereIs(from, "source_profile", paths)}.`;
  const { detail, hint } = ignoredSection(name, paths) ?? {
    detail: `Neither ${paths.configFilepath} nor ${paths.filepath} has it.`,
    hint:
      near === undefined
        ? "List the profiles with: aws configure list-profiles"
        : `Did you mean "${near}"?`,
  };
  return broken(`unknown AWS profile "${name}"${asSource}`, { detail: detail + named, hint });
}

interface Explained {
  readonly detail: string;
  readonly hint: string;
}

// Three sections that look right and that AWS's tools ignore in silence.
function ignoredSection(
  name: string,
  { configFilepath, filepath }: AwsPaths,
): Explained | undefined {
  const bare = lineOf(configFilepath, [name]);
  if (bare !== undefined && name !== "default") {
    return {
      detail: `${configFilepath}, line ${bare} has [${name}], which is not a profile in that file.`,
      hint: `Write [profile ${name}] there.`,
    };
  }
  const prefixed = lineOf(filepath, [`profile ${name}`]);
  if (prefixed !== undefined) {
    return {
      detail: `${filepath}, line ${prefixed} has [profile ${name}], which has another meaning in that file.`,
      hint: `Write [${name}] there.`,
    };
  }
  const empty = lineOf(configFilepath, [`profile ${name}`]) ?? lineOf(filepath, [name]);
  return empty === undefined
    ? undefined
    : {
        detail: `Its section (line ${empty}) has no keys that can be read, or the file cannot be read as a whole.`,
        hint: `Run: aws configure --profile ${name}`,
      };
}

function broken(message: string, { detail, hint }: Explained): RdsIamError {
  return new RdsIamError(message, { code: "ERR_CREDENTIALS", detail, hint });
}
