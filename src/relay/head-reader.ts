// Reads the heads of requests off a socket, one after the other. A client that waits for answers sends nothing behind a
// head; whoever does is refused, for those bytes would reach the database before anybody said yes.

import { Buffer } from "node:buffer";
import type { Duplex } from "node:stream";
import { BadHead, type ConnectRequest, headLength, MAX_HEAD, readHead } from "./head.ts";

/** The client has gone, or was sent away for being slow. */
export class Gone extends Error {
  override readonly name = "Gone";
}

/** Reads heads; owns the socket's data until detach(). */
export class HeadReader {
  readonly #socket: Duplex;
  #bytes: Buffer = Buffer.alloc(0);
  #wake: () => void = () => {};
  #isOver = false;

  constructor(socket: Duplex) {
    this.#socket = socket;
    socket.on("data", this.#onData);
    for (const event of ["end", "close", "error"]) socket.on(event, this.#onEnd);
  }

  /** The next request; throws BadHead, Gone, or the signal's reason. */
  async request(signal: AbortSignal): Promise<ConnectRequest> {
    for (;;) {
      signal.throwIfAborted();
      const length = headLength(this.#bytes);
      if (length !== undefined) {
        if (this.#bytes.length > length) throw new BadHead(400, "there are bytes behind the head");
        const head = this.#bytes;
        this.#bytes = Buffer.alloc(0);
        return readHead(head);
      }
      if (this.#isOver) throw new Gone("the client closed the connection");
      await this.#more(signal);
    }
  }

  /** Does something for the client; the signal aborts, and this rejects, as soon as that has gone, or the given one aborts. */
  async whileThere<T>(signal: AbortSignal, work: (left: AbortSignal) => Promise<T>): Promise<T> {
    const left = new AbortController();
    const onAbort = (): void => left.abort(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    if (signal.aborted) onAbort();
    void this.#gone(left.signal).then(() => left.abort(new Gone("the client has gone")));
    try {
      return await work(left.signal);
    } catch (error) {
      left.signal.throwIfAborted();
      throw error;
    } finally {
      signal.removeEventListener("abort", onAbort);
      left.abort();
    }
  }

  /** Gives the socket back, paused, with what has been read and not used. */
  detach(): Buffer {
    this.#socket.pause();
    this.#socket.off("data", this.#onData);
    for (const event of ["end", "close", "error"]) this.#socket.off(event, this.#onEnd);
    return this.#bytes;
  }

  async #gone(signal: AbortSignal): Promise<void> {
    while (!this.#isOver && !signal.aborted) await this.#more(signal);
  }

  #more(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        signal.removeEventListener("abort", wake);
        resolve();
      };
      this.#wake = wake;
      signal.addEventListener("abort", wake, { once: true });
      if (signal.aborted || this.#isOver) wake();
    });
  }

  // More than a head is refused in any case: what comes behind that is dropped, also while nobody asks for a request.
  readonly #onData = (chunk: Buffer): void => {
    if (this.#bytes.length <= MAX_HEAD) this.#bytes = Buffer.concat([this.#bytes, chunk]);
    this.#wake();
  };

  readonly #onEnd = (): void => {
    this.#isOver = true;
    this.#wake();
  };
}
