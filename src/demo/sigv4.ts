// Verifies AWS Signature Version 4: in a query string, in an Authorization header, and in an RDS auth token, which is a
// presigned GET without its scheme, sent as the password.
// Written from the specification and not with the SDK's signer, so that a fault shared by signer and verifier cannot hide.
// The clock and the keys are passed in.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
// https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAMDBAuth.Connecting.html
import { Buffer } from "node:buffer";
import { createHash, createHmac, timingSafeEqual } from "node:crypto";

import type { AccessKey } from "./keys.ts";

const ALGORITHM = "AWS4-HMAC-SHA256";
const CLOCK_SKEW_SECONDS = 300;
const LONGEST_EXPIRY_SECONDS = 900;

/** A fault in a signature. */
export type SignatureFault =
  | "malformed"
  | "wrong scope"
  | "unknown key"
  | "wrong session token"
  | "credentials expired"
  | "expired"
  | "not yet valid"
  | "wrong signature";

/** The key that signed, or the fault with a sentence for the stand-in's own log. */
export type SignatureVerdict =
  | { readonly ok: true; readonly key: AccessKey }
  | { readonly ok: false; readonly fault: SignatureFault; readonly reason: string };

/** The key that signed and the host it signed for, or the reason of a refusal. */
export type AuthTokenVerdict =
  | { readonly ok: true; readonly key: AccessKey; readonly host: string }
  | { readonly ok: false; readonly reason: string };

/** A request as it was received: names of headers in lower case, query without its `?`. */
export interface SignedRequest {
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string | Buffer;
}

/** What signatures are verified with: the service and its Region, the keys and the time. */
export interface SignatureContext {
  readonly service: string;
  /** Any Region when absent. */
  readonly region?: string | undefined;
  readonly find: (accessKeyId: string) => AccessKey | undefined;
  readonly now: Date;
}

/** What an auth token must be signed for. */
export interface AuthTokenContext extends Omit<SignatureContext, "service"> {
  /** The names of the database, in lower case. */
  readonly hosts: readonly string[];
  /** The database's own port. */
  readonly port: number;
  /** The user of the StartupMessage. */
  readonly user: string;
  /** Whether the database is Aurora DSQL, whose tokens have an action of the user's and no port. */
  readonly isDsql?: boolean | undefined;
}

interface Claim {
  readonly credential: string;
  readonly date: string;
  readonly signedHeaders: string;
  readonly signature: string;
  readonly sessionToken: string | undefined;
  readonly lifetime: number;
  readonly canonicalQuery: string;
}

/** Verifies an auth token. The reason of a refusal is for the stand-in's own log: the frontend is only sent that PAM failed. */
export function verifyAuthToken(token: string, context: AuthTokenContext): AuthTokenVerdict {
  if (context.isDsql === true) return verifyDsqlToken(token, context);
  const match = /^([^/?#\s]+):(\d{1,5})\/\?([^?#\s]+)$/.exec(token);
  if (match === null) return refuse("the password is not an auth token HOST:PORT/?QUERY");
  const [, host = "", port = "", query = ""] = match;
  const { hosts, user } = context;
  if (!hosts.includes(host))
    return refuse(`signed for host ${host} instead of ${hosts.join(" or ")}`);
  if (port !== String(context.port)) {
    return refuse(`signed for port ${port} instead of ${context.port}`);
  }
  const headers = new Map([["host", `${host}:${port}`]]);
  const request = { method: "GET", path: "/", query, headers, body: "" };
  const verdict = verifyPresigned(request, { ...context, service: "rds-db" });
  if (!verdict.ok) return refuse(`${verdict.fault}: ${verdict.reason}`);
  // verifyPresigned() has refused a query that cannot be decoded and parameters that occur twice.
  const value = new Map(parseQuery(query));
  if (value.get("Action") !== "connect") return refuse("the Action is not connect");
  const signedUser = value.get("DBUser");
  if (signedUser !== user) return refuse(`signed for user ${signedUser} instead of ${user}`);
  return permitted(verdict.key, host, { user, action: "rds-db:connect" });
}

// https://docs.aws.amazon.com/aurora-dsql/latest/userguide/SECTION_authentication-token.html
function verifyDsqlToken(token: string, context: AuthTokenContext): AuthTokenVerdict {
  const [, host = "", query = ""] = /^([^/?#\s:]+)\/\?([^?#\s]+)$/.exec(token) ?? [];
  const { hosts, user } = context;
  if (!hosts.includes(host))
    return refuse(`signed for host ${host} instead of ${hosts.join(" or ")}`);
  const request = { method: "GET", path: "/", query, headers: new Map([["host", host]]), body: "" };
  const verdict = verifyPresigned(request, { ...context, service: "dsql" });
  if (!verdict.ok) return refuse(`${verdict.fault}: ${verdict.reason}`);
  const action = new Map(parseQuery(query)).get("Action");
  const wanted = user === "admin" ? "DbConnectAdmin" : "DbConnect";
  if (action !== wanted)
    return refuse(`Wrong user to action mapping. user: ${user}, action: ${action}`);
  return permitted(verdict.key, host, { user, action: `dsql:${wanted}` });
}

function refuse(reason: string): AuthTokenVerdict {
  return { ok: false, reason };
}

function permitted(
  key: AccessKey,
  host: string,
  { user, action }: { readonly user: string; readonly action: string },
): AuthTokenVerdict {
  return key.databaseUsers?.includes(user) === false
    ? refuse(`${key.arn} may not ${action} as ${user}`)
    : { ok: true, key, host };
}

/** Verifies a presigned request, whose signature is in its query string. */
export function verifyPresigned(
  request: SignedRequest,
  context: SignatureContext,
): SignatureVerdict {
  const pairs = parseQuery(request.query);
  if (pairs === undefined) return fail("malformed", "the query string cannot be decoded");
  const names = pairs.map(([name]) => name);
  if (new Set(names).size !== names.length) return fail("malformed", "a parameter occurs twice");
  const value = new Map(pairs);
  if (value.get("X-Amz-Algorithm") !== ALGORITHM) return fail("malformed", "unknown algorithm");
  const expires = value.get("X-Amz-Expires") ?? "";
  if (!/^[1-9]\d{0,5}$/.test(expires)) return fail("malformed", "X-Amz-Expires is not a number");
  return verifyClaim(request, context, {
    credential: value.get("X-Amz-Credential") ?? "",
    date: value.get("X-Amz-Date") ?? "",
    signedHeaders: value.get("X-Amz-SignedHeaders") ?? "",
    signature: value.get("X-Amz-Signature") ?? "",
    sessionToken: value.get("X-Amz-Security-Token"),
    lifetime: Math.min(LONGEST_EXPIRY_SECONDS, Number(expires)),
    canonicalQuery: canonicalQuery(pairs.filter(([name]) => name !== "X-Amz-Signature")),
  });
}

/** Verifies a request whose signature is in its Authorization header. */
export function verifyAuthorization(
  request: SignedRequest,
  context: SignatureContext,
): SignatureVerdict {
  const authorization = request.headers.get("authorization") ?? "";
  const match =
    /^AWS4-HMAC-SHA256 Credential=([^\s,]+), ?SignedHeaders=([^\s,]+), ?Signature=([^\s,]+)$/.exec(
      authorization,
    );
  if (match === null) return fail("malformed", "the Authorization header cannot be read");
  const pairs = parseQuery(request.query);
  if (pairs === undefined) return fail("malformed", "the query string cannot be decoded");
  const [, credential = "", signedHeaders = "", signature = ""] = match;
  const signed = signedHeaders.split(";");
  const unsigned = ["x-amz-date", "x-amz-security-token"].find(
    (name) => request.headers.has(name) && !signed.includes(name),
  );
  if (unsigned !== undefined) return fail("malformed", `the header ${unsigned} is not signed`);
  return verifyClaim(request, context, {
    credential,
    date: request.headers.get("x-amz-date") ?? "",
    signedHeaders,
    signature,
    sessionToken: request.headers.get("x-amz-security-token"),
    lifetime: CLOCK_SKEW_SECONDS,
    canonicalQuery: canonicalQuery(pairs),
  });
}

function verifyClaim(
  request: SignedRequest,
  context: SignatureContext,
  claim: Claim,
): SignatureVerdict {
  const [accessKeyId = "", ...scope] = claim.credential.split("/");
  const [date, region = "", service, end] = scope;
  if (scope.length !== 4 || end !== "aws4_request" || !/^[a-z0-9-]+$/.test(region)) {
    return fail("malformed", "the credential has no scope DATE/REGION/SERVICE/aws4_request");
  }
  const iso = claim.date.replace(/^(....)(..)(..)T(..)(..)(..)Z$/, "$1-$2-$3T$4:$5:$6Z");
  const signedAt = /^\d{8}T\d{6}Z$/.test(claim.date) ? Date.parse(iso) : Number.NaN;
  if (Number.isNaN(signedAt)) return fail("malformed", "X-Amz-Date cannot be read");
  if (date !== claim.date.slice(0, 8)) return fail("wrong scope", "scope and X-Amz-Date differ");
  if (service !== context.service) return fail("wrong scope", `signed for service ${service}`);
  if (context.region !== undefined && region !== context.region) {
    return fail("wrong scope", `signed for Region ${region} instead of ${context.region}`);
  }
  const key = context.find(accessKeyId);
  if (key === undefined) return fail("unknown key", `no such key: ${accessKeyId}`);
  const headers = canonicalHeaders(request.headers, claim.signedHeaders);
  if (headers === undefined) return fail("malformed", "a signed header is missing, or host is");
  const canonical = [
    request.method,
    request.path,
    claim.canonicalQuery,
    headers,
    claim.signedHeaders,
    sha256(request.body),
  ].join("\n");
  const toSign = [ALGORITHM, claim.date, scope.join("/"), sha256(canonical)].join("\n");
  let secret = Buffer.from(`AWS4${key.secretAccessKey}`);
  for (const part of [...scope, toSign])
    secret = createHmac("sha256", secret).update(part).digest();
  const given = Buffer.from(claim.signature);
  const wanted = Buffer.from(secret.toString("hex"));
  if (given.length !== wanted.length || !timingSafeEqual(given, wanted)) {
    return fail("wrong signature", "the signature does not match");
  }
  if ((claim.sessionToken ?? "") !== (key.sessionToken ?? "")) {
    return fail("wrong session token", "the session token is not the one of this key");
  }
  const age = (context.now.getTime() - signedAt) / 1000;
  if (age < -CLOCK_SKEW_SECONDS) return fail("not yet valid", `signed ${-age} s in the future`);
  if (age > claim.lifetime) return fail("expired", `signed ${age} s ago`);
  if (key.expiration !== undefined && key.expiration.getTime() <= context.now.getTime()) {
    return fail("credentials expired", `the session ended at ${key.expiration.toISOString()}`);
  }
  return { ok: true, key };
}

function fail(fault: SignatureFault, reason: string): SignatureVerdict {
  return { ok: false, fault, reason };
}

/** Decodes a query string as SigV4 sees it: `+` is itself; undefined when it cannot be decoded. */
export function parseQuery(query: string): readonly (readonly [string, string])[] | undefined {
  if (query === "") return [];
  try {
    return query.split("&").map((part) => {
      const at = part.indexOf("=");
      const [name, value] = at < 0 ? [part, ""] : [part.slice(0, at), part.slice(at + 1)];
      return [decodeURIComponent(name), decodeURIComponent(value)] as const;
    });
  } catch {
    return undefined;
  }
}

function canonicalQuery(pairs: readonly (readonly [string, string])[]): string {
  const encoded = pairs.map(([name, value]) => `${uriEncode(name)}=${uriEncode(value)}`);
  return encoded.toSorted((a, b) => (a < b ? -1 : 1)).join("&");
}

// RFC 3986's unreserved characters stay; encodeURIComponent also leaves !'()*.
function uriEncode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

function canonicalHeaders(
  headers: ReadonlyMap<string, string>,
  signedHeaders: string,
): string | undefined {
  const names = signedHeaders.split(";");
  const sorted = names.every((name, index) => index === 0 || (names[index - 1] ?? "") < name);
  if (!sorted || !names.includes("host") || !names.every((name) => headers.has(name))) {
    return undefined;
  }
  return names
    .map((name) => `${name}:${(headers.get(name) ?? "").trim().replace(/ +/g, " ")}\n`)
    .join("");
}

function sha256(data: string | Buffer): string {
  return createHash("sha256").update(data).digest("hex");
}
