// Tickets: for a minute, a client that has proven its AWS identity need not prove it again on each connection. A ticket stands for
// the identity alone: the rules are asked each time. It is good only with a key that is never sent, and each use of it is good for
// one connection. Another replica does not know it, and asks for a proof.

import { Buffer } from "node:buffer";
import { randomBytes, timingSafeEqual } from "node:crypto";
import type { TLSSocket } from "node:tls";
import { TICKET_SCHEME, ticketKey, ticketProof } from "../base/relay-ticket.ts";

const LIFE = 60_000; // ms
const MAX_TICKETS = 10_000;
const PRESENTED = new RegExp(String.raw`^${TICKET_SCHEME} ([\w-]{24})\.([\w-]{43})$`);

interface Ticket {
  readonly arn: string;
  readonly key: Buffer;
  /** ms since the epoch. */
  readonly until: number;
}

/** The tickets of a relay. */
export class Tickets {
  readonly #now: () => number;
  readonly #tickets = new Map<string, Ticket>();

  constructor(now: () => number) {
    this.#now = now;
  }

  /** Issues a ticket for the identity that was proven on a connection; not beyond `until`, the end of the proof. */
  issue(secured: TLSSocket, arn: string, until: number): string | undefined {
    const key = ticketKey(secured);
    if (key === undefined) return undefined;
    const now = this.#now();
    for (const [name, ticket] of this.#tickets) {
      if (ticket.until > now && this.#tickets.size < MAX_TICKETS) break;
      this.#tickets.delete(name);
    }
    const name = randomBytes(18).toString("base64url");
    this.#tickets.set(name, { arn, key, until: Math.min(until, now + LIFE) });
    return name;
  }

  /** The identity of the ticket in a Proxy-Authorization field, if the client of this connection has its key. */
  identityOf(secured: TLSSocket, authorization: string | undefined): string | undefined {
    const [, name = "", given = ""] = PRESENTED.exec(authorization ?? "") ?? [];
    const ticket = this.#tickets.get(name);
    if (ticket === undefined || ticket.until <= this.#now()) return undefined;
    const expected = ticketProof(ticket.key, secured);
    const proof = Buffer.from(given, "base64url");
    const isOwn = expected?.length === proof.length && timingSafeEqual(expected, proof);
    return isOwn ? ticket.arn : undefined;
  }

  /** Ends all of them. */
  clear(): void {
    this.#tickets.clear();
  }
}
