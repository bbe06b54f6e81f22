// Keeps one connection to the backend ready, dialed and with TLS up, for the login that comes next: the first while the tool
// starts, and another with each login of a tool that opens several (pg_dump -j, pgbench -C). Nothing has been sent on it, so
// it is no login and leaves no line in the server's log (ProcessStartupPacket, postmaster.c); but the server keeps a process
// for it, until its authentication_timeout: 60 s by default.
import { type Backend, type BackendConnection, connectBackend } from "./backend.ts";
import { deadline, unlessAborted } from "../base/deadline.ts";
import type { Address } from "../base/address.ts";
import { connectTimedOut } from "./failure.ts";

const LIFE = 30_000; // ms
const SAME_DNS = 1_000; // ms that an answer of DNS serves a connection that is opened ahead

/** When a connection is opened ahead, and for how long it is kept. */
export interface WarmConnectionOptions {
  /** Whether a tool that logs in again and again finds one each time. */
  readonly ahead: boolean;
  /** Milliseconds. */
  readonly life?: number;
  /** Milliseconds that an answer of DNS serves a connection that is opened ahead. */
  readonly sameDns?: number;
}

const NOTHING = { addresses: [] as readonly Address[], at: Number.NEGATIVE_INFINITY };

/** Connections to a backend, of which the next may be there already. */
export class BackendConnections implements Disposable {
  readonly #backend: Backend;
  readonly #ahead: boolean;
  readonly #life: number;
  readonly #sameDns: number;
  #warm: WarmConnection | undefined;
  #known = NOTHING;
  #logins = 0;
  #worked = false;
  #closed = false;

  constructor(backend: Backend, { ahead, life = LIFE, sameDns = SAME_DNS }: WarmConnectionOptions) {
    this.#backend = backend;
    this.#ahead = ahead;
    this.#life = life;
    this.#sameDns = sameDns;
  }

  /** Opens a connection for a login that is expected. */
  prepare(): void {
    if (this.#closed || this.#warm?.isAlive) return;
    if (this.#backend.dial !== undefined) {
      // Other ways than dialing cost more than time: a process, a channel of ssh's.
      if (this.#backend.isDialedAhead !== true) return this.#backend.prepareDial?.();
      // The far end has asked its DNS, and is not asked again.
      this.#warm = new WarmConnection(this.#backend, undefined, this.#sameDns);
      return;
    }
    const first = this.#isFresh ? this.#known.addresses[0] : undefined;
    const backend = this.#isFresh ? this.#at(this.#known.addresses) : this.#backend;
    this.#warm = new WarmConnection(backend, first, this.#life);
  }

  /** Gives a connection for a login: the warm one, where that would be dialed now too, else a new one. */
  async take(signal: AbortSignal): Promise<BackendConnection> {
    try {
      return await this.#take(signal);
    } catch (error) {
      this.#known = NOTHING;
      throw error;
    }
  }

  async #take(signal: AbortSignal): Promise<BackendConnection> {
    const warm = this.#warm;
    this.#warm = undefined;
    const isFirst = this.#logins === 0;
    this.#logins += 1;
    const isTunneled = this.#backend.dial !== undefined;
    const isFresh = warm?.isAlive === true && warm.age < this.#sameDns;
    if (isFresh && (isFirst || isTunneled)) return warm.take(signal);
    if (isTunneled) return connectBackend(this.#backend, signal);
    const addresses = await this.#ask(signal);
    const isNear = warm?.address !== undefined && warm.address === addresses[0]?.address;
    if (warm?.isAlive && isNear) return warm.take(signal);
    warm?.close();
    return connectBackend(this.#at(addresses), signal);
  }

  /** To be called when a login has begun: while the server checks it, the next connection is opened. Where there were two, a third is likely. */
  loggingIn(): void {
    if (this.#ahead && this.#logins > 1 && this.#worked) this.prepare();
  }

  /** To be called after each login that worked. */
  loggedIn(): void {
    this.#worked = true;
  }

  /** Closes the warm connection; there will be none any more. */
  [Symbol.dispose](): void {
    this.#closed = true;
    this.#warm?.close();
  }

  get #isFresh(): boolean {
    return performance.now() - this.#known.at < this.#sameDns;
  }

  // In a failover, or in the turn of a reader endpoint, the name resolves to something else than it did: each login asks, once.
  async #ask(signal: AbortSignal): Promise<readonly Address[]> {
    const { connectTimeout } = this.#backend;
    using limit = deadline(connectTimeout, () => connectTimedOut(this.#backend), signal);
    const asking = this.#backend.addresses(limit.signal);
    const addresses = await unlessAborted(asking, limit.signal);
    this.#known = { addresses, at: performance.now() };
    return addresses;
  }

  #at(addresses: readonly Address[]): Backend {
    return { ...this.#backend, addresses: () => Promise.resolve(addresses) };
  }
}

class WarmConnection {
  readonly #first: Address | undefined;
  readonly #since = performance.now();
  readonly #stop = new AbortController();
  readonly #connecting: Promise<BackendConnection>;
  readonly #timer: NodeJS.Timeout;
  #connection: BackendConnection | undefined;
  #isDead = false;

  /** `first` is what is dialed first, where that is known; `life` is in milliseconds. */
  constructor(backend: Backend, first: Address | undefined, life: number) {
    this.#first = first;
    this.#timer = setTimeout(this.close, life).unref();
    this.#connecting = connectBackend(backend, this.#stop.signal);
    this.#connecting.then((connection) => this.#watch(connection), this.close);
  }

  /** Whether it is there, or about to be. */
  get isAlive(): boolean {
    return !this.#isDead;
  }

  /** Milliseconds. */
  get age(): number {
    return performance.now() - this.#since;
  }

  /** The address that it is connected to; while it is not yet, the one that it dials first. */
  get address(): string | undefined {
    return (this.#connection?.address ?? this.#first)?.address;
  }

  /** Waits for it, and hands it over; its failure is the login's. */
  async take(signal: AbortSignal): Promise<BackendConnection> {
    // From here on it is the login's, which has time limits of its own.
    clearTimeout(this.#timer);
    try {
      const connection = await unlessAborted(this.#connecting, signal);
      const { socket } = connection;
      socket.pause();
      socket.off("data", this.close).off("end", this.close).off("close", this.close);
      return connection;
    } catch (error) {
      this.close();
      throw error;
    }
  }

  readonly close = (): void => {
    this.#isDead = true;
    clearTimeout(this.#timer);
    this.#stop.abort(new Error("the warm connection is not needed"));
    this.#connection?.socket.destroy();
  };

  // The server ends it when it restarts. A database sends nothing before it gets a request; what does is something else.
  #watch(connection: BackendConnection): void {
    this.#connection = connection;
    const { socket } = connection;
    if (this.#isDead) return void socket.destroy();
    socket.on("data", this.close).on("end", this.close).on("close", this.close);
    socket.on("error", () => {});
    socket.resume();
  }
}
