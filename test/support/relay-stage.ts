// As much of AWS as a relay process needs, with a database that answers what it is sent: no PostgreSQL, since what is
// measured here is the relay.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { presignIdentity } from "../../src/aws/presigned-identity.ts";
import { makeAuthority } from "../../src/demo/certificates.ts";
import { startDns } from "../../src/demo/dns.ts";
import { makeEnvironment, makeHome } from "../../src/demo/home.ts";
import { type AccessKey, KeyStore } from "../../src/demo/keys.ts";
import { type StsStandIn, startSts } from "../../src/demo/sts.ts";
import type { ProveIdentity } from "../../src/via/relay.ts";
import { DEMO_USER, type RelayStage } from "./relay-scene.ts";

const HOST = "orders.cluster-c1a2b3c4d5e6.eu-west-1.rds.amazonaws.com";

/** The rule that lets the stage's own user through. */
export const RULES = `[allow demo]\narn = ${DEMO_USER}\ntargets = *\n`;

/** The stage, and what a client of a relay needs. */
export interface EchoStage extends RelayStage, AsyncDisposable {
  readonly sts: StsStandIn;
  readonly key: AccessKey;
  /** Proves the identity of the stage's own user. */
  readonly prove: ProveIdentity;
  /** Connections that the database has. */
  readonly connections: ReadonlySet<Socket>;
}

/** Starts STS, DNS and the database. */
export async function startEchoStage(): Promise<EchoStage> {
  const directory = await mkdtemp(join(tmpdir(), "rdsiam-relay-"));
  const connections = new Set<Socket>();
  const database = await startEcho(connections);
  const { port } = database.address() as AddressInfo;
  const keys = new KeyStore();
  const key = keys.createStaticKey({ arn: DEMO_USER });
  const sts = await startSts({ keys });
  const dns = await startDns({ [HOST]: { a: ["127.0.0.1"] } });
  const authority = await makeAuthority({ subject: "CN=relay stage" });
  const caFile = join(directory, "ca.pem");
  await writeFile(caFile, authority.cert);
  const home = await makeHome(directory);
  const dispose = async (): Promise<void> => {
    for (const socket of connections) socket.destroy();
    database.close();
    await once(database, "close");
    await sts[Symbol.asyncDispose]();
    await dns[Symbol.asyncDispose]();
    await rm(directory, { recursive: true, force: true });
  };
  return {
    authority,
    caFile,
    canonicalHost: HOST,
    connections,
    directory,
    dns,
    env: makeEnvironment(home, { sts: sts.endpoint }),
    gateway: { port },
    key,
    prove: ({ endpoint, nonce, region, relay }) =>
      presignIdentity(
        key,
        { endpoint, region },
        { "x-rdsiam-relay": relay, "x-rdsiam-nonce": nonce },
      ),
    sts,
    [Symbol.asyncDispose]: dispose,
  };
}

async function startEcho(connections: Set<Socket>): Promise<Server> {
  const server = createServer((socket) => {
    connections.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => connections.delete(socket));
    socket.pipe(socket);
  });
  server.listen({ host: "127.0.0.1", port: 0, backlog: 1_024 });
  await once(server, "listening");
  return server;
}
