// Chooses the source of a profile's credentials in botocore's order: a role with a source, web identity, SSO, the
// credentials file, `aws login`, credential_process, the config file; then the files of older tools, and the metadata
// services. It reads no network and starts no program: what is chosen comes with all that it takes to ask it.
// https://github.com/boto/botocore/blob/1.44.8/botocore/credentials.py (create_credential_resolver)

import type { Environment } from "../base/context.ts";
import { nearestName } from "../base/nearest-name.ts";
import type { RoleOptions } from "./assume-role.ts";
import { type AwsKeys, environmentKeys } from "./keys.ts";
import { shellCommand, splitCommand } from "../system/shell-word.ts";
import { refused, unknownProfile } from "./profile-errors.ts";
import type {
  ProfileFiles,
  ProfileSections,
  ProfileValue,
  ProfileValues,
} from "./profile-files.ts";

/** The parts of AWS's files that a source is chosen from. */
export type SourceFiles = Pick<
  ProfileFiles,
  "configProfiles" | "credentialsProfiles" | "oddities" | "profiles" | "ssoSessions"
>;

/** What a source is chosen from. */
export interface SourceInput {
  readonly files: SourceFiles;
  readonly env: Environment;
  /** The profile that is named; undefined where none is, which means "default" if there is one. */
  readonly profile: string | undefined;
  /** Whether the profile was named by an option: the environment's keys and web identity do not apply then. */
  readonly isExplicit: boolean;
  /** The sections of boto's file at a path that is not yet expanded; undefined when there is no such file. */
  readonly readBoto: (path: string) => ProfileSections | undefined;
  /** The text of a file at a path of which a leading ~ alone is expanded; undefined when it cannot be read. */
  readonly readText: (path: string) => string | undefined;
}

/** An access key as a file or the environment has it. */
export interface SourceKeys extends AwsKeys {
  /** The access key id in a file. */
  readonly place: ProfileValue | undefined;
  /** Where it was found, in botocore's words. */
  readonly method:
    | "env"
    | "shared-credentials-file"
    | "config-file"
    | "ec2-credentials-file"
    | "boto-config";
}

/** A role, and the source of the credentials it is assumed with. */
export interface RoleSource extends RoleOptions {
  readonly method: "assume-role";
  readonly profile: string;
  readonly from: ChosenSource;
}

/** Where credentials come from. */
export type ChosenSource =
  | SourceKeys
  | RoleSource
  | {
      readonly method: "assume-role-with-web-identity";
      readonly tokenFile: string;
      readonly roleArn: string;
      readonly sessionName: string | undefined;
    }
  | {
      readonly method: "sso";
      readonly profile: string;
      readonly startUrl: string;
      readonly region: string;
      readonly accountId: string;
      readonly roleName: string;
      /** The name of the [sso-session]; undefined for the older form. */
      readonly session: string | undefined;
    }
  | { readonly method: "login"; readonly profile: string; readonly session: string }
  | {
      readonly method: "custom-process";
      readonly profile: string;
      /** The program and its arguments: it is started without a shell. */
      readonly command: readonly string[];
    }
  | { readonly method: "container-role" | "iam-role" };

/** Chooses the source; what botocore refuses is an error, and what it cannot find in files is "iam-role". */
export function chooseSource(input: SourceInput): ChosenSource {
  const { env, files, isExplicit } = input;
  // A profile that is named and missing never falls through to other credentials.
  if (input.profile !== undefined && !files.profiles.has(input.profile)) {
    throw unknownProfile(input.profile, files);
  }
  const profile = input.profile ?? "default";
  return (
    (isExplicit ? undefined : environmentSource(env)) ??
    roleSource(profile, [profile], input) ??
    profileSource(profile, isExplicit ? {} : env, files) ??
    ec2FileSource(input) ??
    botoSource(input) ??
    containerSource(env) ?? { method: "iam-role" }
  );
}

function environmentSource(env: Environment): SourceKeys | undefined {
  if (!env["AWS_ACCESS_KEY_ID"]) return undefined;
  return { method: "env", ...environmentKeys(env), place: undefined };
}

// A web_identity_token_file, even an empty one, takes the role to the next source.
function hasRole(values: ProfileValues | undefined): boolean {
  return values?.has("role_arn") === true && !values.has("web_identity_token_file");
}

function hasStaticKeys(values: ProfileValues | undefined): boolean {
  return values?.has("aws_access_key_id") === true || values?.has("aws_secret_access_key") === true;
}

function roleSource(
  name: string,
  visited: readonly string[],
  input: SourceInput,
): RoleSource | undefined {
  const values = input.files.profiles.get(name);
  if (values === undefined || !hasRole(values)) return undefined;
  const sourceProfile = text(values, "source_profile", name);
  const namedSourceText = text(values, "credential_source", name);
  if (sourceProfile !== undefined && namedSourceText !== undefined) {
    throw refused(`profile "${name}" has both source_profile and credential_source`, [
      values.get("source_profile"),
      values.get("credential_source"),
    ]);
  }
  const duration = text(values, "duration_seconds", name);
  return {
    method: "assume-role",
    profile: name,
    roleArn: text(values, "role_arn", name) ?? "",
    sessionName: text(values, "role_session_name", name),
    externalId: text(values, "external_id", name),
    mfaSerial: text(values, "mfa_serial", name),
    // One that is not a number is ignored, as by botocore.
    durationSeconds:
      duration !== undefined && /^[-+]?\d+(?:_\d+)*$/.test(duration)
        ? Number(duration.replaceAll("_", ""))
        : undefined,
    from:
      namedSourceText === undefined
        ? sourceOfProfile(name, sourceProfile, { visited, input })
        : namedSource(name, namedSourceText, input),
  };
}

function sourceOfProfile(
  name: string,
  source: string | undefined,
  { visited, input }: { readonly visited: readonly string[]; readonly input: SourceInput },
): ChosenSource {
  const { files } = input;
  const values = files.profiles.get(name);
  if (source === undefined) {
    const problem = `profile "${name}" has role_arn without source_profile or credential_source`;
    const hint = shellCommand`Run: aws configure set source_profile NAME --profile ${name}`;
    throw refused(problem, [values?.get("role_arn")], hint);
  }
  const place = [values?.get("source_profile")];
  const sourceValues = files.profiles.get(source);
  if (sourceValues === undefined) throw unknownProfile(source, files, name, place);
  // A profile may name itself for its own static keys.
  if (visited.includes(source) && !(source === name && hasStaticKeys(sourceValues))) {
    throw refused(
      `the source_profile chain of profile "${visited[0]}" is a loop`,
      place,
      `Correct source_profile of profile "${name}".`,
      [`The chain is ${[...visited, source].join(" -> ")}.`],
    );
  }
  // As a source, a profile's own keys come before its role.
  const found =
    !hasStaticKeys(sourceValues) && hasRole(sourceValues)
      ? roleSource(source, [...visited, source], input)
      : profileSource(source, {}, files);
  if (found === undefined) {
    throw refused(`source_profile "${source}" of profile "${name}" has no credentials`, place);
  }
  return found;
}

const NAMED_SOURCES = ["Environment", "Ec2InstanceMetadata", "EcsContainer"];

function namedSource(profile: string, source: string, { env, files }: SourceInput): ChosenSource {
  const found =
    source === "Environment"
      ? environmentSource(env)
      : source === "EcsContainer"
        ? containerSource(env)
        : source === "Ec2InstanceMetadata"
          ? ({ method: "iam-role" } as const)
          : undefined;
  if (found !== undefined) return found;
  const place = [files.profiles.get(profile)?.get("credential_source")];
  const of = `the credential_source of profile "${profile}"`;
  if (!NAMED_SOURCES.includes(source)) {
    const near = nearestName(source, NAMED_SOURCES);
    const hint = near === undefined ? "Correct that line." : `Did you mean ${near}?`;
    throw refused(`${of} is none of ${NAMED_SOURCES.join(", ")}`, place, hint);
  }
  const [variables, hint] =
    source === "Environment"
      ? ["AWS_ACCESS_KEY_ID is", "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."]
      : ["AWS_CONTAINER_CREDENTIALS_FULL_URI is", "It is set where a container has a role."];
  throw refused(`${variables} not set, which ${of} needs`, place, hint);
}

// The sources of a profile, for itself and as the source of a role. The environment is empty for a source.
function profileSource(
  name: string,
  env: Environment,
  files: SourceFiles,
): ChosenSource | undefined {
  const values = files.profiles.get(name);
  return (
    webIdentitySource(name, values, env) ??
    ssoSource(name, values, files) ??
    fileKeys(files.credentialsProfiles.get(name), "shared-credentials-file", name) ??
    loginOrProcess(name, values) ??
    fileKeys(files.configProfiles.get(name), "config-file", name)
  );
}

function webIdentitySource(
  name: string,
  values: ProfileValues | undefined,
  env: Environment,
): ChosenSource | undefined {
  // A variable that is set and empty hides the profile's key, as for botocore.
  const tokenFile =
    env["AWS_WEB_IDENTITY_TOKEN_FILE"] ?? text(values, "web_identity_token_file", name);
  if (!tokenFile) return undefined;
  const roleArn = env["AWS_ROLE_ARN"] ?? text(values, "role_arn", name);
  if (!roleArn) {
    throw refused(`a web identity token file is set for profile "${name}", but no role_arn`, [
      values?.get("web_identity_token_file"),
    ]);
  }
  const sessionName = env["AWS_ROLE_SESSION_NAME"] ?? text(values, "role_session_name", name);
  return { method: "assume-role-with-web-identity", tokenFile, roleArn, sessionName };
}

function ssoSource(
  name: string,
  values: ProfileValues | undefined,
  files: SourceFiles,
): ChosenSource | undefined {
  // sso_session or sso_start_url alone are not enough to try SSO.
  if (values?.has("sso_role_name") !== true && values?.has("sso_account_id") !== true) {
    return undefined;
  }
  const session = text(values, "sso_session", name);
  const sessionValues = session === undefined ? undefined : files.ssoSessions.get(session);
  if (session !== undefined && sessionValues === undefined) {
    const near = nearestName(session, files.ssoSessions.keys());
    throw refused(
      `profile "${name}" names an sso_session "${session}" that does not exist`,
      [values.get("sso_session")],
      `${near === undefined ? "" : `Did you mean "${near}"? `}Run: aws configure sso-session, or correct sso_session.`,
      [`There is no section [sso-session ${session}].`],
    );
  }
  for (const [key, value] of sessionValues ?? []) {
    const own = values.get(key);
    if (own !== undefined && own.text !== value.text) {
      const problem = `${key} of profile "${name}" differs from [sso-session ${session}]`;
      throw refused(problem, [own, value]);
    }
  }
  const all = new Map([...values, ...(sessionValues ?? [])]);
  const missing = ["sso_start_url", "sso_region", "sso_account_id", "sso_role_name"].filter(
    (key) => !all.has(key),
  );
  if (missing.length > 0) {
    const [inProfile] = values.values();
    const [inSession] = sessionValues?.values() ?? [];
    throw refused(
      `profile "${name}" cannot use SSO: ${missing.join(", ")} missing`,
      [inProfile, inSession],
      shellCommand`Run: aws configure sso --profile ${name}`,
    );
  }
  const required = (key: string): string => text(all, key, name) ?? "";
  return {
    method: "sso",
    profile: name,
    roleName: required("sso_role_name"),
    accountId: required("sso_account_id"),
    startUrl: required("sso_start_url"),
    region: required("sso_region"),
    session: text(all, "sso_session", name),
  };
}

function loginOrProcess(name: string, values: ProfileValues | undefined): ChosenSource | undefined {
  const session = text(values, "login_session", name);
  if (session !== undefined) return { method: "login", profile: name, session };
  const command = text(values, "credential_process", name);
  if (command === undefined) return undefined;
  const words = splitCommand(command);
  if (words === undefined || words.length === 0) {
    const problem = words === undefined ? "has a quote that is not closed" : "is empty";
    throw refused(`credential_process of profile "${name}" ${problem}`, [
      values?.get("credential_process"),
    ]);
  }
  return { method: "custom-process", profile: name, command: words };
}

function fileKeys(
  values: ProfileValues | undefined,
  method: SourceKeys["method"],
  name: string,
): SourceKeys | undefined {
  const accessKeyId = text(values, "aws_access_key_id", name);
  if (accessKeyId === undefined) return undefined;
  const secretAccessKey = text(values, "aws_secret_access_key", name);
  if (secretAccessKey === undefined) {
    throw refused(
      `"${name}" has aws_access_key_id without aws_secret_access_key`,
      [values?.get("aws_access_key_id")],
      shellCommand`Run: aws configure --profile ${name}`,
    );
  }
  // boto's own file has no session tokens.
  const sessionToken =
    method === "boto-config"
      ? undefined
      : (text(values, "aws_security_token", name) ?? text(values, "aws_session_token", name));
  const place = values?.get("aws_access_key_id");
  return { method, accessKeyId, secretAccessKey, sessionToken, place };
}

// AWS_CREDENTIAL_FILE: KEY=VALUE lines of the first EC2 tools.
function ec2FileSource({ env, readText }: SourceInput): SourceKeys | undefined {
  const path = env["AWS_CREDENTIAL_FILE"];
  if (path === undefined) return undefined;
  const content = readText(path);
  if (content === undefined) throw refused(`cannot read AWS_CREDENTIAL_FILE ${path}`);
  const pairs = new Map(
    content
      .split(/\r\n|\r|\n/)
      .filter((line) => line.includes("="))
      .map((line) => {
        const at = line.indexOf("=");
        return [line.slice(0, at).trim(), line.slice(at + 1).trim()] as const;
      }),
  );
  const accessKeyId = pairs.get("AWSAccessKeyId");
  if (accessKeyId === undefined) return undefined;
  const secretAccessKey = pairs.get("AWSSecretKey");
  if (secretAccessKey === undefined)
    throw refused(`${path} has AWSAccessKeyId without AWSSecretKey`);
  const place = { file: path, line: 1, text: accessKeyId };
  return { method: "ec2-credentials-file", accessKeyId, secretAccessKey, place };
}

// boto 2, which botocore replaced in 2013, kept keys in [Credentials].
function botoSource({ env, readBoto }: SourceInput): SourceKeys | undefined {
  const named = env["BOTO_CONFIG"];
  for (const path of named === undefined ? ["/etc/boto.cfg", "~/.boto"] : [named]) {
    const found = fileKeys(readBoto(path)?.get("Credentials"), "boto-config", "Credentials");
    if (found !== undefined) return found;
  }
  return undefined;
}

function containerSource(env: Environment): ChosenSource | undefined {
  const isNamed =
    env["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"] !== undefined ||
    env["AWS_CONTAINER_CREDENTIALS_FULL_URI"] !== undefined;
  return isNamed ? { method: "container-role" } : undefined;
}

// A block of indented lines where text belongs ends botocore with a traceback, or is signed as it is.
function text(values: ProfileValues | undefined, key: string, profile: string): string | undefined {
  const value = values?.get(key);
  if (value !== undefined && value.text === undefined) {
    throw refused(`${key} of profile "${profile}" is a block of indented lines`, [value]);
  }
  return value?.text;
}
