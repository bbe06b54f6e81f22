// Who is connected: sockets that have proven nothing yet, sessions in progress, and the keys that cancel them.
import { timingSafeEqual } from "node:crypto";
import type { Socket } from "node:net";
import { RdsIamError } from "../errors.ts";
import type { CancelKey } from "../protocol/authentication.ts";
import type { Address } from "./dial.ts";

/** How many of each are allowed at once. */
export interface Limits {
  readonly unauthenticated: number;
  readonly sessions: number;
}

/** A session that a CancelRequest can name. */
export interface Cancellable {
  readonly key: CancelKey;
  readonly address: Address;
}

/** The connections of one proxy. */
export class Sessions {
  readonly #limits: Limits;
  readonly #unauthenticated = new Set<Socket>();
  readonly #sessions = new Set<Socket>();
  readonly #cancellable = new Set<Cancellable>();

  constructor(limits: Limits) {
    this.#limits = limits;
  }

  /** How many sessions are in progress, logins that have proven the secret included. */
  get size(): number {
    return this.#sessions.size;
  }

  /** Takes in a new connection; the oldest one that has proven nothing goes when there are too many of those. */
  arrive(socket: Socket): void {
    this.#unauthenticated.add(socket);
    if (this.#unauthenticated.size <= this.#limits.unauthenticated) return;
    const [oldest] = this.#unauthenticated;
    if (oldest === undefined) return;
    this.#unauthenticated.delete(oldest);
    oldest.destroy();
  }

  /** Counts a connection as a session once its secret is proven; throws ERR_LIMIT when there are too many. */
  authenticate(socket: Socket): void {
    this.#unauthenticated.delete(socket);
    if (this.#sessions.size >= this.#limits.sessions) {
      throw new RdsIamError("sorry, too many sessions already", {
        code: "ERR_LIMIT",
        detail: `This proxy serves ${this.#limits.sessions} sessions at once.`,
        hint: "Close some, or let the tool open fewer connections.",
      });
    }
    this.#sessions.add(socket);
  }

  /** Makes a session cancellable until the returned function is called. */
  register(session: Cancellable): () => void {
    this.#cancellable.add(session);
    return () => this.#cancellable.delete(session);
  }

  /** The session that a key names exactly; compared in constant time. */
  find(key: CancelKey): Cancellable | undefined {
    let found: Cancellable | undefined;
    for (const session of this.#cancellable) {
      const { processId, secretKey } = session.key;
      const same =
        secretKey.length === key.secretKey.length && timingSafeEqual(secretKey, key.secretKey);
      if (same && processId === key.processId) found = session;
    }
    return found;
  }

  /** Forgets a connection that is over. */
  leave(socket: Socket): void {
    this.#unauthenticated.delete(socket);
    this.#sessions.delete(socket);
  }

  /** Closes every connection. */
  destroyAll(): void {
    for (const socket of [...this.#unauthenticated, ...this.#sessions]) socket.destroy();
  }
}
