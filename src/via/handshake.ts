// Reads a proxy's answers, before the stream is the connection to the database. A database never sends first, so a byte
// after the answer was injected on the path, and ends the connection.

import { Buffer } from "node:buffer";
import type { Duplex } from "node:stream";

/** The proxy closed or broke the connection before it had answered, or sent too much. */
export class HandshakeError extends Error {
  override readonly name = "HandshakeError";
}

/** Reads answers from a stream; owns its events until finish(). */
export class Handshake {
  readonly #stream: Duplex;
  readonly #signal: AbortSignal;
  #bytes: Buffer = Buffer.alloc(0);
  #failure: Error | undefined;
  #wake: () => void = () => {};

  constructor(stream: Duplex, signal: AbortSignal) {
    this.#stream = stream;
    this.#signal = signal;
    stream.on("data", this.#onData);
    for (const event of ["end", "close", "error"]) stream.on(event, this.#onEnd);
    signal.addEventListener("abort", this.#onAbort);
    if (signal.aborted) this.#onAbort();
  }

  /** Takes exactly `count` bytes. */
  async take(count: number): Promise<Buffer> {
    while (this.#bytes.length < count) await this.#more();
    return this.#cut(count);
  }

  /** Takes the head of an HTTP answer, with the empty line at its end. */
  async takeHead(limit: number): Promise<string> {
    for (;;) {
      const end = this.#bytes.indexOf("\r\n\r\n");
      if (end >= 0) return this.#cut(end + 4).toString("latin1");
      if (this.#bytes.length > limit) throw new HandshakeError("its answer does not end");
      await this.#more();
    }
  }

  /** Releases the stream, paused; throws when bytes follow the answer. */
  finish(): void {
    this.#release();
    if (this.#bytes.length > 0) throw new HandshakeError("it sent more than its answer");
  }

  /** Destroys the stream. */
  abandon(): void {
    this.#release();
    this.#stream.on("error", () => {});
    this.#stream.destroy();
  }

  #release(): void {
    this.#stream.pause();
    this.#stream.off("data", this.#onData);
    for (const event of ["end", "close", "error"]) this.#stream.off(event, this.#onEnd);
    this.#signal.removeEventListener("abort", this.#onAbort);
  }

  #cut(count: number): Buffer {
    const taken = this.#bytes.subarray(0, count);
    this.#bytes = this.#bytes.subarray(count);
    return taken;
  }

  async #more(): Promise<void> {
    if (this.#failure === undefined) await new Promise<void>((resolve) => (this.#wake = resolve));
    if (this.#failure !== undefined) throw this.#failure;
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#bytes = Buffer.concat([this.#bytes, chunk]);
    this.#wake();
  };

  readonly #onEnd = (): void => {
    this.#failure ??= new HandshakeError("it closed the connection");
    this.#wake();
  };

  readonly #onAbort = (): void => {
    this.#failure ??= this.#signal.reason as Error;
    this.#wake();
  };
}
