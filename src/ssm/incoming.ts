// The messages of the agent: acknowledged as they come, and handed on once and in order.
// A duplicate is acknowledged again, which the plugin does not do: an agent whose acknowledgement was lost would send it for ever,
// and nothing behind it.

import type { ChannelMessage } from "./message.ts";

const MOST_EARLY = 10_000; // messages, as in the plugin

/** The messages of a session from its agent. */
export class Incoming {
  readonly #acknowledge: (message: ChannelMessage) => void;
  readonly #early = new Map<number, ChannelMessage>();
  #expected = 0;

  constructor(acknowledge: (message: ChannelMessage) => void) {
    this.#acknowledge = acknowledge;
  }

  /** Takes a message; gives those whose turn has come. */
  *take(message: ChannelMessage): Generator<ChannelMessage> {
    const { sequence } = message;
    const isEarly = sequence > this.#expected;
    // What has no place comes again, since it is not acknowledged.
    if (isEarly && this.#early.size >= MOST_EARLY) return;
    this.#acknowledge(message);
    if (isEarly) this.#early.set(sequence, message);
    if (sequence !== this.#expected) return;
    let next: ChannelMessage | undefined = message;
    while (next !== undefined) {
      this.#expected += 1;
      yield next;
      next = this.#early.get(this.#expected);
      this.#early.delete(this.#expected);
    }
  }
}
