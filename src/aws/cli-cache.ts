// The AWS CLI's own cache of assumed roles, read and written: `aws` and rdsiam share one MFA login.
// Nothing about the cache is ever an error: an entry that cannot be read, has no credentials or has expired is not used.
// The key has the call's arguments in it and not who calls, as the AWS CLI's own. That one renews at 15 minutes before the
// end; here it is two, so that roles of 900 seconds are cached at all and the AWS CLI's last quarter of an hour is used.
// https://github.com/boto/botocore/blob/develop/botocore/credentials.py (BaseAssumeRoleCredentialFetcher), utils.py (JSONFileCache)

import { createHash } from "node:crypto";
import { join } from "node:path";
import { errorCode } from "../base/errno.ts";
import { RdsIamError } from "../base/errors.ts";
import { readTrusted, writeTrusted } from "../base/trusted-file.ts";
import { type AssumedRole, timeOf } from "./keys.ts";

/** The parameters of AssumeRole, in STS's own words. */
export interface AssumeRoleParameters {
  readonly RoleArn: string;
  readonly RoleSessionName: string | undefined;
  readonly ExternalId?: string | undefined;
  readonly DurationSeconds?: number | undefined;
  readonly SerialNumber?: string | undefined;
  readonly TokenCode?: string | undefined;
}

/** Assumed roles by key. */
export interface RoleCache {
  /** The credentials under a key; undefined when there are none that are good for two more minutes. */
  readonly read: (key: string) => Promise<AssumedRole | undefined>;
  /** Keeps credentials; resolves with the reason when that is not possible, and never rejects. */
  readonly write: (key: string, role: AssumedRole) => Promise<string | undefined>;
}

/** A role with less left than this is assumed anew. */
export const LEAST_MS = 120_000;

// An entry has some 2,000 bytes; what is far longer is something else.
const LONGEST_ENTRY = 100_000;

/** Where the AWS CLI keeps its cache; it knows no variable for it but HOME. */
export function cliCacheDirectory(home: string): string {
  return join(home, ".aws", "cli", "cache");
}

/** The AWS CLI's key for an AssumeRole call; a session name that the user did not choose must be left out by the caller. */
export function cliCacheKey(parameters: AssumeRoleParameters): string {
  const { DurationSeconds, ExternalId, RoleArn, RoleSessionName, SerialNumber } = parameters;
  // In alphabetical order, as json.dumps(sort_keys=True) has it. TokenCode is no part of the key.
  const given = { DurationSeconds, ExternalId, RoleArn, RoleSessionName, SerialNumber };
  const members = Object.entries(given)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `"${name}": ${pythonJson(value)}`);
  return createHash("sha1")
    .update(`{${members.join(", ")}}`)
    .digest("hex");
}

/** Opens the cache in a directory, which need not exist. */
export function openCliCache(directory: string, now: () => number): RoleCache {
  const fileOf = (key: string): string => join(directory, `${key}.json`);
  return {
    read: async (key) => {
      const found = readEntry(readText(fileOf(key)));
      return found !== undefined && found.expiration.getTime() - now() > LEAST_MS
        ? found
        : undefined;
    },
    write: async (key, role) => keepText(fileOf(key), entryText(role)),
  };
}

/** Writes a file of the AWS CLI's; the reason when that is not possible. */
export function keepText(file: string, text: string): string | undefined {
  try {
    writeTrusted(file, text);
    return undefined;
  } catch (error) {
    return error instanceof RdsIamError ? error.message : errorCode(error);
  }
}

function readText(path: string): string {
  try {
    const bytes = readTrusted(path);
    return bytes.length > LONGEST_ENTRY ? "" : bytes.toString("utf8");
  } catch {
    return "";
  }
}

function readEntry(text: string): AssumedRole | undefined {
  const entry = parseObject(text);
  const credentials = entry["Credentials"];
  if (!isObject(credentials)) {
    return undefined;
  }
  const { AccessKeyId, SecretAccessKey, SessionToken, Expiration } = credentials;
  // The AWS CLI writes 2026-11-21T06:10:00UTC, and +00:00 in some versions.
  const expiration = timeOf(String(Expiration));
  if (
    !isVisible(AccessKeyId) ||
    !isVisible(SecretAccessKey) ||
    !isVisible(SessionToken) ||
    Number.isNaN(expiration.getTime())
  ) {
    return undefined;
  }
  return {
    accessKeyId: AccessKeyId,
    secretAccessKey: SecretAccessKey,
    sessionToken: SessionToken,
    expiration,
  };
}

function entryText(role: AssumedRole): string {
  const { arn, id } = role.user ?? {};
  const account = arn?.split(":")[4];
  return JSON.stringify({
    Credentials: {
      AccessKeyId: role.accessKeyId,
      SecretAccessKey: role.secretAccessKey,
      SessionToken: role.sessionToken,
      Expiration: role.expiration.toISOString().replace(/(\.\d+)?Z$/, "UTC"),
      ...(account === undefined ? {} : { AccountId: account }),
    },
    ...(arn === undefined ? {} : { AssumedRoleUser: { AssumedRoleId: id, Arn: arn } }),
  });
}

/** A value as Python's json.dumps() writes it, which escapes every character beyond ASCII. */
export function pythonJson(value: string | number | undefined): string {
  return JSON.stringify(value).replaceAll(
    /[\u007F-\uFFFF]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** The object in a text; an empty one where it is none. */
export function parseObject(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : {};
  } catch {
    return {};
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}

/** Whether a value is visible ASCII, as AWS's secrets are: anything else would break a header of the next request. */
export function isVisible(value: unknown): value is string {
  return typeof value === "string" && /^[\u0021-\u007E]+$/.test(value);
}
