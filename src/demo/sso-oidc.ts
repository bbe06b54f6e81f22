// The stand-in for the OIDC service of IAM Identity Center: it registers clients, gives out codes and tokens, and checks what
// OAuth lets it check. Each code and each refresh token works once. AWS's own texts, where they have been seen.
// https://docs.aws.amazon.com/singlesignon/latest/OIDCAPIReference/API_CreateToken.html
// https://datatracker.ietf.org/doc/html/rfc7636 (PKCE), https://datatracker.ietf.org/doc/html/rfc8628 (device codes)
import { createHash, randomBytes, randomUUID } from "node:crypto";

const DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code";
const GRANT_TYPES: readonly string[] = ["authorization_code", DEVICE_CODE, "refresh_token"];
const SCOPE = /^(?:aws|openid|sso:account:access|codewhisperer:\w+)$/;
const LOOPBACK = /^http:\/\/127\.0\.0\.1(?::\d{1,5})?\/[\w/-]*$/;
const SLOW_DOWN = 5; // seconds, RFC 8628 section 3.5

/** Seconds that things are good for, and between two polls. */
export interface SsoLifetimes {
  registration: number;
  /** Of an authorization code, or a device code. */
  code: number;
  token: number;
  /** Of a role's credentials. */
  credentials: number;
  interval: number;
}

/** A client that has registered itself. */
interface SsoClient {
  readonly secret: string;
  readonly expires: number;
  readonly grantTypes: readonly string[];
  readonly redirectUris: readonly string[];
  readonly scopes: readonly string[];
}

interface AuthorizationCode {
  readonly clientId: string;
  readonly redirectUri: string;
  readonly challenge: string;
  readonly scopes: readonly string[];
  readonly expires: number;
}

interface DeviceCode {
  readonly clientId: string;
  readonly userCode: string;
  readonly expires: number;
  interval: number;
  lastPoll: number;
  verdict: "approved" | "denied" | undefined;
}

/** An answer with tokens. */
export interface SsoTokens {
  readonly accessToken: string;
  readonly expiresIn: number;
  readonly tokenType: "Bearer";
  readonly refreshToken?: string | undefined;
}

/** An answer with a client's registration. */
export interface ClientAnswer {
  readonly clientId: string;
  readonly clientSecret: string;
  /** Seconds since 1970. */
  readonly clientIdIssuedAt: number;
  readonly clientSecretExpiresAt: number;
}

/** The fields of a request's body. */
export type SsoFields = Readonly<Record<string, unknown>>;

/** A request that is refused with one of the service's exceptions. */
export class SsoRefusal extends Error {
  override readonly name: string;

  constructor(name: string, description: string) {
    super(description);
    this.name = name;
  }
}

/** The service's state; every secret that it has given out or received is in `secrets`. */
export class SsoOidc {
  readonly clients = new Map<string, SsoClient>();
  readonly #codes = new Map<string, AuthorizationCode>();
  readonly #devices = new Map<string, DeviceCode>();
  /** Access tokens and when they expire, in ms. */
  readonly accessTokens = new Map<string, number>();
  readonly refreshTokens = new Map<string, Pick<AuthorizationCode, "clientId" | "scopes">>();
  readonly secrets = new Set<string>();
  readonly #startUrl: string;
  readonly #lifetimes: SsoLifetimes;
  readonly #now: () => number;

  constructor(startUrl: string, lifetimes: SsoLifetimes, now: () => number) {
    this.#startUrl = startUrl;
    this.#lifetimes = lifetimes;
    this.#now = now;
  }

  /** RegisterClient */
  register(fields: SsoFields): ClientAnswer {
    const { clientName, clientType, issuerUrl } = fields;
    const grantTypes = strings(fields["grantTypes"]) ?? [DEVICE_CODE, "refresh_token"];
    const redirectUris = strings(fields["redirectUris"]) ?? [];
    const scopes = strings(fields["scopes"]) ?? [];
    if (typeof clientName !== "string" || clientName === "" || clientType !== "public")
      throw new SsoRefusal("InvalidClientMetadataException", "Invalid client metadata provided");
    if (!grantTypes.every((each) => GRANT_TYPES.includes(each)))
      throw new SsoRefusal("UnsupportedGrantTypeException", "Invalid grant type provided");
    if (!scopes.every((each) => SCOPE.test(each)))
      throw new SsoRefusal("InvalidScopeException", "Invalid scope provided");
    if (grantTypes.includes("authorization_code")) {
      const isPlain = (uri: string): boolean => LOOPBACK.test(uri) && withoutPort(uri) === uri;
      if (redirectUris.length === 0 || !redirectUris.every(isPlain))
        throw new SsoRefusal("InvalidRedirectUriException", "Invalid redirect uri provided");
      this.#checkStartUrl(issuerUrl);
    }
    const clientId = randomBytes(18).toString("base64url");
    const secret = this.#secret("client");
    const issued = Math.floor(this.#now() / 1_000);
    const expires = issued + this.#lifetimes.registration;
    const client = { secret, expires: expires * 1_000, grantTypes, redirectUris, scopes };
    this.clients.set(clientId, client);
    const times = { clientIdIssuedAt: issued, clientSecretExpiresAt: expires };
    return { clientId, clientSecret: secret, ...times };
  }

  /** StartDeviceAuthorization; the pages for the person are below `base`. */
  startDevice(fields: SsoFields, base: string): object {
    const { clientId } = this.#client(fields, DEVICE_CODE);
    this.#checkStartUrl(fields["startUrl"]);
    const deviceCode = this.#secret("device");
    const letters = [...randomBytes(8)].map((byte) => "BCDFGHJKLMNPQRSTVWXZ"[byte % 20]).join("");
    const userCode = `${letters.slice(0, 4)}-${letters.slice(4)}`;
    const { code: expiresIn, interval } = this.#lifetimes;
    const expires = this.#now() + expiresIn * 1_000;
    const polling = { interval, lastPoll: Number.NEGATIVE_INFINITY, verdict: undefined };
    this.#devices.set(deviceCode, { clientId, userCode, expires, ...polling });
    const verificationUri = `${base}/device`;
    const verificationUriComplete = `${verificationUri}?user_code=${userCode}`;
    const uris = { verificationUri, verificationUriComplete };
    return { deviceCode, userCode, ...uris, expiresIn, interval };
  }

  /** What the person at the page for device codes answers; false for a code that is not known. */
  decideDevice(userCode: string, verdict: "approved" | "denied"): boolean {
    const device = [...this.#devices.values()].find((each) => each.userCode === userCode);
    if (device === undefined || device.expires <= this.#now()) return false;
    device.verdict = verdict;
    return true;
  }

  /** The browser at /authorize: checked before the person is asked. */
  checkAuthorize(query: URLSearchParams): AuthorizationRequest {
    const clientId = query.get("client_id") ?? "";
    const redirectUri = query.get("redirect_uri") ?? "";
    const challenge = query.get("code_challenge") ?? "";
    const scopes = (query.get("scopes") ?? "").split(" ").filter((each) => each !== "");
    const client = this.clients.get(clientId);
    const state = query.get("state") ?? "";
    const refuse = (what: string): never => {
      throw new SsoRefusal("InvalidRequestException", `Invalid ${what} provided`);
    };
    if (client === undefined || client.expires <= this.#now()) return refuse("client");
    const mayRedirect =
      LOOPBACK.test(redirectUri) && client.redirectUris.includes(withoutPort(redirectUri));
    if (!mayRedirect) return refuse("redirect uri");
    if (!client.grantTypes.includes("authorization_code")) return refuse("grant type");
    if (query.get("response_type") !== "code") return refuse("response type");
    if (query.get("code_challenge_method") !== "S256") return refuse("code challenge method");
    if (!/^[\w-]{43}$/.test(challenge)) return refuse("code challenge");
    if (state.length < 16) return refuse("state");
    if (!scopes.every((each) => client.scopes.includes(each))) return refuse("scope");
    return { clientId, redirectUri, challenge, scopes, state };
  }

  /** The URL that the person is sent to after an approval. */
  authorize({ state, ...request }: AuthorizationRequest): string {
    const code = this.#secret("code");
    this.#codes.set(code, { ...request, expires: this.#now() + this.#lifetimes.code * 1_000 });
    return `${request.redirectUri}?${new URLSearchParams({ code, state }).toString()}`;
  }

  /** CreateToken */
  createToken(fields: SsoFields): SsoTokens {
    const grantType = text(fields, "grantType");
    if (!GRANT_TYPES.includes(grantType))
      throw new SsoRefusal("UnsupportedGrantTypeException", "Invalid grant type provided");
    const { clientId } = this.#client(fields, grantType);
    if (grantType === "authorization_code") return this.#redeemCode(fields, clientId);
    if (grantType === DEVICE_CODE) return this.#redeemDevice(fields, clientId);
    const given = text(fields, "refreshToken");
    const known = this.refreshTokens.get(given);
    this.refreshTokens.delete(given);
    if (known?.clientId !== clientId) throw invalidGrant("refresh token");
    return this.issue(clientId, known.scopes);
  }

  /** Tokens as after a login; there is a refresh token where the client has asked for scopes. */
  issue(clientId: string, scopes: readonly string[]): SsoTokens {
    const accessToken = this.#secret("access");
    const expiresIn = this.#lifetimes.token;
    this.accessTokens.set(accessToken, this.#now() + expiresIn * 1_000);
    const answer = { accessToken, expiresIn, tokenType: "Bearer" as const };
    const mayRefresh = this.clients.get(clientId)?.grantTypes.includes("refresh_token") === true;
    if (scopes.length === 0 || !mayRefresh) return answer;
    const refreshToken = this.#secret("refresh");
    this.refreshTokens.set(refreshToken, { clientId, scopes });
    return { ...answer, refreshToken };
  }

  #redeemCode(fields: SsoFields, clientId: string): SsoTokens {
    const given = text(fields, "code");
    const verifier = text(fields, "codeVerifier");
    if (verifier !== "") this.secrets.add(verifier);
    const code = this.#codes.get(given);
    // A wrong guess costs the code too.
    this.#codes.delete(given);
    const hash = createHash("sha256").update(verifier).digest("base64url");
    const isGood =
      code?.clientId === clientId &&
      code.redirectUri === text(fields, "redirectUri") &&
      /^[\w.~-]{43,128}$/.test(verifier) &&
      code.challenge === hash;
    if (!isGood) throw invalidGrant("grant");
    if (code.expires <= this.#now())
      throw new SsoRefusal("ExpiredTokenException", "Authorization code has expired");
    return this.issue(clientId, code.scopes);
  }

  #redeemDevice(fields: SsoFields, clientId: string): SsoTokens {
    const given = text(fields, "deviceCode");
    const device = this.#devices.get(given);
    if (device?.clientId !== clientId) throw invalidGrant("device code");
    const now = this.#now();
    if (device.expires <= now)
      throw new SsoRefusal("ExpiredTokenException", "Device code has expired");
    const isTooSoon = now - device.lastPoll < device.interval * 1_000;
    device.lastPoll = now;
    if (isTooSoon) {
      device.interval += SLOW_DOWN;
      throw new SsoRefusal("SlowDownException", "Slow down");
    }
    if (device.verdict === undefined)
      throw new SsoRefusal("AuthorizationPendingException", "Authorization is still pending");
    this.#devices.delete(given);
    if (device.verdict === "denied")
      throw new SsoRefusal("AccessDeniedException", "Access denied by the user");
    return this.issue(clientId, this.clients.get(clientId)?.scopes ?? []);
  }

  #client(fields: SsoFields, grantType: string): { readonly clientId: string } {
    const clientId = text(fields, "clientId");
    const client = this.clients.get(clientId);
    const isKnown = client?.secret === text(fields, "clientSecret");
    if (!isKnown || client.expires <= this.#now())
      throw new SsoRefusal("InvalidClientException", "Invalid client provided");
    if (!client.grantTypes.includes(grantType))
      throw new SsoRefusal("UnauthorizedClientException", "Client is not authorized");
    return { clientId };
  }

  #checkStartUrl(given: unknown): void {
    const isOurs = String(given).replace(/[/#]+$/, "") === this.#startUrl.replace(/[/#]+$/, "");
    if (!isOurs) throw new SsoRefusal("InvalidRequestException", "Invalid start url provided");
  }

  #secret(kind: string): string {
    const secret = `${kind}-${randomUUID()}${randomBytes(24).toString("base64url")}`;
    this.secrets.add(secret);
    return secret;
  }
}

/** A request at /authorize that may be shown to the person. */
export interface AuthorizationRequest extends Omit<AuthorizationCode, "expires"> {
  readonly state: string;
}

function invalidGrant(what: string): SsoRefusal {
  return new SsoRefusal("InvalidGrantException", `Invalid ${what} provided`);
}

function withoutPort(uri: string): string {
  return uri.replace(/^(http:\/\/[^/:]+):\d+/, "$1");
}

function text(fields: SsoFields, name: string): string {
  const value = fields[name];
  return typeof value === "string" ? value : "";
}

function strings(value: unknown): readonly string[] | undefined {
  return Array.isArray(value) ? value.map(String) : undefined;
}
