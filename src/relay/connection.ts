// One client of the relay: its requests, the connection to the database, and then bytes both ways until both have ended.
// The bytes are the client's own TLS session with the database: the relay cannot read them.

import { Buffer } from "node:buffer";
import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import type { Address } from "../base/address.ts";
import { closesWithin, deadline } from "../base/deadline.ts";
import { ConnectionClosed } from "../base/socket-reader.ts";
import type { AddressBook } from "./addresses.ts";
import { type AdmissionContext, admit, type Admitted, type RelayClient } from "./admission.ts";
import type { RelayEvent, SessionEnd } from "./events.ts";
import { encodeRefusal, RelayRefusal } from "./refusal.ts";
import { BadHead, requestReader } from "./request.ts";

const FLUSH_TIMEOUT = 1_000; // ms for a refused client to read the answer

/** What every connection of a relay shares. */
export interface RelayContext extends AdmissionContext {
  readonly book: AddressBook;
  /** Dials the first of the addresses that answers, and no other address. */
  readonly dial: (
    target: {
      readonly host: string;
      readonly port: number;
      readonly addresses: readonly Address[];
    },
    signal: AbortSignal,
  ) => Promise<Socket>;
  /** Copies both ways until both ends are closed. */
  readonly copy: (ends: {
    readonly frontend: Socket;
    readonly backend: Socket;
    readonly fromFrontend: Buffer;
    readonly fromBackend: Buffer;
  }) => Promise<void>;
  readonly onEvent: (event: RelayEvent) => void;
  /** Milliseconds for a database to be dialed. */
  readonly dialTimeout: number;
}

/** A connection's place among the clients of the server. */
export interface Admittance {
  /** Notes how far the client is: 1 with its challenge, 2 with its proof. */
  readonly advance: (step: 1 | 2) => void;
  /** Begins a session, which `end` ends; throws RelayRefusal when the relay takes no more. */
  readonly enter: (session: Admitted, end: (why: SessionEnd) => void) => void;
  /** Aborts with ConnectionClosed when the relay closes. */
  readonly closed: AbortSignal;
}

/** Serves a client to its end; never rejects. */
export async function serveConnection(
  socket: TLSSocket,
  { advance, closed, enter }: Admittance,
  context: RelayContext,
): Promise<void> {
  const peer = `${socket.remoteAddress}:${socket.remotePort}`;
  // The close that follows an error is enough.
  socket.on("error", () => {});
  const client = { socket, reader: requestReader(socket), closed, advance };
  try {
    const admitted = await admit(client, context);
    let ended: SessionEnd | undefined;
    // Its bytes are a TLS session of others: there is no message that could say why.
    enter(admitted, (why) => {
      ended ??= why;
      socket.destroy();
    });
    const backend = await dialTarget(admitted, client, context);
    try {
      await copySession(client, { backend, admitted, peer, ended: () => ended }, context);
    } finally {
      backend.destroy();
    }
  } catch (error) {
    await refuse(socket, { error, peer }, context);
  } finally {
    socket.destroy();
  }
}

async function dialTarget(
  { address, caller, reachable, target }: Admitted,
  { closed, reader }: RelayClient,
  context: RelayContext,
): Promise<Socket> {
  const { book, dial } = context;
  using limit = deadline(
    context.dialTimeout,
    () => new ConnectionClosed("it took too long"),
    closed,
  );
  const { signal } = limit;
  const addresses =
    address === undefined
      ? await book.addresses(target)
      : await book.only(address, target, reachable());
  const { host, port } = target;
  try {
    return await reader.whileThere((left) => dial({ host, port, addresses }, left), signal);
  } catch (error) {
    if (signal.aborted) throw new RelayRefusal("unreachable", "no answer in time", { caller });
    if (error instanceof ConnectionClosed) throw error;
    const reason = error instanceof Error ? error.message : "";
    throw new RelayRefusal("unreachable", reason, { caller });
  }
}

interface DialedSession {
  readonly backend: Socket;
  readonly admitted: Admitted;
  readonly peer: string;
  readonly ended: () => SessionEnd | undefined;
}

async function copySession(
  { reader, socket }: RelayClient,
  { admitted, backend, ended, peer }: DialedSession,
  { copy, now, onEvent }: RelayContext,
): Promise<void> {
  const { caller, rule, target, ticket } = admitted;
  const address = backend.remoteAddress ?? "";
  const session = { peer, caller, rule, target, address };
  const started = now();
  const fromFrontend = reader.detach();
  if (fromFrontend.length > 0) throw new BadHead(400, "there are bytes after the head");
  onEvent({ kind: "opened", ...session });
  const fields = [`X-Rdsiam-Address: ${address}`];
  if (ticket !== undefined) fields.push(`X-Rdsiam-Ticket: ${ticket}`);
  socket.write(`HTTP/1.1 200 Connection established\r\n${fields.join("\r\n")}\r\n\r\n`);
  await copy({ frontend: socket, backend, fromFrontend, fromBackend: Buffer.alloc(0) });
  const { bytesRead: received, bytesWritten: sent } = backend;
  const milliseconds = now() - started;
  onEvent({ kind: "closed", ...session, milliseconds, sent, received, ended: ended() });
}

async function refuse(
  socket: Socket,
  { error, peer }: { readonly error: unknown; readonly peer: string },
  { onEvent }: RelayContext,
): Promise<void> {
  const refusal = refusalOf(error);
  if (refusal === undefined || socket.destroyed) return;
  const { caller, message: reason, word } = refusal;
  onEvent({ kind: "refused", peer, word, reason, caller });
  // What the client still sends is read and dropped: unread bytes would turn the end into a reset.
  socket.resume();
  socket.end(encodeRefusal(refusal));
  await closesWithin(socket, FLUSH_TIMEOUT);
}

function refusalOf(error: unknown): RelayRefusal | undefined {
  if (error instanceof ConnectionClosed) return undefined;
  if (error instanceof RelayRefusal) return error;
  if (error instanceof BadHead) {
    return new RelayRefusal("bad-request", error.message, { status: error.status });
  }
  return new RelayRefusal("unreachable", error instanceof Error ? error.message : String(error));
}
