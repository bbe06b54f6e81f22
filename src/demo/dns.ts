// A DNS server for the stand-in: a table of names, over UDP and TCP on one loopback port.
// It answers as a resolver does: CNAMEs are followed inside the table when an address is asked for.
// https://www.rfc-editor.org/rfc/rfc1034#section-4.3.2
import { Buffer } from "node:buffer";
import { createSocket, type Socket as UdpSocket } from "node:dgram";
import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";

import * as codec from "dns-packet";
import { listen } from "../base/listen.ts";

const HOST = "127.0.0.1";
const RESPONSE_CODES = {
  NOERROR: 0,
  FORMERR: 1,
  SERVFAIL: 2,
  NXDOMAIN: 3,
  NOTIMP: 4,
  REFUSED: 5,
} as const;
const TTL_SECONDS = 5;
const LONGEST_CHAIN = 16;
const BIND_ATTEMPTS = 20;

/** The records of one name. */
export interface DnsEntry {
  readonly cname?: string | undefined;
  readonly a?: readonly string[] | undefined;
  readonly aaaa?: readonly string[] | undefined;
  /** Seconds; 5 when absent. */
  readonly ttl?: number | undefined;
  /** Answer with this failure instead. */
  readonly rcode?: "SERVFAIL" | "REFUSED" | "NXDOMAIN" | undefined;
  /** Never answer. */
  readonly silent?: boolean | undefined;
  /** Answer a question for a CNAME so, or not at all, as resolvers do that know addresses alone. */
  readonly cnameQuery?: keyof typeof RESPONSE_CODES | "silence" | undefined;
}

/** One question that was asked. */
export interface DnsQuery {
  readonly name: string;
  readonly type: string;
  readonly transport: "udp" | "tcp";
}

interface Reply {
  readonly rcode: keyof typeof RESPONSE_CODES;
  readonly answers: codec.Answer[];
}

/** Starts the DNS server with the given names. */
export async function startDns(
  entries: Readonly<Record<string, DnsEntry>> = {},
): Promise<DnsStandIn> {
  const standIn = new DnsStandIn();
  for (const [name, entry] of Object.entries(entries)) standIn.set(name, entry);
  await standIn.listen();
  return standIn;
}

/** The running DNS server: its port, its table and what it was asked. */
export class DnsStandIn {
  readonly queries: DnsQuery[] = [];
  readonly #entries = new Map<string, DnsEntry>();
  readonly #connections = new Set<Socket>();
  #tcp: Server | undefined;
  #udp: UdpSocket | undefined;
  #port = 0;

  /** The port, the same for UDP and TCP. */
  get port(): number {
    return this.#port;
  }

  /** `127.0.0.1:PORT`, as for `rds_dns_servers`. */
  get address(): string {
    return `${HOST}:${this.#port}`;
  }

  /** Puts a name into the table, or replaces it. */
  set(name: string, entry: DnsEntry): void {
    this.#entries.set(normalize(name), entry);
  }

  /** Takes a name out of the table. */
  delete(name: string): void {
    this.#entries.delete(normalize(name));
  }

  /** Binds both sockets; the port that TCP gets may be taken for UDP, hence the attempts. */
  async listen(): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      const tcp = createServer((socket) => this.#serveTcp(socket));
      const port = await listen(tcp, { host: HOST, port: 0 });
      const udp = createSocket("udp4");
      try {
        udp.bind(port, HOST);
        await once(udp, "listening");
      } catch (error) {
        tcp.close();
        udp.close();
        if (attempt >= BIND_ATTEMPTS) throw error;
        continue;
      }
      udp.on("error", ignore);
      udp.on("message", (message, peer) => {
        const reply = this.#answer(message, "udp");
        if (reply !== undefined) udp.send(reply, peer.port, peer.address, ignore);
      });
      [this.#tcp, this.#udp, this.#port] = [tcp, udp, port];
      return;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const [tcp, udp] = [this.#tcp, this.#udp];
    [this.#tcp, this.#udp] = [undefined, undefined];
    for (const socket of this.#connections) socket.destroy();
    await Promise.all([
      tcp && new Promise<void>((resolve) => tcp.close(() => resolve())),
      udp && new Promise<void>((resolve) => udp.close(() => resolve())),
    ]);
  }

  #serveTcp(socket: Socket): void {
    this.#connections.add(socket);
    socket.on("close", () => this.#connections.delete(socket));
    socket.on("error", ignore);
    let pending: Buffer | undefined;
    socket.on("data", (chunk: Buffer) => {
      pending = pending === undefined ? chunk : Buffer.concat([pending, chunk]);
      while (pending.length >= 2 && pending.length >= 2 + pending.readUInt16BE(0)) {
        const end = 2 + pending.readUInt16BE(0);
        const reply = this.#answer(pending.subarray(2, end), "tcp");
        pending = pending.subarray(end);
        if (reply === undefined) continue;
        const length = Buffer.alloc(2);
        length.writeUInt16BE(reply.length);
        socket.write(Buffer.concat([length, reply]));
      }
    });
  }

  #answer(message: Buffer, transport: DnsQuery["transport"]): Buffer | undefined {
    const packet = decode(message);
    const question = packet?.questions?.[0];
    if (packet === undefined || question === undefined) return undefined;
    this.queries.push({ name: question.name, type: question.type, transport });
    const entry = this.#entries.get(normalize(question.name));
    const special = question.type === "CNAME" ? entry?.cnameQuery : undefined;
    if (entry?.silent === true || special === "silence") return undefined;
    const { rcode, answers } =
      special === undefined
        ? this.#resolve(question.name, question.type)
        : { rcode: special, answers: [] };
    return codec.encode({
      id: packet.id ?? 0,
      type: "response",
      // eslint-disable-next-line no-bitwise -- the flags are a bit set
      flags: codec.RECURSION_DESIRED | codec.RECURSION_AVAILABLE | RESPONSE_CODES[rcode],
      questions: [question],
      answers,
    });
  }

  #resolve(asked: string, type: string): Reply {
    const answers: codec.Answer[] = [];
    const type4or6 = type === "A" || type === "AAAA";
    let name = asked;
    while (answers.length <= LONGEST_CHAIN) {
      const entry = this.#entries.get(normalize(name));
      if (entry === undefined) return { rcode: "NXDOMAIN", answers };
      if (entry.rcode !== undefined) return { rcode: entry.rcode, answers: [] };
      const { ttl = TTL_SECONDS } = entry;
      if (entry.cname === undefined) {
        const addresses = (type === "A" && entry.a) || (type === "AAAA" && entry.aaaa) || [];
        for (const data of addresses) {
          answers.push({ type: type === "A" ? "A" : "AAAA", name, ttl, data });
        }
        return { rcode: "NOERROR", answers };
      }
      answers.push({ type: "CNAME", name, ttl, data: entry.cname });
      if (!type4or6) return { rcode: "NOERROR", answers };
      name = entry.cname;
    }
    return { rcode: "SERVFAIL", answers: [] };
  }
}

function decode(message: Buffer): codec.DecodedPacket | undefined {
  try {
    const packet = codec.decode(message);
    return packet.type === "query" ? packet : undefined;
  } catch {
    return undefined;
  }
}

function normalize(name: string): string {
  return name.toLowerCase().replace(/\.$/, "");
}

function ignore(): void {
  // The server does not care about a peer that went away.
}
