// Keeps unauthenticated clients from filling a log: what they cause is logged some times a second, and counted beyond that.

const MAX_PER_SECOND = 20;

/** Lets some things through each second. */
export class Throttle {
  readonly #onDropped: (count: number) => void;
  #taken = 0;

  /** `onDropped` gets how many were held back, once their second is over. */
  constructor(onDropped: (count: number) => void) {
    this.#onDropped = onDropped;
  }

  /** Whether this one may be logged. */
  take(): boolean {
    if (this.#taken === 0) setTimeout(() => this.#restart(), 1_000).unref();
    this.#taken += 1;
    return this.#taken <= MAX_PER_SECOND;
  }

  #restart(): void {
    const dropped = this.#taken - MAX_PER_SECOND;
    this.#taken = 0;
    if (dropped > 0) this.#onDropped(dropped);
  }
}
