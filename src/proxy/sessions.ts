// Who is connected: sockets that have proven nothing yet, sessions in progress, and the keys that cancel them.
import { Buffer } from "node:buffer";
import { timingSafeEqual } from "node:crypto";
import type { Socket } from "node:net";
import { countText } from "../base/count.ts";
import { RdsIamError } from "../base/errors.ts";
import type { CancelKey } from "../protocol/authentication.ts";
import type { Address } from "../base/address.ts";
import { ConnectionLimit } from "../base/connection-limit.ts";
import type { Traffic } from "./copy.ts";

/** How many of each are allowed at once. */
export interface Limits {
  readonly unauthenticated: number;
  /** 100 when absent. */
  readonly sessions: number | undefined;
  /** Of one database user. */
  readonly userSessions: number | undefined;
}

const MAX_SESSIONS = 100;
// Wrong keys in a second. Keys have 4 bytes up to PostgreSQL 17: at this rate one is found after a year of guessing.
const MAX_WRONG_KEYS = 64;

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
  // With their users.
  readonly #sessions = new Map<Socket, string>();
  readonly #cancellable = new Set<Cancellable>();
  #wrongKeys = 0;
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
  authenticate(socket: Socket, user: string): void {
    this.#unauthenticated.leave(socket);
    const { sessions = MAX_SESSIONS, userSessions = sessions } = this.#limits;
    if (this.#sessions.size >= sessions) {
      const isOption = this.#limits.sessions !== undefined;
      throw new RdsIamError("sorry, too many sessions already", {
        code: "ERR_LIMIT",
        detail: `This proxy serves ${countText(sessions, "session")} at once.`,
        hint: `Close some, or let the tool open fewer connections${isOption ? ", or start the proxy with a higher --max-connections" : ""}.`,
      });
    }
    const own = [...this.#sessions.values()].filter((each) => each === user);
    if (own.length >= userSessions) {
      throw new RdsIamError(`too many sessions of user "${user}"`, {
        code: "ERR_LIMIT",
        detail: `This proxy serves ${countText(userSessions, "session")} of one user at once.`,
        hint: "Close some, or start the proxy with a higher --max-user-connections.",
      });
    }
    this.#sessions.set(socket, user);
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

  /** The session that a key names exactly; compared in constant time, and not at all after too many wrong ones. */
  find(key: CancelKey): Cancellable | undefined {
    if (this.#wrongKeys >= MAX_WRONG_KEYS) return undefined;
    let found: Cancellable | undefined;
    for (const session of this.#cancellable) {
      const { processId, secretKey } = session.key;
      const same =
        secretKey.length === key.secretKey.length && timingSafeEqual(secretKey, key.secretKey);
      if (same && processId === key.processId) found = session;
    }
    if (found === undefined) {
      if (this.#wrongKeys === 0) setTimeout(() => (this.#wrongKeys = 0), 1_000).unref();
      this.#wrongKeys += 1;
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
    for (const socket of this.#sessions.keys()) socket.destroy();
  }
}
