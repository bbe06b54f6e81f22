// Who is connected: sockets that have proven nothing yet, sessions in progress, and the keys that cancel them.
import { Buffer } from "node:buffer";
import { timingSafeEqual } from "node:crypto";
import type { Socket } from "node:net";
import { RdsIamError } from "../base/errors.ts";
import type { CancelKey } from "../protocol/authentication.ts";
import type { Address } from "../base/address.ts";
import { afterReading } from "../runtime/bun-socket.ts";
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
  // Connections that have proven nothing: those that have not sent a byte either, and those that have.
  readonly #silent = new Set<Socket>();
  readonly #speaking = new Set<Socket>();
  readonly #sessions = new Set<Socket>();
  readonly #cancellable = new Set<Cancellable>();
  #trimming = false;
  #drained: (() => void) | undefined;

  constructor(limits: Limits) {
    this.#limits = limits;
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

  /** Takes in a new connection; when too many have proven nothing, the oldest of the more numerous kind goes. */
  arrive(socket: Socket): void {
    this.#silent.add(socket);
    socket.once("data", () => {
      if (this.#silent.delete(socket)) this.#speaking.add(socket);
    });
    this.#trimSoon();
  }

  /** Counts a connection as a session once its secret is proven; throws ERR_LIMIT when there are too many. */
  authenticate(socket: Socket): void {
    this.#forget(socket);
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
    this.#forget(socket);
    if (this.#sessions.delete(socket) && this.#sessions.size === 0) this.#drained?.();
  }

  /** Closes every connection. */
  destroyAll(): void {
    for (const socket of [...this.#silent, ...this.#speaking, ...this.#sessions]) socket.destroy();
  }

  #trimSoon(): void {
    if (this.#trimming || !this.#isCrowded()) return;
    this.#trimming = true;
    afterReading(() => this.#trim());
  }

  // Silent ones cannot push out a login that is under way, nor stuck logins one that is about to begin.
  #trim(): void {
    this.#trimming = false;
    while (this.#isCrowded()) {
      const crowd = this.#silent.size >= this.#speaking.size ? this.#silent : this.#speaking;
      const [oldest] = crowd;
      if (oldest === undefined) return;
      crowd.delete(oldest);
      oldest.destroy();
    }
  }

  #isCrowded(): boolean {
    return this.#silent.size + this.#speaking.size > this.#limits.unauthenticated;
  }

  #forget(socket: Socket): void {
    this.#silent.delete(socket);
    this.#speaking.delete(socket);
  }
}
