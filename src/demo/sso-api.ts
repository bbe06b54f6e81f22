// The stand-in for IAM Identity Center: the OIDC service, its pages for the person at the browser, and the access portal
// that gives a role's credentials, which the stand-ins for RDS and STS know.
// https://docs.aws.amazon.com/singlesignon/latest/OIDCAPIReference/Welcome.html
// https://docs.aws.amazon.com/singlesignon/latest/PortalAPIReference/Welcome.html
import {
  type Api,
  type ApiAnswer,
  type ApiOptions,
  type ApiRequest,
  makeJson,
  startApi,
} from "./aws-api.ts";
import { type KeyStore, randomId } from "./keys.ts";
import {
  type AuthorizationRequest,
  type SsoFields,
  type SsoLifetimes,
  SsoOidc,
  SsoRefusal,
} from "./sso-oidc.ts";

const PAGE = 2; // accounts or roles in one answer, so that callers have to ask for more
const USER = "jane@example.com";

/** A role that is assigned to the person. */
export interface SsoRole {
  /** The database users that the role may connect as; all when absent. */
  readonly databaseUsers?: readonly string[] | undefined;
}

/** An account that is assigned to the person, and the roles there. */
export interface SsoAccount {
  readonly name: string;
  readonly roles: Readonly<Record<string, SsoRole>>;
}

/** The assignments, and the keys that the credentials are added to. */
export interface SsoOptions extends Pick<ApiOptions, "certificate" | "now"> {
  readonly keys: KeyStore;
  readonly startUrl: string;
  /** By account ID. */
  readonly accounts: Readonly<Record<string, SsoAccount>>;
}

/** How it goes on; all of it may be changed while it runs. */
export interface SsoBehavior {
  /** What the person at the browser does. */
  person: "approves" | "denies" | "leaves";
  /** The instance is in another Region: clients can register and device codes start, but no login there ends well. */
  isWrongRegion: boolean;
  /** Answers wait for it. */
  gate: Promise<void> | undefined;
  /** Exceptions that the next calls of an action end with, in turn. */
  readonly failures: Map<string, string[]>;
  readonly lifetimes: SsoLifetimes;
}

/** One request that was answered, without its secrets. */
export interface SsoCall {
  readonly action: string;
  readonly status: number;
  /** Why it was refused. */
  readonly error?: string | undefined;
}

/** The running stand-in. */
export interface SsoStandIn extends Api {
  readonly startUrl: string;
  readonly behavior: SsoBehavior;
  readonly oidc: SsoOidc;
  readonly calls: SsoCall[];
  /** How often an action was called. */
  readonly count: (action: string) => number;
}

/** Starts the stand-in on a free loopback port. */
export async function startSso(options: SsoOptions): Promise<SsoStandIn> {
  const { certificate, keys, startUrl } = options;
  const now = options.now ?? (() => new Date());
  const behavior: SsoBehavior = {
    person: "approves",
    isWrongRegion: false,
    gate: undefined,
    failures: new Map(),
    lifetimes: {
      registration: 7_776_000,
      code: 600,
      token: 28_800,
      credentials: 3_600,
      interval: 5,
    },
  };
  const oidc = new SsoOidc(startUrl, behavior.lifetimes, () => now().getTime());
  const calls: SsoCall[] = [];
  let endpoint = "";
  const answer = async (request: ApiRequest): Promise<ApiAnswer> => {
    const action = ACTIONS[`${request.method} ${request.path}`] ?? `${request.method} UNKNOWN`;
    await behavior.gate;
    try {
      const failure = behavior.failures.get(action)?.shift();
      if (failure !== undefined) throw new SsoRefusal(failure, "As the test wants it");
      const context = { ...options, now, behavior, oidc, endpoint };
      const done = answerAction(action, request, context);
      calls.push({ action, status: done.status });
      return done;
    } catch (error) {
      if (!(error instanceof SsoRefusal)) throw error;
      const refused = refuse(action, error);
      calls.push({ action, status: refused.status, error: `${error.name}: ${error.message}` });
      return refused;
    }
  };
  const api = await startApi({ service: "sso", keys, now, certificate, answer });
  ({ endpoint } = api);
  const count = (action: string): number => calls.filter((call) => call.action === action).length;
  return { ...api, startUrl, behavior, oidc, calls, count };
}

// The first four are the OIDC service's, then come its pages, then the portal.
const ACTIONS: Readonly<Record<string, string>> = {
  "POST /client/register": "RegisterClient",
  "POST /device_authorization": "StartDeviceAuthorization",
  "POST /token": "CreateToken",
  "GET /authorize": "Authorize",
  "GET /device": "Device",
  "GET /federation/credentials": "GetRoleCredentials",
  "GET /assignment/accounts": "ListAccounts",
  "GET /assignment/roles": "ListAccountRoles",
  "POST /logout": "Logout",
};
const PAGES: ReadonlySet<string> = new Set(["Authorize", "Device"]);

interface SsoContext extends SsoOptions {
  readonly behavior: SsoBehavior;
  readonly oidc: SsoOidc;
  readonly now: () => Date;
  readonly endpoint: string;
}

function answerAction(action: string, request: ApiRequest, context: SsoContext): ApiAnswer {
  const { behavior, endpoint, oidc } = context;
  switch (action) {
    case "RegisterClient":
      return makeJson(200, oidc.register(fieldsOf(request)));
    case "StartDeviceAuthorization":
      return makeJson(200, oidc.startDevice(fieldsOf(request), endpoint));
    case "CreateToken":
      return makeJson(200, oidc.createToken(fieldsOf(request)));
    case "Authorize":
      return authorizePage(oidc.checkAuthorize(request.parameters), context);
    case "Device": {
      const userCode = request.parameters.get("user_code") ?? "";
      if (behavior.person === "leaves" || behavior.isWrongRegion) return page(200, "Allow access?");
      const verdict = behavior.person === "denies" ? "denied" : "approved";
      return oidc.decideDevice(userCode, verdict)
        ? page(200, `Request ${verdict}. You can close this window.`)
        : page(400, "Invalid code");
    }
    case "Logout": {
      const token = request.headers.get("x-amz-sso_bearer_token") ?? "";
      bearer(request, context);
      oidc.accessTokens.delete(token);
      return makeJson(200, {});
    }
    default:
      return portalAnswer(action, request, context);
  }
}

function authorizePage(request: AuthorizationRequest, { behavior, oidc }: SsoContext): ApiAnswer {
  if (behavior.isWrongRegion) throw new SsoRefusal("InvalidRequestException", "Invalid issuer");
  if (behavior.person === "leaves") return page(200, "Allow access?");
  const { redirectUri, state } = request;
  const denial = { error: "access_denied", error_description: "User denied access", state };
  const location =
    behavior.person === "denies"
      ? `${redirectUri}?${new URLSearchParams(denial).toString()}`
      : oidc.authorize(request);
  return { status: 302, body: "", headers: { location } };
}

function portalAnswer(action: string, request: ApiRequest, context: SsoContext): ApiAnswer {
  const { accounts } = context;
  const { parameters } = request;
  if (action.endsWith("UNKNOWN")) return makeJson(404, { message: "no such path" });
  bearer(request, context);
  if (action === "ListAccounts") {
    const all = Object.entries(accounts).map(([accountId, { name }]) => ({
      accountId,
      accountName: name,
      emailAddress: `${name}@example.com`,
    }));
    return makeJson(200, listPage("accountList", all, parameters));
  }
  const accountId = parameters.get("account_id") ?? "";
  const account = accounts[accountId];
  if (account === undefined) throw new SsoRefusal("ForbiddenException", "No access");
  if (action === "ListAccountRoles") {
    const all = Object.keys(account.roles).map((roleName) => ({ roleName, accountId }));
    return makeJson(200, listPage("roleList", all, parameters));
  }
  const roleName = parameters.get("role_name") ?? "";
  const role = account.roles[roleName];
  if (role === undefined) throw new SsoRefusal("ForbiddenException", "No access");
  return makeJson(200, {
    roleCredentials: roleCredentials({ accountId, roleName, role }, context),
  });
}

function roleCredentials(
  { accountId, role, roleName }: { accountId: string; role: SsoRole; roleName: string },
  { behavior, keys, now }: SsoContext,
): object {
  const reserved = `AWSReservedSSO_${roleName}_0123456789abcdef`;
  const key = keys.createSessionKey({
    arn: `arn:aws:sts::${accountId}:assumed-role/${reserved}/${USER}`,
    userId: `${randomId("AROA")}:${USER}`,
    databaseUsers: role.databaseUsers,
    expiration: new Date(now().getTime() + behavior.lifetimes.credentials * 1_000),
  });
  const { accessKeyId, expiration, secretAccessKey, sessionToken } = key;
  return { accessKeyId, secretAccessKey, sessionToken, expiration: expiration?.getTime() };
}

// The portal knows nothing of a token's scopes here: each of ours has sso:account:access, or is of a legacy profile.
function bearer({ headers }: ApiRequest, { behavior, now, oidc }: SsoContext): void {
  const expires = oidc.accessTokens.get(headers.get("x-amz-sso_bearer_token") ?? "") ?? 0;
  if (behavior.isWrongRegion || expires <= now().getTime())
    throw new SsoRefusal("UnauthorizedException", "Session token not found or invalid");
}

function listPage(name: string, all: readonly object[], parameters: URLSearchParams): object {
  const start = Number(parameters.get("next_token") ?? 0);
  const end = start + Math.min(PAGE, Number(parameters.get("max_result") ?? PAGE));
  const nextToken = end < all.length ? String(end) : null;
  return { [name]: all.slice(start, end), nextToken };
}

function fieldsOf({ body }: ApiRequest): SsoFields {
  try {
    const fields: unknown = JSON.parse(body);
    if (typeof fields === "object" && fields !== null) return { ...fields };
  } catch {
    // Refused below.
  }
  throw new SsoRefusal("InvalidRequestException", "Invalid request");
}

const STATUS: Readonly<Record<string, number>> = {
  InvalidClientException: 401,
  UnauthorizedException: 401,
  ForbiddenException: 403,
  ResourceNotFoundException: 404,
  TooManyRequestsException: 429,
  InternalServerException: 500,
};

function refuse(action: string, { message, name }: SsoRefusal): ApiAnswer {
  const status = STATUS[name] ?? 400;
  if (PAGES.has(action)) return page(status, message);
  // OAuth's code is the exception's name in its other spelling: authorization_pending.
  const spelled = name.replace(/Exception$/, "").replace(/(?<=[a-z])[A-Z]/g, (each) => `_${each}`);
  const error = name === "InternalServerException" ? "server_error" : spelled.toLowerCase();
  const isOidc = ["RegisterClient", "StartDeviceAuthorization", "CreateToken"].includes(action);
  const body = isOidc ? { error, error_description: message } : { message, __type: name };
  const namespace = isOidc ? "com.amazonaws.sso.oidc" : "com.amazonaws.switchboard.portal";
  const type = `${name}:http://internal.amazon.com/coral/${namespace}/`;
  return makeJson(status, body, { "content-type": "application/json", "x-amzn-errortype": type });
}

function page(status: number, sentence: string): ApiAnswer {
  const body = `<!doctype html><title>IAM Identity Center (stand-in)</title><p>${sentence}</p>\n`;
  return { status, body, headers: { "content-type": "text/html" } };
}
