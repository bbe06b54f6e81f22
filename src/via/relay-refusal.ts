// What a relay's refusal means for the person who runs the tool. The relay answers one word; its sentences are here.

import type { RdsIamError } from "../base/errors.ts";
import type { CarrierTarget } from "./carrier.ts";
import { viaError } from "./child-stream.ts";
import { type HostPort, showHostPort } from "../base/host-port.ts";

interface Meaning {
  readonly detail: string;
  readonly hint: string;
}

const CLOCK = "Check this machine's clock with: date -u.";
const OPERATOR = "Ask those who run the relay to look at its log.";

const MEANINGS: Readonly<Record<string, Meaning>> = {
  "identity-needed": {
    detail: "It wants to know who asks, and got no proof.",
    hint: "Update rdsiam, or look for something on the way that changes requests.",
  },
  "identity-malformed": {
    detail:
      "It cannot use the proof of the AWS identity: the name that it was made for is not one of the relay's, or its form is another version's.",
    hint: "Use the relay's own name in relay://NAME:PORT, the one in its certificate.",
  },
  "identity-expired": {
    detail: "The proof of the AWS identity was too old, or from the future, when it came.",
    hint: CLOCK,
  },
  "identity-refused": {
    detail: "AWS STS does not take the signature of these credentials.",
    hint: `Check with: aws sts get-caller-identity. ${CLOCK}`,
  },
  "identity-unavailable": {
    detail: "It cannot ask AWS STS who this is.",
    hint: `Try again. ${OPERATOR}`,
  },
  certificate: {
    detail: "It does not trust the client certificate.",
    hint: "Check cert=FILE in rds_via: who issued it, and until when it is good.",
  },
  address: {
    detail: "The name leads to an address that the relay does not dial.",
    hint: "A cancel fails in this way when the database has moved; otherwise ask those who run the relay to look at its networks.",
  },
  dns: {
    detail: "The name cannot be looked up where the relay is.",
    hint: "Check that the database is there, and the DNS of the relay's network.",
  },
  unreachable: {
    detail: "The database cannot be reached from where the relay is.",
    hint: "Check that the database runs, and that its security group lets the relay in.",
  },
  busy: { detail: "It has as many sessions as it may have.", hint: "Try again later." },
  draining: { detail: "It is being ended, and takes no new sessions.", hint: "Try again." },
  "bad-request": {
    detail: "It could not read the request.",
    hint: "Update rdsiam, or look for something on the way that changes requests.",
  },
};

/** The error for a request that the relay refused; `fields` are those of its answer. */
export function refusedByRelay(
  fields: ReadonlyMap<string, string>,
  { relay, target }: { readonly relay: HostPort; readonly target: CarrierTarget },
): RdsIamError {
  const word = fields.get("x-rdsiam-refusal") ?? "";
  const message = `the relay ${showHostPort(relay)} opened no connection to ${target.host} port ${target.port}`;
  if (word === "not-allowed") return notAllowed(message, fields.get("x-rdsiam-identity") ?? "");
  const known = Object.hasOwn(MEANINGS, word) ? MEANINGS[word] : undefined;
  return viaError(
    message,
    known ?? { detail: "It refused, in words that this rdsiam does not know.", hint: OPERATOR },
  );
}

function notAllowed(message: string, identity: string): RdsIamError {
  // What comes from elsewhere goes to a terminal only in the form that it must have.
  const who = /^arn:[\w+=,.@:/-]{1,2048}$/.test(identity) ? identity : undefined;
  return viaError(message, {
    detail:
      who === undefined
        ? "No rule of the relay lets this client reach that database, or the database is not on its list."
        : `It knows you as ${who}, and no rule of it lets that identity reach the database, or the database is not on its list.`,
    hint: "Ask those who run the relay for an [allow] rule, or use another profile: --profile NAME",
  });
}
