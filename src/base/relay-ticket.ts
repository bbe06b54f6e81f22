// What a relay and its clients share of tickets: the key of one, and how its owner proves to have it on another connection.
// Both come from TLS's exporter, which gives the two ends of a connection, and nobody else, the same bytes.
// https://www.rfc-editor.org/rfc/rfc8446#section-7.5
import { Buffer } from "node:buffer";
import { createHmac } from "node:crypto";
import type { TLSSocket } from "node:tls";

/** The authentication scheme of a ticket. */
export const TICKET_SCHEME = "RDSIAM-TICKET";

const LABEL = "EXPORTER-rdsiam-relay-ticket";
const LENGTH = 32; // bytes

/** The key of a ticket that was issued on a connection; undefined below TLS 1.3 (RFC 7627), and on Deno, which has no exporter up to 2.9. */
export function ticketKey(secured: TLSSocket): Buffer | undefined {
  if (secured.getProtocol() !== "TLSv1.3" || !("exportKeyingMaterial" in secured)) return undefined;
  return secured.exportKeyingMaterial(LENGTH, LABEL, Buffer.alloc(0));
}

/** Proves to have a ticket's key on this connection, and on no other. */
export function ticketProof(key: Buffer, secured: TLSSocket): Buffer | undefined {
  const here = ticketKey(secured);
  return here && createHmac("sha256", key).update(here).digest();
}
