// The part of a session that is about who one is: settings and files in, a credential source out, with the terminal to ask
// for MFA codes as long as the tool does not have it.
import { cliCacheDirectory } from "../aws/cli-cache.ts";
import {
  type CredentialNeed,
  credentialNeed,
  credentialSource,
  type CredentialSource,
  type RoleOptions,
} from "../aws/credentials.ts";
import { proxyPasswords } from "../aws/proxy-setting.ts";
import { askOnTerminal, hasTerminal, writeTerminal } from "../tool/terminal-prompt.ts";
import { loadAwsFiles } from "../config/aws-files.ts";
import type { Settings } from "../config/settings.ts";
import type { LoadedTargets } from "../config/targets.ts";
import type { Log } from "../base/log.ts";
import { mfaPrompt } from "./mfa-prompt.ts";
import { recentSecrets } from "../base/redact.ts";
import type { Waiting } from "../base/waiting.ts";

const KEPT_OUT = 24; // secrets of a role, two an hour as a rule, that the log strikes out

/** What the process edge hands in. */
export interface IdentityEdge {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly home: string;
  readonly log: Log;
  readonly waiting: Waiting;
}

/** What the credentials are for. */
export interface IdentityRequest {
  readonly settings: Settings;
  readonly loaded: LoadedTargets;
  /** The database's Region. */
  readonly region: string;
}

/** A credential source, and the way to tell it that the terminal is the tool's from now on. */
export interface Identity {
  readonly credentials: CredentialSource;
  /** What the first call of it will take; throws for a profile that is broken. */
  readonly effort: () => CredentialNeed;
  readonly giveTerminalAway: () => void;
}

/** Makes the credential source of a session; nothing is fetched yet. */
export async function openIdentity(
  { env, home, log, waiting }: IdentityEdge,
  { settings, loaded, region }: IdentityRequest,
): Promise<Identity> {
  const prompt = mfaPrompt({
    code: settings.mfaCode,
    remedy: settings.cache ? remedy(settings, loaded) : undefined,
    terminal: { isThere: hasTerminal, ask: askOnTerminal, say: writeTerminal },
    onCode: log.addSecret,
  });
  for (const password of proxyPasswords(env)) log.addSecret(password);
  const { profile } = settings;
  const role = wantedRole(settings);
  const load = credentialSource({
    profile,
    configProfile: settings.configProfile,
    awsTimeout: settings.awsTimeout,
    files: loaded.aws,
    reloadFiles: () => loadAwsFiles(env, home),
    env,
    fallbackRegion: region,
    role,
    askMfaCode: prompt.ask,
    cacheDirectory: settings.cache ? cliCacheDirectory(home) : undefined,
    note: log.verbose,
  });
  const effort = (): CredentialNeed => credentialNeed({ profile, role, files: loaded.aws, env });
  const asked = whoIsAsked(settings, loaded);
  const keepOut = recentSecrets(log.addSecret, KEPT_OUT);
  // It reads the profile's file, and stays the same for a run.
  let calls: boolean | undefined;
  const credentials: CredentialSource = async () => {
    calls ??= willCall(effort);
    // Where somebody may be asked for something, the terminal is for that.
    const found = await (calls ? waiting.for(asked, load()) : load());
    for (const secret of [found.secretAccessKey, found.sessionToken]) if (secret) keepOut(secret);
    return found;
  };
  return { credentials, effort, giveTerminalAway: prompt.close };
}

function whoIsAsked({ roleArn, profile = "default" }: Settings, loaded: LoadedTargets): string {
  const role = roleArn ?? loaded.aws.profiles.get(profile)?.["role_arn"];
  return role === undefined ? "AWS credentials" : "STS";
}

function wantedRole(settings: Settings): RoleOptions | undefined {
  const { roleArn, externalId, roleSessionName, durationSeconds, mfaSerial } = settings;
  const role = { externalId, sessionName: roleSessionName, durationSeconds, mfaSerial };
  return roleArn === undefined ? undefined : { roleArn, ...role };
}

// A broken profile is for whoever gets the credentials to tell.
function willCall(effort: () => CredentialNeed): boolean {
  try {
    return effort() === "network";
  } catch {
    return false;
  }
}

// Any run of rdsiam as the same identity puts the role into the cache, where the next login of this one finds it.
function remedy({ target, host, user }: Settings, loaded: LoadedTargets): string {
  const where = loaded.targets.has(target) ? target : `--host ${host} --user ${user}`;
  return `rdsiam token ${where} > /dev/null (with the options of this run)`;
}
