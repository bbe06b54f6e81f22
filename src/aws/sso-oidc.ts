// Calls IAM Identity Center's OIDC service, which registers clients and issues tokens. Import this file late: the SDK's modules
// come with it. Nothing is signed: what proves who calls is in the requests themselves, and so are secrets.
// https://docs.aws.amazon.com/singlesignon/latest/OIDCAPIReference/Welcome.html

import {
  CreateTokenCommand,
  type CreateTokenCommandInput,
  RegisterClientCommand,
  type RegisterClientCommandInput,
  SSOOIDCClient,
  StartDeviceAuthorizationCommand,
} from "@aws-sdk/client-sso-oidc";
import { type ErrorParts, RdsIamError } from "../base/errors.ts";
import { printable } from "../base/printable.ts";
import { configuredEndpoint } from "./endpoints.ts";
import { identityError, readError, sentence } from "./sdk-error.ts";
import { type AwsCalls, sdkClientOptions } from "./sdk.ts";
import {
  type ClientRegistration,
  sessionName,
  type SsoSession,
  type SsoToken,
  timeText,
} from "./sso-cache.ts";

/** The OIDC service of a session's Region. Its failures are what the SDK throws; oidcError() explains them. */
export interface OidcService extends Disposable {
  /** Where it is called, for the page that a browser is sent to. */
  readonly origin: string;
  readonly register: (
    input: Omit<RegisterClientCommandInput, "clientType">,
  ) => Promise<ClientRegistration>;
  readonly startDevice: (registration: ClientRegistration) => Promise<DeviceAuthorization>;
  readonly createToken: (
    registration: ClientRegistration,
    grant: Omit<CreateTokenCommandInput, "clientId" | "clientSecret">,
  ) => Promise<SsoToken>;
  /** What the last call failed with, where that is explained better than by the SDK. */
  readonly failure: () => RdsIamError | undefined;
  /** How many milliseconds the clock here is ahead of AWS's. */
  readonly clockAhead: () => number | undefined;
}

/** A device that waits for a person to let it in. */
export interface DeviceAuthorization {
  readonly deviceCode: string;
  readonly userCode: string;
  readonly page: string;
  /** Seconds. */
  readonly expiresIn: number;
  readonly interval: number;
}

/** Opens the OIDC service of a session; `signal` ends each call. */
export async function oidcService(
  session: SsoSession,
  calls: AwsCalls,
  signal?: AbortSignal,
): Promise<OidcService> {
  const endpoint = configuredEndpoint("sso-oidc", calls);
  const options = await sdkClientOptions(calls);
  const client = new SSOOIDCClient({
    ...options,
    region: session.region,
    ...(endpoint === undefined ? {} : { endpoint }),
  });
  const how = signal === undefined ? {} : { abortSignal: signal };
  const region = session.region;
  return {
    origin: endpoint ?? client.config.endpointProvider({ Region: region }).url.origin,
    failure: () => options.requestHandler.failure,
    clockAhead: () => options.requestHandler.clockAhead,
    register: async (input) => {
      const command = new RegisterClientCommand({ ...input, clientType: "public" });
      const { clientId, clientSecret, clientSecretExpiresAt = 0 } = await client.send(command, how);
      if (!clientId || !clientSecret) throw invalidAnswer();
      const expiresAt = timeText(clientSecretExpiresAt * 1_000);
      const { grantTypes, scopes } = input;
      return {
        clientId,
        clientSecret,
        expiresAt,
        ...(scopes === undefined ? {} : { scopes }),
        ...(grantTypes === undefined ? {} : { grantTypes }),
      };
    },
    startDevice: async ({ clientId, clientSecret }) => {
      const { startUrl } = session;
      const command = new StartDeviceAuthorizationCommand({ clientId, clientSecret, startUrl });
      const found = await client.send(command, how);
      const { deviceCode, userCode, verificationUri, verificationUriComplete } = found;
      const page = verificationUriComplete ?? verificationUri;
      if (!deviceCode || !userCode || !page) throw invalidAnswer();
      const { expiresIn = 600, interval = 5 } = found;
      return { deviceCode, userCode, page, expiresIn, interval };
    },
    createToken: async ({ clientId, clientSecret, expiresAt: registrationExpiresAt }, grant) => {
      const command = new CreateTokenCommand({ ...grant, clientId, clientSecret });
      const { accessToken, expiresIn = 0, refreshToken } = await client.send(command, how);
      if (!accessToken) throw invalidAnswer();
      return {
        startUrl: session.startUrl,
        region,
        accessToken,
        expiresAt: timeText(Date.now() + expiresIn * 1_000),
        clientId,
        clientSecret,
        registrationExpiresAt,
        ...(refreshToken === undefined ? {} : { refreshToken }),
      };
    },
    [Symbol.dispose]: () => client.destroy(),
  };
}

function invalidAnswer(): Error {
  return new Error("Invalid response from SSO OIDC: Unexpected token");
}

/** A refusal of the OIDC service by its name, as AccessDeniedException; undefined for any other failure. */
export function refusalName(error: unknown): string | undefined {
  const { $fault, name } = error as { readonly $fault?: string; readonly name?: string };
  return $fault === "client" ? name : undefined;
}

/** The error of a login that failed. */
export function oidcError(
  error: unknown,
  session: SsoSession,
  {
    failure,
    secrets = [],
  }: { readonly failure?: RdsIamError | undefined; readonly secrets?: readonly string[] },
): RdsIamError {
  if (error instanceof RdsIamError) return error;
  if (failure !== undefined) return failure;
  const explained = explain(error, session, secrets);
  if (explained !== undefined) return explained;
  const { region, profile } = session;
  return identityError(error, {
    profile,
    endpoint: `IAM Identity Center in ${region}`,
    networkHint: `Check sso_region (${session.place}), the network, the VPN and HTTPS_PROXY.`,
    secrets,
  });
}

/** An error of a login. */
export function loginError(message: string, parts: Omit<ErrorParts, "code">): RdsIamError {
  return new RdsIamError(message, { code: "ERR_CREDENTIALS", ...parts });
}

function explain(
  error: unknown,
  session: SsoSession,
  secrets: readonly string[],
): RdsIamError | undefined {
  const name = sessionName(session);
  const detail = saidBy(error, secrets);
  const { startUrl, region, place } = session;
  if (error instanceof Error && error.name === "InternalServerException") {
    return loginError(
      `cannot log in to ${name}: IAM Identity Center in ${region} reported an internal error`,
      {
        detail,
        hint: "Try again in a minute; https://health.aws.amazon.com shows larger ones.",
      },
    );
  }
  const refusal = refusalName(error);
  if (refusal === undefined) return undefined;
  switch (refusal) {
    case "AccessDeniedException":
      return loginDenied(name, detail);
    case "ExpiredTokenException":
    case "InvalidGrantException":
      return loginExpired(session, detail);
    case "SlowDownException":
      return loginError(`cannot log in to ${name}: IAM Identity Center asks to slow down`, {
        detail,
        hint: "Wait a minute, then try again.",
      });
    case "InvalidRequestRegionException": {
      const { region: right } = error as { readonly region?: string };
      return loginError(`cannot log in to ${name}: its IAM Identity Center is not in ${region}`, {
        detail,
        hint: `Set sso_region${right ? ` = ${printable(right)}` : ""} in ${place}.`,
      });
    }
    case "InvalidScopeException":
      return loginError(`cannot log in to ${name}: the scopes are not valid`, {
        detail,
        hint: `Correct or remove sso_registration_scopes (${place}).`,
      });
    case "InvalidRequestException":
    case "InvalidClientMetadataException":
      return loginError(
        `cannot log in to ${name}: IAM Identity Center in ${region} does not know ${startUrl}`,
        {
          detail,
          hint: `Check sso_start_url and sso_region (${place}): the AWS access portal shows both under "Access keys".`,
        },
      );
    default:
      return loginError(`cannot log in to ${name}: IAM Identity Center in ${region} refused it`, {
        detail: [`It answered ${refusal}.`, detail].filter(Boolean).join(" "),
        hint: "Try again; if that does not help: rdsiam login --device-code",
      });
  }
}

/** The error of a login that a person, or the service, denied. */
export function loginDenied(name: string, detail: string | undefined): RdsIamError {
  return loginError(`the login to ${name} was denied`, {
    detail: detail ?? "It was denied in the browser, or the user has no access.",
    hint: "Log in again as a user who is assigned to an account.",
  });
}

/** The error of a login that took too long. */
export function loginExpired(session: SsoSession, detail: string | undefined): RdsIamError {
  const { place, region } = session;
  return loginError(`the login to ${sessionName(session)} was not finished in time`, {
    detail,
    hint: `Try again. If the browser said that you were logged in, sso_region = ${region} (${place}) is not the one of that start URL.`,
  });
}

// OAuth's errors have no message, and a description instead.
function saidBy(error: unknown, secrets: readonly string[]): string | undefined {
  const { error_description: words } = error as { readonly error_description?: string };
  const { text } = readError(words === undefined ? error : new Error(words), secrets);
  return /^(?:UnknownError|unknown error|)$/.test(text) ? undefined : sentence(printable(text));
}
