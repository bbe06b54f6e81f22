// Bytes that go through something that carries TCP, both ways at the same time, and are compared with what was sent: each
// direction has a sequence of its own that looks random, from AES over zeros.
import { Buffer } from "node:buffer";
import { createCipheriv, createHash } from "node:crypto";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import type { Duplex } from "node:stream";

const BLOCK = Buffer.alloc(65_536);

type Direction = "up" | "down";

/** How many bytes go from and to the caller. */
export type ByteCounts = Readonly<Record<Direction, number>>;

/** A server whose every connection begins with how many bytes it is to take and to send. */
export interface ByteServer extends AsyncDisposable {
  readonly port: number;
}

/** What a transfer was. */
export interface Carried {
  readonly isExact: boolean;
  /** The seconds that each direction took. */
  readonly seconds: Readonly<Record<Direction, number>>;
}

/** Starts the server on loopback. */
export async function startByteServer(): Promise<ByteServer> {
  const server = createServer((socket) => {
    socket.on("error", () => {});
    void answer(socket).catch(() => socket.destroy());
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const dispose = async (): Promise<void> => {
    server.close();
  };
  return { port, [Symbol.asyncDispose]: dispose };
}

/** Sends and takes so many bytes, and leaves the connection open. */
export async function carry(connection: Duplex, counts: ByteCounts): Promise<Carried> {
  const reader = new Reader(connection);
  const start = performance.now();
  connection.write(`${JSON.stringify(counts)}\n`);
  const [down] = await Promise.all([
    reader.digest(counts.down).then((digest) => ({ digest, at: performance.now() })),
    send(connection, counts.up, "up"),
  ]);
  // The server says what it took behind what it sends.
  const [upDigest = "", upSeconds = ""] = (await reader.line()).split(" ");
  const isExact =
    down.digest === expected(counts.down, "down") && upDigest === expected(counts.up, "up");
  return { isExact, seconds: { up: Number(upSeconds), down: (down.at - start) / 1_000 } };
}

async function answer(socket: Duplex): Promise<void> {
  const reader = new Reader(socket);
  for (;;) {
    const line = await reader.line();
    if (line === "") break;
    const { up, down } = JSON.parse(line) as ByteCounts;
    const start = performance.now();
    const [taken] = await Promise.all([
      reader.digest(up).then((digest) => `${digest} ${(performance.now() - start) / 1_000}\n`),
      send(socket, down, "down"),
    ]);
    socket.write(taken);
  }
  socket.end();
}

async function send(stream: Duplex, count: number, direction: Direction): Promise<void> {
  for (const block of blocks(count, direction)) {
    if (!stream.write(block)) await once(stream, "drain");
  }
}

function expected(count: number, direction: Direction): string {
  const digest = createHash("sha256");
  for (const block of blocks(count, direction)) digest.update(block);
  return digest.digest("hex");
}

function* blocks(count: number, direction: Direction): Generator<Buffer> {
  const cipher = createCipheriv("aes-128-ctr", direction.padEnd(16), Buffer.alloc(16));
  for (let left = count; left > 0; left -= BLOCK.length) {
    yield cipher.update(BLOCK.subarray(0, Math.min(left, BLOCK.length)));
  }
}

// What comes out of a stream: lines, and digests of so many bytes.
class Reader {
  readonly #chunks: AsyncIterator<Buffer>;
  #rest: Buffer = Buffer.alloc(0);

  constructor(stream: Duplex) {
    this.#chunks = (stream as AsyncIterable<Buffer>)[Symbol.asyncIterator]();
  }

  /** The next line, or "" at the end. */
  async line(): Promise<string> {
    for (;;) {
      const end = this.#rest.indexOf("\n");
      if (end >= 0) {
        const line = this.#rest.subarray(0, end).toString();
        this.#rest = this.#rest.subarray(end + 1);
        return line;
      }
      const { done, value } = await this.#chunks.next();
      if (done === true) return "";
      this.#rest = Buffer.concat([this.#rest, value]);
    }
  }

  /** The digest of the next bytes, of fewer where the stream ends. */
  async digest(count: number): Promise<string> {
    const digest = createHash("sha256");
    for (let left = count; left > 0;) {
      if (this.#rest.length === 0) {
        const { done, value } = await this.#chunks.next();
        if (done === true) break;
        this.#rest = value;
      }
      const part = this.#rest.subarray(0, left);
      digest.update(part);
      this.#rest = this.#rest.subarray(part.length);
      left -= part.length;
    }
    return digest.digest("hex");
  }
}
