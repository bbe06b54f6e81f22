// Limits the connections that have proven nothing yet. Each is at a stage: silent at first, and the further the more it has
// done. When there are too many, the oldest of the lowest stage is closed; but some of each stage stay, so that clients which
// are stuck at a higher one cannot keep new ones out.
import type { Socket } from "node:net";

const RESERVE = 8; // this part of the limit is left to each stage

/** The connections of a listener that have proven nothing yet. */
export class ConnectionLimit {
  readonly #limit: number;
  readonly #stages: readonly Set<Socket>[];
  #trimming = false;

  /** At most `limit` connections, at stages from 0 (silent) and 1 (has sent something) to `last`. */
  constructor(limit: number, last: number) {
    this.#limit = limit;
    this.#stages = Array.from({ length: last + 1 }, () => new Set());
  }

  /** Takes in a new connection. */
  arrive(socket: Socket): void {
    this.#stages[0]?.add(socket);
    // Runtimes accept all connections that wait, hundreds in a flood, before they read from any of them. The second turn of the
    // event loop comes after the reading.
    if (this.#trimming || !this.#isCrowded()) return;
    this.#trimming = true;
    setImmediate(() => setImmediate(() => this.#trim()));
  }

  /** Moves a connection that is still limited to a stage. */
  advance(socket: Socket, stage: number): void {
    if (this.leave(socket)) this.#stages[stage]?.add(socket);
  }

  /** Limits a connection no longer, since it has proven something or is closed; whether it was limited. */
  leave(socket: Socket): boolean {
    return this.#stages.some((each) => each.delete(socket));
  }

  /** Closes every connection. */
  destroyAll(): void {
    for (const stage of this.#stages) for (const socket of stage) socket.destroy();
  }

  #trim(): void {
    this.#trimming = false;
    const [silent = new Set<Socket>()] = this.#stages;
    for (const socket of silent) if (socket.bytesRead > 0) this.advance(socket, 1);
    while (this.#isCrowded()) {
      const crowd = this.#stages.find(({ size }) => size > this.#limit / RESERVE);
      const [oldest] = crowd ?? silent;
      if (oldest === undefined) return;
      this.leave(oldest);
      oldest.destroy();
    }
  }

  #isCrowded(): boolean {
    return this.#stages.reduce((sum, { size }) => sum + size, 0) > this.#limit;
  }
}
