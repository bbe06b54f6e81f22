// Servers on free loopback ports, which end with their connections.
import { once } from "node:events";
import type { AddressInfo, Server, Socket } from "node:net";
import type { Duplex } from "node:stream";

/** A server that runs. */
export interface Running extends AsyncDisposable {
  readonly port: number;
}

/** Starts a server. */
export async function listen(server: Server, port = 0, host = "127.0.0.1"): Promise<Running> {
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.on("error", () => {}).once("close", () => sockets.delete(socket));
  });
  server.listen(port, host);
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      const closed = once(server, "close");
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

/** Waits for the end of a stream; resolves with what it failed with. (With once() a reset would reject.) */
export async function closed(stream: Duplex): Promise<unknown> {
  stream.resume();
  let failure: unknown;
  stream.on("error", (error) => (failure = error));
  if (!stream.closed) await new Promise((resolve) => stream.once("close", resolve));
  return failure;
}
