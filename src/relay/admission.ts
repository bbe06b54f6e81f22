// Admits a client: reads the requests of one connection until one of them is granted or refused. A client that has to prove
// an AWS identity gets a nonce first (407) and asks again on the same connection; a proof is valid for that nonce and is
// read once, so a proof that was seen on another connection, of any replica, is worthless. Its ticket spares it the next ones.
// No answer reveals which databases there are: not listed and not allowed are one answer.

import { randomBytes } from "node:crypto";
import type { TLSSocket } from "node:tls";
import { deadline } from "../base/deadline.ts";
import { ConnectionClosed, type SocketReader } from "../base/socket-reader.ts";
import {
  type AccessRule,
  allowingRule,
  asksForArn,
  type Caller,
  certificateNames,
  isCallerArn,
  type RelayTarget,
} from "./access.ts";
import { BadProof, type ProofContext, readProof, SCHEME, type StsRequest } from "./presigned.ts";
import { encodeAnswer, RelayRefusal } from "./refusal.ts";
import { type ConnectRequest, readRequest } from "./request.ts";
import type { Targets } from "./targets.ts";
import type { Tickets } from "./tickets.ts";

/** What admission needs of the relay. */
export interface AdmissionContext {
  readonly rules: () => readonly AccessRule[];
  readonly targets: Targets;
  readonly tickets: Tickets;
  /** The STS endpoint without a path, and its Region; undefined where no rule names an ARN. */
  readonly sts: () => { readonly endpoint: string; readonly region: string } | undefined;
  /** Whether this is a name of the relay. */
  readonly isAudience: (name: string) => boolean;
  /** Asks STS for the caller's ARN; undefined when it rejects the signature. Rejects when STS cannot be reached. */
  readonly identify: (request: StsRequest, left: AbortSignal) => Promise<string | undefined>;
  readonly now: () => number;
  /** Milliseconds for a request to arrive. */
  readonly headTimeout: number;
}

/** The client of a connection. */
export interface RelayClient {
  readonly socket: TLSSocket;
  readonly reader: SocketReader;
  /** Aborts with ConnectionClosed when the relay closes. */
  readonly closed: AbortSignal;
  /** Notes how far the client is: 1 with its challenge, 2 with its proof. */
  readonly advance: (step: 1 | 2) => void;
}

/** A granted request. */
export interface Admitted {
  readonly caller: Caller;
  readonly rule: string;
  readonly target: RelayTarget;
  /** The one address that the client named, for a cancel. */
  readonly address: string | undefined;
  /** The databases that this caller may reach, with this one. */
  readonly reachable: () => readonly RelayTarget[];
  /** For the client's next connections, where it has proven its identity on this one. */
  readonly ticket?: string | undefined;
}

/** Reads requests until one is granted; throws RelayRefusal. */
export async function admit(client: RelayClient, context: AdmissionContext): Promise<Admitted> {
  const certificate = namesOf(client.socket);
  const first = await nextRequest(client, context);
  const known = decide(first, { certificate, arn: ticketed(client, first, context) }, context);
  if (known !== undefined) return known;
  const sts = context.sts();
  if (sts === undefined || !asksForArn(context.rules()))
    throw notAllowed({ certificate }, first, context);
  const nonce = randomBytes(24).toString("base64url");
  const { endpoint, region } = sts;
  const challenge = `${SCHEME} endpoint="${endpoint}", region="${region}", nonce="${nonce}"`;
  client.socket.write(
    encodeAnswer(407, [
      "X-Rdsiam-Refusal: identity-needed",
      `Proxy-Authenticate: ${challenge}`,
      "Connection: keep-alive",
    ]),
  );
  client.advance(1);
  const second = await nextRequest(client, context);
  const stsRequest = readStsRequest(second, { ...sts, nonce }, context);
  client.advance(2);
  const arn = await client.reader.whileThere(
    (left) => identify(stsRequest, left, context),
    client.closed,
  );
  const caller = { certificate, arn };
  const admitted = decide(second, caller, context);
  if (admitted === undefined) throw notAllowed(caller, second, context);
  return { ...admitted, ticket: context.tickets.issue(client.socket, arn, stsRequest.until) };
}

// A ticket that is not valid is none: the client is asked for a proof.
function ticketed(
  { socket }: RelayClient,
  { fields }: ConnectRequest,
  { tickets }: AdmissionContext,
): string | undefined {
  return tickets.identityOf(socket, fields.get("proxy-authorization"));
}

async function nextRequest(
  { reader, closed }: RelayClient,
  { headTimeout }: AdmissionContext,
): Promise<ConnectRequest> {
  using limit = deadline(headTimeout, () => new ConnectionClosed("it took too long"), closed);
  return await reader.take(readRequest, limit.signal);
}

function namesOf(socket: TLSSocket): readonly string[] | undefined {
  const certificate = socket.getPeerCertificate();
  if (certificate?.subject === undefined) return undefined;
  if (!socket.authorized)
    throw new RelayRefusal("certificate", "the client certificate is not trusted");
  return certificateNames(certificate);
}

function decide(
  { fields, host, port }: ConnectRequest,
  caller: Caller,
  { rules, targets }: AdmissionContext,
): Admitted | undefined {
  const target = targets.find(host, port);
  const rule = target === undefined ? undefined : allowingRule(rules(), caller, target);
  if (target === undefined || rule === undefined) return undefined;
  const isReachable = (each: RelayTarget): boolean =>
    each.port === port && allowingRule(rules(), caller, each) !== undefined;
  const reachable = (): readonly RelayTarget[] => targets.all().filter(isReachable);
  return { caller, rule: rule.name, target, address: fields.get("x-rdsiam-address"), reachable };
}

function readStsRequest(
  { fields }: ConnectRequest,
  challenge: Pick<ProofContext, "endpoint" | "nonce" | "region">,
  context: AdmissionContext,
): StsRequest {
  const relay = fields.get("x-rdsiam-relay") ?? "";
  const authorization = fields.get("proxy-authorization");
  if (authorization === undefined) {
    throw new RelayRefusal("identity-needed", "the request has no proof of an AWS identity", {
      status: 403,
    });
  }
  if (!context.isAudience(relay)) {
    throw new RelayRefusal(
      "identity-malformed",
      `the proof is for ${JSON.stringify(relay)}, which is not a name of this relay (audience)`,
    );
  }
  try {
    return readProof(authorization, { ...challenge, relay, now: context.now() });
  } catch (error) {
    if (!(error instanceof BadProof)) throw error;
    throw new RelayRefusal(error.refusal, error.message);
  }
}

async function identify(
  request: StsRequest,
  left: AbortSignal,
  context: AdmissionContext,
): Promise<string> {
  const arn = await context.identify(request, left).catch((error: unknown) => {
    throw new RelayRefusal("identity-unavailable", error instanceof Error ? error.message : "");
  });
  if (arn === undefined) throw new RelayRefusal("identity-refused", "STS rejects the signature");
  if (!isCallerArn(arn)) throw new RelayRefusal("identity-refused", "STS reports no valid ARN");
  return arn;
}

// The reason is for the relay's log alone.
function notAllowed(
  caller: Caller,
  { host, port }: ConnectRequest,
  { targets }: AdmissionContext,
): RelayRefusal {
  const target = targets.find(host, port);
  const unknown = target !== undefined && target.tags === undefined;
  const reason = `no rule lets this client reach it${unknown ? "; its tags are not known" : ""}`;
  return new RelayRefusal("not-allowed", reason, { caller });
}
