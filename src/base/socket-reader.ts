// Pulls whole packets out of a socket while a login is under way, then hands the socket back with what is left.
// The limit bounds what a peer can make us hold before it has proven anything.
import { Buffer } from "node:buffer";
import type { Duplex } from "node:stream";

/** A decoded value and how many bytes of the input it took. */
export interface Decoded<T> {
  readonly value: T;
  readonly length: number;
}

/** The peer ended or broke the connection while more was expected from it. */
export class ConnectionClosed extends Error {
  override readonly name = "ConnectionClosed";
}

/** Reads a socket packet by packet; owns its data, end, error and close events until detach(). */
export class SocketReader {
  readonly #socket: Duplex;
  readonly #limit: number;
  #buffered: Buffer = Buffer.alloc(0);
  #failure: Error | undefined;
  readonly #waiting = new Set<() => void>();

  constructor(socket: Duplex, limit: number) {
    this.#socket = socket;
    this.#limit = limit;
    socket.on("data", this.#onData);
    socket.on("end", this.#onEnd);
    socket.on("close", this.#onEnd);
    socket.on("error", this.#onError);
    // The code that dialed may have read from it before, and paused it.
    socket.resume();
  }

  /** How many bytes have arrived and were not taken. */
  get buffered(): number {
    return this.#buffered.length;
  }

  /** Waits until `decode` finds a packet at the start of the bytes and takes it; rejects when the connection ends first or `signal` aborts. */
  async take<T>(
    decode: (bytes: Buffer) => Decoded<T> | undefined,
    signal: AbortSignal,
  ): Promise<T> {
    for (;;) {
      signal.throwIfAborted();
      const decoded = decode(this.#buffered);
      if (decoded !== undefined) {
        this.#buffered = this.#buffered.subarray(decoded.length);
        return decoded.value;
      }
      if (this.#failure !== undefined) throw this.#failure;
      await this.#change(signal);
    }
  }

  /** Resolves when the connection has ended or failed; bytes that arrive meanwhile are kept. */
  async ended(signal: AbortSignal): Promise<void> {
    while (this.#failure === undefined && !signal.aborted) await this.#change(signal);
  }

  /** Works for the peer; the signal of `work` aborts, and this rejects, as soon as the peer goes or `parent` aborts. */
  async whileThere<T>(work: (left: AbortSignal) => Promise<T>, parent?: AbortSignal): Promise<T> {
    const left = new AbortController();
    const watch = new AbortController();
    const onAbort = (): void => left.abort(parent?.reason);
    parent?.addEventListener("abort", onAbort, { once: true });
    if (parent?.aborted) onAbort();
    void this.ended(watch.signal).then(() => this.#failure && left.abort(this.#failure));
    try {
      return await work(left.signal);
    } catch (error) {
      left.signal.throwIfAborted();
      throw error;
    } finally {
      parent?.removeEventListener("abort", onAbort);
      // Without a reason Node makes a DOMException, with its stack, for each login.
      watch.abort(null);
    }
  }

  /** Gives the socket back, paused, with the bytes that were not taken. */
  detach(): Buffer {
    this.#socket.pause();
    this.#socket.off("data", this.#onData);
    this.#socket.off("end", this.#onEnd);
    this.#socket.off("close", this.#onEnd);
    this.#socket.off("error", this.#onError);
    const left = this.#buffered;
    this.#buffered = Buffer.alloc(0);
    return left;
  }

  #change(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        signal.removeEventListener("abort", done);
        this.#waiting.delete(done);
        resolve();
      };
      this.#waiting.add(done);
      signal.addEventListener("abort", done, { once: true });
    });
  }

  readonly #onData = (chunk: Buffer): void => {
    if (this.#buffered.length + chunk.length > this.#limit) {
      this.#fail(new ConnectionClosed("the peer sent more than a login needs"));
      this.#socket.destroy();
      return;
    }
    this.#buffered = this.#buffered.length === 0 ? chunk : Buffer.concat([this.#buffered, chunk]);
    for (const done of this.#waiting) done();
  };

  readonly #onEnd = (): void => this.#fail(new ConnectionClosed("the connection was closed"));

  readonly #onError = (error: Error): void => this.#fail(error);

  #fail(error: Error): void {
    this.#failure ??= error;
    for (const done of this.#waiting) done();
  }
}
