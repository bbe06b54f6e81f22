// rdsiam towards a server that takes TLS at once, across a network: what an SSLRequest costs a login. That server is the demo's
// gateway, as the PostgreSQL here may be older than 17; the network is a delay, the same in each direction.
import { connect, createServer, type Socket } from "node:net";
import { pipeline, Transform } from "node:stream";
import { listen } from "../../src/base/listen.ts";
import { startGateway } from "../../src/demo/gateway.ts";
import type { Launcher } from "./launchers.ts";
import { HOST, type Scene } from "./scene.ts";
import { type Prepared, prepareRdsiam } from "./subjects.ts";

/** The subjects, and what each sets rds_tls_negotiation to. */
export const NEGOTIATIONS = { "rdsiam-sslrequest": "postgres", "rdsiam-direct": "direct" } as const;

/** Milliseconds from one end of the network to the other and back. */
const ROUND_TRIP = 50;

/** Starts rdsiam there. */
export async function prepareAcrossNetwork(
  scene: Scene,
  launcher: Launcher,
  name: keyof typeof NEGOTIATIONS,
): Promise<Prepared> {
  const { certificate, keys, region, server } = scene;
  const gateway = await startGateway({
    hosts: [HOST],
    region,
    keys,
    certificate,
    backendPath: `${server.socketDirectory}/.s.PGSQL.${server.port}`,
    reservedUser: "rdsadmin",
    isIamUser: async () => true,
    databasePort: server.port,
  });
  const network = await startNetwork(gateway.port);
  const env = {
    // Through a tunnel no connection is opened ahead, while an earlier login goes on: each has all of its own round trips.
    RDSIAM_VIA: `127.0.0.1:${network.port}`,
    RDSIAM_TLS_NEGOTIATION: NEGOTIATIONS[name],
  };
  const close = async (): Promise<void> => {
    network.close();
    await gateway[Symbol.asyncDispose]();
  };
  const preparing = prepareRdsiam(scene, { ...launcher, name, env });
  const prepared = await preparing.catch((error: unknown) =>
    close().then(() => Promise.reject(error)),
  );
  if ("missing" in prepared) return prepared;
  const dispose = async (): Promise<void> => {
    await prepared[Symbol.asyncDispose]();
    await close();
  };
  return { ...prepared, [Symbol.asyncDispose]: dispose };
}

async function startNetwork(
  to: number,
): Promise<{ readonly port: number; readonly close: () => void }> {
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true }, (near) => {
    const far = connect({ host: "127.0.0.1", port: to, noDelay: true });
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.once("close", () => sockets.delete(socket));
    }
    const ended = (): void => {
      near.destroy();
      far.destroy();
    };
    pipeline([near, wire(), far], ended);
    pipeline([far, wire(), near], ended);
  });
  const port = await listen(server, { host: "127.0.0.1", port: 0 });
  const close = (): void => {
    server.close();
    for (const socket of sockets) socket.destroy();
  };
  return { port, close };
}

// What comes in the meantime is on its way too: timers of the same length end in their order.
function wire(): Transform {
  return new Transform({
    transform(chunk: Uint8Array, _encoding, taken) {
      setTimeout(() => this.push(chunk), ROUND_TRIP / 2);
      taken();
    },
    flush(done) {
      setTimeout(done, ROUND_TRIP / 2);
    },
  });
}
