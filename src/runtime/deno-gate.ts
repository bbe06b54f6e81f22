// On Deno a TLS socket ignores pause(): a slow reader of a large result drove memory to 670 MB. There this gate stands
// between the TCP socket and the TLS layer; pausing the TLS socket closes it, and TCP's own flow control does the rest.
import type { Buffer } from "node:buffer";
import process from "node:process";
import { Duplex } from "node:stream";
import type { TLSSocket } from "node:tls";
import { rememberCarrier } from "./bun-socket.ts";

/** What carries a TLS connection, and how to make the TLS socket's pause() reach it. */
export interface Carrier {
  readonly stream: Duplex;
  readonly attach: (secured: TLSSocket) => void;
}

/** The carrier for a dialed connection: that itself everywhere but on Deno. */
export function carrierOf(socket: Duplex): Carrier {
  if (!("deno" in process.versions)) {
    return { stream: socket, attach: (secured) => rememberCarrier(secured, socket) };
  }
  const gate = new Gate(socket);
  return { stream: gate, attach: (secured) => gate.follow(secured) };
}

class Gate extends Duplex {
  readonly #socket: Duplex;
  #closed = false;

  constructor(socket: Duplex) {
    super({ allowHalfOpen: true });
    this.#socket = socket;
    socket.on("data", (chunk: Buffer) => {
      if (!this.push(chunk)) socket.pause();
    });
    socket.on("end", () => this.push(null));
    socket.on("error", (error) => this.destroy(error));
    socket.on("close", () => this.destroy());
  }

  follow(secured: TLSSocket): void {
    const pause = secured.pause.bind(secured);
    const resume = secured.resume.bind(secured);
    secured.pause = () => {
      this.#closed = true;
      this.#socket.pause();
      return pause();
    };
    secured.resume = () => {
      this.#closed = false;
      this.#socket.resume();
      return resume();
    };
  }

  override _read(): void {
    if (!this.#closed) this.#socket.resume();
  }

  override _write(
    chunk: Buffer,
    _encoding: BufferEncoding,
    done: (error?: Error | null) => void,
  ): void {
    this.#socket.write(chunk, done);
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#socket.end(done);
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#socket.destroy();
    done(error);
  }
}
