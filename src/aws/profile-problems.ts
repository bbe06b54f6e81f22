// What can be wrong with one profile in AWS's files, each with its sentence.
// https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html

import { RdsIamError } from "../base/errors.ts";
import { nearestName } from "../base/nearest-name.ts";
import { lineOf, type ProfileFiles, type ProfileKeys, whereIs } from "./profile-files.ts";

/** A key of a profile whose value cannot be right. */
export interface KeyProblem {
  readonly key: string;
  /** The end of a sentence. */
  readonly problem: string;
  readonly hint?: string;
}

// No credential_process: it is a command line, and may well begin and end with a quote.
const UNQUOTED = [
  "aws_access_key_id",
  "aws_secret_access_key",
  "aws_session_token",
  "role_arn",
  "source_profile",
  "credential_source",
  "external_id",
  "role_session_name",
  "duration_seconds",
  "mfa_serial",
  "web_identity_token_file",
  "sso_session",
  "sso_start_url",
  "sso_region",
  "sso_account_id",
  "sso_role_name",
  "login_session",
  "region",
];

/** The places that credential_source can name. */
export const CREDENTIAL_SOURCES = ["Environment", "Ec2InstanceMetadata", "EcsContainer"] as const;

const SSO_KEYS = ["sso_session", "sso_start_url", "sso_account_id", "sso_role_name"];

// What a profile is asked for before SSO, as in the SDK; with one of them its sso_* keys are idle.
const BEFORE_SSO = [
  "role_arn",
  "aws_access_key_id",
  "web_identity_token_file",
  "credential_process",
];

/** The first of a profile's keys that has an impossible value. */
export function keyProblem(keys: ProfileKeys): KeyProblem | undefined {
  for (const key of UNQUOTED) {
    if (/^(".*"|'.*'|[“‘].*)$/.test(keys[key] ?? "")) {
      return { key, problem: "has quotes around its value", hint: "Leave the quotes out" };
    }
  }
  const duration = keys["duration_seconds"];
  if (duration !== undefined && !/^\d{1,6}$/.test(duration)) {
    return { key: "duration_seconds", problem: "is no whole number of seconds" };
  }
  const arn = keys["role_arn"];
  if (arn !== undefined && !/^arn:[\w-]+:iam::\d{12}:role\/\S+$/.test(arn)) {
    return { key: "role_arn", problem: "is no role's ARN (arn:aws:iam::ACCOUNT:role/NAME)" };
  }
  const source = keys["credential_source"];
  if (source !== undefined && !CREDENTIAL_SOURCES.some((name) => name === source)) {
    const hint = nearestName(source, CREDENTIAL_SOURCES);
    const problem = `is none of ${CREDENTIAL_SOURCES.join(", ")}`;
    return {
      key: "credential_source",
      problem,
      ...(hint && { hint: `Did you mean ${hint}? Correct it` }),
    };
  }
  return undefined;
}

/** What is missing in a profile's section, or in the one that it names. */
export function sectionProblem(
  name: string,
  keys: ProfileKeys,
  files: ProfileFiles,
): RdsIamError | undefined {
  const place = whereIs(name, undefined, files.paths);
  const broken = (message: string, hint: string): RdsIamError =>
    new RdsIamError(message, { code: "ERR_CREDENTIALS", detail: `It is in ${place}.`, hint });
  const [source, other] = [keys["source_profile"], keys["credential_source"]];
  if (keys["role_arn"] !== undefined && source !== undefined && other !== undefined) {
    return broken(
      `profile "${name}" has both source_profile and credential_source`,
      "Leave one of the two out.",
    );
  }
  if (keys["role_arn"] !== undefined && !keys["web_identity_token_file"] && !source && !other) {
    return broken(
      `profile "${name}" has a role_arn, and nothing to assume it with`,
      `Run: aws configure set source_profile NAME --profile ${name}`,
    );
  }
  if (keys["web_identity_token_file"] !== undefined && keys["role_arn"] === undefined) {
    return broken(
      `profile "${name}" has a web_identity_token_file, and no role_arn to use it for`,
      `Run: aws configure set role_arn ARN --profile ${name}`,
    );
  }
  const halves = ["aws_access_key_id", "aws_secret_access_key"];
  const [missing] = halves.filter((key) => keys[key] === undefined);
  if (missing !== undefined && halves.some((key) => keys[key] !== undefined)) {
    return broken(
      `profile "${name}" has one half of an access key: ${missing} is missing`,
      `Run: aws configure --profile ${name}`,
    );
  }
  return ssoProblem(name, keys, files);
}

function ssoProblem(
  name: string,
  keys: ProfileKeys,
  { paths, ssoSessions }: ProfileFiles,
): RdsIamError | undefined {
  const session = keys["sso_session"];
  const [isSso, isOther] = [SSO_KEYS, BEFORE_SSO].map((names) => names.some((key) => keys[key]));
  if (!isSso || isOther) {
    return undefined;
  }
  const found = session === undefined ? keys : ssoSessions.get(session);
  if (found === undefined) {
    const near = nearestName(session ?? "", ssoSessions.keys());
    const mean = near === undefined ? "" : ` Did you mean "${near}"?`;
    return new RdsIamError(
      `profile "${name}" names an sso_session "${session}" that is not there`,
      {
        code: "ERR_CREDENTIALS",
        detail: `${paths.configFilepath} has no section [sso-session ${session}] with keys; the name is in ${whereIs(name, "sso_session", paths)}.${mean}`,
        hint: `Run: aws configure sso-session, or correct sso_session in profile "${name}".`,
      },
    );
  }
  const section = session === undefined ? name : `sso-session ${session}`;
  const missing = [
    ...["sso_start_url", "sso_region"].filter((key) => found[key] === undefined),
    ...["sso_account_id", "sso_role_name"].filter((key) => keys[key] === undefined),
  ];
  const [first] = missing;
  if (first === undefined) {
    return undefined;
  }
  const where = first === "sso_start_url" || first === "sso_region" ? section : name;
  return new RdsIamError(`profile "${name}" cannot use SSO: ${missing.join(", ")} missing`, {
    code: "ERR_CREDENTIALS",
    detail: `The section is in ${whereIs(where, undefined, paths)}.`,
    hint: `Run: aws configure sso --profile ${name}`,
  });
}

/** The error for a profile that is in neither file, with the likeliest reason. */
export function unknownProfile(
  name: string,
  from: string | undefined,
  { paths, profiles }: ProfileFiles,
): RdsIamError {
  const asSource = from === undefined ? "" : ` (the source_profile of "${from}")`;
  const near = nearestName(name, profiles.keys());
  const named =
    from === undefined ? "" : ` It is named in ${whereIs(from, "source_profile", paths)}.`;
  const parts = reasonWhyNot(name, paths) ?? {
    detail: `Neither ${paths.configFilepath} nor ${paths.filepath} has it.`,
    hint:
      near === undefined
        ? "See the profiles with: aws configure list-profiles"
        : `Did you mean "${near}"?`,
  };
  return new RdsIamError(`unknown AWS profile "${name}"${asSource}`, {
    code: "ERR_CREDENTIALS",
    detail: parts.detail + named,
    hint: parts.hint,
  });
}

// Three sections that look right and that AWS's tools pass over in silence.
function reasonWhyNot(
  name: string,
  { configFilepath, filepath }: ProfileFiles["paths"],
): { readonly detail: string; readonly hint: string } | undefined {
  const bare = lineOf(configFilepath, [name]);
  if (bare !== undefined && name !== "default") {
    return {
      detail: `${configFilepath}, line ${bare} has [${name}], which is no profile in that file.`,
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
  if (empty === undefined) {
    return undefined;
  }
  return {
    detail: `Its section (line ${empty}) has no keys that can be read, or the file cannot be read as a whole.`,
    hint: `Run: aws configure --profile ${name}`,
  };
}
