// A TCP relay that breaks one connection at a chosen byte: reset, FIN both ways, FIN one way, silence, or one-byte slices.
// Which descriptors the other side still holds behind a silence is read from the kernel's table.
// https://www.kernel.org/doc/Documentation/networking/proc_net_tcp.txt
import type { Buffer } from "node:buffer";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";

const TABLE_AGE = 30; // ms between two readings of the kernel's table
const SLICED = 300; // bytes that leave one by one

export const FAULT_KINDS = ["rst", "fin", "half", "stall", "slices"] as const;
export const DIRECTIONS = ["toServer", "toClient"] as const;
export type FaultKind = (typeof FAULT_KINDS)[number];
export type Direction = (typeof DIRECTIONS)[number];

/** What is to happen to which byte: `at` bytes of the direction pass, then the fault. */
export interface Fault {
  readonly kind: FaultKind;
  readonly direction: Direction;
  /** The how manyeth connection since arm(). */
  readonly connection: number;
  readonly at: number;
}

interface Leg {
  readonly index: number;
  readonly client: Socket;
  readonly server: Socket;
  /** The ports of either socket, which a closed one does not tell any more. */
  ports: { client: number | undefined; server: number | undefined };
  readonly passed: Record<Direction, number>;
  broken: boolean;
}

/** A relay that is listening. */
export class FaultRelay implements AsyncDisposable {
  readonly #server: Server;
  readonly #to: { readonly host: string; readonly port: number };
  #legs: Leg[] = [];
  #fault: Fault | undefined;
  #struck = false;

  constructor(to: { readonly host: string; readonly port: number }) {
    this.#to = to;
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (client) =>
      this.#serve(client),
    );
  }

  async listen(): Promise<this> {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    return this;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Whether the fault has happened. */
  get struck(): boolean {
    return this.#struck;
  }

  /** Bytes that each connection since arm() has passed. */
  get passed(): readonly Readonly<Record<Direction, number>>[] {
    return this.#legs.map((leg) => leg.passed);
  }

  /** Starts to count again; the fault happens to a connection from now on. */
  arm(fault?: Fault): void {
    this.#legs = [];
    this.#fault = fault;
    this.#struck = false;
  }

  /** Ends whatever is still there of the connections since arm(). */
  release(): void {
    for (const { client, server } of this.#legs) {
      client.destroy();
      server.destroy();
    }
  }

  /** Whether a process still has a descriptor for the other end of a connection since arm(). */
  async held(side: "client" | "server"): Promise<boolean> {
    // Where our own socket has closed, so has theirs; a FIN or a silence leaves it open.
    const left = this.#legs.filter((leg) => !leg[side].destroyed);
    if (left.length === 0) return false;
    const theirs = left.map(({ ports }) =>
      side === "client" ? [ports.client, this.port] : [this.#to.port, ports.server],
    );
    const table = await tcpTable();
    return theirs.some(([local, remote]) => {
      const ports = new RegExp(`:${hex(local)} \\w+:${hex(remote)} (.*)`).exec(table)?.[1] ?? "";
      // State, queues, timers, retransmissions, user, timeout, inode; it is 0 when no process has the socket.
      return (ports.trim().split(/\s+/)[6] ?? "0") !== "0";
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.release();
    this.#server.close();
    await once(this.#server, "close");
  }

  #serve(client: Socket): void {
    const server = connect({ ...this.#to, allowHalfOpen: true, noDelay: true });
    const leg: Leg = {
      index: this.#legs.length,
      client,
      server,
      ports: { client: client.remotePort, server: undefined },
      passed: { toServer: 0, toClient: 0 },
      broken: false,
    };
    server.once("connect", () => (leg.ports.server = server.localPort));
    this.#legs.push(leg);
    this.#pass(leg, "toServer");
    this.#pass(leg, "toClient");
  }

  #pass(leg: Leg, direction: Direction): void {
    const [source, target] =
      direction === "toServer" ? [leg.client, leg.server] : [leg.server, leg.client];
    const fault = this.#fault;
    const mine = fault?.connection === leg.index && fault.direction === direction;
    let slicing: Promise<void> | undefined;
    // The end of a paused socket is told all the same.
    const afterSlices = (end: () => void): void => {
      if (slicing === undefined) end();
      else void slicing.then(end);
    };
    source.on("data", (chunk: Buffer) => {
      if (leg.broken) return;
      const left = mine ? fault.at - leg.passed[direction] : Number.POSITIVE_INFINITY;
      leg.passed[direction] += chunk.length;
      if (left >= chunk.length || left < 0) {
        if (!target.write(chunk)) source.pause();
        return;
      }
      this.#struck = true;
      if (left > 0) target.write(chunk.subarray(0, left));
      if (fault?.kind !== "slices") return strike({ leg, source, target }, fault?.kind ?? "rst");
      source.pause();
      slicing = slice(target, chunk.subarray(left)).then(() => {
        slicing = undefined;
        source.resume();
      });
    });
    target.on("drain", () => {
      if (!leg.broken && slicing === undefined) source.resume();
    });
    source.once("end", () => afterSlices(() => leg.broken || target.end()));
    source.on("error", () => {});
    source.once("close", (failed) =>
      afterSlices(() => {
        if (leg.broken) return;
        if (failed) target.resetAndDestroy();
        else target.end();
      }),
    );
  }
}

function hex(port = 0): string {
  return port.toString(16).toUpperCase().padStart(4, "0");
}

let next: Promise<string> | undefined;
let pause = 0;

// The kernel's table as it is from now on, read once for all who ask in the meantime. It is long, and slow to read, when
// other tests open many sockets.
function tcpTable(): Promise<string> {
  next ??= readTcpTable();
  return next;
}

async function readTcpTable(): Promise<string> {
  await delay(pause);
  next = undefined;
  const begun = performance.now();
  const table = await readFile("/proc/net/tcp", "latin1");
  pause = TABLE_AGE + 4 * (performance.now() - begun);
  return table;
}

interface Scene {
  readonly leg: Leg;
  readonly source: Socket;
  readonly target: Socket;
}

function strike({ leg, source, target }: Scene, kind: FaultKind): void {
  // With `half` the other direction goes on.
  leg.broken = kind !== "half";
  if (kind === "half") {
    source.removeAllListeners("data").resume();
    target.end();
  }
  if (kind === "rst") target.write("", () => [source, target].map((end) => end.resetAndDestroy()));
  if (kind === "fin") [source, target].map((end) => end.resume().end());
  if (kind === "stall") [source, target].map((end) => end.pause());
}

async function slice(target: Socket, bytes: Buffer): Promise<void> {
  const cut = bytes.subarray(0, SLICED);
  for (let at = 0; at < cut.length && !target.destroyed; at += 1) {
    await new Promise((resolve) => target.write(cut.subarray(at, at + 1), resolve));
    await new Promise((resolve) => setImmediate(resolve));
  }
  if (bytes.length > cut.length) target.write(bytes.subarray(cut.length));
}
