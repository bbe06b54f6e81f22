// Reads a proxy's answers, before the stream is the connection to the database. A database never sends first, so a byte
// after the answer was injected on the path, and ends the connection.

import type { Buffer } from "node:buffer";
import type { Duplex } from "node:stream";
import { type Decoded, SocketReader } from "../base/socket-reader.ts";

const MAX_ANSWER = 256 * 1024; // bytes

/** The proxy closed or broke the connection before it had answered, or sent too much. */
export class HandshakeError extends Error {
  override readonly name = "HandshakeError";
}

/** Reads answers from a stream; owns its events until finish(). */
export class Handshake {
  readonly #stream: Duplex;
  readonly #signal: AbortSignal;
  readonly #reader: SocketReader;

  constructor(stream: Duplex, signal: AbortSignal) {
    this.#stream = stream;
    this.#signal = signal;
    this.#reader = new SocketReader(stream, MAX_ANSWER);
  }

  /** Takes exactly `count` bytes. */
  take(count: number): Promise<Buffer> {
    return this.#take((bytes) =>
      bytes.length < count ? undefined : { value: bytes.subarray(0, count), length: count },
    );
  }

  /** Takes the head of an HTTP answer, with the empty line at its end. */
  takeHead(limit: number): Promise<string> {
    return this.#take((bytes) => {
      const length = bytes.indexOf("\r\n\r\n") + 4;
      if (length >= 4) return { value: bytes.toString("latin1", 0, length), length };
      if (bytes.length > limit) throw new HandshakeError("its answer does not end");
      return undefined;
    });
  }

  /** Releases the stream, paused; throws when bytes follow the answer. */
  finish(): void {
    if (this.#reader.detach().length > 0) throw new HandshakeError("it sent more than its answer");
  }

  /** Destroys the stream. */
  abandon(): void {
    this.#reader.detach();
    this.#stream.on("error", () => {});
    this.#stream.destroy();
  }

  async #take<T>(decode: (bytes: Buffer) => Decoded<T> | undefined): Promise<T> {
    try {
      return await this.#reader.take(decode, this.#signal);
    } catch (error) {
      this.#signal.throwIfAborted();
      if (error instanceof HandshakeError) throw error;
      throw new HandshakeError("it closed the connection");
    }
  }
}
