// Who is connected: sockets that have proven nothing yet, sessions in progress, and the keys that cancel them.
import { Buffer } from "node:buffer";
import { timingSafeEqual } from "node:crypto";
import type { Socket } from "node:net";
import { RdsIamError } from "../base/errors.ts";
import type { CancelKey } from "../protocol/authentication.ts";
import type { Address } from "../base/address.ts";
import { ConnectionLimit } from "../base/connection-limit.ts";
import type { Traffic } from "./copy.ts";

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
  /** What has passed through all sessions since the start, their logins left out. */
  readonly traffic: Traffic = { frontendBytes: 0, backendBytes: 0 };
  readonly #limits: Limits;
  readonly #unauthenticated: ConnectionLimit;
  readonly #sessions = new Set<Socket>();
  readonly #cancellable = new Set<Cancellable>();
  #drained: (() => void) | undefined;

  constructor(limits: Limits) {
    this.#limits = limits;
    this.#unauthenticated = new ConnectionLimit(limits.unauthenticated, 1);
  }

  /** How many sessions are in progress, logins that have proven the secret included. */
  get size(): number {
    return this.#sessions.size;
  }

  /** Whether no session may begin any more. */
  get isDraining(): boolean {
    return this.#drained !== undefined;
  }

  /** Lets no session begin any more; resolves when the last has ended. Connections stay possible: a CancelRequest comes on one. */
  drain(): Promise<void> {
    return new Promise((resolve) => {
      const before = this.#drained;
      this.#drained = () => {
        before?.();
        resolve();
      };
      if (this.#sessions.size === 0) this.#drained();
    });
  }

  /** Takes in a new connection; when too many have proven nothing, the oldest silent one goes. */
  arrive(socket: Socket): void {
    this.#unauthenticated.arrive(socket);
  }

  /** Counts a connection as a session once its secret is proven; throws ERR_LIMIT when there are too many. */
  authenticate(socket: Socket): void {
    this.#unauthenticated.leave(socket);
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
  register({ key, address }: Cancellable): () => void {
    // Memory of its own: a piece of the chunk or the pool that it came in would keep all of that.
    const secretKey = Buffer.allocUnsafeSlow(key.secretKey.length);
    secretKey.set(key.secretKey);
    const session = { key: { processId: key.processId, secretKey }, address };
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
    this.#unauthenticated.leave(socket);
    if (this.#sessions.delete(socket) && this.#sessions.size === 0) this.#drained?.();
  }

  /** Closes every connection. */
  destroyAll(): void {
    this.#unauthenticated.destroyAll();
    for (const socket of this.#sessions) socket.destroy();
  }
}
