// A relay in this process, before a database that answers what it is sent: everything that it asks (DNS, STS, the clock) is
// the test's to answer.
import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { connect, type TLSSocket } from "node:tls";
import { type Certificate, makeAuthority, makeLeaf } from "../../src/demo/certificates.ts";
import { dial } from "../../src/proxy/dial.ts";
import { copy } from "../../src/proxy/copy.ts";
import {
  type AccessRule,
  arnPattern,
  certificatePattern,
  type RelayTarget,
} from "../../src/relay/access.ts";
import type { Address } from "../../src/base/address.ts";
import { AddressBook } from "../../src/relay/addresses.ts";
import type { RelayEvent } from "../../src/relay/events.ts";
import type { StsRequest } from "../../src/relay/presigned.ts";
import { closed } from "./listen.ts";
import { type RelayServer, startRelayServer } from "../../src/relay/server.ts";
import { Targets } from "../../src/relay/targets.ts";
import { Tickets } from "../../src/relay/tickets.ts";

/** What the test decides. */
export interface Scene extends AsyncDisposable {
  readonly relay: RelayServer;
  readonly authority: Certificate;
  readonly events: RelayEvent[];
  /** What DNS answers, one list for each request; the last one stays. */
  readonly dns: Map<string, Address[][]>;
  /** Names that were looked up. */
  readonly lookups: string[];
  /** Requests to STS, and the ARN that it answers. */
  readonly stsRequests: StsRequest[];
  arn: string | undefined;
  /** Whether STS answers nothing, and how many requests were given up. */
  hangs: boolean;
  abandoned: number;
  /** ms that the relay's clock is ahead. */
  ahead: number;
  /** Connections that the database has got. */
  readonly connections: Socket[];
  readonly databasePort: number;
  readonly tickets: Tickets;
  /** Connects with TLS, and a session to resume. */
  readonly client: (certificate?: Certificate, session?: Buffer) => Promise<Client>;
}

/** A client's end. */
export interface Client {
  readonly socket: TLSSocket;
  readonly send: (text: string) => void;
  /** The next head of an answer; what had come when the relay closed before one was complete. */
  readonly head: () => Promise<string>;
  readonly closed: Promise<void>;
}

export const HOST = "orders.c1a2b3c4d5e6.eu-west-1.rds.amazonaws.com";
export const READER = "orders.cluster-ro-c1a2b3c4d5e6.eu-west-1.rds.amazonaws.com";
export const ENDPOINT = "https://sts.eu-west-1.amazonaws.com";
export const ROLE = "arn:aws:iam::123456789012:role/db-reader";
export const SESSION = "arn:aws:sts::123456789012:assumed-role/db-reader/alice";
const LOOPBACK: Address = { address: "127.0.0.1", family: 4 };

/** Times in ms, small where a test waits for them. */
export interface SceneOptions {
  readonly headTimeout?: number;
  readonly handshakeTimeout?: number;
  readonly maxConnections?: number;
  readonly maxUserConnections?: number;
  readonly sessionTimeout?: number;
  /** The networks of the targets; loopback alone when absent. */
  readonly networks?: readonly string[] | undefined;
  readonly rules?: readonly AccessRule[];
  /** Whether clients are asked for a certificate; they are when absent. */
  readonly clientCa?: boolean;
}

/** Starts the database and the relay before it. */
export async function startScene(options: SceneOptions = {}): Promise<Scene> {
  const connections: Socket[] = [];
  const database = createServer((socket) => {
    connections.push(socket);
    socket.on("error", () => {});
    socket.pipe(socket);
  });
  // All of 127.0.0.0/8 leads here on Linux.
  database.listen(0, "0.0.0.0");
  await once(database, "listening");
  const { port } = database.address() as AddressInfo;
  const authority = await makeAuthority({ subject: "CN=relay test" });
  const leaf = await makeLeaf({ subject: "CN=relay", names: ["localhost"], issuer: authority });
  const state = { arn: SESSION as string | undefined, ahead: 0, hangs: false, abandoned: 0 };
  const made = {
    events: [] as RelayEvent[],
    dns: new Map([
      [HOST, [[LOOPBACK]]],
      [READER, [[LOOPBACK]]],
    ]),
    lookups: [] as string[],
    stsRequests: [] as StsRequest[],
  };
  const networks = "networks" in options ? options.networks : ["127.0.0.0/8", "::1/128"];
  const targets = new Targets(
    [target("orders", HOST, port), target("orders-ro", READER, port)],
    [],
  );
  const resolve = async (host: string): Promise<Address[]> => {
    made.lookups.push(host);
    const answers = made.dns.get(host) ?? [];
    const answer = answers.length > 1 ? answers.shift() : answers[0];
    if (answer === undefined) throw new Error("no such name");
    return answer;
  };
  const now = (): number => Date.now() + state.ahead;
  const tickets = new Tickets(now);
  const relay = await startRelayServer({
    host: "127.0.0.1",
    port: 0,
    tls: {
      cert: leaf.cert,
      key: leaf.key,
      clientCa: options.clientCa === false ? undefined : [authority.cert],
    },
    maxConnections: options.maxConnections ?? 100,
    maxUserConnections: options.maxUserConnections,
    sessionTimeout: options.sessionTimeout,
    handshakeTimeout: options.handshakeTimeout ?? 10_000,
    context: {
      rules: () => options.rules ?? RULES,
      targets,
      tickets,
      sts: () => ({ endpoint: ENDPOINT, region: "eu-west-1" }),
      isAudience: (name) => name === "localhost",
      identify: async (request, left) => {
        made.stsRequests.push(request);
        if (!state.hangs) return state.arn;
        await once(left, "abort");
        state.abandoned += 1;
        throw new Error("aborted");
      },
      book: new AddressBook({ resolve, networks: () => networks, now }),
      dial,
      copy,
      onEvent: (event) => made.events.push(event),
      now,
      headTimeout: options.headTimeout ?? 10_000,
      dialTimeout: 10_000,
    },
  });
  const dispose = async (): Promise<void> => {
    await relay[Symbol.asyncDispose]();
    for (const socket of connections) socket.destroy();
    database.close();
    await once(database, "close");
  };
  const client: Scene["client"] = (certificate, session) =>
    openClient(relay.port, { ca: authority.cert, certificate, session });
  return Object.assign(state, made, {
    relay,
    tickets,
    authority,
    connections,
    databasePort: port,
    client,
    [Symbol.asyncDispose]: dispose,
  });
}

/** The rules where a test gives none. */
export const RULES: readonly AccessRule[] = [
  rule("readers", { arns: [arnPattern(ROLE, "test")] }),
  rule("laptops", { certificates: [certificatePattern("URI:spiffe://example.com/*", "test")] }),
];

function rule(name: string, parts: Partial<AccessRule>): AccessRule {
  const none = { arns: [], certificates: [], targets: [], tags: [], blockedTags: [] };
  return { ...none, targets: [(each: string) => each.startsWith("orders")], ...parts, name };
}

function target(name: string, host: string, port: number): RelayTarget {
  return { name, host, port, tags: [{}] };
}

interface ClientOptions {
  readonly ca: string;
  readonly certificate: Certificate | undefined;
  readonly session: Buffer | undefined;
}

async function openClient(
  port: number,
  { ca, certificate, session }: ClientOptions,
): Promise<Client> {
  const own = certificate === undefined ? {} : { cert: certificate.cert, key: certificate.key };
  const resumed = session === undefined ? {} : { session };
  const socket = connect({
    host: "127.0.0.1",
    port,
    ca,
    servername: "localhost",
    ...own,
    ...resumed,
  });
  let bytes = "";
  let isOver = false;
  let wake = (): void => {};
  socket.on("data", (chunk: Buffer) => {
    bytes += chunk.toString("latin1");
    wake();
  });
  const ended = closed(socket).then(() => {
    isOver = true;
    wake();
  });
  await once(socket, "secureConnect");
  const head = async (): Promise<string> => {
    while (!bytes.includes("\r\n\r\n") && !isOver) {
      await new Promise<void>((resolve) => (wake = resolve));
    }
    const end = bytes.indexOf("\r\n\r\n") + 4;
    const taken = end < 4 ? bytes : bytes.slice(0, end);
    bytes = end < 4 ? "" : bytes.slice(end);
    return taken;
  };
  return { socket, send: (text) => void socket.write(text, "latin1"), head, closed: ended };
}
