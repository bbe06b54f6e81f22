import { printable } from "./printable.ts";
// The line at a terminal that says what is being waited for, once that has taken a second: it comes without being asked for
// and goes without a trace. Other writers to the terminal erase it first; it comes back with the next tick.

/** Shows what is waited for. */
export interface Waiting {
  /** Waits for a piece of work, and passes on what becomes of it. */
  readonly for: <T>(what: string, work: Promise<T>) => Promise<T>;
  /** Begins to wait; to be called once it is over. */
  readonly start: (what: string) => () => void;
  /** From now on nothing is shown: another program has the terminal. */
  readonly hide: () => void;
  readonly show: () => void;
  /** To be called before anything else is written on the terminal. */
  readonly erase: () => void;
}

/** How it is shown. */
export interface WaitingOptions {
  /** Writes on the terminal as it stands. */
  readonly write: (text: string) => void;
  /** Whether there is a terminal, and a person who wants to know. */
  readonly isOn: boolean;
  readonly columns: () => number;
  readonly clock?: Clock;
}

/** Milliseconds, and a tick every so many of them until the result is called. */
export interface Clock {
  readonly now: () => number;
  readonly every: (milliseconds: number, tick: () => void) => () => void;
}

const QUIET = 1_000; // ms before anything is shown
const TICK = 250; // ms; seconds are shown, and must not seem to stand still
const ERASE = "\r\u001B[K"; // carriage return, EL: https://www.ecma-international.org/publications-and-standards/standards/ecma-48/

const CLOCK: Clock = {
  now: () => performance.now(),
  every: (milliseconds, tick) => {
    const timer = setInterval(tick, milliseconds);
    // The line alone is no reason to go on.
    timer.unref();
    return () => clearInterval(timer);
  },
};

/** The wait of a tool for its first session. */
export interface FirstSession {
  readonly begin: () => void;
  readonly end: (event?: { readonly kind: string }) => void;
}

/**
 * Shows the wait for the first session of a tool that prints nothing before it has one, as PostgreSQL's own do: for other
 * tools, and after that session is there or refused, the terminal is the tool's.
 */
export function firstSession(waiting: Waiting, host: string, isQuiet: boolean): FirstSession {
  let stop: (() => void) | undefined;
  let isOver = !isQuiet;
  return {
    begin: () => {
      if (isOver || stop !== undefined) return;
      stop = waiting.start(host);
      waiting.show();
    },
    end: (event) => {
      if (isOver || (event !== undefined && !/^(?:login|refused)$/.test(event.kind))) return;
      isOver = true;
      waiting.hide();
      stop?.();
    },
  };
}

/** Makes the line. */
export function createWaiting(options: WaitingOptions): Waiting {
  return new WaitingLine(options);
}

class WaitingLine implements Waiting {
  readonly #options: WaitingOptions;
  readonly #clock: Clock;
  readonly #waits: { readonly what: string; readonly since: number }[] = [];
  #shown = "";
  #isHidden = false;
  #stopTicks: (() => void) | undefined;

  constructor(options: WaitingOptions) {
    this.#options = options;
    this.#clock = options.clock ?? CLOCK;
  }

  start(what: string): () => void {
    if (!this.#options.isOn) return () => {};
    const wait = { what, since: this.#clock.now() };
    this.#waits.push(wait);
    this.#stopTicks ??= this.#clock.every(TICK, () => this.#draw());
    return () => {
      const index = this.#waits.indexOf(wait);
      if (index < 0) return;
      this.#waits.splice(index, 1);
      if (this.#waits.length > 0) return;
      this.erase();
      this.#stopTicks?.();
      this.#stopTicks = undefined;
    };
  }

  async for<T>(what: string, work: Promise<T>): Promise<T> {
    const end = this.start(what);
    try {
      return await work;
    } finally {
      end();
    }
  }

  hide(): void {
    this.#isHidden = true;
    this.erase();
  }

  show(): void {
    this.#isHidden = false;
  }

  erase(): void {
    if (this.#shown !== "") this.#options.write(ERASE);
    this.#shown = "";
  }

  #draw(): void {
    const wait = this.#waits.at(-1);
    const elapsed = wait === undefined ? 0 : this.#clock.now() - wait.since;
    if (wait === undefined || this.#isHidden || elapsed < QUIET) return this.erase();
    const text = `waiting for ${printable(wait.what)} ... ${Math.floor(elapsed / 1_000)} s`;
    // A line that is folded cannot be erased.
    const columns = this.#options.columns();
    const line = text.length < columns ? text : text.slice(1 - columns);
    if (line !== this.#shown) this.#options.write(`${ERASE}${line}`);
    this.#shown = line;
  }
}
