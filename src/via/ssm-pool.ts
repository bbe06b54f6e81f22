// The sessions of a tunnel: one for each connection, since an agent sends no more than 1 KB in a millisecond through one. Logins
// beyond the limit share sessions where the agent can do that, and so do cancel requests, which must not wait for a new one.
// A session that nothing uses is kept for a while for the next login, and then ended.

import { unlessAborted } from "../base/deadline.ts";
import type { ForwardedStream, PortSession } from "../ssm/session.ts";
import type { Destination } from "./tunnel.ts";

const LIFE = 30_000; // ms

/** How a pool opens sessions, and the errors of what it cannot do. */
export interface PoolOptions {
  readonly open: (destination: Destination, signal: AbortSignal) => Promise<PortSession>;
  /** How many sessions there may be for a destination. */
  readonly limit: number;
  /** Milliseconds for a session to open. */
  readonly timeout: number;
  /** Milliseconds that a session is kept without a connection; 30 s when absent. */
  readonly life?: number | undefined;
  readonly timedOut: () => Error;
  readonly allTaken: () => Error;
  readonly note: (line: string) => void;
}

/** The sessions of a tunnel. */
export class SessionPool {
  readonly #options: PoolOptions;
  readonly #members = new Set<Member>();

  constructor(options: PoolOptions) {
    this.#options = options;
  }

  /** Opens a connection; rejects with why there is no session, or the signal's reason. */
  async connect(destination: Destination, signal: AbortSignal): Promise<ForwardedStream> {
    signal.throwIfAborted();
    const member = this.#choose(destination);
    try {
      return await this.#connect(member, signal);
    } catch (error) {
      signal.throwIfAborted();
      const other = this.#membersFor(destination).find(({ session }) => session?.isFree);
      if (other === undefined) throw error;
      const { message } = error as Error;
      this.#options.note(`tunnel: connections share a session, as no other was opened: ${message}`);
      return this.#connect(other, signal);
    }
  }

  /** Opens a session for a login that is expected. */
  prepare(destination: Destination): void {
    const members = this.#membersFor(destination);
    if (members.length >= this.#options.limit || members.some(({ load }) => load === 0)) return;
    this.#start(destination);
  }

  /** Ends all sessions. */
  async close(): Promise<void> {
    await Promise.all([...this.#members].map((member) => member.close()));
  }

  #membersFor(destination: Destination): Member[] {
    const key = keyOf(destination);
    return [...this.#members].filter((each) => each.key === key && !each.isOver);
  }

  #choose(destination: Destination): Member {
    const members = this.#membersFor(destination);
    const usable = members.filter(({ session }) => session?.isFree ?? true);
    const [least] = usable.toSorted((a, b) => a.load - b.load);
    if (destination.isBrief && least?.session !== undefined) return least;
    if (least?.load === 0) return least;
    if (members.length < this.#options.limit) return this.#start(destination);
    if (least === undefined) throw this.#options.allTaken();
    return least;
  }

  async #connect(member: Member, signal: AbortSignal): Promise<ForwardedStream> {
    const stream = await member.connect(signal);
    if (stream === undefined) throw this.#options.allTaken();
    return stream;
  }

  #start(destination: Destination): Member {
    const member = new Member(destination, this.#options);
    this.#members.add(member);
    void member.gone.then(() => this.#members.delete(member));
    return member;
  }
}

function keyOf({ address, port }: Destination): string {
  return `${address} ${port}`;
}

class Member {
  readonly key: string;
  /** Resolves when it is over, or could not be opened. */
  readonly gone: Promise<unknown>;
  readonly #stop = new AbortController();
  readonly #opening: Promise<PortSession>;
  readonly #life: number;
  #session: PortSession | undefined;
  #claims = 0;
  #timer: NodeJS.Timeout | undefined;
  #isOver = false;

  constructor(destination: Destination, { life = LIFE, open, timeout, timedOut }: PoolOptions) {
    this.key = keyOf(destination);
    this.#life = life;
    // Its own limit: the next login must not wait for a session that the first one has given up.
    const timer = setTimeout(() => this.#stop.abort(timedOut()), timeout);
    this.#opening = open(destination, this.#stop.signal);
    this.gone = this.#opening
      .finally(() => clearTimeout(timer))
      .then((session) => {
        this.#session = session;
        this.#rest();
        return session.over;
      })
      .catch(() => {})
      .finally(() => (this.#isOver = true));
  }

  /** Once it is open. */
  get session(): PortSession | undefined {
    return this.#session;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Connections, and logins that wait for one. */
  get load(): number {
    return this.#claims + (this.#session?.load ?? 0);
  }

  /** Opens a connection when the session is open; undefined where it carries no more of them. */
  async connect(signal: AbortSignal): Promise<ForwardedStream | undefined> {
    clearTimeout(this.#timer);
    this.#claims += 1;
    try {
      const session = await unlessAborted(this.#opening, signal);
      if (!session.isFree) return undefined;
      const stream = session.connect();
      stream.once("close", () => this.#rest());
      return stream;
    } finally {
      this.#claims -= 1;
      this.#rest();
    }
  }

  /** Ends it. */
  async close(): Promise<void> {
    clearTimeout(this.#timer);
    this.#isOver = true;
    this.#stop.abort(new Error("the tunnel is closed"));
    const session = await this.#opening.catch(() => undefined);
    await session?.close();
  }

  #rest(): void {
    clearTimeout(this.#timer);
    if (this.load > 0 || this.#session === undefined || this.#isOver) return;
    this.#timer = setTimeout(() => void this.close(), this.#life);
    this.#timer.unref();
  }
}
