// The AWS CLI's files of IAM Identity Center, read and written: the access tokens of logins, and the registrations of the client
// that they were made with. Names and fields are its own, so that `aws` and rdsiam share each login.
// They are read as the AWS CLI reads them, whatever user owns them: in a container the mounted files may be another user's.
// https://docs.aws.amazon.com/sdkref/latest/guide/feature-sso-credentials.html
// https://github.com/aws/aws-cli/blob/v2/awscli/botocore/utils.py (SSOTokenFetcher, SSOTokenFetcherAuth, SSOTokenLoader)

import { createHash } from "node:crypto";
import { readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Environment } from "../base/context.ts";
import { homeDirectory } from "../system/directories.ts";
import { errorCode } from "../base/errno.ts";
import { RdsIamError } from "../base/errors.ts";
import { shellCommand } from "../system/shell-word.ts";
import { cliCacheDirectory, isVisible, keepText, parseObject, pythonJson } from "./cli-cache.ts";
import { timeOf } from "./keys.ts";

/** What a login is for. */
export interface SsoSession {
  /** The name of the [sso-session]; undefined for the older form, where the profile has everything. */
  readonly session: string | undefined;
  readonly startUrl: string;
  readonly region: string;
  /** sso_registration_scopes; undefined where it is not set. */
  readonly scopes: readonly string[] | undefined;
  /** The profile that has the login. */
  readonly profile: string;
  /** Where start URL and Region are, for people: FILE, line N. */
  readonly place: string;
}

/** The name of a session, for people; the profile's where it has none. */
export function sessionName({ profile, session }: Pick<SsoSession, "profile" | "session">): string {
  return session ?? profile;
}

/** The token of a login, in the AWS CLI's words. */
export interface SsoToken {
  readonly startUrl?: string | undefined;
  readonly region?: string | undefined;
  readonly accessToken: string;
  readonly expiresAt: string;
  readonly clientId?: string | undefined;
  readonly clientSecret?: string | undefined;
  readonly registrationExpiresAt?: string | undefined;
  readonly refreshToken?: string | undefined;
}

/** A registered client, in the AWS CLI's words. */
export interface ClientRegistration {
  readonly clientId: string;
  readonly clientSecret: string;
  readonly expiresAt: string;
  readonly scopes?: readonly string[] | undefined;
  readonly grantTypes?: readonly string[] | undefined;
}

/** Where the AWS CLI keeps tokens and registrations; it knows no variable for it but HOME. */
export function ssoCacheDirectory(env: Environment): string {
  return join(homeDirectory(env), ".aws", "sso", "cache");
}

/** The file of a session's token. */
export function tokenFile(session: Pick<SsoSession, "session" | "startUrl">, env: Environment) {
  return join(ssoCacheDirectory(env), `${sha1(session.session ?? session.startUrl)}.json`);
}

/** The file of the client's registration for a session. */
export function registrationFile(
  { session, startUrl, region, scopes }: Omit<SsoSession, "place" | "profile">,
  env: Environment,
): string {
  // In alphabetical order, as json.dumps(sort_keys=True) has it.
  const members = [
    `"region": ${pythonJson(region)}`,
    `"scopes": ${scopes === undefined ? "null" : `[${scopes.map(pythonJson).join(", ")}]`}`,
    `"session_name": ${session === undefined ? "null" : pythonJson(session)}`,
    `"startUrl": ${pythonJson(startUrl)}`,
    '"tool": "botocore"',
  ];
  return join(ssoCacheDirectory(env), `${sha1(`{${members.join(", ")}}`)}.json`);
}

/** Reads sso_registration_scopes as the AWS CLI does. */
export function readScopes(text: string | undefined): readonly string[] | undefined {
  return text
    ?.split(",")
    .map((scope) => scope.trim())
    .filter(Boolean);
}

/** The token in a file; undefined where there is none. It may have expired. */
export function readToken(
  file: string,
  onUnreadable?: (reason: string) => void,
): SsoToken | undefined {
  const { accessToken, expiresAt, ...entry } = readObject(file, onUnreadable);
  if (!isVisible(accessToken) || typeof expiresAt !== "string") return undefined;
  return {
    startUrl: textOf(entry["startUrl"]),
    region: textOf(entry["region"]),
    accessToken,
    expiresAt,
    clientId: textOf(entry["clientId"]),
    clientSecret: textOf(entry["clientSecret"]),
    registrationExpiresAt: textOf(entry["registrationExpiresAt"]),
    refreshToken: textOf(entry["refreshToken"]),
  };
}

/** The registration in a file; undefined where there is none. It may have expired. */
export function readRegistration(file: string): ClientRegistration | undefined {
  const { clientId, clientSecret, expiresAt, grantTypes } = readObject(file);
  if (!isVisible(clientId) || !isVisible(clientSecret) || typeof expiresAt !== "string") {
    return undefined;
  }
  return {
    clientId,
    clientSecret,
    expiresAt,
    grantTypes: Array.isArray(grantTypes) ? grantTypes.map(String) : undefined,
  };
}

/** Keeps a token or a registration; the reason when that is not possible. */
export function writeEntry(file: string, entry: SsoToken | ClientRegistration): string | undefined {
  return keepText(file, JSON.stringify(entry));
}

/** Removes a token or a registration; the reason when that is not possible. */
export function removeEntry(file: string): string | undefined {
  try {
    rmSync(file, { force: true });
    return undefined;
  } catch (error) {
    return errorCode(error);
  }
}

/** Milliseconds until a time of these files; negative when it is over, and where it cannot be read. */
export function timeLeft(time: string | undefined, now = Date.now()): number {
  // The first AWS CLIs wrote 2020-06-17T10:02:08UTC.
  const end = timeOf(time ?? "").getTime();
  return Number.isNaN(end) ? Number.NEGATIVE_INFINITY : end - now;
}

/** A time as the AWS CLI writes it. */
export function timeText(time: number): string {
  return new Date(time).toISOString().replace(/\.\d+Z$/, "Z");
}

/** A login in the cache. */
export interface CachedLogin {
  readonly file: string;
  readonly token: SsoToken;
}

/** Every login in the cache, the expired ones too; a file that the system does not let us read may be one more. */
export function cachedLogins(
  env: Environment,
  onUnreadable: (file: string, reason: string) => void,
): readonly CachedLogin[] {
  return jsonFiles(ssoCacheDirectory(env)).flatMap((file) => {
    const token = readToken(file, (reason) => onUnreadable(file, reason));
    return token === undefined ? [] : [{ file, token }];
  });
}

/** The files of credentials that the AWS CLI got with logins and keeps elsewhere. */
export function loginCredentialFiles(env: Environment): readonly string[] {
  return jsonFiles(cliCacheDirectory(homeDirectory(env))).filter(
    (file) => readObject(file)["ProviderType"] === "sso",
  );
}

function jsonFiles(directory: string): readonly string[] {
  try {
    return readdirSync(directory)
      .filter((name) => name.endsWith(".json"))
      .map((name) => join(directory, name));
  } catch (error) {
    if (/^(?:ENOENT|ENOTDIR)$/.test(errorCode(error))) return [];
    throw new RdsIamError(`cannot read ${directory}`, {
      code: "ERR_CONFIG",
      detail: `The system's error: ${errorCode(error)}.`,
      hint: shellCommand`Look at: ls -ld ${directory}`,
      cause: error,
    });
  }
}

function readObject(
  file: string,
  onUnreadable?: (reason: string) => void,
): ReturnType<typeof parseObject> {
  try {
    return parseObject(readFileSync(file, "utf8"));
  } catch (error) {
    if (errorCode(error) !== "ENOENT") onUnreadable?.(errorCode(error));
    return {};
  }
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

function sha1(text: string): string {
  return createHash("sha1").update(text).digest("hex");
}
