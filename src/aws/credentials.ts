// Creates the AWS credential source of a run: the chosen profile, else the environment and the SDK's default chain, and
// on top of either the one role of rds_role_arn. The source is called late and again and again.
// The profile comes before the default chain because the chain hides why a profile failed.
// https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html

import { userInfo } from "node:os";
import type { Environment } from "../base/context.ts";
import {
  type AskMfaCode,
  roleCredentials,
  roleSessionName,
  type StsCalls,
  stsRegion,
} from "./assume-role.ts";
import { openCliCache } from "./cli-cache.ts";
import { stsEndpointOptions } from "./endpoints.ts";
import { type AwsKeys, checkedKeys, environmentKeys, hasEnvironmentKeys } from "./keys.ts";
import { checkProfile, hasIdentity, hasStaticKeys, profileChain } from "./profile-check.ts";
import {
  METADATA_OPTIONS,
  profileCredentials,
  type ProfileContext,
  stsCalls,
} from "./profile-credentials.ts";
import type { ProfileFiles } from "./profile-files.ts";
import { sdkClientOptions } from "./sdk.ts";
import { identityError } from "./sdk-error.ts";

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

/** Which credentials, and how to get them. */
export interface CredentialOptions {
  /** The AWS profile; undefined for the environment and the default chain. */
  readonly profile: string | undefined;
  readonly files: ProfileFiles;
  /** Reads the files anew, for every fetch but the first. */
  readonly reloadFiles?: (() => Promise<ProfileFiles>) | undefined;
  readonly env: Environment;
  /** A Region of the database's partition, for STS calls when neither profile nor environment has one. */
  readonly fallbackRegion?: string | undefined;
  readonly role?: RoleOptions | undefined;
  /** Credentials of the program's own, instead of a profile's or the environment's. */
  readonly own?: (() => Promise<AwsKeys>) | undefined;
  /** Asks a person for the code of an MFA device; absent where there is no one to ask. */
  readonly askMfaCode?: AskMfaCode | undefined;
  /** The directory of the AWS CLI's credential cache; absent where nothing may be cached. */
  readonly cacheDirectory?: string | undefined;
  /** Logs each step, for --verbose. */
  readonly note?: ((line: string) => void) | undefined;
  /** The profile whose region, ca_bundle and endpoints apply; `profile` when absent. */
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
  /** Whether they are read from a file as they are, and may change there without notice. */
  readonly fromFile?: boolean | undefined;
}

/** Makes the function that gets credentials: cached until two minutes before their end, one fetch at a time. */
export function credentialSource(options: CredentialOptions): CredentialSource {
  // Looked up at each call: a program of the library may replace its clock.
  const now = options.now ?? (() => Date.now());
  let held: { readonly credentials: Credentials; readonly isGood: () => boolean } | undefined;
  let pending: Promise<Credentials> | undefined;
  let { files } = options;
  let isFirst = true;
  const load = async (): Promise<Credentials> => {
    if (!isFirst && options.reloadFiles !== undefined) {
      files = await options.reloadFiles();
    }
    isFirst = false;
    const context = contextOf({ ...options, files }, now);
    const { fromFile, ...credentials } = await loadCredentials(options, context);
    const since = now();
    const end = credentials.expiration?.getTime() ?? Number.POSITIVE_INFINITY;
    const isGood = (): boolean =>
      end - now() > REFRESH_MS && !(fromFile === true && now() - since > FILE_MS);
    held = { credentials, isGood };
    return credentials;
  };
  return async () => {
    if (held?.isGood() === true) {
      return held.credentials;
    }
    pending ??= load().finally(() => {
      pending = undefined;
    });
    return pending;
  };
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
  const parameters = {
    RoleArn: role.roleArn,
    RoleSessionName: role.sessionName,
    ExternalId: role.externalId,
    DurationSeconds: role.durationSeconds,
    SerialNumber: role.mfaSerial,
  };
  const source = async (): Promise<AwsKeys> => {
    const found = await load();
    base = found.source;
    return found;
  };
  const found = await roleCredentials(parameters, source, context, stsCalls(profile, context));
  const how = found.cached ? CACHED : ` assumed with ${base}`;
  return { ...checkedKeys(found), source: `${role.roleArn}${how}` };
}

const CACHED = " (from the AWS CLI's cache)";

// Without an expiration they are fetched as often as those in a file: something else renews both.
async function loadOwn(own: NonNullable<CredentialOptions["own"]>): Promise<Loaded> {
  const keys = checkedKeys(await own());
  const fromFile = keys.expiration === undefined;
  return { ...keys, source: "the program's own credentials", fromFile };
}

async function loadBase(profile: string | undefined, context: ProfileContext): Promise<Loaded> {
  if (profile === undefined && hasEnvironmentKeys(context.env)) {
    const source = "AWS_ACCESS_KEY_ID in the environment";
    return { ...environmentKeys(context.env, "rdsiam"), source };
  }
  if (profile === undefined && hasWebIdentity(context)) {
    return loadWebIdentity(context);
  }
  if (profile === undefined && !hasDefaultProfile(context)) {
    return loadChain(context);
  }
  const name = profile ?? "default";
  const found = await profileCredentials(name, context);
  const source = `profile "${name}" in ${context.files.paths.configFilepath}${found.cached ? CACHED : ""}`;
  return { ...checkedKeys(found), source, fromFile: found.fromFile };
}

// Whether AWS_WEB_IDENTITY_TOKEN_FILE applies where no profile is chosen. The AWS CLI's order: a role of the default
// profile, this, all else of the default profile.
function hasWebIdentity({ env, files }: Pick<ProfileContext, "env" | "files">): boolean {
  const keys = files.profiles.get("default");
  const isRole =
    keys?.["role_arn"] !== undefined &&
    (keys["source_profile"] ?? keys["credential_source"]) !== undefined;
  return Boolean(env["AWS_WEB_IDENTITY_TOKEN_FILE"] && env["AWS_ROLE_ARN"]) && !isRole;
}

// A [default] that only holds a region has no identity in it; a broken one should say why.
function hasDefaultProfile({ files }: Pick<ProfileContext, "files">): boolean {
  return hasIdentity(files.profiles.get("default") ?? {});
}

// The file that Kubernetes and CI systems write for a role.
// https://docs.aws.amazon.com/sdkref/latest/guide/feature-assume-role-credentials.html
async function loadWebIdentity(context: ProfileContext): Promise<Credentials> {
  const { env } = context;
  const roleArn = env["AWS_ROLE_ARN"] ?? "";
  const calls = stsCalls(undefined, context);
  const region = stsRegion(roleArn, calls);
  const where = stsEndpointOptions(calls);
  const client = await sdkClientOptions(calls);
  const { fromTokenFile } = await import("@aws-sdk/credential-providers");
  const provider = fromTokenFile({
    webIdentityTokenFile: env["AWS_WEB_IDENTITY_TOKEN_FILE"] ?? "",
    roleArn,
    roleSessionName: env["AWS_ROLE_SESSION_NAME"] || context.defaultSessionName,
    logger: client.logger,
    clientConfig: { ...client, ...where, region },
  });
  try {
    const source = `${roleArn} assumed with AWS_WEB_IDENTITY_TOKEN_FILE`;
    return { ...checkedKeys(await provider()), source };
  } catch (error) {
    const endpoint = where.endpoint ?? `STS in ${region}`;
    const failed = client.requestHandler.failure ?? error;
    throw identityError(failed, { profile: undefined, roleArn, endpoint });
  }
}

async function loadChain(context: ProfileContext): Promise<Credentials> {
  const calls: StsCalls = stsCalls(undefined, context);
  const client = await sdkClientOptions(calls);
  const { fromNodeProviderChain } = await import("@aws-sdk/credential-providers");
  const provider = fromNodeProviderChain({
    ...context.files.paths,
    ...METADATA_OPTIONS,
    ignoreCache: true,
    logger: client.logger,
    clientConfig: client,
    parentClientConfig: {
      ...client,
      region: async () => stsRegion(context.env["AWS_ROLE_ARN"] ?? "", calls),
    },
  });
  try {
    return { ...checkedKeys(await provider()), source: "the AWS default chain" };
  } catch (error) {
    throw identityError(client.requestHandler.failure ?? error, {
      profile: undefined,
      secrets: [context.env["AWS_CONTAINER_AUTHORIZATION_TOKEN"]],
    });
  }
}

// A container may run under a user id that has no name.
function osUserName(): string {
  try {
    return userInfo().username;
  } catch {
    return "user";
  }
}

/**
 * What getting credentials needs: nothing but the files and the environment; the network; or the terminal, as a person may
 * be asked for something. A tool may start before its credentials are there only where the terminal is not needed.
 */
export type CredentialNeed = "files" | "network" | "terminal";

/** Tells what getting credentials needs, without getting them; throws for a profile that the files show to be broken. */
export function credentialNeed(
  options: Pick<CredentialOptions, "profile" | "role" | "files" | "env">,
): CredentialNeed {
  const { role } = options;
  const base = baseNeed(options);
  if (role === undefined || base === "terminal") return base;
  return role.mfaSerial === undefined ? "network" : "terminal";
}

function baseNeed({
  profile,
  files,
  env,
}: Pick<CredentialOptions, "profile" | "files" | "env">): CredentialNeed {
  if (profile === undefined && hasEnvironmentKeys(env)) return "files";
  if (profile === undefined && hasWebIdentity({ env, files })) return "network";
  // What is left is the metadata service of a container or an instance; without one, the error comes at once.
  if (profile === undefined && !hasDefaultProfile({ files })) {
    return hasMetadataService(env) ? "network" : "files";
  }
  const name = profile ?? "default";
  checkProfile(name, files);
  const chain = profileChain(name, files).map((each) => files.profiles.get(each) ?? {});
  const [top = {}] = chain;
  if (hasStaticKeys(top) && top["role_arn"] === undefined) return "files";
  // A credential_process may ask on the terminal for the passphrase of its own store.
  const asks = chain.some(
    (keys) => keys["credential_process"] !== undefined || keys["mfa_serial"] !== undefined,
  );
  return asks ? "terminal" : "network";
}

function hasMetadataService(env: Environment): boolean {
  const isContainer =
    env["AWS_CONTAINER_CREDENTIALS_FULL_URI"] || env["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"];
  return Boolean(isContainer) || env["AWS_EC2_METADATA_DISABLED"]?.toLowerCase() !== "true";
}
