// Who asks, and may they: reads requests off one connection until one of them can be granted. A client that has to prove
// an AWS identity is given a nonce first (407) and asks again on the same connection; a proof is good for that nonce and
// is looked at once, so one that was seen on another connection, by whatever replica, is worth nothing.
// Before a caller is known nothing is said about which databases there are, and afterwards not either: off the list and
// not allowed is one answer.

import { randomBytes } from "node:crypto";
import type { PeerCertificate } from "node:tls";
import { type AccessRule, allowingRule, asksForArn, type RelayTarget } from "./access.ts";
import { type Caller, certificateNames, isCallerArn } from "./caller.ts";
import type { ConnectRequest } from "./head.ts";
import { BadProof, type ProofContext, readProof, SCHEME, type StsQuestion } from "./presigned.ts";
import { encodeAnswer, Refusal } from "./refusal.ts";
import type { Targets } from "./targets.ts";

/** The header field with the one address that is asked for, and the one that was dialled. */
export const ADDRESS_FIELD = "x-rdsiam-address";

/** Asks STS; the caller's ARN, or undefined when STS does not take the signature. Rejects when it cannot be asked. */
export type Identify = (question: StsQuestion, left: AbortSignal) => Promise<string | undefined>;

/** What decides who may do what. */
export interface AdmissionContext {
  readonly rules: () => readonly AccessRule[];
  readonly targets: Targets;
  /** Where STS is asked, without a path, and in which Region; undefined where no rule names an ARN. */
  readonly sts: () => { readonly endpoint: string; readonly region: string } | undefined;
  /** Whether the relay goes by this name. */
  readonly isAudience: (name: string) => boolean;
  readonly identify: Identify;
  readonly now: () => number;
}

/** The client's side of a connection as far as admission needs it. */
export interface Client {
  /** Its certificate, where it has one, and whether that was verified. */
  readonly certificate: PeerCertificate | undefined;
  readonly isAuthorized: boolean;
  readonly request: () => Promise<ConnectRequest>;
  readonly write: (text: string) => void;
  /** Does something for it; the signal aborts, and this rejects with Gone, as soon as it has gone. */
  readonly whileThere: <T>(work: (left: AbortSignal) => Promise<T>) => Promise<T>;
}

/** A request that is granted. */
export interface Admitted {
  readonly caller: Caller;
  readonly rule: string;
  readonly target: RelayTarget;
  /** The one address that was asked for. */
  readonly address: string | undefined;
  /** The databases that this caller may reach, this one among them. */
  readonly reachable: readonly RelayTarget[];
}

/** Reads requests until one is granted; throws Refusal. */
export async function admit(client: Client, context: AdmissionContext): Promise<Admitted> {
  const certificate = namesOf(client);
  const first = await client.request();
  const known = decide(first, { certificate }, context);
  if (known !== undefined) return known;
  const sts = context.sts();
  if (sts === undefined || !asksForArn(context.rules())) throw notAllowed({ certificate });
  const nonce = randomBytes(24).toString("base64url");
  const { endpoint, region } = sts;
  const challenge = `${SCHEME} endpoint="${endpoint}", region="${region}", nonce="${nonce}"`;
  client.write(
    encodeAnswer(407, [
      "X-Rdsiam-Refusal: identity-needed",
      `Proxy-Authenticate: ${challenge}`,
      "Connection: keep-alive",
    ]),
  );
  const second = await client.request();
  const question = readQuestion(second, { ...sts, nonce }, context);
  const arn = await client.whileThere((left) => prove(question, left, context));
  const caller = { certificate, arn };
  const admitted = decide(second, caller, context);
  if (admitted === undefined) throw notAllowed(caller);
  return admitted;
}

function namesOf({ certificate, isAuthorized }: Client): readonly string[] | undefined {
  if (certificate === undefined) return undefined;
  if (!isAuthorized) throw new Refusal("certificate", "the client certificate is not trusted");
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
  const reachable = targets
    .all()
    .filter((each) => each.port === port && allowingRule(rules(), caller, each) !== undefined);
  return { caller, rule: rule.name, target, address: fields.get(ADDRESS_FIELD), reachable };
}

function readQuestion(
  { fields }: ConnectRequest,
  challenge: Pick<ProofContext, "endpoint" | "nonce" | "region">,
  context: AdmissionContext,
): StsQuestion {
  const relay = fields.get("x-rdsiam-relay") ?? "";
  const authorization = fields.get("proxy-authorization");
  if (authorization === undefined) {
    throw new Refusal("identity-needed", "no proof of an AWS identity came", { status: 403 });
  }
  if (!context.isAudience(relay)) {
    throw new Refusal("identity-malformed", `the proof is for ${JSON.stringify(relay)}`);
  }
  try {
    return readProof(authorization, { ...challenge, relay, now: context.now() });
  } catch (error) {
    if (!(error instanceof BadProof)) throw error;
    throw new Refusal(error.refusal, error.message);
  }
}

async function prove(
  question: StsQuestion,
  left: AbortSignal,
  { identify }: AdmissionContext,
): Promise<string> {
  const arn = await identify(question, left).catch((error: unknown) => {
    throw new Refusal("identity-unavailable", error instanceof Error ? error.message : "");
  });
  if (arn === undefined) throw new Refusal("identity-refused", "STS does not take the signature");
  if (!isCallerArn(arn)) throw new Refusal("identity-refused", "STS tells no caller's ARN");
  return arn;
}

function notAllowed(caller: Caller): Refusal {
  return new Refusal("not-allowed", "no rule lets this caller reach it", { caller });
}
