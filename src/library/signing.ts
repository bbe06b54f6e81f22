// Who signs: a source of AWS credentials, and of the tokens that are signed with them, kept by the command line's own rules.
// Nobody is ever asked for an MFA code: the process may have a terminal, and it is not the library's.
import { cliCacheDirectory } from "../aws/cli-cache.ts";
import { credentialSource, type CredentialSource } from "../aws/credentials.ts";
import { type AuthTokenSource, authTokenSource } from "../aws/token-cache.ts";
import { loadAwsFiles } from "../config/aws-files.ts";
import type { Settings } from "../config/settings.ts";
import type { LoadedTargets } from "../config/targets.ts";
import { RdsIamError } from "../base/errors.ts";
import type { AwsCredentials, SigningOptions, TokenRequest, TokenSource } from "./public.ts";
import type { Surroundings } from "./surroundings.ts";

/** What the credentials come from. */
export interface SigningRequest {
  readonly settings: Settings;
  readonly loaded: LoadedTargets;
  readonly credentials: SigningOptions["credentials"];
}

/** Credentials, and tokens that they sign. */
export interface Signing {
  /** The one source, whatever Region it is first asked with: that is a fallback for STS alone. */
  readonly credentials: (region: string) => CredentialSource;
  readonly token: TokenSource;
}

// A program has a handful of databases; one that makes up names must not fill the memory.
const MOST_DATABASES = 64;

/** Makes the signing side; nothing is fetched yet. */
export function openSigning(surroundings: Surroundings, request: SigningRequest): Signing {
  let source: CredentialSource | undefined;
  const credentials = (region: string): CredentialSource =>
    (source ??= openCredentials(surroundings, request, region));
  const databases = new Map<string, AuthTokenSource>();
  const token = async ({ host, port, user, region }: TokenRequest): Promise<string> => {
    const key = JSON.stringify([host, port, region]);
    const place = { host, port, region, now };
    const tokens =
      databases.get(key) ?? authTokenSource({ ...place, credentials: credentials(region) });
    const [oldest = ""] = databases.keys();
    if (!databases.has(key) && databases.size >= MOST_DATABASES) databases.delete(oldest);
    databases.set(key, tokens);
    return (await tokens(user)).token;
  };
  return { credentials, token };
}

// Asked anew each time: a program may set its clock.
function now(): number {
  return Date.now();
}

function openCredentials(
  { env, home, log }: Surroundings,
  { settings, loaded, credentials: own }: SigningRequest,
  fallbackRegion: string,
): CredentialSource {
  const { profile, configProfile, awsTimeout } = settings;
  const load = credentialSource({
    profile,
    configProfile,
    awsTimeout,
    files: loaded.aws,
    reloadFiles: () => loadAwsFiles(env, home),
    env,
    fallbackRegion,
    role: roleOf(settings),
    own: own === undefined ? undefined : () => ownCredentials(own),
    askMfaCode: mfaAnswer(settings, loaded),
    cacheDirectory: settings.cache ? cliCacheDirectory(home) : undefined,
    now,
  });
  // Those of roles change for as long as the program runs.
  let forget: readonly (() => void)[] = [];
  return async () => {
    const found = await load();
    for (const each of forget) each();
    forget = [found.secretAccessKey, found.sessionToken ?? ""].map(log.addSecret);
    return found;
  };
}

async function ownCredentials(
  own: NonNullable<SigningOptions["credentials"]>,
): Promise<AwsCredentials> {
  const given: Partial<AwsCredentials> | undefined = await called(own);
  const { accessKeyId, secretAccessKey, sessionToken, expiration } = given ?? {};
  if (accessKeyId && secretAccessKey) {
    return { accessKeyId, secretAccessKey, sessionToken, expiration };
  }
  throw new RdsIamError("the given credentials have no AWS keys", {
    code: "ERR_CREDENTIALS",
    detail:
      "There have to be accessKeyId and secretAccessKey, and sessionToken for temporary ones.",
  });
}

async function called(own: NonNullable<SigningOptions["credentials"]>): Promise<AwsCredentials> {
  try {
    return await (typeof own === "function" ? own() : own);
  } catch (error) {
    if (error instanceof RdsIamError) throw error;
    const text = error instanceof Error ? error.message : String(error);
    throw new RdsIamError(`the credentials function failed: ${text}`, {
      code: "ERR_CREDENTIALS",
      cause: error,
    });
  }
}

function roleOf(settings: Settings) {
  const { roleArn, externalId, roleSessionName, durationSeconds, mfaSerial } = settings;
  const role = { externalId, sessionName: roleSessionName, durationSeconds, mfaSerial };
  return roleArn === undefined ? undefined : { roleArn, ...role };
}

// RDSIAM_MFA_CODE answers once: a code is good for one call.
function mfaAnswer({ mfaCode, target }: Settings, { targets }: LoadedTargets) {
  let code = mfaCode;
  const isKnown = target !== undefined && targets.has(target);
  const command = isKnown ? `rdsiam token ${target}` : "rdsiam token";
  return async ({ serial, roleArn }: { readonly serial: string; readonly roleArn: string }) => {
    const given = code;
    code = undefined;
    if (given !== undefined) return given;
    throw new RdsIamError(`${roleArn} needs an MFA code of ${serial}`, {
      code: "ERR_MFA",
      detail: "A program is not asked for codes.",
      hint: `At a terminal run: ${command} > /dev/null. The role is then in the AWS CLI's cache, where this program finds it.`,
    });
  };
}
