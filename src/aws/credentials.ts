// Gets AWS credentials: from the profile that is meant, else from the environment and the SDK's default chain, and on
// top of either the one role of rds_role_arn. The function that is made here is called late and again and again.
// fromIni comes before the default chain because the chain hides why a profile failed.
// https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html

import { userInfo } from "node:os";
import { RdsIamError } from "../errors.ts";
import {
  assumeRole,
  type AwsKeys,
  roleSessionName,
  stsRegion,
  type StsPlace,
} from "./assume-role.ts";
import { identityError, mfaNeeded } from "./errors.ts";
import { checkProfile, hasIdentity, profileChain, type ProfileFiles } from "./profile-check.ts";
import { type IdentityContext } from "./sdk-error.ts";
import { sdkClientOptions } from "./sdk.ts";

/** AWS credentials and where they are from. */
export interface Credentials extends AwsKeys {
  /** For people: `profile "prod" in ~/.aws/config`. */
  readonly source: string;
}

/** Gives credentials that are good for two minutes or more, where the source has such. */
export type CredentialSource = () => Promise<Credentials>;

/** The role that is assumed on top of a profile's credentials. */
export interface RoleOptions {
  readonly roleArn: string;
  readonly externalId?: string | undefined;
  readonly sessionName?: string | undefined;
  readonly durationSeconds?: number | undefined;
}

/** Who to be in AWS. */
export interface CredentialOptions {
  /** The AWS profile that is meant; undefined for the environment and the default chain. */
  readonly profile: string | undefined;
  readonly files: ProfileFiles;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** A Region of the database's partition, for STS calls when neither profile nor environment has one. */
  readonly fallbackRegion?: string | undefined;
  readonly role?: RoleOptions | undefined;
  /** Asks a person for the code of an MFA device; absent where nobody can be asked. */
  readonly askMfaCode?: ((serial: string) => Promise<string>) | undefined;
  readonly osUser?: string | undefined;
  readonly now?: (() => number) | undefined;
}

// Credentials with less left than this are fetched again before they are used.
const REFRESH_MS = 120_000;

/** Makes the function that gets credentials: cached until two minutes before their end, one fetch at a time. */
export function credentialSource(options: CredentialOptions): CredentialSource {
  const now = options.now ?? Date.now;
  let cached: Credentials | undefined;
  let pending: Promise<Credentials> | undefined;
  return async () => {
    if (
      cached !== undefined &&
      (cached.expiration?.getTime() ?? Number.POSITIVE_INFINITY) - now() > REFRESH_MS
    ) {
      return cached;
    }
    pending ??= loadCredentials(options).finally(() => {
      pending = undefined;
    });
    cached = await pending;
    return cached;
  };
}

async function loadCredentials(options: CredentialOptions): Promise<Credentials> {
  const base = await loadBase(options);
  const { role } = options;
  if (role === undefined) {
    return base;
  }
  const keys = await assumeRole(
    base,
    {
      RoleArn: role.roleArn,
      RoleSessionName: role.sessionName ?? defaultSessionName(options),
      ...(role.externalId === undefined ? {} : { ExternalId: role.externalId }),
      ...(role.durationSeconds === undefined ? {} : { DurationSeconds: role.durationSeconds }),
    },
    stsPlace(options, options.profile),
  );
  return { ...keys, source: `${role.roleArn} assumed with ${base.source}` };
}

function loadBase(options: CredentialOptions): Promise<Credentials> {
  if (options.profile !== undefined) {
    return loadProfile(options.profile, options);
  }
  const accessKeyId = options.env["AWS_ACCESS_KEY_ID"];
  const secretAccessKey = options.env["AWS_SECRET_ACCESS_KEY"];
  if (accessKeyId && secretAccessKey) {
    const sessionToken = options.env["AWS_SESSION_TOKEN"] || undefined;
    const expiration = expirationOf(options.env["AWS_CREDENTIAL_EXPIRATION"]);
    const source = "AWS_ACCESS_KEY_ID in the environment";
    return Promise.resolve({ accessKeyId, secretAccessKey, sessionToken, expiration, source });
  }
  if (accessKeyId || secretAccessKey) {
    const missing = accessKeyId ? "AWS_SECRET_ACCESS_KEY" : "AWS_ACCESS_KEY_ID";
    throw new RdsIamError(`${missing} is not set`, {
      code: "ERR_CREDENTIALS",
      detail: "The environment has one half of an access key.",
      hint: `Set ${missing}, or unset the other half.`,
    });
  }
  return hasDefaultProfile(options.files) ? loadProfile("default", options) : loadChain(options);
}

async function loadProfile(profile: string, options: CredentialOptions): Promise<Credentials> {
  checkProfile(profile, options.files);
  const client = sdkClientOptions();
  const context = profileContext(profile, options);
  const { fromIni } = await import("@aws-sdk/credential-providers");
  const provider = fromIni({
    profile,
    ...options.files.paths,
    // A profile that was logged in since the last call is read anew.
    ignoreCache: true,
    logger: client.logger,
    // No region here: it would win over sso_region. The web identity call takes it from parentClientConfig.
    clientConfig: client,
    parentClientConfig: {
      ...client,
      region: async () => stsRegion(roleOf(profile, options), stsPlace(options, profile)),
    },
    roleAssumer: async (source, parameters) => {
      const name = parameters.RoleSessionName;
      const isMadeUp = name === undefined || /^aws-sdk-js-\d+$/.test(name);
      const RoleSessionName = isMadeUp ? defaultSessionName(options) : name;
      return assumeRole(
        source,
        { ...parameters, RoleSessionName },
        stsPlace(options, profile),
      ) as Promise<typeof source>;
    },
    mfaCodeProvider: async (serial) => {
      if (options.askMfaCode === undefined) {
        throw mfaNeeded(profile);
      }
      return options.askMfaCode(serial);
    },
  });
  try {
    const { accessKeyId, secretAccessKey, sessionToken, expiration } = await provider();
    const source = `profile "${profile}" in ${options.files.paths.configFilepath}`;
    return { accessKeyId, secretAccessKey, sessionToken, expiration, source };
  } catch (error) {
    throw identityError(error, context);
  }
}

async function loadChain(options: CredentialOptions): Promise<Credentials> {
  const client = sdkClientOptions();
  const { fromNodeProviderChain } = await import("@aws-sdk/credential-providers");
  const provider = fromNodeProviderChain({
    ...options.files.paths,
    ignoreCache: true,
    logger: client.logger,
    clientConfig: client,
    parentClientConfig: {
      ...client,
      region: async () => stsRegion("", stsPlace(options, undefined)),
    },
    // The metadata service answers at once or is not there.
    timeout: 1_000,
    maxRetries: 0,
  });
  try {
    const { accessKeyId, secretAccessKey, sessionToken, expiration } = await provider();
    return {
      accessKeyId,
      secretAccessKey,
      sessionToken,
      expiration,
      source: "the AWS default chain",
    };
  } catch (error) {
    throw identityError(error, {
      profile: undefined,
      secrets: [options.env["AWS_SECRET_ACCESS_KEY"]],
    });
  }
}

// A [default] that only holds a region says nothing about who one is; a broken one should say why.
function hasDefaultProfile(files: ProfileFiles): boolean {
  const keys = files.profiles.get("default");
  return keys !== undefined && hasIdentity(keys);
}

function profileContext(profile: string, options: CredentialOptions): IdentityContext {
  const { profiles } = options.files;
  const chain = profileChain(profile, options.files);
  const login = chain.find((name) => {
    const keys = profiles.get(name);
    return keys?.["sso_session"] ?? keys?.["sso_start_url"] ?? keys?.["login_session"];
  });
  const isLoginSession =
    login !== undefined && profiles.get(login)?.["login_session"] !== undefined;
  return {
    profile,
    loginProfile: login,
    loginCommand: isLoginSession ? "aws login" : "aws sso login",
    secrets: [...profiles.values()].flatMap((keys) => [
      keys["aws_secret_access_key"],
      keys["aws_session_token"],
    ]),
  };
}

function stsPlace(options: CredentialOptions, profile: string | undefined): StsPlace {
  const profileRegion = options.files.profiles.get(profile ?? "default")?.["region"];
  return { env: options.env, profileRegion, fallbackRegion: options.fallbackRegion, profile };
}

function roleOf(profile: string, options: CredentialOptions): string {
  return options.files.profiles.get(profile)?.["role_arn"] ?? "";
}

function defaultSessionName(options: CredentialOptions): string {
  return roleSessionName(options.osUser ?? osUserName());
}

// A container may run under a user id that has no name.
function osUserName(): string {
  try {
    return userInfo().username;
  } catch {
    return "user";
  }
}

function expirationOf(value: string | undefined): Date | undefined {
  const date = new Date(value || Number.NaN);
  return Number.isNaN(date.getTime()) ? undefined : date;
}
