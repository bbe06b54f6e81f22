// Gets AWS credentials: from the profile that is meant, else from the environment and the SDK's default chain, and on
// top of either the one role of rds_role_arn. The function that is made here is called late and again and again.
// The profile comes before the default chain because the chain hides why a profile failed.
// https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html

import { userInfo } from "node:os";
import { type AwsKeys, roleSessionName, stsRegion } from "./assume-role.ts";
import { openCliCache } from "./cli-cache.ts";
import { environmentKeys, hasEnvironmentKeys } from "./environment-keys.ts";
import { identityError } from "./errors.ts";
import { hasIdentity } from "./profile-check.ts";
import {
  awsCalls,
  METADATA_OPTIONS,
  profileCredentials,
  type ProfileContext,
  stsPlace,
} from "./profile-credentials.ts";
import type { ProfileFiles } from "./profile-files.ts";
import { type AskMfaCode, roleCredentials } from "./role-credentials.ts";
import { sdkClientOptions } from "./sdk.ts";
import { hasWebIdentity, webIdentityCredentials } from "./web-identity.ts";

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
  readonly mfaSerial?: string | undefined;
}

/** Who to be in AWS. */
export interface CredentialOptions {
  /** The AWS profile that is meant; undefined for the environment and the default chain. */
  readonly profile: string | undefined;
  readonly files: ProfileFiles;
  /** Reads the files anew, for every fetch but the first. */
  readonly reloadFiles?: (() => Promise<ProfileFiles>) | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** A Region of the database's partition, for STS calls when neither profile nor environment has one. */
  readonly fallbackRegion?: string | undefined;
  readonly role?: RoleOptions | undefined;
  /** Credentials of the program's own, instead of a profile's or the environment's. */
  readonly own?: (() => Promise<AwsKeys>) | undefined;
  /** Asks a person for the code of an MFA device; absent where nobody can be asked. */
  readonly askMfaCode?: AskMfaCode | undefined;
  /** The directory of the AWS CLI's credential cache; absent where nothing may be cached. */
  readonly cacheDirectory?: string | undefined;
  /** Hears of each step, for --verbose. */
  readonly note?: ((line: string) => void) | undefined;
  /** The profile whose region, ca_bundle and endpoints count; the one that is meant when absent. */
  readonly configProfile?: string | undefined;
  /** Seconds for one AWS call. */
  readonly awsTimeout?: number | undefined;
  readonly osUser?: string | undefined;
  readonly now?: (() => number) | undefined;
}

// Credentials with less left than this are fetched again before they are used.
const REFRESH_MS = 120_000;

// Keys in a file have no end that one could see: other tools put new ones there before the old ones die.
const FILE_MS = 60_000;

interface Loaded extends Credentials {
  readonly fromFile?: boolean;
}

/** Makes the function that gets credentials: cached until two minutes before their end, one fetch at a time. */
export function credentialSource(options: CredentialOptions): CredentialSource {
  const now = options.now ?? Date.now;
  let held: { readonly credentials: Loaded; readonly since: number } | undefined;
  let pending: Promise<Credentials> | undefined;
  let { files } = options;
  let isFirst = true;
  const isGood = (): boolean => {
    const { credentials, since = 0 } = held ?? {};
    const end = credentials?.expiration?.getTime() ?? Number.POSITIVE_INFINITY;
    const isOld = credentials?.fromFile === true && now() - since > FILE_MS;
    return credentials !== undefined && !isOld && end - now() > REFRESH_MS;
  };
  const load = async (): Promise<Credentials> => {
    if (!isFirst && options.reloadFiles !== undefined) {
      files = await options.reloadFiles();
    }
    isFirst = false;
    const credentials = await loadCredentials(options, contextOf({ ...options, files }, now));
    held = { credentials, since: now() };
    return publicPart(credentials);
  };
  return async () => {
    if (held !== undefined && isGood()) {
      return publicPart(held.credentials);
    }
    pending ??= load().finally(() => {
      pending = undefined;
    });
    return pending;
  };
}

function publicPart(loaded: Loaded): Credentials {
  const { accessKeyId, secretAccessKey, sessionToken, expiration, source } = loaded;
  return { accessKeyId, secretAccessKey, sessionToken, expiration, source };
}

function contextOf(options: CredentialOptions, now: () => number): ProfileContext {
  const { cacheDirectory, note = () => {} } = options;
  return {
    files: options.files,
    env: options.env,
    fallbackRegion: options.fallbackRegion,
    defaultSessionName: roleSessionName(options.osUser ?? osUserName()),
    askMfaCode: options.askMfaCode,
    cache: cacheDirectory === undefined ? undefined : openCliCache(cacheDirectory, now),
    note,
    configProfile: options.configProfile,
    awsTimeout: options.awsTimeout,
  };
}

async function loadCredentials(
  { role, profile, own }: CredentialOptions,
  context: ProfileContext,
): Promise<Loaded> {
  const load = () => (own === undefined ? loadBase(profile, context) : loadOwn(own));
  if (role === undefined) {
    return load();
  }
  let base: string | undefined;
  const {
    cached,
    user: _,
    ...keys
  } = await roleCredentials(
    {
      ...role,
      sessionName: role.sessionName,
      externalId: role.externalId,
      durationSeconds: role.durationSeconds,
      mfaSerial: role.mfaSerial,
      defaultSessionName: context.defaultSessionName,
    },
    async () => {
      const { source, ...found } = await load();
      base = source;
      return found;
    },
    { ...context, place: stsPlace(profile, context) },
  );
  const how = cached ? CACHED : ` assumed with ${base}`;
  return { ...keys, source: `${role.roleArn}${how}` };
}

const CACHED = " (from the AWS CLI's cache)";

// Where they show no end they are asked for as often as those in a file: something else renews both.
async function loadOwn(own: NonNullable<CredentialOptions["own"]>): Promise<Loaded> {
  const { accessKeyId, secretAccessKey, sessionToken, expiration } = await own();
  const keys = { accessKeyId, secretAccessKey, sessionToken, expiration };
  return { ...keys, source: "the program's own credentials", fromFile: expiration === undefined };
}

async function loadBase(profile: string | undefined, context: ProfileContext): Promise<Loaded> {
  const name = profile ?? (hasDefaultProfile(context.files) ? "default" : undefined);
  if (profile === undefined && hasEnvironmentKeys(context.env)) {
    const source = "AWS_ACCESS_KEY_ID in the environment";
    return { ...environmentKeys(context.env), source };
  }
  if (profile === undefined && hasWebIdentity(context)) {
    return webIdentityCredentials(context);
  }
  if (name === undefined) {
    return loadChain(context);
  }
  const found = await profileCredentials(name, context);
  const { accessKeyId, secretAccessKey, sessionToken, expiration, cached, fromFile } = found;
  const source = `profile "${name}" in ${context.files.paths.configFilepath}${cached ? CACHED : ""}`;
  return { accessKeyId, secretAccessKey, sessionToken, expiration, source, fromFile };
}

async function loadChain(context: ProfileContext): Promise<Credentials> {
  const client = await sdkClientOptions(awsCalls(undefined, context));
  const { fromNodeProviderChain } = await import("@aws-sdk/credential-providers");
  const provider = fromNodeProviderChain({
    ...context.files.paths,
    ...METADATA_OPTIONS,
    ignoreCache: true,
    logger: client.logger,
    clientConfig: client,
    parentClientConfig: {
      ...client,
      region: async () =>
        stsRegion(context.env["AWS_ROLE_ARN"] ?? "", stsPlace(undefined, context)),
    },
  });
  try {
    const { accessKeyId, secretAccessKey, sessionToken, expiration } = await provider();
    const source = "the AWS default chain";
    return { accessKeyId, secretAccessKey, sessionToken, expiration, source };
  } catch (error) {
    throw identityError(client.requestHandler.failure ?? error, {
      profile: undefined,
      secrets: [context.env["AWS_CONTAINER_AUTHORIZATION_TOKEN"]],
    });
  }
}

// A [default] that only holds a region says nothing about who one is; a broken one should say why.
function hasDefaultProfile(files: ProfileFiles): boolean {
  const keys = files.profiles.get("default");
  return keys !== undefined && hasIdentity(keys);
}

// A container may run under a user id that has no name.
function osUserName(): string {
  try {
    return userInfo().username;
  } catch {
    return "user";
  }
}
