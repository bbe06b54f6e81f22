// Creates the AWS credential source of a run: the chosen profile, else the environment and the SDK's default chain, and
// on top of either the one role of rds_role_arn. The source is called late and again and again.
// The profile comes before the default chain because the chain hides why a profile failed.
// https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html

import { readFileSync } from "node:fs";
import { userInfo } from "node:os";
import type { Environment } from "../base/context.ts";
import {
  type AskMfaCode,
  roleCredentials,
  type RoleOptions,
  roleSessionName,
} from "./assume-role.ts";
import { openCliCache } from "./cli-cache.ts";
import { type AwsKeys, checkedKeys, environmentKeys, hasEnvironmentKeys } from "./keys.ts";
import { type ChosenSource, chooseSource } from "./choose-source.ts";
import type { ProcessSurroundings } from "./process-credentials.ts";
import { checkProfiles } from "./profile-check.ts";
import { withoutCredentials } from "./profile-errors.ts";
import { placeOf, type ProfileFiles } from "./profile-files.ts";
import { type SourceContext, sourceCredentials, stsCalls } from "./source-credentials.ts";
import { type AskSsoLogin, isGood, keptToken, ssoSession, type TokenContext } from "./sso-token.ts";

/** AWS credentials and where they are from. */
export interface Credentials extends AwsKeys {
  /** For people: `profile "prod" in ~/.aws/config`. */
  readonly source: string;
}

/** Gives credentials that are good for two minutes or more, where the source has such. */
export type CredentialSource = () => Promise<Credentials>;

/** Which credentials, and how to get them. */
export interface CredentialOptions {
  /** The AWS profile; undefined for the environment and the default chain. */
  readonly profile: string | undefined;
  readonly files: ProfileFiles;
  /** Reads the files anew, for every fetch but the first. */
  readonly reloadFiles?: (() => ProfileFiles) | undefined;
  readonly env: Environment;
  /** A Region of the database's partition, for STS calls when neither profile nor environment has one. */
  readonly fallbackRegion?: string | undefined;
  /** The role that is assumed on top of a profile's credentials. */
  readonly role?: RoleOptions | undefined;
  /** Leaves out the role that the profile itself assumes, to find out which of the two fails. */
  readonly withoutRole?: boolean | undefined;
  /** Credentials of the program's own, instead of a profile's or the environment's. */
  readonly own?: (() => Promise<AwsKeys>) | undefined;
  /** Asks a person for the code of an MFA device; absent where no person can be asked. */
  readonly askMfaCode?: AskMfaCode | undefined;
  /** Asks a person to log in to IAM Identity Center; absent where no person can be asked. */
  readonly askSsoLogin?: AskSsoLogin | undefined;
  /** Called when another process is waited for; what it returns is called when that is over. */
  readonly onWait?: TokenContext["onWait"];
  /** What a credential_process finds around it, when it is started; absent where no person can be asked. */
  readonly processSurroundings?: (() => ProcessSurroundings) | undefined;
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
      files = options.reloadFiles();
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

function contextOf(options: CredentialOptions, now: () => number): SourceContext {
  const { cacheDirectory, note = () => {} } = options;
  return {
    files: options.files,
    env: options.env,
    fallbackRegion: options.fallbackRegion,
    defaultSessionName: roleSessionName(options.osUser ?? osUserName()),
    askMfaCode: options.askMfaCode,
    cache: cacheDirectory === undefined ? undefined : openCliCache(cacheDirectory, now),
    note,
    processSurroundings: options.processSurroundings?.(),
    askSsoLogin: options.askSsoLogin,
    onWait: options.onWait,
    configProfile: options.configProfile,
    awsTimeout: options.awsTimeout,
  };
}

async function loadCredentials(
  options: CredentialOptions,
  context: SourceContext,
): Promise<Loaded> {
  const { own, profile, role } = options;
  const load = () => (own === undefined ? loadBase(options, context) : loadOwn(own));
  if (role === undefined) {
    return load();
  }
  let base: string | undefined;
  const source = async (): Promise<AwsKeys> => {
    const found = await load();
    base = found.source;
    return found;
  };
  const found = await roleCredentials(role, source, context, stsCalls(profile, context));
  const how = found.cached ? CACHED : ` assumed with ${base}`;
  return { ...checkedKeys(found, "STS"), source: `${role.roleArn}${how}` };
}

const CACHED = " (from the AWS CLI's cache)";

const OWN = "the program's own credentials";

// Without an expiration they are fetched as often as those in a file: something else renews both.
async function loadOwn(own: NonNullable<CredentialOptions["own"]>): Promise<Loaded> {
  const keys = checkedKeys(await own(), OWN);
  const fromFile = keys.expiration === undefined;
  return { ...keys, source: OWN, fromFile };
}

type SourceOptions = Pick<CredentialOptions, "configProfile" | "env" | "files" | "profile">;

/** Chooses where the credentials of a run come from, without its rds_role_arn; throws for a profile that is broken. */
export function runSource({ configProfile, env, files, profile }: SourceOptions): ChosenSource {
  // Half a key is a slip, even where the AWS CLI takes something else.
  if (profile === undefined && hasEnvironmentKeys(env)) environmentKeys(env);
  const source = chooseSource({
    files,
    env,
    // A profile that is named and has no credentials gives way to the environment's and the machine's, never to [default]'s.
    profile: profile ?? configProfile,
    isExplicit: profile !== undefined,
    readBoto: files.readOther,
    readText: (path) => readText(path, env),
  });
  // A profile that was named never gives way to other credentials.
  if (profile !== undefined && NOT_OF_PROFILES.has(source.method)) {
    throw withoutCredentials(profile, files);
  }
  if (source.method !== "env") checkProfiles(profile ?? configProfile ?? "default", source, files);
  return source;
}

const NOT_OF_PROFILES: ReadonlySet<ChosenSource["method"]> = new Set([
  "boto-config",
  "container-role",
  "ec2-credentials-file",
  "iam-role",
] as const);

function readText(path: string, { HOME = "" }: Environment): string | undefined {
  try {
    return readFileSync(path.replace(/^~(?=\/|$)/, HOME), "utf8");
  } catch {
    return undefined;
  }
}

async function loadBase(
  { configProfile, env, profile, withoutRole }: CredentialOptions,
  context: SourceContext,
): Promise<Loaded> {
  const chosen = runSource({ configProfile, env, profile, files: context.files });
  const source = withoutRole === true && chosen.method === "assume-role" ? chosen.from : chosen;
  const { cached, fromFile, ...keys } = await sourceCredentials(source, profile, context);
  const name = sourceName(source, profile ?? configProfile, context);
  return { ...keys, source: `${name}${cached ? CACHED : ""}`, fromFile };
}

/** A source for people, with the file and line where it is. */
function sourceName(
  source: ChosenSource,
  profile = "default",
  { env, files }: SourceContext,
): string {
  const inProfile = (name: string, key: string): string =>
    `profile "${name}" in ${placeOf(files.profiles.get(name)?.get(key), files)}`;
  switch (source.method) {
    case "env":
      return "AWS_ACCESS_KEY_ID in the environment";
    case "shared-credentials-file":
    case "config-file":
      return `profile "${profile}" in ${placeOf(source.place, files)}`;
    case "ec2-credentials-file":
    case "boto-config":
      return placeOf(source.place, files);
    case "assume-role":
      return inProfile(source.profile, "role_arn");
    case "assume-role-with-web-identity":
      return env["AWS_WEB_IDENTITY_TOKEN_FILE"] === source.tokenFile
        ? `${source.roleArn} assumed with AWS_WEB_IDENTITY_TOKEN_FILE`
        : inProfile(profile, "web_identity_token_file");
    case "sso":
      return inProfile(source.profile, "sso_account_id");
    case "login":
      return inProfile(source.profile, "login_session");
    case "custom-process":
      return inProfile(source.profile, "credential_process");
    case "container-role":
      return "the container credentials server";
    case "iam-role":
      return "the instance metadata service";
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
export function credentialNeed({
  role,
  ...options
}: SourceOptions & Pick<CredentialOptions, "role">): CredentialNeed {
  const base = sourceNeed(runSource(options), options);
  if (role === undefined || base === "terminal") return base;
  return role.mfaSerial === undefined ? "network" : "terminal";
}

function sourceNeed(
  source: ChosenSource,
  { env, files }: Pick<SourceOptions, "env" | "files">,
): CredentialNeed {
  switch (source.method) {
    case "env":
    case "shared-credentials-file":
    case "config-file":
    case "ec2-credentials-file":
    case "boto-config":
      return "files";
    case "assume-role": {
      const asks =
        source.mfaSerial !== undefined || sourceNeed(source.from, { env, files }) === "terminal";
      return asks ? "terminal" : "network";
    }
    // It may ask on the terminal for the passphrase of its own store.
    case "custom-process":
      return "terminal";
    // Without a metadata service the error comes at once.
    case "iam-role":
      return env["AWS_EC2_METADATA_DISABLED"]?.toLowerCase() === "true" ? "files" : "network";
    case "assume-role-with-web-identity":
    case "container-role":
    case "login":
      return "network";
    // Without a good token a person may be asked to log in.
    case "sso":
      return isGood(keptToken(ssoSession(source, files), { env })) ? "network" : "terminal";
  }
}
