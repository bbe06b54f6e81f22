// The relay's listener: TLS always, places that are counted, and an end in two steps. Sockets are accepted in the clear
// and handed to TLS from there, so that a client that never finishes its handshake is counted and sent away too; the
// runtimes' own TLS servers do not all do that.

import { once } from "node:events";
import {
  type AddressInfo,
  createServer as createTcpServer,
  type Server,
  type Socket,
} from "node:net";
import { createServer, type TLSSocket } from "node:tls";
import { RdsIamError } from "../base/errors.ts";
import { type ConnectionContext, type Place, serveConnection } from "./connection.ts";
import { Refusal } from "./refusal.ts";

const MAX_PENDING = 256; // clients that have not been let through yet; the oldest goes when there are more
const BACKLOG = 1_024;

/** What the relay proves to be, and whose client certificates it verifies; PEM. */
export interface RelayTls {
  readonly cert: string;
  readonly key: string;
  /** Absent where clients are not asked for a certificate. */
  readonly ca?: readonly string[] | undefined;
}

/** What a relay is started with. */
export interface RelayServerOptions {
  readonly host: string;
  readonly port: number;
  readonly tls: RelayTls;
  readonly context: ConnectionContext;
  /** Sessions at once. */
  readonly maxConnections: number;
  /** ms for a client's TLS handshake. */
  readonly handshakeTimeout: number;
}

/** A relay that listens; disposing it ends everything. */
export interface RelayServer extends AsyncDisposable {
  readonly port: number;
  /** Sessions in progress. */
  readonly sessions: () => number;
  /** Presents another certificate, and verifies with other CAs, from the next client on. */
  readonly setTls: (tls: RelayTls) => void;
  /** Takes no new clients; resolves when the last session has ended. */
  readonly drain: () => Promise<void>;
  /** Resolves when the listener itself fails; never rejects. */
  readonly failed: Promise<Error>;
}

/** Starts the relay; rejects with ERR_CONNECT when the port cannot be had. */
export async function startRelayServer(options: RelayServerOptions): Promise<RelayServer> {
  const clients = new Clients(options);
  const tls = createServer({
    ...secureOptions(options.tls),
    // Whether a certificate counts is decided later, so that a client hears why it was refused.
    requestCert: options.tls.ca !== undefined,
    rejectUnauthorized: false,
    ALPNProtocols: ["http/1.1"],
  });
  tls.on("secureConnection", (socket: TLSSocket) => {
    // Not before: whoever leaves during the handshake would be held until its time is over.
    socket.allowHalfOpen = true;
    clients.secured(socket);
  });
  // A failed handshake has closed its socket; that is all there is to do.
  tls.on("tlsClientError", (_error, socket: TLSSocket) => socket.destroy());
  const server = createTcpServer({ noDelay: true }, (raw) => {
    clients.arrive(raw);
    tls.emit("connection", raw);
  });
  await listen(server, options);
  const failed = new Promise<Error>((resolve) => {
    server.on("error", resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    sessions: () => clients.sessions,
    setTls: (next) => tls.setSecureContext(secureOptions(next)),
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

function secureOptions({ cert, key, ca }: RelayTls) {
  return {
    cert,
    key,
    minVersion: "TLSv1.2" as const,
    ...(ca === undefined ? {} : { ca: [...ca] }),
  };
}

async function listen(server: Server, { host, port }: RelayServerOptions): Promise<void> {
  server.listen({ host, port, backlog: BACKLOG });
  try {
    await once(server, "listening");
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new RdsIamError(`could not listen on ${host} port ${port}`, {
      code: "ERR_CONNECT",
      detail: `${code ?? message}: ${code === "EADDRINUSE" ? "another program listens there." : "the system refused it."}`,
      hint: "Choose another --listen ADDRESS:PORT.",
      cause: error,
    });
  }
}

// Who is connected. A socket and the TLS on top of it are known to each other by the peer's address and port.
class Clients {
  readonly #options: RelayServerOptions;
  readonly #pending = new Map<string, Pending>();
  readonly #serving = new Set<Promise<void>>();
  readonly #open = new Set<TLSSocket>();
  readonly #closed = new AbortController();
  #isDraining = false;
  sessions = 0;

  constructor(options: RelayServerOptions) {
    this.#options = options;
  }

  arrive(raw: Socket): void {
    const key = keyOf(raw);
    const timer = setTimeout(() => raw.destroy(), this.#options.handshakeTimeout);
    const pending = { raw, timer };
    this.#pending.set(key, pending);
    raw.on("error", () => {});
    raw.once("close", () => this.#leave(key, pending));
    if (this.#pending.size <= MAX_PENDING) return;
    const [oldest] = this.#pending.values();
    oldest?.raw.destroy();
  }

  secured(socket: TLSSocket): void {
    const key = keyOf(socket);
    const pending = this.#pending.get(key);
    clearTimeout(pending?.timer);
    this.#open.add(socket);
    let isSession = false;
    const place: Place = {
      closed: this.#closed.signal,
      enter: () => {
        if (this.#isDraining) throw new Refusal("draining", "the relay is being ended");
        if (this.sessions >= this.#options.maxConnections) {
          throw new Refusal("busy", `there are ${this.sessions} sessions already`);
        }
        if (pending !== undefined) this.#leave(key, pending);
        isSession = true;
        this.sessions += 1;
      },
    };
    const served = serveConnection(socket, place, this.#options.context).finally(() => {
      if (isSession) this.sessions -= 1;
      this.#open.delete(socket);
      this.#serving.delete(served);
      pending?.raw.destroy();
    });
    this.#serving.add(served);
  }

  async drained(): Promise<void> {
    this.#isDraining = true;
    while (this.#serving.size > 0) await Promise.all(this.#serving);
  }

  async close(): Promise<void> {
    this.#isDraining = true;
    this.#closed.abort();
    for (const { raw } of this.#pending.values()) raw.destroy();
    for (const socket of this.#open) socket.destroy();
    await Promise.all(this.#serving);
  }

  #leave(key: string, pending: Pending): void {
    clearTimeout(pending.timer);
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
