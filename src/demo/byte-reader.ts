// Reads exact numbers of bytes from a socket during a login, then hands the socket over untouched.
// What arrived and was not asked for stays here until release() puts it back.
import { Buffer } from "node:buffer";
import type { Duplex } from "node:stream";

interface Waiter {
  readonly length: number;
  readonly resolve: (bytes: Buffer | undefined) => void;
}

/** A reader over a socket; one read at a time. */
export class ByteReader {
  readonly #socket: Duplex;
  #pending: Buffer = Buffer.alloc(0);
  #waiter: Waiter | undefined;
  #ended = false;
  readonly #onData = (chunk: Buffer): void => {
    this.#pending = Buffer.concat([this.#pending, chunk]);
    this.#settle();
  };
  readonly #onEnd = (): void => {
    this.#ended = true;
    this.#settle();
  };

  constructor(socket: Duplex) {
    this.#socket = socket;
    socket.on("data", this.#onData);
    socket.on("end", this.#onEnd);
    socket.on("close", this.#onEnd);
  }

  /** Bytes that have arrived and were not read yet. */
  get buffered(): number {
    return this.#pending.length;
  }

  /** The next bytes without taking them; undefined when the socket ended before. */
  async peek(length: number): Promise<Buffer | undefined> {
    return await new Promise((resolve) => {
      this.#waiter = { length, resolve };
      this.#settle();
    });
  }

  /** The next bytes; undefined when the socket ended before. */
  async read(length: number): Promise<Buffer | undefined> {
    const bytes = await this.peek(length);
    if (bytes !== undefined) this.#pending = this.#pending.subarray(length);
    return bytes;
  }

  /** Stops listening, pauses the socket and returns what was not read. */
  release(): Buffer {
    this.#socket.pause();
    this.#socket.off("data", this.#onData);
    this.#socket.off("end", this.#onEnd);
    this.#socket.off("close", this.#onEnd);
    return this.#pending;
  }

  #settle(): void {
    const waiter = this.#waiter;
    if (waiter === undefined) return;
    const enough = this.#pending.length >= waiter.length;
    if (!enough && !this.#ended) return;
    this.#waiter = undefined;
    waiter.resolve(enough ? this.#pending.subarray(0, waiter.length) : undefined);
  }
}
