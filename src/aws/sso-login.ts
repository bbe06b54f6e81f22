// Logs a person in to IAM Identity Center as the AWS CLI does: with an authorization code and PKCE where a browser runs on this
// machine, else with a device code, which any browser anywhere can confirm. Import this file late.
// https://www.rfc-editor.org/rfc/rfc7636 (PKCE), https://www.rfc-editor.org/rfc/rfc8628 (device code)

import { createHash, randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { RdsIamError } from "../base/errors.ts";
import { printable } from "../base/printable.ts";
import { type AwsCalls, MOST_SKEW } from "./sdk.ts";
import { sentence } from "./sdk-error.ts";
import {
  type ClientRegistration,
  readRegistration,
  registrationFile,
  removeEntry,
  sessionName,
  type SsoSession,
  type SsoToken,
  timeLeft,
  writeEntry,
} from "./sso-cache.ts";
import {
  type CallbackAnswer,
  type CallbackListener,
  listenForCallback,
  REGISTERED_REDIRECT,
} from "./sso-callback.ts";
import {
  loginDenied,
  loginError,
  loginExpired,
  oidcError,
  type OidcService,
  oidcService,
  refusalName,
} from "./sso-oidc.ts";

/** The page to log in on. */
export interface LoginPage {
  readonly url: string;
  /** What the page must show; the person compares it. */
  readonly userCode?: string | undefined;
}

/** How a person is led through a login. */
export interface LoginScreen {
  readonly usesDeviceCode: boolean;
  /** Shows the page, and opens it where it can. */
  readonly show: (page: LoginPage) => Promise<void>;
  /** Says something while it is waited for the person. */
  readonly remark: (text: string) => void;
  /** Aborts when the person gives up. */
  readonly signal: AbortSignal;
  /** Called with each secret, so that no log shows it. */
  readonly onSecret: (secret: string) => void;
  /** Milliseconds until a person who is waited for is told what may be wrong. */
  readonly remarkAfter?: number | undefined;
}

const AUTHORIZATION_CODE = "authorization_code";
const REFRESH_TOKEN = "refresh_token";
const DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code";
const USUAL_SCOPES = ["sso:account:access"];

const LOGIN_MS = 600_000;
const REMARK_MS = 60_000;
const SLOW_DOWN = 5; // seconds, RFC 8628, section 3.5
const MOST_FAILURES = 3; // polls in a row that do not reach the service

// A registration lives 90 days. One that ends while a person logs in would be refused.
const LEAST_REGISTRATION_MS = 15 * 60_000;

interface LoginRun {
  readonly session: SsoSession;
  readonly service: OidcService;
  readonly screen: LoginScreen;
  readonly calls: AwsCalls;
}

/** Logs a person in and resolves with the token, which the caller keeps; every failure is an RdsIamError. */
export async function logIn(
  session: SsoSession,
  calls: AwsCalls,
  screen: LoginScreen,
): Promise<SsoToken> {
  const secrets: string[] = [];
  const onSecret = (secret: string): void => {
    secrets.push(secret);
    screen.onSecret(secret);
  };
  using service = await oidcService(session, calls, screen.signal);
  const run = { session, service, screen: { ...screen, onSecret }, calls };
  try {
    // The older form has no session, and its clients are not registered for the other way.
    const isDevice = screen.usesDeviceCode || session.session === undefined;
    const token = await (isDevice ? withDeviceCode(run) : withAuthorizationCode(run));
    onSecret(token.accessToken);
    if (token.refreshToken !== undefined) onSecret(token.refreshToken);
    const ahead = service.clockAhead() ?? 0;
    if (Math.abs(ahead) >= MOST_SKEW) screen.remark(clockText(ahead));
    return token;
  } catch (error) {
    // It may be the client that the service does not know any more, which only the page in the browser says: the next login
    // registers another one.
    removeEntry(registrationFile(session, calls.env));
    screen.signal.throwIfAborted();
    throw oidcError(error, session, { failure: service.failure(), secrets });
  }
}

function clockText(ahead: number): string {
  const minutes = Math.round(Math.abs(ahead) / 60_000);
  const side = ahead > 0 ? "ahead of" : "behind";
  return `The clock of this machine is ${minutes} minutes ${side} AWS's, which refuses what is signed with it. Set it: timedatectl set-ntp true`;
}

async function withAuthorizationCode(run: LoginRun): Promise<SsoToken> {
  const { screen, service, session } = run;
  const scopes = session.scopes?.length ? session.scopes : USUAL_SCOPES;
  const registration = await registered(run, {
    scopes: [...scopes],
    grantTypes: [AUTHORIZATION_CODE, REFRESH_TOKEN],
    redirectUris: [REGISTERED_REDIRECT],
    issuerUrl: session.startUrl,
  });
  const [state, codeVerifier] = [randomText(), randomText()];
  screen.onSecret(codeVerifier);
  await using listener = await listenForCallback(state);
  const url = new URL("/authorize", service.origin);
  const parameters = {
    response_type: "code",
    client_id: registration.clientId,
    redirect_uri: listener.redirectUri,
    state,
    code_challenge_method: "S256",
    scopes: scopes.join(" "),
    code_challenge: createHash("sha256").update(codeVerifier).digest("base64url"),
  };
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
  // The service reads a blank as %20.
  await screen.show({ url: url.href.replaceAll("+", "%20") });
  const answer = await answerOf(listener, run);
  if (answer.error !== undefined) throw refused(answer, session);
  screen.onSecret(answer.code);
  return await service.createToken(registration, {
    grantType: AUTHORIZATION_CODE,
    redirectUri: listener.redirectUri,
    code: answer.code,
    codeVerifier,
  });
}

// 48 bytes are 64 of the characters that a verifier may have.
function randomText(): string {
  return randomBytes(48).toString("base64url");
}

async function answerOf(
  { answer }: CallbackListener,
  { screen, session }: LoginRun,
): Promise<CallbackAnswer> {
  using timers = startTimers(screen, session);
  const found = await Promise.race([answer, timers.late]);
  if (found === undefined) throw loginExpired(session, "Nobody came back from the browser.");
  return found;
}

/** The timers of a wait for a person. */
interface WaitTimers extends Disposable {
  /** Resolves when it was long enough; rejects when the person gives up. */
  readonly late: Promise<undefined>;
}

function startTimers(
  { remark, remarkAfter = REMARK_MS, signal }: LoginScreen,
  { place, region }: SsoSession,
  limit = LOGIN_MS,
): WaitTimers {
  const ended = new AbortController();
  const either = AbortSignal.any([signal, ended.signal]);
  const late = sleep(limit, undefined, { signal: either }).catch(() => {
    signal.throwIfAborted();
    return undefined;
  });
  late.catch(() => {});
  const text = `Still waiting. If the browser shows an error, or says that you are logged in, sso_region = ${region} (${place}) may be the wrong one. Ctrl-C ends the wait.`;
  const remarking = setTimeout(() => remark(text), remarkAfter);
  return {
    late,
    [Symbol.dispose]: () => {
      clearTimeout(remarking);
      ended.abort();
    },
  };
}

function refused(
  { description, error }: CallbackAnswer & { readonly error: string },
  session: SsoSession,
): RdsIamError {
  const said = sentence(printable(description ?? error).slice(0, 300));
  if (error === "access_denied") return loginDenied(sessionName(session), said);
  const what = printable(error).slice(0, 60);
  return loginError(`cannot log in to ${sessionName(session)}: ${what}`, {
    detail: said,
    hint: `Check sso_start_url and sso_region (${session.place}), then try again.`,
  });
}

async function withDeviceCode(run: LoginRun): Promise<SsoToken> {
  const { screen, service, session } = run;
  const { scopes } = session;
  const registration = await registered(run, scopes?.length ? { scopes: [...scopes] } : {});
  const device = await service.startDevice(registration);
  screen.onSecret(device.deviceCode);
  await screen.show({ url: device.page, userCode: device.userCode });
  using timers = startTimers(screen, session, device.expiresIn * 1_000);
  let { interval } = device;
  for (let failures = 0; ;) {
    const isLate = await Promise.race([timers.late.then(() => true), pause(interval, screen)]);
    if (isLate === true) throw loginExpired(session, "Nobody confirmed the code in a browser.");
    try {
      return await service.createToken(registration, {
        grantType: DEVICE_CODE,
        deviceCode: device.deviceCode,
      });
    } catch (error) {
      screen.signal.throwIfAborted();
      const refusal = refusalName(error);
      failures = refusal === undefined ? failures + 1 : 0;
      // A network that is away for a moment does not end the login.
      const isPassing = failures > 0 && failures < MOST_FAILURES;
      if (refusal === "SlowDownException") interval += SLOW_DOWN;
      else if (refusal !== "AuthorizationPendingException" && !isPassing) throw error;
    }
  }
}

function pause(seconds: number, { signal }: LoginScreen): Promise<void> {
  return sleep(seconds * 1_000, undefined, { signal });
}

type RegistrationInput = Omit<Parameters<OidcService["register"]>[0], "clientName">;

// The registration that is kept, where it is for the same way of logging in and good for long enough.
async function registered(
  { calls, screen, service, session }: LoginRun,
  input: RegistrationInput,
): Promise<ClientRegistration> {
  const file = registrationFile(session, calls.env);
  const kept = readRegistration(file);
  const isSame =
    kept?.grantTypes?.includes(AUTHORIZATION_CODE) ===
    input.grantTypes?.includes(AUTHORIZATION_CODE);
  const isGood = kept !== undefined && isSame && timeLeft(kept.expiresAt) > LEAST_REGISTRATION_MS;
  const name = session.session ?? String(Math.floor(Date.now() / 1_000));
  const registration = isGood
    ? kept
    : await service.register({ ...input, clientName: `botocore-client-${name}` });
  screen.onSecret(registration.clientSecret);
  if (!isGood) writeEntry(file, registration);
  return registration;
}
