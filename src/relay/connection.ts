// One client of the relay: its requests, the connection to the database, and then bytes both ways until both have ended.
// What the bytes are is none of the relay's business: they are the client's own TLS session with the database.

import { Buffer } from "node:buffer";
import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import type { RelayTarget } from "./access.ts";
import type { Address } from "../base/address.ts";
import type { AddressBook } from "./address-book.ts";
import { type AdmissionContext, admit, type Admitted } from "./admission.ts";
import type { Caller } from "./caller.ts";
import { BadHead } from "./head.ts";
import { Gone, HeadReader } from "./head-reader.ts";
import { encodeRefusal, Refusal, type RefusalWord } from "./refusal.ts";

const FLUSH_TIMEOUT = 1_000; // ms that a refused client gets to read why

/** What happened; never holds a secret. */
export type RelayEvent =
  | ({ readonly kind: "opened" } & Tunnel)
  | ({ readonly kind: "closed" } & Tunnel & Traffic)
  | {
      readonly kind: "refused";
      readonly peer: string;
      readonly word: RefusalWord;
      readonly reason: string;
      readonly caller: Caller;
    };

/** A connection to a database. */
export interface Tunnel {
  readonly peer: string;
  readonly caller: Caller;
  readonly rule: string;
  readonly target: RelayTarget;
  /** The address that was dialled. */
  readonly address: string;
}

/** How much went through it. */
export interface Traffic {
  readonly milliseconds: number;
  /** Bytes from the client to the database, and back. */
  readonly sent: number;
  readonly received: number;
}

/** Dials the first of some addresses that answers, and no other. */
export type Dial = (
  place: {
    readonly host: string;
    readonly port: number;
    readonly addresses: readonly Address[];
  },
  signal: AbortSignal,
) => Promise<Socket>;

/** Copies both ways until both ends are closed. */
export type Carry = (ends: {
  readonly frontend: Socket;
  readonly backend: Socket;
  readonly fromFrontend: Buffer;
  readonly fromBackend: Buffer;
}) => Promise<void>;

/** What every connection of a relay shares. */
export interface ConnectionContext extends AdmissionContext {
  readonly book: AddressBook;
  readonly dial: Dial;
  readonly carry: Carry;
  readonly onEvent: (event: RelayEvent) => void;
  /** ms for a request to come, and for a database to be dialled. */
  readonly headTimeout: number;
  readonly dialTimeout: number;
}

/** How the server counts a connection. */
export interface Place {
  /** Takes a place among the sessions; throws Refusal where there is none. */
  readonly enter: () => void;
  /** Aborts when the relay closes. */
  readonly closed: AbortSignal;
}

/** Serves a client to its end; never rejects. */
export async function serveConnection(
  socket: TLSSocket,
  place: Place,
  context: ConnectionContext,
): Promise<void> {
  const peer = `${socket.remoteAddress}:${socket.remotePort}`;
  // An error is told by the close that follows it.
  socket.on("error", () => {});
  const reader = new HeadReader(socket);
  const limit = new Limit(place.closed);
  try {
    const presented = socket.getPeerCertificate();
    const admitted = await admit(
      {
        certificate: presented?.subject === undefined ? undefined : presented,
        isAuthorized: socket.authorized,
        request: () => limit.within(context.headTimeout, (signal) => reader.request(signal)),
        write: (text) => socket.write(text),
        whileThere: (work) => limit.within(undefined, (signal) => reader.whileThere(signal, work)),
      },
      context,
    );
    place.enter();
    const backend = await limit.within(context.dialTimeout, (signal) =>
      open(admitted, { reader, signal, context }),
    );
    await carry({ socket, reader, backend, admitted, peer }, context);
  } catch (error) {
    await refuse(socket, { error, peer }, context);
  } finally {
    limit.end();
    socket.destroy();
  }
}

interface Opening {
  readonly reader: HeadReader;
  readonly signal: AbortSignal;
  readonly context: ConnectionContext;
}

async function open(admitted: Admitted, { context, reader, signal }: Opening): Promise<Socket> {
  const { address, caller, reachable, target } = admitted;
  const { book, dial } = context;
  const addresses =
    address === undefined
      ? await book.addresses(target)
      : await book.only(address, target, reachable);
  const { host, port } = target;
  try {
    return await reader.whileThere(signal, (left) => dial({ host, port, addresses }, left));
  } catch (error) {
    if (signal.aborted) throw new Refusal("unreachable", "no answer in time", { caller });
    if (error instanceof Gone) throw error;
    const reason = error instanceof Error ? error.message : "";
    throw new Refusal("unreachable", reason, { caller });
  }
}

interface Opened {
  readonly socket: TLSSocket;
  readonly reader: HeadReader;
  readonly backend: Socket;
  readonly admitted: Admitted;
  readonly peer: string;
}

async function carry(opened: Opened, context: ConnectionContext): Promise<void> {
  const { admitted, backend, peer, reader, socket } = opened;
  const { caller, rule, target } = admitted;
  const address = backend.remoteAddress ?? "";
  const tunnel = { peer, caller, rule, target, address };
  const started = context.now();
  try {
    const fromFrontend = reader.detach();
    if (fromFrontend.length > 0) throw new BadHead(400, "there are bytes behind the head");
    const answer = `HTTP/1.1 200 Connection established\r\nX-Rdsiam-Address: ${address}\r\n\r\n`;
    context.onEvent({ kind: "opened", ...tunnel });
    socket.write(answer);
    const fromBackend = Buffer.alloc(0);
    await context.carry({ frontend: socket, backend, fromFrontend, fromBackend });
    const { bytesRead: received, bytesWritten: sent } = backend;
    const milliseconds = context.now() - started;
    context.onEvent({ kind: "closed", ...tunnel, milliseconds, sent, received });
  } finally {
    backend.destroy();
  }
}

async function refuse(
  socket: Socket,
  { error, peer }: { readonly error: unknown; readonly peer: string },
  { onEvent }: ConnectionContext,
): Promise<void> {
  const refusal = refusalOf(error);
  if (refusal === undefined || socket.destroyed) return;
  const { caller, message: reason, word } = refusal;
  onEvent({ kind: "refused", peer, word, reason, caller });
  const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, FLUSH_TIMEOUT)));
  // What a client still has to say is read and dropped: unread bytes would turn the end into a reset.
  socket.resume();
  socket.end(encodeRefusal(refusal));
  await Promise.race([closed, late]);
  clearTimeout(timer);
}

function refusalOf(error: unknown): Refusal | undefined {
  if (error instanceof Gone) return undefined;
  if (error instanceof Refusal) return error;
  if (error instanceof BadHead) {
    return new Refusal("bad-request", error.message, { status: error.status });
  }
  return new Refusal("unreachable", error instanceof Error ? error.message : String(error));
}

// The time limits of a connection, one after the other, under one signal that ends them all.
class Limit {
  readonly #closed: AbortSignal;
  #abort: () => void = () => {};
  #timer: NodeJS.Timeout | undefined;

  constructor(closed: AbortSignal) {
    this.#closed = closed;
    closed.addEventListener("abort", this.#onClosed);
  }

  /** Without a limit where `ms` is undefined. */
  async within<T>(ms: number | undefined, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const controller = new AbortController();
    this.#abort = () => controller.abort(new Gone("it took too long"));
    if (ms !== undefined) this.#timer = setTimeout(this.#abort, ms);
    if (this.#closed.aborted) this.#abort();
    try {
      return await work(controller.signal);
    } finally {
      clearTimeout(this.#timer);
    }
  }

  end(): void {
    clearTimeout(this.#timer);
    this.#closed.removeEventListener("abort", this.#onClosed);
  }

  readonly #onClosed = (): void => this.#abort();
}
