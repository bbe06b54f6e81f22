// What a relay says of each client: who went where, for how long, and who was refused. A line for each, since this is what
// is looked at after the fact; but nobody who is refused can fill the log: beyond some lines a second they are counted.

import type { Fields, Log } from "../base/log.ts";
import { describeCaller } from "./caller.ts";
import type { RelayEvent } from "./connection.ts";
import { Throttle } from "../base/throttle.ts";

/** Says what happens in a relay. */
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
  return `closed ${where} for ${who} from ${peer} after ${seconds} s, ${event.sent} bytes sent, ${event.received} received`;
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
  const { milliseconds, received, sent } = event;
  return { ...tunnel, address, milliseconds, sent, received };
}
