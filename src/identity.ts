// The part of a session that is about who one is: settings and files in, a credential source out, with the terminal to ask
// for MFA codes as long as the tool does not have it.
import type { CredentialSource } from "./aws/credentials.ts";
import { loadAwsFiles } from "./config/aws-files.ts";
import type { Settings } from "./config/settings.ts";
import type { LoadedTargets } from "./config/targets.ts";
import type { Log } from "./log.ts";
import { mfaPrompt } from "./mfa-prompt.ts";

/** What the process edge hands in. */
export interface IdentityEdge {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly home: string;
  readonly log: Log;
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
  readonly giveTerminalAway: () => void;
}

/** Makes the credential source of a session; nothing is fetched yet. */
export async function openIdentity(
  { env, home, log }: IdentityEdge,
  { settings, loaded, region }: IdentityRequest,
): Promise<Identity> {
  const { credentialSource } = await import("./aws/credentials.ts");
  const { proxyPasswords } = await import("./aws/proxy-setting.ts");
  const { cliCacheDirectory } = await import("./aws/cli-cache.ts");
  const { askOnTerminal, hasTerminal, writeTerminal } = await import("./child/terminal-prompt.ts");
  const prompt = mfaPrompt({
    code: settings.mfaCode,
    remedy: settings.cache ? remedy(settings, loaded) : undefined,
    terminal: { isThere: hasTerminal, ask: askOnTerminal, say: writeTerminal },
    onCode: log.addSecret,
  });
  for (const password of proxyPasswords(env)) log.addSecret(password);
  const { roleArn, externalId, roleSessionName, durationSeconds, mfaSerial } = settings;
  const role = { externalId, sessionName: roleSessionName, durationSeconds, mfaSerial };
  const load = credentialSource({
    profile: settings.profile,
    configProfile: settings.configProfile,
    awsTimeout: settings.awsTimeout,
    files: loaded.aws,
    reloadFiles: () => loadAwsFiles(env, home),
    env,
    fallbackRegion: region,
    role: roleArn === undefined ? undefined : { roleArn, ...role },
    askMfaCode: prompt.ask,
    cacheDirectory: settings.cache ? cliCacheDirectory(home) : undefined,
    note: log.verbose,
  });
  const credentials: CredentialSource = async () => {
    const found = await load();
    for (const secret of [found.secretAccessKey, found.sessionToken])
      if (secret) log.addSecret(secret);
    return found;
  };
  return { credentials, giveTerminalAway: prompt.close };
}

// Any run of rdsiam as the same identity puts the role into the cache, where the next login of this one finds it.
function remedy({ target, host, user }: Settings, loaded: LoadedTargets): string {
  const where = loaded.targets.has(target) ? target : `--host ${host} --user ${user}`;
  return `rdsiam token ${where} > /dev/null (with the options of this run)`;
}
