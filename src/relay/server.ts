// The relay's listener: always TLS, a limit of sessions, and an end in two steps. Sockets are accepted in the clear and
// handed to TLS from there, so that a client that never finishes its handshake is counted and disconnected too; not all of
// the runtimes' own TLS servers do that.

import { constants } from "node:crypto";
import { createServer as createTcpServer, type Socket } from "node:net";
import { createServer, type TLSSocket } from "node:tls";
import { countText } from "../base/count.ts";
import { ConnectionLimit } from "../base/connection-limit.ts";
import { listen } from "../base/listen.ts";
import type { ServerCertificate } from "../base/server-certificate.ts";
import { ConnectionClosed } from "../base/socket-reader.ts";
import { type Caller, describeCaller } from "./access.ts";
import type { Admitted } from "./admission.ts";
import { type Admittance, type RelayContext, serveConnection } from "./connection.ts";
import type { SessionEnd } from "./events.ts";
import { RelayRefusal } from "./refusal.ts";

const MAX_PENDING = 256; // clients that are not admitted yet
const SECURED = 2; // stage of a client whose TLS handshake is done
const BACKLOG = 1_024;
const LISTEN_HINT = "Choose another --listen ADDRESS:PORT.";

/** What a relay serves TLS with. */
type RelayCertificate = Pick<ServerCertificate, "cert" | "key" | "clientCa">;

/** The options of a relay's listener. */
export interface RelayServerOptions {
  readonly host: string;
  readonly port: number;
  /** Clients are asked for a certificate where it has CAs for them. */
  readonly tls: RelayCertificate;
  readonly context: RelayContext;
  /** The limit of concurrent sessions. */
  readonly maxConnections: number;
  /** The limit of concurrent sessions of one identity. */
  readonly maxUserConnections?: number | undefined;
  /** Milliseconds that a session may last. */
  readonly sessionTimeout?: number | undefined;
  /** Milliseconds for a client's TLS handshake. */
  readonly handshakeTimeout: number;
}

/** A relay that listens; disposing it ends everything. */
export interface RelayServer extends AsyncDisposable {
  readonly port: number;
  /** Sessions in progress. */
  readonly sessions: () => number;
  /** Replaces certificate and CAs for the next clients. */
  readonly setTls: (tls: RelayCertificate) => void;
  /** Ends the sessions that are not allowed any more. */
  readonly endUnless: (isAllowed: (session: Admitted) => boolean) => void;
  /** Takes no new clients; resolves when the last session has ended. */
  readonly drain: () => Promise<void>;
  /** Resolves when the listener itself fails; never rejects. */
  readonly failed: Promise<Error>;
}

/** Starts the relay; rejects with ERR_CONNECT when it cannot listen. */
export async function startRelayServer(options: RelayServerOptions): Promise<RelayServer> {
  const clients = new Clients(options);
  const tls = createServer({
    ...secureOptions(options.tls),
    // A certificate is verified later, so that the answer to a client can say why it was refused.
    requestCert: options.tls.clientCa !== undefined,
    rejectUnauthorized: false,
    ALPNProtocols: ["http/1.1"],
  });
  tls.on("secureConnection", (socket: TLSSocket) => {
    // Not before: a client that leaves during the handshake would be held until its time is over.
    socket.allowHalfOpen = true;
    clients.secured(socket);
  });
  // A failed handshake needs no answer.
  tls.on("tlsClientError", (_error, socket: TLSSocket) => socket.destroy());
  const server = createTcpServer({ noDelay: true }, (raw) => {
    clients.arrive(raw);
    tls.emit("connection", raw);
  });
  const { host, port } = options;
  const address = { host, port, backlog: BACKLOG };
  const bound = await listen(server, address, { port: LISTEN_HINT, address: LISTEN_HINT });
  const failed = new Promise<Error>((resolve) => {
    server.on("error", resolve);
  });
  return {
    port: bound,
    sessions: () => clients.sessions,
    setTls: (next) => tls.setSecureContext(secureOptions(next)),
    endUnless: (isAllowed) => clients.endUnless(isAllowed),
    drain: async () => {
      server.close();
      await clients.drained();
    },
    failed,
    [Symbol.asyncDispose]: async () => {
      server.close();
      await clients.close();
    },
  };
}

function secureOptions({ cert, key, clientCa }: RelayCertificate) {
  return {
    cert,
    key,
    minVersion: "TLSv1.2" as const,
    // A session that is resumed would carry on a client certificate that has expired since.
    ...(clientCa === undefined
      ? {}
      : { ca: [...clientCa], secureOptions: constants.SSL_OP_NO_TICKET }),
  };
}

// The connected clients. The peer's address and port relate a socket to the TLS socket on top of it.
class Clients {
  readonly #options: RelayServerOptions;
  readonly #pending = new Map<string, Pending>();
  readonly #limit = new ConnectionLimit(MAX_PENDING, SECURED + 2);
  readonly #serving = new Set<Promise<void>>();
  readonly #open = new Set<TLSSocket>();
  readonly #sessions = new Map<Admitted, (why: SessionEnd) => void>();
  readonly #closed = new AbortController();
  #isDraining = false;

  constructor(options: RelayServerOptions) {
    this.#options = options;
  }

  /** Sessions in progress. */
  get sessions(): number {
    return this.#sessions.size;
  }

  arrive(raw: Socket): void {
    const key = keyOf(raw);
    const timer = setTimeout(() => raw.destroy(), this.#options.handshakeTimeout);
    const pending = { raw, timer };
    this.#pending.set(key, pending);
    raw.on("error", () => {});
    raw.once("close", () => this.#leave(key, pending));
    this.#limit.arrive(raw);
  }

  secured(socket: TLSSocket): void {
    const key = keyOf(socket);
    const pending = this.#pending.get(key);
    clearTimeout(pending?.timer);
    const advance = (stage: number): void => {
      if (pending !== undefined) this.#limit.advance(pending.raw, stage);
    };
    advance(SECURED);
    this.#open.add(socket);
    let session: Admitted | undefined;
    let timer: NodeJS.Timeout | undefined;
    const admittance: Admittance = {
      closed: this.#closed.signal,
      advance: (step) => advance(SECURED + step),
      enter: (admitted, end) => {
        this.#checkLimits(admitted.caller);
        if (pending !== undefined) this.#leave(key, pending);
        session = admitted;
        this.#sessions.set(admitted, end);
        const { sessionTimeout } = this.#options;
        if (sessionTimeout !== undefined) timer = setTimeout(end, sessionTimeout, "timeout");
      },
    };
    const served = serveConnection(socket, admittance, this.#options.context).finally(() => {
      clearTimeout(timer);
      if (session !== undefined) this.#sessions.delete(session);
      this.#open.delete(socket);
      this.#serving.delete(served);
      pending?.raw.destroy();
    });
    this.#serving.add(served);
  }

  endUnless(isAllowed: (session: Admitted) => boolean): void {
    for (const [session, end] of this.#sessions) if (!isAllowed(session)) end("rule");
  }

  #checkLimits(caller: Caller): void {
    if (this.#isDraining) throw new RelayRefusal("draining", "the relay is shutting down");
    const { maxConnections, maxUserConnections } = this.#options;
    if (this.sessions >= maxConnections) {
      throw new RelayRefusal(
        "busy",
        `the relay has ${countText(this.sessions, "session")} already`,
        { caller },
      );
    }
    if (maxUserConnections === undefined) return;
    const who = describeCaller(caller);
    const own = [...this.#sessions.keys()].filter((each) => describeCaller(each.caller) === who);
    if (own.length < maxUserConnections) return;
    throw new RelayRefusal("user-busy", `it has ${countText(own.length, "session")} already`, {
      caller,
    });
  }

  async drained(): Promise<void> {
    this.#isDraining = true;
    while (this.#serving.size > 0) await Promise.all(this.#serving);
  }

  async close(): Promise<void> {
    this.#isDraining = true;
    this.#closed.abort(new ConnectionClosed("the relay closes"));
    for (const { raw } of this.#pending.values()) raw.destroy();
    for (const socket of this.#open) socket.destroy();
    await Promise.all(this.#serving);
  }

  #leave(key: string, pending: Pending): void {
    clearTimeout(pending.timer);
    this.#limit.leave(pending.raw);
    if (this.#pending.get(key) === pending) this.#pending.delete(key);
  }
}

interface Pending {
  readonly raw: Socket;
  readonly timer: NodeJS.Timeout;
}

function keyOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}
