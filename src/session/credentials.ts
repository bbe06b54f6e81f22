// Creates the AWS credential source of a run, and calls AWS with it.
import { type CallerIdentity, callerIdentity, type ClockListener } from "../aws/caller-identity.ts";
import { cliCacheDirectory } from "../aws/cli-cache.ts";
import {
  type CredentialNeed,
  credentialNeed,
  type Credentials,
  credentialSource,
  type CredentialSource,
} from "../aws/credentials.ts";
import type { RoleOptions } from "../aws/assume-role.ts";
import type { AwsKeys } from "../aws/keys.ts";
import { awsCalls } from "../aws/source-credentials.ts";
import { proxyPasswords } from "../aws/proxy-setting.ts";
import type { ProcessSurroundings } from "../aws/process-credentials.ts";
import type { AwsCaller } from "../aws/rds-client.ts";
import type { AwsCalls } from "../aws/sdk.ts";
import { partitionOf } from "../base/partitions.ts";
import type { RunContext, Terminal } from "../base/context.ts";
import type { Log } from "../base/log.ts";
import { recentSecrets } from "../base/redact.ts";
import { loadAwsFiles } from "../config/aws-files.ts";
import type { Settings } from "../config/settings.ts";
import type { LoadedTargets } from "../config/targets.ts";
import { isTerminal } from "../runtime/stdio.ts";
import { mfaPrompt } from "./mfa-prompt.ts";
import { type RunSettings, targetWords } from "./settings.ts";

const SOON = 15 * 60_000; // ms
const SECRETS_KEPT = 24; // secrets of a role, two an hour as a rule, that the log strikes out

/** The settings that credentials depend on. */
export type CredentialSettings = Pick<RunSettings, "loaded" | "settings">;

type CredentialContext = Pick<RunContext, "env" | "home" | "log" | "terminal" | "waiting">;

/** The AWS credentials of a run. */
export interface RunCredentials {
  readonly credentials: CredentialSource;
  /** What the first call of it will take; throws for a profile that is broken. */
  readonly need: () => CredentialNeed;
}

/** What is not as in every run. */
export interface CredentialParts {
  /** Gives a program's own credentials, instead of a profile's or the environment's. */
  readonly own?: (() => Promise<AwsKeys>) | undefined;
  /** Leaves out the role that the profile itself assumes. */
  readonly withoutRole?: boolean | undefined;
  /** Asks no one to log in to IAM Identity Center. */
  readonly withoutLogin?: boolean | undefined;
}

/** Creates the credential source of a run for a database in a Region; nothing is fetched yet. */
export function openCredentials(
  { env, home, log, terminal, waiting }: CredentialContext,
  { settings, loaded }: CredentialSettings,
  region: string,
  { own, withoutRole, withoutLogin }: CredentialParts = {},
): RunCredentials {
  for (const password of proxyPasswords(env)) log.addSecret(password);
  const { profile, configProfile } = settings;
  const role = wantedRole(settings);
  const load = credentialSource({
    profile,
    configProfile,
    awsTimeout: settings.awsTimeout,
    files: loaded.aws,
    reloadFiles: () => loadAwsFiles(env, home),
    env,
    fallbackRegion: region,
    role,
    own,
    withoutRole,
    processSurroundings: () => processSurroundings(log, terminal),
    askMfaCode: mfaPrompt({
      code: settings.mfaCode,
      remedy: settings.cache ? cacheRemedy({ settings, loaded }) : undefined,
      terminal,
      onCode: log.addSecret,
    }),
    askSsoLogin:
      withoutLogin === true
        ? undefined
        : async (session, logIn) => {
            const { askSsoLogin } = await import("./sso-prompt.ts");
            return askSsoLogin({ env, log, terminal, waiting }, session, logIn);
          },
    onWait: (what) => waiting.start(what),
    cacheDirectory: settings.cache ? cliCacheDirectory(home) : undefined,
    note: log.verbose,
  });
  const need = (): CredentialNeed =>
    credentialNeed({ profile, configProfile, role, files: loaded.aws, env });
  const service = calledService(settings, loaded);
  const keepOut = recentSecrets(log.addSecret, SECRETS_KEPT);
  // It reads the profile's file, and stays the same for a run.
  let calls: boolean | undefined;
  let isNoted = false;
  const credentials: CredentialSource = async () => {
    calls ??= willCall(need);
    // Where a person may be asked for something, the terminal is for that.
    const found = await (calls ? waiting.for(service, load()) : load());
    for (const secret of [found.secretAccessKey, found.sessionToken]) if (secret) keepOut(secret);
    if (!isNoted) noteEnd(log, found);
    isNoted = true;
    return found;
  };
  return { credentials, need };
}

// A session that is open then goes on, and a new login fails where nothing renews them.
function noteEnd(log: Log, { expiration, source }: Credentials): void {
  const left = (expiration?.getTime() ?? Number.POSITIVE_INFINITY) - Date.now();
  if (left > SOON) return;
  const minutes = Math.max(0, Math.round(left / 60_000));
  log.notice(`the credentials of ${source} expire in ${minutes} min`);
}

/**
 * Makes a function that opens credentials for several targets: those with the same settings share one source, so that
 * nothing is fetched, or asked for, twice.
 */
export function sharedCredentials(): typeof openCredentials {
  const opened = new Map<string, RunCredentials>();
  return (context, run, region, parts) => {
    const { profile, configProfile, mfaCode, mfaSerial, awsTimeout, cache } = run.settings;
    const role = wantedRole(run.settings);
    // The Region of the database matters to STS where the profile has none, and any of its partition will do.
    const { name: partition } = partitionOf(region);
    const same = { profile, configProfile, mfaCode, mfaSerial, awsTimeout, cache, role, partition };
    const key = JSON.stringify(same);
    const credentials = opened.get(key) ?? openCredentials(context, run, region, parts);
    opened.set(key, credentials);
    return credentials;
  };
}

/** How AWS is called in a run: profile, endpoints, CA bundle, time limits. */
export function callsOf(
  { env }: Pick<RunContext, "env">,
  { settings, loaded }: CredentialSettings,
): AwsCalls {
  const { awsTimeout, configProfile, profile } = settings;
  return awsCalls(profile, { env, files: loaded.aws, configProfile, awsTimeout });
}

/** Who calls AWS's APIs in a run, and in which Region. */
export function callerOf(
  context: Pick<RunContext, "env">,
  run: CredentialSettings,
  region: string,
  credentials: CredentialSource,
): AwsCaller {
  return { credentials, region, calls: callsOf(context, run), profile: run.settings.profile };
}

/** Asks STS for the identity of credentials; `onClock` hears how many milliseconds the clock here is ahead. */
export async function identify(
  context: RunContext,
  run: CredentialSettings & { readonly region: string },
  credentials: Credentials,
  onClock?: ClockListener,
): Promise<CallerIdentity> {
  const { profile } = run.settings;
  const place = { ...callsOf(context, run), fallbackRegion: run.region, profile };
  return context.waiting.for("STS", callerIdentity(credentials, place, onClock));
}

function processSurroundings(log: Log, terminal: Terminal): ProcessSurroundings {
  return {
    hasTerminal: !terminal.isGivenAway() && terminal.isThere(),
    isStdinTerminal: isTerminal(0),
    onStderr: log.passOn,
    onWait: (what) => log.notice(`waiting for ${what}`),
  };
}

function calledService({ roleArn, profile = "default" }: Settings, loaded: LoadedTargets): string {
  const role = roleArn ?? loaded.aws.profiles.get(profile)?.get("role_arn")?.text;
  return role === undefined ? "AWS credentials" : "STS";
}

function wantedRole(settings: Settings): RoleOptions | undefined {
  const { roleArn, externalId, roleSessionName, durationSeconds, mfaSerial } = settings;
  const role = { externalId, sessionName: roleSessionName, durationSeconds, mfaSerial };
  return roleArn === undefined ? undefined : { roleArn, ...role };
}

// What is wrong with a broken profile is reported where the credentials are fetched.
function willCall(need: () => CredentialNeed): boolean {
  try {
    return need() === "network";
  } catch {
    return false;
  }
}

// Any run of rdsiam as the same identity puts the role into the cache, where the next login of this one finds it.
function cacheRemedy(run: CredentialSettings): string {
  return `rdsiam token ${targetWords(run)} > /dev/null (with the options of this run)`;
}
