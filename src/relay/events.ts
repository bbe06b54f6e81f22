// What happens in a relay, and its log: who connected where, for how long, and who was refused. One line each, for audits;
// but refused clients cannot fill the log: beyond some lines a second they are only counted.

import type { Fields, Log } from "../base/log.ts";
import { Throttle } from "../base/throttle.ts";
import { type Caller, describeCaller, type RelayTarget } from "./access.ts";
import type { RefusalWord } from "./refusal.ts";

/** Why the relay ended a session: no rule allows it any more, or it lasted too long. */
export type SessionEnd = "rule" | "timeout";

const ENDS = {
  rule: "ended, as no rule allows it any more:",
  timeout: "ended by session_timeout:",
};

/** An event of a relay; holds no secret. */
export type RelayEvent =
  | ({ readonly kind: "opened" } & RelaySession)
  | ({
      readonly kind: "closed";
      readonly milliseconds: number;
      /** Bytes from the client to the database, and back. */
      readonly sent: number;
      readonly received: number;
      /** Undefined where client or database ended it. */
      readonly ended: SessionEnd | undefined;
    } & RelaySession)
  | {
      readonly kind: "refused";
      readonly peer: string;
      readonly word: RefusalWord;
      readonly reason: string;
      readonly caller: Caller;
    };

interface RelaySession {
  readonly peer: string;
  readonly caller: Caller;
  readonly rule: string;
  readonly target: RelayTarget;
  /** The address that was dialed. */
  readonly address: string;
}

/** Makes the function that logs events. */
export function relayLogger(log: Log): (event: RelayEvent) => void {
  const refusals = new Throttle((count) =>
    log.always(`rdsiam: ${count} more refusals in the same second`, { event: "refused", count }),
  );
  return (event) => {
    if (event.kind === "refused" && !refusals.take()) return;
    log.always(`rdsiam: ${textOf(event)}`, fieldsOf(event));
  };
}

function textOf(event: RelayEvent): string {
  const who = describeCaller(event.caller);
  if (event.kind === "refused") {
    return `refused ${event.peer} (${who}): ${event.word}: ${event.reason}`;
  }
  const { address, peer, rule, target } = event;
  const where = `${target.host}:${target.port} at ${address}`;
  if (event.kind === "opened") return `opened ${where} for ${who} from ${peer} by [allow ${rule}]`;
  const seconds = (event.milliseconds / 1_000).toFixed(1);
  const how = event.ended === undefined ? "closed" : ENDS[event.ended];
  return `${how} ${where} for ${who} from ${peer} after ${seconds} s, ${event.sent} bytes sent, ${event.received} received`;
}

function fieldsOf(event: RelayEvent): Fields {
  const { arn, certificate } = event.caller;
  const common = { event: event.kind, peer: event.peer, arn, certificate: certificate?.join(", ") };
  if (event.kind === "refused") {
    return { ...common, refusal: event.word, reason: event.reason };
  }
  const { address, rule, target } = event;
  const tunnel = { ...common, rule, target: target.name, host: target.host, port: target.port };
  if (event.kind === "opened") return { ...tunnel, address };
  const { ended, milliseconds, received, sent } = event;
  return { ...tunnel, address, milliseconds, sent, received, ended };
}
