// Reads the proof of an AWS identity: a presigned GetCallerIdentity request, which the relay sends to STS.
// Two signed header fields make it valid for this relay and this connection alone: `x-rdsiam-relay` is the name that the
// client dialed, `x-rdsiam-nonce` the nonce that the relay gave it on this connection. The URL does not decide where the
// request goes: its parts are checked one by one, and the relay builds a new request from them.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
// https://github.com/kubernetes-sigs/aws-iam-authenticator#api-authorization-from-outside-a-cluster

import { Buffer } from "node:buffer";

/** The authentication scheme of the challenge and its answer. */
export const SCHEME = "RDSIAM-STS";
/** Header fields that the client signs besides `host`. */
export const RELAY_FIELD = "x-rdsiam-relay";
export const NONCE_FIELD = "x-rdsiam-nonce";

const MAX_URL = 12 * 1024;
const MAX_EXPIRES = 900; // seconds, STS's own limit
const MAX_SKEW = 300_000; // ms that a client's clock may differ, as at AWS

/** The challenge that a proof must answer. */
export interface ProofContext {
  /** The STS endpoint without a path: `https://sts.eu-west-1.amazonaws.com`. */
  readonly endpoint: string;
  readonly region: string;
  /** The relay's name as the client sent it, and the nonce of this connection. */
  readonly relay: string;
  readonly nonce: string;
  readonly now: number;
}

/** A checked request for STS. */
export interface StsRequest {
  readonly query: Readonly<Record<string, string>>;
  /** The signed fields besides `host`. */
  readonly headers: Readonly<Record<string, string>>;
  /** When the proof ends; ms since the epoch. */
  readonly until: number;
}

/** A proof that is not sent to STS. */
export class BadProof extends Error {
  override readonly name = "BadProof";
  readonly refusal: "identity-malformed" | "identity-expired";

  constructor(refusal: BadProof["refusal"], message: string) {
    super(message);
    this.refusal = refusal;
  }
}

// Every parameter that a presigned GetCallerIdentity has; no other is allowed.
const SHAPES: Readonly<Record<string, (context: ProofContext) => RegExp>> = {
  Action: () => /^GetCallerIdentity$/,
  Version: () => /^2011-06-15$/,
  "X-Amz-Algorithm": () => /^AWS4-HMAC-SHA256$/,
  "X-Amz-Credential": ({ region }) =>
    new RegExp(String.raw`^[A-Z0-9]{16,128}/\d{8}/${region}/sts/aws4_request$`),
  "X-Amz-Date": () => /^\d{8}T\d{6}Z$/,
  "X-Amz-Expires": () => /^[1-9]\d{0,2}$/,
  "X-Amz-Security-Token": () => /^[\w+/=]{1,8192}$/,
  "X-Amz-SignedHeaders": () => new RegExp(`^host;${NONCE_FIELD};${RELAY_FIELD}$`),
  "X-Amz-Signature": () => /^[0-9a-f]{64}$/,
};
const OPTIONAL = "X-Amz-Security-Token";

/** Reads the value of Proxy-Authorization; throws BadProof. */
export function readProof(authorization: string, context: ProofContext): StsRequest {
  const encoded = new RegExp(`^${SCHEME} ([\\w-]{1,${MAX_URL * 2}})$`).exec(authorization)?.[1];
  if (encoded === undefined) throw malformed(`it is not a ${SCHEME} proof`);
  const url = Buffer.from(encoded, "base64url").toString("latin1");
  const start = `${context.endpoint}/?`;
  if (url.length > MAX_URL || !url.startsWith(start)) throw malformed("it is for another endpoint");
  const query = readQuery(url.slice(start.length));
  for (const [name, shape] of Object.entries(SHAPES)) {
    const value = query[name];
    if (value === undefined && name === OPTIONAL) continue;
    if (value === undefined || !shape(context).test(value)) throw malformed(`${name} is not valid`);
  }
  const until = endOf(query, context.now);
  const headers = { [RELAY_FIELD]: context.relay, [NONCE_FIELD]: context.nonce };
  return { query, headers, until };
}

function readQuery(text: string): Record<string, string> {
  const query: Record<string, string> = {};
  for (const part of text.split("&")) {
    const [, name = "", value = ""] = /^([A-Za-z-]+)=([\w.~%-]*)$/.exec(part) ?? [];
    if (!Object.hasOwn(SHAPES, name)) throw malformed("it has an unknown parameter");
    if (Object.hasOwn(query, name)) throw malformed("a parameter is repeated");
    query[name] = decoded(value);
  }
  return query;
}

function decoded(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    throw malformed("a parameter cannot be decoded");
  }
}

// STS accepts a presigned request for 15 minutes, whatever its X-Amz-Expires.
function endOf(query: Readonly<Record<string, string>>, now: number): number {
  const date = query["X-Amz-Date"] ?? "";
  const expires = Number(query["X-Amz-Expires"]);
  const iso = date.replace(/^(....)(..)(..)T(..)(..)(..)Z$/, "$1-$2-$3T$4:$5:$6Z");
  const signed = Date.parse(iso);
  if (Number.isNaN(signed) || expires > MAX_EXPIRES) throw malformed("its times are not valid");
  if (query["X-Amz-Credential"]?.split("/")[1] !== date.slice(0, 8)) {
    throw malformed("its date and its scope differ");
  }
  const end = signed + expires * 1_000 + MAX_SKEW;
  if (now > end || now < signed - MAX_SKEW) {
    throw new BadProof("identity-expired", `it was signed at ${iso} for ${expires} s`);
  }
  return end;
}

function malformed(message: string): BadProof {
  return new BadProof("identity-malformed", message);
}
