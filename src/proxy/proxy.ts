// The proxy: listens and serves each connection. It gets a backend, who may come in and what makes the auth tokens or
// passwords, and knows nothing of where they come from. A tool starts as soon as there is a port: what serves its connections
// is loaded meanwhile.
import { createServer, type Socket } from "node:net";
import { listen, type ListenHints } from "../base/listen.ts";
import { randomSecret } from "../base/secret.ts";
import type { ProxyOptions } from "./proxy-options.ts";
import type { Traffic } from "./copy.ts";
import type { Service } from "./service.ts";

// The literal: with `localhost` another user's listener on [::1] got the secret and the query.
const LOOPBACK = "127.0.0.1";
const HINTS: ListenHints = {
  port: "Choose another --port, or leave it out (and rds_local_port) for any free one.",
  address: "Name an address of this machine: --listen ADDRESS, 0.0.0.0 for all of them.",
};

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
  const { host = LOOPBACK, socketPath } = options;
  const secret = options.secret ?? randomSecret();
  let fail: (error: Error) => void = () => {};
  const failed = new Promise<Error>((resolve) => (fail = resolve));
  let service: Service | undefined;
  let loading: Promise<Service | undefined> | undefined;
  const open = async (): Promise<Service> =>
    (service = (await import("./service.ts")).openService(options, secret));
  // Never rejects; undefined when it cannot be loaded: the program's files were removed.
  const loaded = (): Promise<Service | undefined> =>
    (loading ??= open().catch((error: Error) => {
      fail(error);
      return undefined;
    }));
  const serve = (socket: Socket): void => {
    if (service !== undefined) return service.serve(socket);
    const ignore = (): void => {};
    socket.on("error", ignore);
    void loaded().then((late) => {
      if (late === undefined) return void socket.destroy();
      late.serve(socket);
      socket.off("error", ignore);
    });
  };
  const server = createServer({ allowHalfOpen: true, noDelay: true }, serve);
  const port = await listen(server, { host, port: options.port ?? 0, socketPath }, HINTS);
  // Running out of descriptors is an error of accept(), after which the listener goes on: only its close is its end.
  let last = new Error("the listener was closed");
  server.on("error", (error) => (last = error));
  server.once("close", () => fail(last));
  return {
    host,
    port,
    socketPath,
    secret,
    sessions: () => service?.sessions.size ?? 0,
    traffic: () => service?.sessions.traffic ?? { frontendBytes: 0, backendBytes: 0 },
    drain: async () => (await loaded())?.sessions.drain(),
    failed,
    prepare: () => void loaded().then((late) => late?.prepare()),
    [Symbol.asyncDispose]: async () => {
      server.close();
      await (await loading)?.close();
    },
  };
}
