// Gets the access token of an IAM Identity Center session: the one that is kept, else one for its refresh token, else a person
// logs in. All but the first is done under a lock: two runs at once would ask twice, and a refresh token works once.

import { dirname } from "node:path";
import { underLock } from "../base/file-lock.ts";
import { makeTrustedDirectory } from "../base/trusted-file.ts";
import type { ChosenSource } from "./choose-source.ts";
import { placeOf, type ProfileFiles } from "./profile-files.ts";
import type { AwsCalls } from "./sdk.ts";
import {
  readScopes,
  readToken,
  sessionName,
  type SsoSession,
  type SsoToken,
  timeLeft,
  tokenFile,
  writeEntry,
} from "./sso-cache.ts";
import type { LoginScreen } from "./sso-login.ts";

/** Where a login with IAM Identity Center gives the credentials. */
export type SsoSource = ChosenSource & { readonly method: "sso" };

/**
 * Asks a person whether to log in, and lets them with `logIn`; resolves with undefined where they do not want to, or where there
 * is no one to ask.
 */
export type AskSsoLogin = (
  session: SsoSession,
  logIn: (screen: LoginScreen) => Promise<SsoToken>,
) => Promise<SsoToken | undefined>;

/** How a token is got. */
export interface TokenContext {
  readonly calls: AwsCalls;
  /** Undefined where no one may be asked. */
  readonly askLogin: AskSsoLogin | undefined;
  /** Called when another process logs in to the same session; what it returns is called when that is over. */
  readonly onWait: ((what: string) => () => void) | undefined;
  readonly note: (line: string) => void;
}

/** Which of the tokens that are kept will not do. */
export interface TokenRequirements {
  /** The access token that the service refused. */
  readonly refused?: string | undefined;
  /** Whether a person logs in although the token that is kept now may be good. */
  readonly anew?: boolean | undefined;
}

// The AWS CLI renews from here on. https://github.com/boto/botocore/blob/develop/botocore/tokens.py (SSOTokenProvider)
const RENEW_MS = 15 * 60_000;

// Of the files that cannot be written, as where ~/.aws is mounted read-only in a container.
const unwritten = new Map<string, SsoToken>();

/** The session of a profile. */
export function ssoSession(
  { profile, session, startUrl, region }: SsoSource,
  files: Pick<ProfileFiles, "paths" | "profiles" | "ssoSessions">,
): SsoSession {
  const own = files.ssoSessions.get(session ?? "");
  const values = own ?? files.profiles.get(profile);
  const scopes = readScopes(own?.get("sso_registration_scopes")?.text);
  const place = placeOf(values?.get("sso_region"), files);
  return { profile, session, startUrl, region, scopes, place };
}

/** The token that is kept; undefined where there is none. It may have expired. */
export function keptToken(session: SsoSession, { env }: AwsCalls): SsoToken | undefined {
  const file = tokenFile(session, env);
  const [inFile, inMemory] = [readToken(file), unwritten.get(file)];
  if (inFile === undefined || inMemory === undefined) return inFile ?? inMemory;
  return timeLeft(inMemory.expiresAt) > timeLeft(inFile.expiresAt) ? inMemory : inFile;
}

/** Whether a token is there and has not expired. */
export function isGood(token: SsoToken | undefined): boolean {
  return timeLeft(token?.expiresAt) > 0;
}

/** Gets a token that is good; undefined where nobody logs in. */
export async function ssoToken(
  session: SsoSession,
  context: TokenContext,
  { anew = false, refused }: TokenRequirements = {},
): Promise<SsoToken | undefined> {
  const { askLogin, calls, note, onWait } = context;
  const name = sessionName(session);
  const before = keptToken(session, calls);
  const old = anew ? before?.accessToken : refused;
  const kept = (): SsoToken | undefined => {
    const token = keptToken(session, calls);
    return isGood(token) && token?.accessToken !== old ? token : undefined;
  };
  const first = kept();
  if (first !== undefined && !(canRenew(session, first) && isNearEnd(first))) return first;
  if (askLogin === undefined && !canRenew(session, before)) return undefined;
  const file = tokenFile(session, calls.env);
  const work = async (): Promise<SsoToken | undefined> => {
    // Another run may have logged in meanwhile.
    const found = kept();
    if (found !== undefined && !isNearEnd(found)) return found;
    const renewed = anew ? undefined : await renew(session, keptToken(session, calls), context);
    if (renewed !== undefined) return keep(file, renewed, note);
    // The AWS CLI knows no lock, and may have renewed it at the same moment.
    const other = kept();
    if (other !== undefined) return other;
    const token = await askLogin?.(session, async (screen) => {
      const { logIn } = await import("./sso-login.ts");
      return logIn(session, calls, screen);
    });
    return token && keep(file, token, note);
  };
  makeDirectory(file);
  const wait = () => onWait?.(`another rdsiam's login to ${name}`) ?? (() => {});
  return underLock(`${file}.lock`, work, { onWait: wait });
}

function isNearEnd({ expiresAt }: SsoToken): boolean {
  return timeLeft(expiresAt) < RENEW_MS;
}

// Only sessions are renewed, as by the AWS CLI: the clients of the older form get no refresh token.
function canRenew({ session }: SsoSession, token: SsoToken | undefined): boolean {
  return (
    session !== undefined &&
    Boolean(token?.refreshToken && token.clientId && token.clientSecret) &&
    timeLeft(token?.registrationExpiresAt) > 0
  );
}

async function renew(
  session: SsoSession,
  token: SsoToken | undefined,
  { calls, note }: TokenContext,
): Promise<SsoToken | undefined> {
  if (token === undefined || !canRenew(session, token)) return undefined;
  const { clientId = "", clientSecret = "", registrationExpiresAt = "", refreshToken } = token;
  const { oidcError, oidcService, refusalName } = await import("./sso-oidc.ts");
  using service = await oidcService(session, calls);
  try {
    const registration = { clientId, clientSecret, expiresAt: registrationExpiresAt };
    const grant = { grantType: "refresh_token", refreshToken };
    const renewed = await service.createToken(registration, grant);
    note(`${sessionName(session)}: login renewed, valid until ${renewed.expiresAt}`);
    return renewed;
  } catch (error) {
    const refusal = refusalName(error);
    // Without the service nobody can log in either.
    if (refusal === undefined && !isGood(token)) {
      const secrets = [clientSecret, refreshToken ?? "", token.accessToken];
      throw oidcError(error, session, { failure: service.failure(), secrets });
    }
    note(`${sessionName(session)}: the login cannot be renewed: ${refusal ?? "no answer"}`);
    return undefined;
  }
}

function keep(file: string, token: SsoToken, note: (line: string) => void): SsoToken {
  const failed = writeEntry(file, token);
  if (failed === undefined) unwritten.delete(file);
  else {
    unwritten.set(file, token);
    note(`${file} cannot be written, so the login is valid for this run only: ${failed}`);
  }
  return token;
}

// For the lock; that it cannot be made is noted when the token is kept.
function makeDirectory(file: string): void {
  try {
    makeTrustedDirectory(dirname(file));
  } catch {
    // There is nothing to lock.
  }
}
