// The proxy: listens and serves each connection. It gets a backend, who may come in and what makes the auth tokens or
// passwords, and knows nothing of where they come from. A tool starts as soon as there is a port: what serves its connections
// is loaded meanwhile.
import { randomBytes } from "node:crypto";
import { createServer, type Socket } from "node:net";
import { listen } from "../base/listen.ts";
import type { ProxyOptions } from "./proxy-options.ts";
import type { Traffic } from "./copy.ts";
import type { Service } from "./service.ts";

// The literal: with `localhost` another user's listener on [::1] got the secret and the query.
const LOOPBACK = "127.0.0.1";
const PORT_HINT = "Choose another --port, or leave it out (and rds_local_port) for any free one.";
const SECRET_LENGTH = 32; // bytes

/** A proxy that is listening; disposing it closes the port and every connection. */
export interface Proxy extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
  readonly socketPath: string | undefined;
  /** What the tools prove to know. */
  readonly secret: string;
  /** How many sessions there are. */
  readonly sessions: () => number;
  /** The bytes of all sessions since the start. */
  readonly traffic: () => Readonly<Traffic>;
  /** Takes no more sessions; resolves when the last one has ended. */
  readonly drain: () => Promise<void>;
  /** Resolves when the listener itself fails; never rejects. */
  readonly failed: Promise<Error>;
  /** Connects to the backend ahead of a login that is expected at once. */
  readonly prepare: () => void;
}

/** Starts a proxy; rejects with ERR_CONNECT when the port cannot be had. */
export async function startProxy(options: ProxyOptions): Promise<Proxy> {
  const secret = options.secret ?? randomBytes(SECRET_LENGTH).toString("base64url");
  const late = new LateService(options, secret);
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) =>
    late.serve(socket),
  );
  const { host = LOOPBACK, socketPath } = options;
  const port = await listen(server, { host, port: options.port ?? 0, socketPath }, PORT_HINT);
  // Running out of descriptors is an error of accept(), after which the listener goes on: only its close is its end.
  const failed = new Promise<Error>((resolve) => {
    let last = new Error("the listener was closed");
    server.on("error", (error) => (last = error));
    server.once("close", () => resolve(last));
    void late.failed.then(resolve);
  });
  const close = async (): Promise<void> => {
    server.close();
    await late.close();
  };
  return {
    host,
    port,
    socketPath,
    secret,
    sessions: () => late.service?.sessions.size ?? 0,
    traffic: () => late.service?.sessions.traffic ?? { frontendBytes: 0, backendBytes: 0 },
    drain: async () => (await late.load())?.sessions.drain(),
    failed,
    prepare: () => void late.load().then((service) => service?.prepare()),
    [Symbol.asyncDispose]: close,
  };
}

// What serves the connections, once it is loaded.
class LateService {
  /** Resolves when it cannot be loaded: the program's files were removed. */
  readonly failed: Promise<Error>;
  service: Service | undefined;
  readonly #open: () => Promise<Service>;
  #fail: (error: Error) => void = () => {};
  #loading: Promise<Service | undefined> | undefined;

  constructor(options: ProxyOptions, secret: string) {
    this.failed = new Promise((resolve) => (this.#fail = resolve));
    this.#open = async () => (await import("./service.ts")).openService(options, secret);
  }

  /** Never rejects; undefined when it cannot be loaded. */
  load(): Promise<Service | undefined> {
    return (this.#loading ??= this.#open().then(
      (service) => (this.service = service),
      (error: Error) => {
        this.#fail(error);
        return undefined;
      },
    ));
  }

  serve(socket: Socket): void {
    if (this.service !== undefined) return this.service.serve(socket);
    const ignore = (): void => {};
    socket.on("error", ignore);
    void this.load().then((service) => {
      if (service === undefined) return void socket.destroy();
      service.serve(socket);
      socket.off("error", ignore);
    });
  }

  async close(): Promise<void> {
    const service = await this.#loading;
    await service?.close();
  }
}
